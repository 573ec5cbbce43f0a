//! `cargo xtask …`: what the workspace needs and no standard tool does, in Rust, so that it runs wherever cargo does.
//!
//! One module per command. No shell is involved: every program is started with its arguments as a list.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

mod api;
mod claude;
mod dist;
mod leftovers;
mod suite;

use std::process::ExitCode;

pub(crate) use xtask::{codex, npm, program, workspace};

const HELP: &str = "\
cargo xtask COMMAND

  test [--fast]        install the pinned Codex and Claude Code under target/, then check everything and run every
                       test (--fast leaves out rustdoc, public interfaces and the crates-alone check)
  codex [--native]     install the pinned Codex and print the path of its program
  claude               install the pinned Claude Code and print the path of its program
  api [--check]        write the public interface of each library under docs/public-api/, or compare it with that
  dist                 make what a release of this platform consists of, under target/dist/
";

fn main() -> ExitCode {
    if let Some(outcome) = api::as_rustdoc() {
        return if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["test"] => suite::run(false),
        ["test", "--fast"] => suite::run(true),
        ["codex"] => codex::print(false),
        ["codex", "--native"] => codex::print(true),
        ["claude"] => claude::print(),
        ["api"] => api::run(false),
        ["api", "--check"] => api::run(true),
        ["dist"] => dist::run(),
        other => Err(format!("unknown command or flag: {}\n\n{HELP}", other.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
