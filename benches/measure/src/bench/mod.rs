//! `cargo measure table`: the benches, shortened to what a person waits for, as one table of ratios; and a baseline that
//! does not depend on how busy the machine is.

mod baseline;
mod check;
pub(crate) mod figures;
mod rows;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use figures::Figures;
use rows::{ROWS, Row};

use crate::processes::{Setting, Subject};
use crate::program::{self, Outcome};
use crate::timing::{self, Timed};
use crate::workspace::{self, Workspace};
use crate::{codex, startup};

pub(crate) use check::{check, save};

/// Seconds of warming up and of measuring, per bench: enough to see a ratio, not enough to see one per cent.
const WARM_UP: &str = "0.3";
const MEASURE: &str = "1";
const STARTS: usize = 200;
const LOOKS: usize = 40;
const DOCUMENT: &str = "docs/performance.md";

/// Runs what the table needs, prints it and writes it into the document. With a filter, only rows that contain it, and
/// the document stays.
pub(crate) fn run(filter: Option<&str>) -> Outcome {
    let target = Workspace::read()?.target;
    let rows: Vec<Row> =
        ROWS.iter().filter(|row| filter.is_none_or(|filter| row.named(filter))).copied().collect();
    if rows.is_empty() {
        return Err(format!("no row of the table is named like {:?}", filter.unwrap_or_default()));
    }
    let load = load();
    let figures = measure(&target, &rows)?;
    let text = table::write(&rows, &figures);
    println!("\n{text}");
    if filter.is_none() {
        let path = workspace::root().join(DOCUMENT);
        let document = fs::read_to_string(&path).map_err(|error| format!("{DOCUMENT}: {error}"))?;
        let document = table::replace(&document, &format!("{}\n\n{text}", machine(&load)))
            .ok_or_else(|| format!("{DOCUMENT} has not the two markers that the table stands between"))?;
        fs::write(&path, document).map_err(|error| format!("{DOCUMENT}: {error}"))?;
        println!("{DOCUMENT} has the table");
    }
    Ok(())
}

/// Figures for the rows; what could not be measured is told and left out.
fn measure(target: &Path, rows: &[Row]) -> Outcome<Figures> {
    let since = SystemTime::now();
    let names: Vec<&str> = rows.iter().flat_map(Row::names).collect();
    let wanted = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    let notes = figures::file(target);
    if let Some(folder) = notes.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::write(&notes, "").map_err(|error| format!("{}: {error}", notes.display()))?;

    let own = ["process/", "memory/", "overhead/", "peers/"];
    let ids: Vec<&str> =
        names.iter().copied().filter(|name| !own.iter().any(|own| name.starts_with(own))).collect();
    if !ids.is_empty() {
        criterion(&["--package", "companion-benches", "--benches"], &ids, &notes)?;
    }
    if wanted("peers/") {
        let ids: Vec<&str> = names.iter().copied().filter(|name| name.starts_with("peers/")).collect();
        let manifest = workspace::root().join("benches/peers/Cargo.toml");
        let manifest = manifest.to_string_lossy();
        let folder = target.join("peers");
        let arguments =
            ["--manifest-path", &*manifest, "--target-dir", &*folder.to_string_lossy(), "--benches"];
        told("peers", criterion(&arguments, &ids, &notes));
    }
    let mut figures = figures::criterion(&target.join("criterion"), since)?;
    if wanted("process/") || wanted("memory/") {
        let workloads = workloads(target)?;
        if wanted("process/") {
            figures.extend(processes(target, &workloads)?);
        }
        for (name, repository) in MEMORY.iter().filter(|(name, _)| names.contains(name)) {
            let peak = program::output(Command::new(&workloads).args(["peak", repository]))?;
            figures.extend(peak.trim().parse().ok().map(|peak| ((*name).to_owned(), peak)));
        }
    }
    if wanted("overhead/") {
        told("overhead", crate::overhead::figures(&notes));
    }
    let text = fs::read_to_string(&notes).map_err(|error| format!("{}: {error}", notes.display()))?;
    figures.extend(figures::lines(&text));
    Ok(figures)
}

