//! `cargo xtask …`: what the workspace needs around cargo, in Rust, so that it runs wherever cargo does.
//!
//! One module a command. No shell is involved: every program is started with its arguments as a list.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

mod bench;
mod codex;
mod leftovers;
mod overhead;
mod processes;
mod program;
mod startup;
mod suite;
mod tidy;
mod timing;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  test [--fast]        install the pinned Codex under target/, then check everything and run every test
                       (--fast leaves out rustdoc and the crates-alone check)
  tidy                 check the rules of the house that no compiler checks
  codex [--native]     install the pinned Codex and print the path of its program
  bench [FILTER]       run the benches, shortened, and write the table in docs/performance.md
                       (with FILTER, only its rows, and the document stays)
  bench --check        fail if instruction counts or ratios are 20 % above benches/baseline.json
  bench --save         write that baseline
  startup [--runs N]   time `--version`, `status`, the hooks and the plugin's launcher beside an empty program
  overhead [--runs N]  time `task` and `review` through the real Codex beside a minimal client
";

fn main() -> ExitCode {
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
        ["bench"] => bench::run(None),
        ["bench", "--check"] => bench::check(),
        ["bench", "--save"] => bench::save(),
        ["bench", filter] if !filter.starts_with('-') => bench::run(Some(filter)),
        ["startup"] => startup::run(None),
        ["startup", "--runs", runs] => startup::run(Some(runs)),
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
