//! `cargo xtask fuzz`: the fuzz targets, one after the other, and a table of what came of them.
//!
//! The corpora that are checked in are where each run begins; what it adds goes to `fuzz/target/corpus`, which nobody checks in.
//! (That every target survives the corpora is a test of `fuzz/targets`, which needs neither libFuzzer nor a nightly compiler.)

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{self, Outcome};
use crate::workspace;

const SECONDS: u64 = 600;

pub(crate) fn run(target: Option<&str>, seconds: Option<&str>) -> Outcome {
    let seconds = parse_seconds(seconds)?;
    let folder = workspace::root().join("fuzz");
    let mut names = names(&folder.join("fuzz_targets"))?;
    if let Some(target) = target {
        names.retain(|name| name == target);
        if names.is_empty() {
            return Err(format!("there is no fuzz target {target:?}; fuzz/README.md lists them"));
        }
    }
    if program::output(cargo_fuzz().arg("--version")).is_err() {
        return Err("fuzzing needs a nightly compiler and cargo-fuzz: rustup toolchain install nightly, \
            cargo install cargo-fuzz"
            .to_owned());
    }
    let mut rows = Vec::new();
    for name in &names {
        println!("{name}: {seconds} s");
        let log = fuzz(&folder, name, seconds)?;
        let row = Row::read(&log).ok_or_else(|| format!("{name} did not run:\n{}", tail(&log)))?;
        rows.push(row.line(name, seconds));
        if row.found > 0 {
            println!("{name}: {} inputs fail, in fuzz/artifacts/{name}", row.found);
        }
    }
    println!(
        "\n| target | seconds | executions | edges | inputs kept | failures |\n|---|---|---|---|---|---|"
    );
    rows.iter().for_each(|row| println!("{row}"));
    if rows.iter().all(|row| row.ends_with("| 0 |")) {
        Ok(())
    } else {
        Err("fuzz: inputs that fail".to_owned())
    }
}

fn parse_seconds(seconds: Option<&str>) -> Outcome<u64> {
    let Some(seconds) = seconds else { return Ok(SECONDS) };
    let parsed = seconds.parse().ok().filter(|seconds| *seconds > 0);
    parsed.ok_or_else(|| format!("--seconds takes a number above 0, not {seconds:?}"))
}

/// The names of the programs.
fn names(folder: &Path) -> Outcome<Vec<String>> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// `cargo +nightly fuzz`, whichever toolchain runs us.
fn cargo_fuzz() -> Command {
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz"]).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command
}

/// Runs one target and gives what it said. It goes on after an input that fails, and is not slowed down by a sanitizer: there
/// is no unsafe code of ours to watch.
fn fuzz(folder: &Path, name: &str, seconds: u64) -> Outcome<String> {
    let added = folder.join("target/corpus").join(name);
    fs::create_dir_all(&added).map_err(|error| format!("cannot make {}: {error}", added.display()))?;
    let mut command = cargo_fuzz();
    command
        .args(["run", "--sanitizer", "none", name])
        .arg(&added)
        .arg(folder.join("corpus").join(name))
        .arg("--");
    command.args(["-fork=1", "-ignore_crashes=1", "-ignore_timeouts=1", "-ignore_ooms=1"]);
    command
        .args(["-timeout=25", "-rss_limit_mb=2048", "-max_len=4096"])
        .arg(format!("-max_total_time={seconds}"));
    command.current_dir(workspace::root()).stdin(Stdio::null()).env("RUST_BACKTRACE", "0");
    let output = command.output().map_err(|error| program::not_started(&command, &error))?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// The last line that libFuzzer writes of its progress.
#[derive(Debug, PartialEq)]
struct Row {
    executions: u64,
    edges: u64,
    inputs: u64,
    found: u64,
}

impl Row {
    fn read(log: &str) -> Option<Self> {
        let line = log.lines().rfind(|line| line.starts_with('#') && line.contains(": cov: "))?;
        let behind = |name: &str| line.split_once(name)?.1.split([' ', ':']).find(|word| !word.is_empty());
        let number = |name: &str| behind(name)?.parse().ok();
        Some(Self {
            executions: number("#")?,
            edges: number(" cov: ")?,
            inputs: number(" corp: ")?,
            found: behind("oom/timeout/crash: ")?.split('/').map(|count| count.parse().unwrap_or(1)).sum(),
        })
    }

    fn line(&self, name: &str, seconds: u64) -> String {
        let Self { executions, edges, inputs, found } = self;
        format!("| `{name}` | {seconds} | {executions} | {edges} | {inputs} | {found} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read() {
        let log = "INFO: -fork=1\n#10: cov: 3 ft: 4 corp: 1 exec/s: 5 oom/timeout/crash: 0/0/0 time: 1s job: 1\n\
            #154787: cov: 490 ft: 2181 corp: 436 exec/s: 3780 oom/timeout/crash: 1/0/21 time: 28s job: 22 dft_time: 0\n\
            INFO: exiting: 0 time: 30s\n";
        let row = Row::read(log).unwrap();
        assert_eq!(row, Row { executions: 154_787, edges: 490, inputs: 436, found: 22 });
        assert_eq!(row.line("frames", 30), "| `frames` | 30 | 154787 | 490 | 436 | 22 |");
        assert_eq!(Row::read("error: could not compile\n"), None);
    }

    #[test]
    fn every_program_has_a_corpus() {
        let folder = workspace::root().join("fuzz");
        let names = names(&folder.join("fuzz_targets")).unwrap();
        assert_eq!(names.len(), 11);
        assert!(names.iter().all(|name| folder.join("corpus").join(name).is_dir()), "{names:?}");
    }
}
