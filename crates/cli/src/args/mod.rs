//! The command line, parsed into plain values.
//!
//! [`parse`] turns the words of the command line into [`Parsed`]. The definitions are in this module's types.

mod commands;
mod raw;

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, ValueEnum as _};

pub use commands::*;

use crate::exit::{Failure, Kind};
use codex_base::text::one_line;

/// What a command line requests.
#[derive(Debug)]
pub enum Parsed {
    /// To run a command.
    Run(Box<Cli>),
    /// To print this text on standard output: help.
    Print(String),
    /// To read a raw argument string from standard input and call [`parse`] again with it.
    ReadArguments,
}

/// Parses a command line, program name first.
///
/// `raw` is the raw argument string of `--arguments-stdin`, once it has been read; its arguments follow those of `argv`.
/// `colour` applies to help.
///
/// # Errors
/// Wrong usage, with the most similar flag, value or command.
pub fn parse(argv: &[OsString], raw: Option<&str>, colour: bool) -> Result<Parsed, Failure> {
    let mut definition = definition();
    let mut argv = argv.to_vec();
    if let Some(raw) = raw {
        // The words preceding the raw string name the command whose flags it can contain.
        let matches = match definition.clone().try_get_matches_from(&argv) {
            Ok(matches) => matches,
            Err(error) => return usage(&error, colour),
        };
        // Adds the global options to every command.
        definition.build();
        let command = matches.subcommand_name().and_then(|name| definition.find_subcommand(name));
        append(command.expect("a command is required"), &mut argv, raw)?;
    }
    let mut matches = match definition.try_get_matches_from(&argv) {
        Ok(matches) => matches,
        Err(error) => return usage(&error, colour),
    };
    let cli = match Cli::from_arg_matches_mut(&mut matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, colour),
    };
    check(&cli)?;
    if cli.global.arguments_stdin && raw.is_none() {
        return Ok(Parsed::ReadArguments);
    }
    Ok(Parsed::Run(Box::new(cli)))
}

/// Parses the command line `codex-companion hook EVENT`, and no other, to the same value as [`parse`].
#[must_use]
pub fn hook(argv: &[OsString]) -> Option<Cli> {
    let [_, command, event] = argv else { return None };
    let event = HookEvent::from_str(event.to_str().filter(|_| command == "hook")?, false).ok()?;
    Some(Cli { global: GlobalArgs::default(), command: Command::Hook(HookArgs { event }) })
}

/// Whether a command line that does not parse requests JSON, so that its error is printed as JSON. The search ends at the
/// first word after the command that is not a flag, because the prompt follows. For a command line that parses, use
/// [`Cli::wants_json`].
#[must_use]
pub fn asks_for_json(argv: &[OsString]) -> bool {
    let definition = definition();
    let mut words = argv.iter().skip(1).filter_map(|word| word.to_str());
    let mut command: Option<&clap::Command> = None;
    while let Some(word) = words.next() {
        match (word, command) {
            ("--", _) => return false,
            ("--json" | "--format=json", _) => return true,
            ("--format", _) => return words.next() == Some("json"),
            (word, _) if word.starts_with('-') => {
                // The next word is the flag's value.
                let flags = command.unwrap_or(&definition).get_arguments().chain(definition.get_arguments());
                if flags.into_iter().any(|flag| takes_next(flag, word)) {
                    words.next();
                }
            }
            (word, None) => command = Some(definition.find_subcommand(word).unwrap_or(&definition)),
            (_, Some(_)) => return false,
        }
    }
    false
}

/// Whether `word` is this flag and its value is the next word.
fn takes_next(flag: &clap::Arg, word: &str) -> bool {
    let named = word.strip_prefix("--").is_some_and(|long| flag.get_long() == Some(long))
        || (word.len() == 2 && flag.get_short() == word.chars().nth(1));
    named && flag.get_action().takes_values()
}

/// The command line's definition, for help, completions and manual pages.
#[must_use]
pub fn definition() -> clap::Command {
    Cli::command().subcommand_required(true).arg_required_else_help(true)
}

