//! `cargo xtask test`: everything that must hold before a change is merged, in one command.
//!
//! A failing step does not hide the steps after it: all run, and the end lists what failed and how to run each alone. No tool
//! does this part: installing the pinned Codex and Claude Code for the tests, and finding processes that the tests left behind.

mod counts;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use self::counts::Counts;
use crate::program::{self, Outcome};
use crate::workspace::{self, Workspace};
use crate::{api, claude, codex, leftovers};

/// Where tests find the program that users start, and the native one that it starts.
const CODEX: &str = "CODEX_COMPANION_TEST_CODEX";
const CODEX_NATIVE: &str = "CODEX_COMPANION_TEST_CODEX_NATIVE";

const CLAUDE: &str = "CODEX_COMPANION_TEST_CLAUDE";

/// What runs the tests alone, for a person's shell.
const TESTS: &str = "CODEX_COMPANION_TEST_CODEX=$(cargo xtask codex) \
    CODEX_COMPANION_TEST_CODEX_NATIVE=$(cargo xtask codex --native) \
    CODEX_COMPANION_TEST_CLAUDE=$(cargo xtask claude) cargo";

pub(crate) fn run(fast: bool) -> Outcome {
    require_tools()?;
    let workspace = Workspace::read()?;
    let mut steps = Steps::new();

    steps.cargo("formatting", &["fmt", "--all", "--check"], &[]);
    let clippy = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    steps.cargo("clippy", &clippy, &[]);
    if !fast {
        let doc = ["doc", "--workspace", "--all-features", "--no-deps"];
        steps.cargo("rustdoc", &doc, &[("RUSTDOCFLAGS", "-D warnings")]);
        steps.run("public interfaces", "cargo xtask api --check", api::check_if_possible);
        steps.run("each crate alone", "cargo check --package NAME", || crates_alone(&workspace));
    }
    let mut counts = Counts::default();
    let codex = steps.run("real Codex", "cargo xtask codex", || codex::install(&workspace.target));
    let claude = steps.run("real Claude Code", "cargo xtask claude", || claude::install(&workspace.target));
    // Both are required: a run without those tests would look like a good one.
    if let (Some(codex), Some(claude)) = (codex, claude) {
        let run = leftovers::unique_run();
        let before = leftovers::running();
        for arguments in test_commands() {
            let mut command = program::cargo();
            command.args(&arguments).args(["--workspace", "--all-features", "--no-fail-fast"]);
            let again = format!("{TESTS} {} --workspace --all-features", arguments.join(" "));
            command.current_dir(workspace::root()).env(leftovers::VARIABLE, &run);
            command.env(CODEX, &codex.wrapper).env(CODEX_NATIVE, &codex.native).env(CLAUDE, &claude);
            steps.run(&arguments.join(" "), &again, || run_tests(&mut command, &mut counts));
        }
        steps.run("no process left behind", "cargo xtask test", || {
            let programs = [&codex::PACKAGE, &claude::PACKAGE].map(|package| package.base(&workspace.target));
            let left = leftovers::wait_for_none(&run, &programs, &before);
            if left.is_empty() { Ok(()) } else { Err(format!("still running:\n  {}", left.join("\n  "))) }
        });
    }
    steps.conclude(&counts)
}

/// `cargo nextest` where it is installed. It runs no tests in documentation, hence the second command.
fn test_commands() -> Vec<Vec<&'static str>> {
    if program::output(program::cargo().args(["nextest", "--version"])).is_ok() {
        vec![vec!["nextest", "run"], vec!["test", "--doc"]]
    } else {
        vec![vec!["test"]]
    }
}

/// Each published crate by itself, then without features, then with each of them: in the whole workspace cargo unites
/// the features of all members, which hides one that was forgotten. `cargo hack` does the same in the GitHub workflow, but has to be
/// installed.
fn crates_alone(workspace: &Workspace) -> Outcome {
    for package in &workspace.published {
        let check = |arguments: &[&str]| {
            let mut command = program::cargo();
            command.args(["check", "--quiet", "--package", &package.name]).args(arguments);
            program::status(command.current_dir(workspace::root()))
        };
        check(&[])?;
        if !package.features.is_empty() {
            check(&["--no-default-features"])?;
        }
        for feature in &package.features {
            check(&["--no-default-features", "--features", feature])?;
        }
    }
    Ok(())
}

/// Fails early, with what to install, on a machine where something is missing.
fn require_tools() -> Outcome {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if program::output(program::cargo().args([subcommand, "--version"])).is_err() {
            return Err(format!("`cargo {subcommand}` is missing: rustup component add {component}"));
        }
    }
    if !program::present("git", "--version") {
        return Err("git is missing; the tests make repositories with it: install it first".to_owned());
    }
    if cfg!(unix) && !program::present("tmux", "-V") {
        let help = "apt-get install tmux, brew install tmux, or your system's packages";
        return Err(format!("tmux is missing; the tests drive Claude Code's screen with it: {help}"));
    }
    Ok(())
}

