//! The `codex-companion` program: parse, run, write, exit.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use codex_companion::args::{self, Parsed};
use codex_companion::environment::Environment;
use codex_companion::exit::{Exit, Failure};
use codex_companion::stdio::Output;
use codex_companion::{VERSION, commands, render, stdio};

#[expect(clippy::disallowed_methods, reason = "the program's own arguments")]
fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    // First: a version must cost no more than a process.
    if matches!(&argv[..], [_, flag] if flag == "--version" || flag == "-V") {
        return match Output::new(io::stdout().lock()).write(&format!("codex-companion {VERSION}\n")) {
            Ok(()) => Exit::Done.into(),
            Err(failure) => Exit::from(&failure).into(),
        };
    }
    // `demo` starts this without a Codex: a replacement for `codex app-server` with the same arguments.
    if matches!(&argv[..], [_, command] if command == "app-server") {
        return commands::serve_demo();
    }
    let environment = Environment::from_process();
    // `--background` starts these.
    if let [_, command, words @ ..] = &argv[..] {
        if command == commands::worker::STARTER {
            return commands::worker::start(words);
        }
        if command == commands::worker::WORKER {
            return commands::worker::run(words, &environment);
        }
    }
    let mut as_json = None;
    // Hooks run at every turn of an agent: they are parsed without clap's definition, which takes time to build.
    let done = match args::hook(&argv) {
        Some(cli) => answer(commands::run(cli, &environment), false, &environment),
        None => run(&argv, &environment, &mut as_json),
    };
    match done {
        Ok(exit) => {
            tracing::info!(code = exit.code(), "finished");
            exit.into()
        }
        Err(failure) => {
            let exit = Exit::from(&failure);
            tracing::error!(code = exit.code(), kind = failure.kind().as_str(), "{failure}");
            print_failure(&failure, as_json.unwrap_or_else(|| args::asks_for_json(&argv)), &environment);
            exit.into()
        }
    }
}

/// `as_json` is set as soon as the format of errors is known.
fn run(argv: &[OsString], environment: &Environment, as_json: &mut Option<bool>) -> Result<Exit, Failure> {
    let colour = io::stdout().is_terminal() && !environment.no_color;
    let parsed = match args::parse(argv, None, colour)? {
        Parsed::ReadArguments => args::parse(argv, Some(&stdio::read_arguments(io::stdin())?), colour)?,
        parsed => parsed,
    };
    let cli = match parsed {
        Parsed::Run(cli) => cli,
        Parsed::Print(text) => {
            return Output::new(io::stdout().lock()).write(&text).map(|()| Exit::Done);
        }
        Parsed::ReadArguments => unreachable!("the arguments have been read"),
    };
    let json = cli.wants_json();
    *as_json = Some(json);
    answer(commands::run(*cli, environment), json, environment)
}

/// Writes the output of a command.
fn answer(
    answer: Result<commands::Answer, Failure>,
    json: bool,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let answer = answer?;
    Output::new(io::stdout().lock()).write(&answer.stdout)?;
    if let Some(failure) = &answer.failure {
        // The document of `--json` has it already.
        if !json {
            print_failure(failure, false, environment);
        }
    }
    Ok(answer.exit)
}

/// Prints a failure once: as a document on standard output, or as text on standard error.
fn print_failure(failure: &Failure, as_json: bool, environment: &Environment) {
    if as_json {
        let _ = Output::new(io::stdout().lock()).write(&render::failure_json(failure));
    } else {
        let colour = io::stderr().is_terminal() && !environment.no_color;
        let _ = io::stderr().lock().write_all(render::failure(failure, colour).as_bytes());
    }
}
