//! Finds the processes that a test left behind.
//!
//! A test marks what it starts with a variable of the environment that is like no other. Children inherit it, and
//! keep it when they leave their group, their session and their parent. At the end every process that carries the
//! mark and is still alive is a leak.

use std::ffi::OsString;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The variable that carries the mark.
pub const VARIABLE: &str = "CODEX_TESTKIT_MARK";

/// How long [`LeakCheck`] waits, when it is dropped, for processes that are on their way out.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Fails the test when a process that it started is alive at its end.
///
/// Dropping it checks with [`PATIENCE`]. When the test is failing already, it only ends what is left. Processes are
/// found on Linux (through `/proc`); elsewhere there is nothing to find.
#[derive(Debug)]
#[must_use = "dropping it checks for processes that were left behind"]
pub struct LeakCheck {
    mark: String,
}

/// A process that carries a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its command line, the arguments separated by spaces.
    pub command: String,
}

impl LeakCheck {
    /// A check with a mark that nothing else has.
    #[expect(clippy::new_without_default, reason = "each is unlike all others, which is no default")]
    pub fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let mark = format!("{}-{now}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        Self { mark }
    }

    /// The variable to set for a child: its name and its value.
    pub fn env(&self) -> (&'static str, &str) {
        (VARIABLE, &self.mark)
    }

    /// Marks a command that is about to be started.
    pub fn mark(&self, mut command: Command) -> Command {
        command.env(VARIABLE, &self.mark);
        command
    }

    /// The marked processes that are alive now. One that has ended and was not waited for does not count.
    pub fn alive(&self) -> Vec<Process> {
        find(&self.mark)
    }

    /// Waits until no marked process is alive, at most for `limit`; gives those that still are.
    pub fn wait(&self, limit: Duration) -> Vec<Process> {
        let deadline = Instant::now() + limit;
        loop {
            let alive = self.alive();
            if alive.is_empty() || Instant::now() >= deadline {
                return alive;
            }
            // The end of a process that is not our child can only be looked for.
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Checks now: fails when marked processes are still alive after `limit`, and ends them.
    ///
    /// # Panics
    ///
    /// When there are any, with their command lines.
    pub fn assert_none(&self, limit: Duration) {
        let left = self.wait(limit);
        if !left.is_empty() {
            self.kill();
            let lines: String =
                left.iter().map(|process| format!("\n  {} {}", process.pid, process.command)).collect();
            panic!("{} processes were left behind after {limit:?}:{lines}", left.len());
        }
    }

    /// Ends every marked process at once. Nothing without the mark is touched.
    pub fn kill(&self) {
        // A process may start another while the list is made: look until there are none.
        for _ in 0..100 {
            let alive = self.alive();
            if alive.is_empty() {
                return;
            }
            for process in alive {
                kill(process.pid);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for LeakCheck {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill();
        } else {
            self.assert_none(PATIENCE);
        }
    }
}

#[cfg(target_os = "linux")]
fn find(mark: &str) -> Vec<Process> {
    let wanted = format!("{VARIABLE}={mark}").into_bytes();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    let pids = names.filter_map(|name: OsString| name.to_str()?.parse::<u32>().ok());
    let marked = pids.filter(|pid| {
        // Of a process that has ended, and of one of another user, nothing can be read.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
    });
    marked
        .map(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&line).replace('\0', " ").trim_end().to_owned();
            Process { pid, command }
        })
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn find(_mark: &str) -> Vec<Process> {
    Vec::new()
}

#[cfg(unix)]
fn kill(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_pid: u32) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        shell
    }

    #[test]
    fn a_process_in_another_session_is_found_and_ended() {
        let leaks = LeakCheck::new();
        let mut child = leaks.mark(shell("setsid sleep 600 & exit 0")).spawn().unwrap();
        child.wait().unwrap();
        // Between fork and exec it still shows the shell's command line.
        let deadline = Instant::now() + Duration::from_secs(30);
        while leaks.alive().iter().all(|process| process.command != "sleep 600") {
            assert!(Instant::now() < deadline, "{:?}", leaks.alive());
            std::thread::yield_now();
        }
        let failure = std::panic::catch_unwind(|| leaks.assert_none(Duration::ZERO)).unwrap_err();
        let message = failure.downcast_ref::<String>().unwrap();
        assert!(message.contains("sleep 600"), "{message}");
        assert_eq!(leaks.alive(), []);
    }

    #[test]
    fn a_process_on_its_way_out_is_waited_for() {
        let leaks = LeakCheck::new();
        let mut child = leaks.mark(shell("read line")).spawn().unwrap();
        let stranger = LeakCheck::new();
        assert_eq!(stranger.alive(), []);
        assert_eq!(leaks.alive().len(), 1);
        drop(child.stdin.take());
        leaks.assert_none(PATIENCE);
        child.wait().unwrap();
    }
}
