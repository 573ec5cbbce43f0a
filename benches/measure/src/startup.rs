//! `cargo measure startup`: what it costs to start `codex-companion` at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::processes::{Setting, Subject};
use crate::program::{self, Outcome};
use crate::timing;
use crate::workspace::{self, Workspace};

const RUNS: usize = 300;

pub(crate) fn run(runs: Option<&str>) -> Outcome {
    let runs = parse_runs(runs, RUNS)?;
    let target = Workspace::read()?.target;
    let setting = Setting::new(&target, companion(&target)?)?;
    let mut subjects = setting.starts(empty_program(&target)?)?;
    let timed = timing::interleaved(subjects.iter_mut().map(Subject::contestant).collect(), runs)?;
    println!("{runs} interleaved runs, spawn to exit:\n\n{}", timing::table(&timed));

    let mut rows = vec![["".to_owned(), "instructions".to_owned(), "counted by".to_owned()]];
    for subject in subjects.iter().filter(|subject| subject.counted) {
        if let Some((count, tool)) = instructions(subject) {
            rows.push([subject.name.clone(), count.to_string(), tool.to_owned()]);
        }
    }
    match rows.len() {
        1 => println!("no instruction counts: neither perf nor valgrind is here and allowed to count"),
        _ => println!("{}", timing::columns(&rows)),
    }
    Ok(())
}

pub(crate) fn parse_runs(runs: Option<&str>, default: usize) -> Outcome<usize> {
    let Some(runs) = runs else { return Ok(default) };
    runs.parse()
        .ok()
        .filter(|runs| *runs > 0)
        .ok_or_else(|| format!("--runs takes a number above 0, not {runs:?}"))
}

/// The program as a release ships it.
pub(crate) fn companion(target: &Path) -> Outcome<PathBuf> {
    let mut command = program::cargo();
    command.args(["build", "--profile", "dist", "--package", "codex-companion", "--bin", "codex-companion"]);
    program::status(command.current_dir(workspace::root()))?;
    Ok(target.join("dist").join(format!("codex-companion{}", std::env::consts::EXE_SUFFIX)))
}

/// The floor: what this system takes to start and end any Rust program.
pub(crate) fn empty_program(target: &Path) -> Outcome<PathBuf> {
    let folder = target.join("empty-program");
    let source = folder.join("empty.rs");
    let program = folder.join(format!("empty{}", std::env::consts::EXE_SUFFIX));
    fs::create_dir_all(&folder).map_err(|error| format!("could not create {}: {error}", folder.display()))?;
    fs::write(&source, "fn main() {}\n")
        .map_err(|error| format!("could not write {}: {error}", source.display()))?;
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    // As the workspace's dist profile.
    rustc.args(["--edition=2024", "-Copt-level=3", "-Ccodegen-units=1", "-Cstrip=symbols", "-o"]);
    program::status(rustc.arg(&program).arg(&source))?;
    Ok(program)
}

/// User-space instructions of one run: they hardly vary from run to run, unlike time.
fn instructions(subject: &Subject) -> Option<(u64, &'static str)> {
    let perf = || {
        perf_count(&subject.under("perf", &["stat", "--field-separator=,", "--event=instructions:u", "--"])?)
    };
    perf().map(|count| (count, "perf")).or_else(|| callgrind(subject).map(|count| (count, "callgrind")))
}

/// The same, counted by simulation: as slow as it is, it counts the same anywhere.
pub(crate) fn callgrind(subject: &Subject) -> Option<u64> {
    let arguments = ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=no"];
    callgrind_count(&subject.under("valgrind", &arguments)?)
}

/// `12345,,instructions:u,…`; a machine without counters says `<not supported>` instead of a number.
fn perf_count(told: &str) -> Option<u64> {
    told.lines().find(|line| line.contains("instructions"))?.split(',').next()?.trim().parse().ok()
}

/// `==1== Collected : 12345`
pub(crate) fn callgrind_count(told: &str) -> Option<u64> {
    told.lines().find_map(|line| line.split_once("Collected : "))?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read() {
        assert_eq!(perf_count("\n161223,,instructions:u,438570,100.00,,\n"), Some(161_223));
        assert_eq!(perf_count("<not supported>,,instructions:u,0,100.00,,\n"), None);
        assert_eq!(perf_count(""), None);
        assert_eq!(callgrind_count("==7== Events    : Ir\n==7== Collected : 164233\n"), Some(164_233));
        assert_eq!(callgrind_count("valgrind: no such tool\n"), None);
    }

    #[test]
    fn runs() {
        assert_eq!(parse_runs(None, 7), Ok(7));
        assert_eq!(parse_runs(Some("20"), 7), Ok(20));
        assert!(parse_runs(Some("0"), 7).is_err());
        assert!(parse_runs(Some("many"), 7).is_err());
    }
}
