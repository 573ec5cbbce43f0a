//! `cargo measure …`: figures that no bench framework takes.
//!
//! criterion measures inside a process and one side at a time. Here whole processes take turns with what they are compared with, and
//! the results become one table of ratios. gungraun would count instructions too, but needs a runner program of the same
//! version installed; callgrind is called directly instead.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

mod bench;
mod overhead;
mod processes;
mod startup;
mod timing;

use std::process::ExitCode;

pub(crate) use xtask::{codex, program, workspace};

const HELP: &str = "\
cargo measure COMMAND

  table [FILTER]       run the benches, shortened, and write the table in docs/performance.md
                       (with FILTER: print only its rows, and do not write)
  check                fail if instruction counts or ratios are 20 % above benches/baseline.json
  save                 write that baseline
  startup [--runs N]   time `--version`, `status`, the hooks and the plugin's launcher next to an empty program
  overhead [--runs N]  time `task` and `review` through the real Codex next to a minimal client
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["table"] => bench::run(None),
        ["table", filter] if !filter.starts_with('-') => bench::run(Some(filter)),
        ["check"] => bench::check(),
        ["save"] => bench::save(),
        ["startup"] => startup::run(None),
        ["startup", "--runs", runs] => startup::run(Some(runs)),
        ["overhead"] => overhead::run(None),
        ["overhead", "--runs", runs] => overhead::run(Some(runs)),
        other => Err(format!("unknown command or flag: {}\n\n{HELP}", other.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("measure: {message}");
            ExitCode::FAILURE
        }
    }
}