/// Runs a test command, prints its output and counts.
///
/// It returns when cargo has ended, not when the output ends: a process that a test left behind can hold the output open.
fn run_tests(command: &mut Command, counts: &mut Counts) -> Outcome {
    const QUIET: Duration = Duration::from_millis(200);
    // nextest reports on stderr, libtest on stdout; compilers warn on stderr.
    let (reader, writer) = std::io::pipe().map_err(|error| format!("cannot open a pipe: {error}"))?;
    let stdout = writer.try_clone().map_err(|error| format!("cannot clone a pipe: {error}"))?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(writer);
    let mut child = command.spawn().map_err(|error| program::not_started(command, &error))?;
    // The command holds two ends of the pipe.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // Bounded: when our own reader is slow, cargo waits for us.
    let (sender, lines) = mpsc::sync_channel(64);
    std::thread::spawn(move || {
        BufReader::new(reader).split(b'\n').map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    let mut stdout = std::io::stdout().lock();
    let failed = |error| format!("cannot wait for cargo: {error}");
    loop {
        match lines.recv_timeout(QUIET) {
            Ok(line) => {
                // A reader of ours that is gone is no reason to stop: the exit code still reports.
                let _ = stdout.write_all(&line).and_then(|()| stdout.write_all(b"\n"));
                counts.read(&String::from_utf8_lossy(&line));
            }
            Err(RecvTimeoutError::Timeout) if child.try_wait().map_err(failed)?.is_none() => {}
            Err(_) => break,
        }
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("cargo: {status}")) }
}

/// The steps that ran, with what to type for those that failed.
struct Steps {
    begun: Instant,
    count: usize,
    failures: Vec<Failure>,
}

struct Failure {
    step: String,
    again: String,
    message: String,
}

impl Steps {
    fn new() -> Self {
        Self { begun: Instant::now(), count: 0, failures: Vec::new() }
    }

    /// Runs a step; `again` is what runs it alone.
    fn run<T>(&mut self, step: &str, again: &str, work: impl FnOnce() -> Outcome<T>) -> Option<T> {
        self.count += 1;
        println!("\n[{}] {step}: {again}", elapsed(self.begun.elapsed()));
        let begun = Instant::now();
        match work() {
            Ok(value) => {
                println!("    {step}: ok, {}", elapsed(begun.elapsed()));
                Some(value)
            }
            Err(message) => {
                println!("    {step}: FAILED, {}\n{message}", elapsed(begun.elapsed()));
                self.failures.push(Failure { step: step.to_owned(), again: again.to_owned(), message });
                None
            }
        }
    }

    fn cargo(&mut self, step: &str, arguments: &[&str], variables: &[(&str, &str)]) {
        let mut command = program::cargo();
        command.args(arguments).envs(variables.iter().copied()).current_dir(workspace::root());
        self.run(step, &program::display(&command), || program::status(&mut command));
    }

    /// Repeats at the end what failed. The last line of stdout has the counts, for CI.
    fn conclude(self, counts: &Counts) -> Outcome {
        println!();
        for failure in &self.failures {
            println!("FAILED {}: {}", failure.step, failure.message.lines().next().unwrap_or_default());
        }
        for test in &counts.failed {
            println!("FAILED test {test}");
        }
        let took = elapsed(self.begun.elapsed());
        let summary = format!("{} steps in {took}", self.count);
        if self.failures.is_empty() {
            println!("xtask test: ok: {summary}\n{}", counts.summary());
            return Ok(());
        }
        println!("{}", counts.summary());
        let again: Vec<_> = self.failures.iter().map(|failure| format!("  {}", failure.again)).collect();
        Err(format!("{} of {summary}; to run what failed alone:\n{}", self.failures.len(), again.join("\n")))
    }
}

fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_does_not_stop_the_next_and_fails_the_whole() {
        let mut steps = Steps::new();
        assert_eq!(steps.run::<()>("first", "run first", || Err("broke\ndetails".to_owned())), None);
        assert_eq!(steps.run("second", "run second", || Ok(2)), Some(2));
        let error = steps.conclude(&Counts::default()).unwrap_err();
        assert!(error.starts_with("1 of 2 steps in 0:00; "), "{error}");
        assert!(error.ends_with("alone:\n  run first"), "{error}");
    }

    #[test]
    fn times() {
        assert_eq!(elapsed(Duration::from_secs(0)), "0:00");
        assert_eq!(elapsed(Duration::from_secs(605)), "10:05");
    }
}
