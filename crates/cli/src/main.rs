//! The `codex-companion` program: parse, run, write, exit.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use codex_companion::args::{self, Parsed};
use codex_companion::environment::Environment;
use codex_companion::exit::{Exit, Failure};
use codex_companion::stdio::Output;
use codex_companion::{VERSION, commands, render, stdio};

fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    // Before anything else is set up: a version must cost no more than a process.
    if matches!(&argv[..], [_, flag] if flag == "--version" || flag == "-V") {
        return match Output::new(io::stdout().lock()).write(&format!("codex-companion {VERSION}\n")) {
            Ok(()) => Exit::Done.into(),
            Err(failure) => Exit::from(&failure).into(),
        };
    }
    // What `demo` starts where there is no Codex; a stand-in for `codex app-server`, so it is called the same.
    if matches!(&argv[..], [_, command] if command == "app-server") {
        return commands::serve_demo();
    }
    let environment = Environment::from_process();
    // What `--background` starts.
    if let [_, command, words @ ..] = &argv[..] {
        if command == commands::worker::STARTER {
            return commands::worker::start(words);
        }
        if command == commands::worker::WORKER {
            return commands::worker::run(words, &environment);
        }
    }
    let mut as_json = None;
    // Hooks run at every turn of an agent: they do without the command line's definition.
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
            tell(&failure, as_json.unwrap_or_else(|| args::asks_for_json(&argv)), &environment);
            exit.into()
        }
    }
}

/// `as_json` is set once it is known how an error is to be told.
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

/// Writes what a command has to say.
fn answer(
    answer: Result<commands::Answer, Failure>,
    json: bool,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let answer = answer?;
    Output::new(io::stdout().lock()).write(&answer.stdout)?;
    if let Some(failure) = &answer.failure {
        // The document of `--json` holds it already.
        if !json {
            tell(failure, false, environment);
        }
    }
    Ok(answer.exit)
}

/// Tells a failure once: as a document on standard output, or in words on standard error.
fn tell(failure: &Failure, as_json: bool, environment: &Environment) {
    if as_json {
        let _ = Output::new(io::stdout().lock()).write(&render::failure_json(failure));
    } else {
        let colour = io::stderr().is_terminal() && !environment.no_color;
        let _ = io::stderr().lock().write_all(render::failure(failure, colour).as_bytes());
    }
}
