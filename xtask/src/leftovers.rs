//! Finds processes that a test run left behind.
//!
//! Every process of the run inherits one environment variable with a value that only this run has, whoever its
//! parent has become since. A process that was started with a cleaned environment is found by its program when that
//! is one that we installed.

#[cfg(target_os = "linux")]
use std::path::Path;
use std::path::PathBuf;

/// Set for the whole test run; its value is unique to the run.
pub(crate) const VARIABLE: &str = "CODEX_TESTKIT_RUN";

/// A value for [`VARIABLE`] that no other run on this machine has.
pub(crate) fn unique_run() -> String {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", std::process::id(), since_epoch.as_nanos())
}

/// What still runs after the suite (of the run, or with a program below one of `programs`), one line each, after giving it a few seconds to end; none on other systems than
/// Linux, where there is no `/proc` to look at.
#[cfg(target_os = "linux")]
pub(crate) fn wait_for_none(run: &str, programs: &[PathBuf], before: &[u32]) -> Vec<String> {
    use std::time::{Duration, Instant};
    const PATIENCE: Duration = Duration::from_secs(5);
    let end = Instant::now() + PATIENCE;
    loop {
        let found = scan(Path::new("/proc"), run, programs, before);
        if found.is_empty() || Instant::now() > end {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn wait_for_none(_run: &str, _programs: &[PathBuf], _before: &[u32]) -> Vec<String> {
    println!("processes left behind are looked for on Linux only");
    Vec::new()
}

/// The ids of all processes now: whatever ran before the suite is none of its leavings.
pub(crate) fn running() -> Vec<u32> {
    #[cfg(target_os = "linux")]
    return processes(Path::new("/proc")).map(|(id, _)| id).collect();
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

#[cfg(target_os = "linux")]
fn processes(proc: &Path) -> impl Iterator<Item = (u32, PathBuf)> {
    let entries = std::fs::read_dir(proc).ok().into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}

#[cfg(target_os = "linux")]
fn scan(proc: &Path, run: &str, programs: &[PathBuf], before: &[u32]) -> Vec<String> {
    let mark = format!("{VARIABLE}={run}");
    let left = processes(proc).filter(|(id, folder)| {
        // A process that has ended meanwhile, a zombie, or somebody else's: nothing can be read, nothing is ours.
        let marked = std::fs::read(folder.join("environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()));
        let program = || std::fs::read_link(folder.join("exe")).unwrap_or_default();
        let installed = || programs.iter().any(|installed| program().starts_with(installed));
        !before.contains(id) && (marked || installed())
    });
    left.map(|(id, folder)| {
        let line = std::fs::read(folder.join("cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        format!("{id}  {}", words.join(" ").trim_end())
    })
    .collect()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that ends when its stdin is closed, or at the latest with the test.
    fn start(run: &str) -> Child {
        let mut command = Command::new("cat");
        command.env_clear().env(VARIABLE, run).stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().unwrap()
    }

    #[test]
    fn a_marked_process_is_found_until_it_ends() {
        let run = unique_run();
        let mut child = start(&run);
        // `spawn` returns after the exec, so the new environment is there to be read.
        let found = scan(Path::new("/proc"), &run, &[], &[]);
        assert_eq!(found, [format!("{}  cat", child.id())]);
        assert_eq!(scan(Path::new("/proc"), &run, &[], &[child.id()]), [""; 0], "it ran before");
        assert_eq!(scan(Path::new("/proc"), "another run", &[], &[]), [""; 0]);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(wait_for_none(&run, &[], &[]), [""; 0]);
    }

    #[test]
    fn a_program_of_ours_is_found_without_the_mark() {
        let mut child = start("unmarked");
        let program = std::fs::read_link(format!("/proc/{}/exe", child.id())).unwrap();
        let before: Vec<u32> = running().into_iter().filter(|id| *id != child.id()).collect();
        let found = scan(Path::new("/proc"), "none", &[program], &before);
        assert!(found.contains(&format!("{}  cat", child.id())), "{found:?}");
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn running_includes_ourselves() {
        assert!(running().contains(&std::process::id()));
    }
}