/// What a process that only sizes a generated repository takes of memory at most.
const MEMORY: &[(&str, &str)] = &[
    ("memory/20 files", "small"),
    ("memory/200 MB of diff", "big-diff"),
    ("memory/file of 200 MB", "big-file"),
];

/// What needs a network or a program that may be missing costs its rows and not the table.
fn told(what: &str, outcome: Outcome) {
    if let Err(error) = outcome {
        println!("\n{what}: not measured: {error}");
    }
}

/// Runs the benches of these names and no others.
fn criterion(arguments: &[&str], ids: &[&str], notes: &Path) -> Outcome {
    let mut command = program::cargo();
    command.arg("bench").args(arguments).arg("--").arg(exactly(ids));
    command.args(["--warm-up-time", WARM_UP, "--measurement-time", MEASURE, "--noplot"]);
    let target = Workspace::read()?.target;
    command.env("CRITERION_HOME", target.join("criterion")).env("COMPANION_BENCH_FIGURES", notes);
    program::status(command.current_dir(workspace::root()))
}

/// A regular expression for these names.
fn exactly(ids: &[&str]) -> String {
    let mut text = String::from("^(");
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            text.push('|');
        }
        for c in id.chars() {
            if !c.is_alphanumeric() && !" ,/_-".contains(c) {
                text.push('\\');
            }
            text.push(c);
        }
    }
    text.push_str(")$");
    text
}

/// The program with the fixed workloads, built as the benches are.
fn workloads(target: &Path) -> Outcome<PathBuf> {
    let mut command = program::cargo();
    command.args(["build", "--profile", "bench", "--package", "companion-benches", "--bin", "workloads"]);
    program::status(command.current_dir(workspace::root()))?;
    Ok(target.join("release").join(format!("workloads{}", std::env::consts::EXE_SUFFIX)))
}

/// Whole processes: the quickest of interleaved runs.
fn processes(target: &Path, workloads: &Path) -> Outcome<Figures> {
    let setting = Setting::new(target, startup::companion(target)?)?;
    let mut starts = setting.starts(startup::empty_program(target)?)?;
    let mut looks = setting.looks(workloads)?;
    let mut timed = timing::interleaved(starts.iter_mut().map(Subject::contestant).collect(), STARTS)?;
    timed.extend(timing::interleaved(looks.iter_mut().map(Subject::contestant).collect(), LOOKS)?);
    println!("\nwhole processes:\n\n{}", timing::table(&timed));
    Ok(timed.iter().map(fastest).collect())
}

fn fastest(timed: &Timed) -> (String, f64) {
    (format!("process/{}", timed.name), timed.fastest.as_secs_f64() * 1e9)
}

/// What the figures are of.
fn machine(load: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("another processor", |(_, model)| model.trim());
    format!(
        "{cores} cores of {model}, {}, {}, Codex {}{load}. `ours : peer : floor` is in multiples of our own time.",
        std::env::consts::OS,
        rustc(),
        codex::PACKAGE.version
    )
}

fn rustc() -> String {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let version = program::output(command.arg("--version")).unwrap_or_default();
    version.split(" (").next().unwrap_or_default().trim().to_owned()
}

/// How busy the machine was before we were: a reader of times wants to know.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .filter(|load| !load.is_empty())
        .map_or(String::new(), |load| format!(", load {load} when it began"))
}

impl Row {
    fn named(&self, filter: &str) -> bool {
        self.what.contains(filter) || self.names().any(|name| name.contains(filter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_asked_for_exactly() {
        assert_eq!(exactly(&["frame/4KiB/codec", "a (b)"]), r"^(frame/4KiB/codec|a \(b\))$");
    }

    #[test]
    fn the_quickest_run_counts() {
        let time = std::time::Duration::from_micros;
        let timed = Timed { name: "status".to_owned(), median: time(9), fastest: time(2) };
        assert_eq!(fastest(&timed), ("process/status".to_owned(), 2000.0));
    }

    #[test]
    fn the_document_has_a_place_for_the_table() {
        let document = fs::read_to_string(workspace::root().join(DOCUMENT)).unwrap();
        assert!(table::replace(&document, "").is_some());
    }
}
