//! `cargo xtask …`: what the workspace needs around cargo, in Rust, so that it runs wherever cargo does.
//!
//! One module a command. No shell is involved: every program is started with its arguments as a list.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

mod api;
mod bench;
mod book;
mod claude;
mod codex;
mod dist;
mod fuzz;
mod graph;
mod leftovers;
mod licences;
mod npm;
mod overhead;
mod package;
mod processes;
mod program;
mod screens;
mod startup;
mod suite;
mod tidy;
mod timing;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  test [--fast]        install the pinned Codex and Claude Code under target/, then check everything and run every
                       test (--fast leaves out rustdoc, public interfaces and the crates-alone check)
  tidy                 check the rules of the house that no compiler checks
  codex [--native]     install the pinned Codex and print the path of its program
  claude               install the pinned Claude Code and print the path of its program
  licences             check what we take from others by the rules of deny.toml
  api [--check]        write the public interface of each library under docs/public-api/, or compare it with that
  package              pack every published crate, build it from its package, publish it but for the upload
  dist                 make what a release of this platform consists of, under target/dist/
  bench [FILTER]       run the benches, shortened, and write the table in docs/performance.md
                       (with FILTER, only its rows, and the document stays)
  bench --check        fail if instruction counts or ratios are 20 % above benches/baseline.json
  bench --save         write that baseline
  fuzz [TARGET] [--seconds N]
                       run the fuzz targets for ten minutes each (needs nightly Rust and cargo-fuzz)
  startup [--runs N]   time `--version`, `status`, the hooks and the plugin's launcher beside an empty program
  screens [--check]    put what the program prints into the documents, or fail where it is not what they show
                       (screens NAME prints one of them)
  book                 build docs/ as a book under target/book, with a pinned mdBook
  overhead [--runs N]  time `task` and `review` through the real Codex beside a minimal client
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
        ["tidy"] => tidy::run(),
        ["codex"] => codex::print(false),
        ["codex", "--native"] => codex::print(true),
        ["claude"] => claude::print(),
        ["licences"] => licences::run(),
        ["api"] => api::run(false),
        ["api", "--check"] => api::run(true),
        ["package"] => package::run(),
        ["dist"] => dist::run(),
        ["bench"] => bench::run(None),
        ["bench", "--check"] => bench::check(),
        ["bench", "--save"] => bench::save(),
        ["bench", filter] if !filter.starts_with('-') => bench::run(Some(filter)),
        ["fuzz"] => fuzz::run(None, None),
        ["fuzz", "--seconds", seconds] => fuzz::run(None, Some(seconds)),
        ["fuzz", target] if !target.starts_with('-') => fuzz::run(Some(target), None),
        ["fuzz", target, "--seconds", seconds] => fuzz::run(Some(target), Some(seconds)),
        ["startup"] => startup::run(None),
        ["startup", "--runs", runs] => startup::run(Some(runs)),
        ["book"] => book::run(),
        ["screens"] => screens::run(false, None),
        ["screens", "--check"] => screens::run(true, None),
        ["screens", name] if !name.starts_with('-') => screens::run(false, Some(name)),
        ["overhead"] => overhead::run(None),
        ["overhead", "--runs", runs] => overhead::run(Some(runs)),
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
