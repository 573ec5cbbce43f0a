//! The fixed workloads as a program, for `cargo measure table`.
//!
//! - `list`: the names of those whose instructions can be counted.
//! - `run NAME TIMES`: our side, so often, and nothing printed.
//! - `ratios`: of every pair ours to the other side's, from the quickest of interleaved turns.
//! - `repository NAME`: the folder of a generated repository.
//! - `peak NAME`: what sizing it takes of memory at most, in bytes.
//! - `store STATE WORKSPACE`: makes a job store of 50 jobs with 1 MB of log each.
//! - `lstat FOLDER`: asks the file system for each file that git tracks there.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for xtask and people")]
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

mod look;
mod repositories;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use companion_benches::storing;

use workload::{WORKLOADS, Workload, quickest};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => WORKLOADS
            .iter()
            .filter(|workload| workload.counted)
            .for_each(|workload| println!("{}", workload.name)),
        ["run", name, times] => match (find(name), times.parse::<u32>()) {
            (Some(workload), Ok(times)) => {
                let mut pair = (workload.make)();
                for _ in 0..times {
                    (pair.ours)();
                }
            }
            _ => return usage(),
        },
        ["ratios"] => WORKLOADS.iter().for_each(ratio),
        ["repository", name] => println!("{}", repository(name).display()),
        ["peak", name] => {
            look::size(&repository(name));
            let Some(peak) = peak() else { return ExitCode::FAILURE };
            println!("{peak}");
        }
        ["store", state, workspace] => {
            storing::fill(&storing::open(Path::new(state), Path::new(workspace)), 1_000_000);
        }
        ["lstat", folder] => look::lstat(Path::new(folder), &listed(Path::new(folder))),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!(
        "workloads list | run NAME TIMES | ratios | repository NAME | peak NAME | store STATE WORKSPACE | lstat FOLDER"
    );
    ExitCode::FAILURE
}

fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

/// The generated repository of this name.
fn repository(name: &str) -> PathBuf {
    match name {
        "small" => repositories::small(),
        "large" => repositories::large(),
        "big-diff" => repositories::big_diff(),
        "big-file" => repositories::big_file(),
        "untracked" => repositories::untracked(),
        "branch" => repositories::branch(),
        _ => panic!("there is no repository {name}"),
    }
}

fn ratio(workload: &Workload) {
    let mut pair = (workload.make)();
    if let Some(beside) = &mut pair.beside {
        let (ours, theirs) = quickest(&mut pair.ours, beside, workload.turns);
        println!("{}\t{}", workload.name, ours.as_secs_f64() / theirs.as_secs_f64());
    }
}

/// The names of what git tracks, kept beside the repository: asking git for them is no part of the floor.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let kept = folder.join(".git/tracked-for-the-bench");
    if let Ok(names) = std::fs::read_to_string(&kept) {
        return names.lines().map(PathBuf::from).collect();
    }
    let files = look::tracked(folder);
    let names: Vec<String> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    std::fs::write(kept, names.join("\n")).expect("the repository is ours");
    files
}

/// The most memory that this process had, where the system tells.
fn peak() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some(kibibytes.parse::<u64>().ok()? * 1024)
}