/// Appends a raw argument string to the words of the command line: its flags as flags, the rest as one word for a command
/// that accepts a prompt, and as separate words for any other.
fn append(command: &clap::Command, argv: &mut Vec<OsString>, raw: &str) -> Result<(), Failure> {
    let split = raw::split(command, raw).map_err(|why| {
        Failure::usage(format!("cannot read the arguments: {why}"))
            .with_hint("options come first; `--` ends them, and the text after it is used unchanged")
    })?;
    // After a `--` on the command line, the flags that follow would be treated as the prompt.
    argv.retain(|word| word != "--");
    argv.extend(split.flags.into_iter().map(OsString::from));
    if command.get_positionals().any(clap::Arg::is_trailing_var_arg_set) {
        argv.extend(
            (!split.rest.is_empty()).then_some(["--".into(), split.rest.into()]).into_iter().flatten(),
        );
    } else {
        argv.extend(split.rest.split_whitespace().map(OsString::from));
    }
    Ok(())
}

/// Checks the rules that clap cannot express.
fn check(cli: &Cli) -> Result<(), Failure> {
    let prompt_file = match &cli.command {
        Command::Task(task) => task.prompt.prompt_file.as_deref(),
        Command::AdversarialReview(review) => review.prompt.prompt_file.as_deref(),
        _ => None,
    };
    if cli.global.arguments_stdin && prompt_file == Some(Path::new("-")) {
        return Err(Failure::usage("standard input cannot provide both the arguments and the prompt")
            .with_hint("put the prompt after the options in the arguments, and omit --prompt-file"));
    }
    let (target, words) = match &cli.command {
        Command::Review(review) => (&review.target, &review.words[..]),
        Command::AdversarialReview(review) => (&review.target, &[][..]),
        Command::Gate(gate) => (&gate.target, &[][..]),
        _ => return Ok(()),
    };
    if target.base.is_some() && target.scope == Scope::WorkingTree {
        return Err(Failure::usage("--base cannot be combined with --scope working-tree").with_hint(
            "use --base to review a branch, or --scope working-tree to review the uncommitted changes",
        ));
    }
    if let Some(word) = words.first() {
        let word = one_line(&word.to_string_lossy(), 40);
        return Err(Failure::usage(format!("`review` does not accept a prompt, but got \"{word}\""))
            .with_hint("use `codex-companion adversarial-review` to give a focus text"));
    }
    Ok(())
}

/// Converts an error of clap: to help that is printed, or to a failure with the most similar name.
fn usage(error: &clap::Error, colour: bool) -> Result<Parsed, Failure> {
    let text = error.render();
    let text = if colour { text.ansi().to_string() } else { text.to_string() };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Ok(Parsed::Print(text)),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            return Err(
                Failure::usage("no command given").with_hint("run `codex-companion --help` for the commands")
            );
        }
        _ => {}
    }
    // The first paragraph is the error; usage and suggestions follow.
    let text = error.render().to_string();
    let message = text.strip_prefix("error: ").unwrap_or(&text);
    let message = message.split("\n\n").next().unwrap_or(message);
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    // clap lists the most similar name last.
    let near = near.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(name) => Some(name.clone()),
        ContextValue::Strings(names) => names.last().cloned(),
        _ => None,
    });
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "run `codex-companion COMMAND --help` for its options; `--` ends the options".to_owned(),
    };
    Err(Failure::usage(message).with_hint(hint))
}

/// Returns a completion script.
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(), "codex-companion", &mut script);
    script
}

/// Returns a manual page in roff: of the program, or of one command.
///
/// # Errors
/// The command is unknown.
pub fn man_page(command: Option<&str>) -> Result<Vec<u8>, Failure> {
    let mut root = definition();
    root.build();
    let page = match command {
        None => root,
        Some(name) => root.find_subcommand(name).cloned().ok_or_else(|| {
            Failure::usage(format!("unknown command `{name}`"))
                .with_hint("run `codex-companion --help` for the commands")
        })?,
    };
    let mut roff = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut roff)
        .map_err(|error| Failure::new(Kind::Internal, "cannot write the manual page").caused_by(error))?;
    Ok(roff)
}

#[cfg(test)]
mod tests;
