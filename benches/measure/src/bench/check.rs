//! `cargo measure check` and `--save`: instruction counts and interleaved ratios, beside the baseline.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::baseline::{Baseline, Comparison, Regression};
use super::{figures, rustc, workloads};
use crate::processes::{Setting, Subject};
use crate::program::{self, Outcome};
use crate::workspace::{self, Workspace};
use crate::{startup, timing};

const BASELINE: &str = "benches/baseline.json";
/// How often each workload is done in the two runs whose difference is counted.
const GOES: [u32; 2] = [2, 6];
const STARTS: usize = 150;
/// Ratios that look worse are measured again: what is really slower stays so.
const ATTEMPTS: usize = 3;

pub(crate) fn check() -> Outcome {
    let text = fs::read_to_string(workspace::root().join(BASELINE));
    let text = text.map_err(|error| format!("{BASELINE}: {error}; `cargo measure save` writes it"))?;
    let baseline = Baseline::parse(&text).ok_or_else(|| format!("{BASELINE} is no baseline"))?;
    let measuring = Measuring::new()?;
    let mut now = measuring.all()?;
    let mut comparison = baseline.compare(&now);
    for _ in 1..ATTEMPTS {
        if !comparison.regressions.iter().any(|regression| regression.half == "ratio") {
            break;
        }
        println!("a ratio looks worse than the baseline: measured again");
        keep_better(&mut now.ratios, measuring.ratios()?);
        comparison = baseline.compare(&now);
    }
    report(&baseline, &now, &comparison)
}

pub(crate) fn save() -> Outcome {
    let measuring = Measuring::new()?;
    let mut now = measuring.all()?;
    if now.instructions.is_empty() {
        return Err("a baseline needs valgrind, which is not here".to_owned());
    }
    // The worse of two: what a machine may well show is no regression.
    for (name, again) in measuring.ratios()? {
        now.ratios.entry(name).and_modify(|ratio| *ratio = ratio.max(again));
    }
    fs::write(workspace::root().join(BASELINE), now.text())
        .map_err(|error| format!("{BASELINE}: {error}"))?;
    let (instructions, ratios) = (now.instructions.len(), now.ratios.len());
    println!("{BASELINE} has {instructions} instruction counts and {ratios} ratios");
    Ok(())
}

fn report(baseline: &Baseline, now: &Baseline, comparison: &Comparison) -> Outcome {
    if now.instructions.is_empty() {
        println!("left out: instruction counts, because valgrind is not here");
    }
    if now.rustc != baseline.rustc {
        println!(
            "the baseline is of {}, and this is {}: counts may differ for that",
            baseline.rustc, now.rustc
        );
    }
    for name in &comparison.better {
        println!("better than the baseline: {name}");
    }
    let mut problems: Vec<String> = comparison.regressions.iter().map(Regression::text).collect();
    problems.extend(
        comparison.unknown.iter().map(|name| format!("{name}: not on both sides; save a new baseline")),
    );
    if problems.is_empty() {
        println!("{} figures, none more than 20 % above the baseline", comparison.compared);
        return Ok(());
    }
    Err(format!("worse than {BASELINE}:\n  {}", problems.join("\n  ")))
}

fn keep_better(ratios: &mut BTreeMap<String, f64>, again: BTreeMap<String, f64>) {
    for (name, ratio) in again {
        ratios.entry(name).and_modify(|best| *best = best.min(ratio)).or_insert(ratio);
    }
}

/// The programs to measure with, built once.
struct Measuring {
    setting: Setting,
    workloads: std::path::PathBuf,
    empty: std::path::PathBuf,
}

impl Measuring {
    fn new() -> Outcome<Self> {
        let target = Workspace::read()?.target;
        let workloads = workloads(&target)?;
        let setting = Setting::new(&target, startup::companion(&target)?)?;
        Ok(Self { setting, workloads, empty: startup::empty_program(&target)? })
    }

    fn all(&self) -> Outcome<Baseline> {
        Ok(Baseline { rustc: rustc(), instructions: self.instructions()?, ratios: self.ratios()? })
    }

