//! `cargo xtask startup`: what it costs to start `codex-companion` at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{self, Outcome};
use crate::timing::{self, Contestant};
use crate::workspace::{self, Workspace};

const RUNS: usize = 300;

pub(crate) fn run(runs: Option<&str>) -> Outcome {
    let runs = parse_runs(runs, RUNS)?;
    let target = Workspace::read()?.target;
    let empty = empty_program(&target)?;
    let companion = companion(&target)?;
    let mut programs = vec![
        ("an empty Rust program", empty, None),
        ("codex-companion --version", companion, Some("--version")),
    ];
    let nothing = PathBuf::from("/bin/true");
    if nothing.exists() {
        programs.push(("/bin/true", nothing, None));
    }
    let command = |program: &Path, argument: Option<&str>| {
        let mut command = Command::new(program);
        command.args(argument);
        command
    };
    let contestants = programs.iter().map(|(name, program, argument)| {
        let mut command = command(program, *argument);
        Contestant { name: (*name).to_owned(), run: Box::new(move || timing::run_silently(&mut command)) }
    });
    let timed = timing::interleaved(contestants.collect(), runs)?;
    println!("{runs} interleaved runs, spawn to exit:\n\n{}", timing::table(&timed));

    let mut rows = vec![["".to_owned(), "instructions".to_owned(), "counted by".to_owned()]];
    for (name, program, argument) in &programs {
        if let Some((count, tool)) = instructions(&command(program, *argument)) {
            rows.push([(*name).to_owned(), count.to_string(), tool.to_owned()]);
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

/// The release build of the program, as a user has it.
pub(crate) fn companion(target: &Path) -> Outcome<PathBuf> {
    let mut command = program::cargo();
    command.args(["build", "--release", "--package", "codex-companion", "--bin", "codex-companion"]);
    program::status(command.current_dir(workspace::root()))?;
    Ok(target.join("release").join(format!("codex-companion{}", std::env::consts::EXE_SUFFIX)))
}

/// The floor: what this system takes to start and end any Rust program.
fn empty_program(target: &Path) -> Outcome<PathBuf> {
    let folder = target.join("empty-program");
    let source = folder.join("empty.rs");
    let program = folder.join(format!("empty{}", std::env::consts::EXE_SUFFIX));
    fs::create_dir_all(&folder).map_err(|error| format!("could not create {}: {error}", folder.display()))?;
    fs::write(&source, "fn main() {}\n")
        .map_err(|error| format!("could not write {}: {error}", source.display()))?;
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    // As the workspace's release profile.
    rustc.args(["--edition=2024", "-Copt-level=3", "-Ccodegen-units=1", "-Cstrip=symbols", "-o"]);
    program::status(rustc.arg(&program).arg(&source))?;
    Ok(program)
}

/// User-space instructions of one run: they hardly vary from run to run, unlike time.
fn instructions(command: &Command) -> Option<(u64, &'static str)> {
    let wrapped = |tool: &str, arguments: &[&str]| {
        let mut wrapped = Command::new(tool);
        wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
        let output = wrapped.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let perf =
        || perf_count(&wrapped("perf", &["stat", "--field-separator=,", "--event=instructions:u", "--"])?);
    let callgrind = || {
        let arguments = ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=no"];
        callgrind_count(&wrapped("valgrind", &arguments)?)
    };
    perf().map(|count| (count, "perf")).or_else(|| callgrind().map(|count| (count, "callgrind")))
}

/// `12345,,instructions:u,…`; a machine without counters says `<not supported>` instead of a number.
fn perf_count(told: &str) -> Option<u64> {
    told.lines().find(|line| line.contains("instructions"))?.split(',').next()?.trim().parse().ok()
}

/// `==1== Collected : 12345`
fn callgrind_count(told: &str) -> Option<u64> {
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