    /// Nothing where valgrind is missing.
    fn instructions(&self) -> Outcome<BTreeMap<String, f64>> {
        let mut counts = BTreeMap::new();
        if !program::present("valgrind", "--version") {
            return Ok(counts);
        }
        for name in program::output(Command::new(&self.workloads).arg("list"))?.lines() {
            let [few, many] = GOES.map(|goes| count(&self.workloads, name, goes));
            let (few, many) = (few?, many?);
            // What both runs share, which is getting ready, is no part of a go.
            let each = many.saturating_sub(few) as f64 / f64::from(GOES[1] - GOES[0]);
            println!("{name}: {each:.0} instructions");
            counts.insert(name.to_owned(), each);
        }
        for subject in self.setting.starts(self.empty.clone())?.iter().filter(|subject| subject.counted) {
            let count = startup::callgrind(subject);
            let count = count.ok_or_else(|| format!("callgrind could not count `{}`", subject.name))?;
            println!("process {}: {count} instructions", subject.name);
            counts.insert(format!("process {}", subject.name), count as f64);
        }
        Ok(counts)
    }

    /// Ours to the other side's, from the quickest of many turns each.
    fn ratios(&self) -> Outcome<BTreeMap<String, f64>> {
        // On one core, where `taskset` is there: what uses two beside what uses one tells how many of them were free.
        let on_one_core = ["--cpu-list", "0"];
        let mut command = Command::new("taskset");
        if program::output(Command::new("taskset").args(on_one_core).arg(&self.workloads).arg("list")).is_ok()
        {
            command.args(on_one_core).arg(&self.workloads);
        } else {
            command = Command::new(&self.workloads);
        }
        let told = program::output(command.arg("ratios"))?;
        let mut ratios = figures::lines(&told);
        let mut starts = self.setting.starts(self.empty.clone())?;
        let timed = timing::interleaved(starts.iter_mut().map(Subject::contestant).collect(), STARTS)?;
        let empty = timed.first().map_or(0.0, |empty| empty.fastest.as_secs_f64());
        for timed in timed.iter().skip(1).filter(|timed| timed.name != "true") {
            ratios.insert(format!("process {} : empty", timed.name), timed.fastest.as_secs_f64() / empty);
        }
        for (name, ratio) in &ratios {
            println!("{name}: {ratio:.3}");
        }
        Ok(ratios)
    }
}

fn count(workloads: &Path, name: &str, goes: u32) -> Outcome<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(workloads).args(["run", name]).arg(goes.to_string());
    let output = command.output().map_err(|error| program::not_started(&command, &error))?;
    let told = String::from_utf8_lossy(&output.stderr);
    startup::callgrind_count(&told)
        .filter(|_| output.status.success())
        .ok_or_else(|| format!("`{}` failed: {}\n{told}", program::display(&command), output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_of_two_measurements_stays() {
        let map =
            |pairs: &[(&str, f64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let mut ratios: BTreeMap<String, f64> = map(&[("a", 0.2), ("b", 0.2)]);
        keep_better(&mut ratios, map(&[("a", 0.1), ("b", 0.3), ("c", 0.5)]));
        assert_eq!(ratios, map(&[("a", 0.1), ("b", 0.2), ("c", 0.5)]));
    }

    #[test]
    fn a_regression_fails_and_no_regression_does_not() {
        let of = |ratio: f64| Baseline {
            ratios: BTreeMap::from([("a".to_owned(), ratio)]),
            ..Baseline::default()
        };
        let (baseline, worse, same) = (of(0.1), of(0.2), of(0.1));
        let error = report(&baseline, &worse, &baseline.compare(&worse)).unwrap_err();
        assert!(error.contains("a: ratio 0.200 where the baseline has 0.100 (+100 %)"), "{error}");
        assert_eq!(report(&baseline, &same, &baseline.compare(&same)), Ok(()));
    }

    #[test]
    fn the_baseline_that_is_checked_in_can_be_read() {
        let text = fs::read_to_string(workspace::root().join(BASELINE)).unwrap();
        let baseline = Baseline::parse(&text).unwrap();
        assert!(!baseline.instructions.is_empty() && !baseline.ratios.is_empty());
    }
}
