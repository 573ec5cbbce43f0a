//! Processes, as the operating system reports them.

use std::time::Duration;

use tokio::time::Instant;

/// Whether a process or any process of its group is stopped (SIGSTOP, a debugger).
///
/// Always false on systems other than Linux, which do not report it: deadlines decide there.
pub(crate) fn is_stopped(pid: u32) -> bool {
    imp::group(pid).iter().any(|process| matches!(process.state, 'T' | 't'))
}

/// Like [`is_stopped`], for this process only.
pub(crate) fn is_one_stopped(pid: u32) -> bool {
    imp::state(pid).is_some_and(|state| matches!(state, 'T' | 't'))
}

/// The resident memory of a process and its group in bytes, or `None` where the system does not report it.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    let group = imp::group(pid);
    (!group.is_empty()).then(|| group.iter().map(|process| process.resident).sum())
}

/// The resident memory of this process only.
pub(crate) fn own_resident_bytes() -> Option<u64> {
    imp::resident("self")
}

/// Kills a process, and its group if it leads one.
#[cfg(unix)]
pub(crate) fn kill(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // A broker normally leads a session and a group. One that a person started may not.
        if kill_process_group(pid, Signal::KILL).is_err() {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Returns the deadline after a duration. Limited to a year, so that no duration overflows the clock.
pub(crate) fn due(after: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + after.min(YEAR)
}

/// Returns the progress of a process, or `None` where the system does not report it.
pub(crate) fn progress(pid: u32) -> Option<Progress> {
    imp::progress(pid)
}

/// The progress of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Processor time, in ticks of the system.
    ticks: u64,
    /// Whether it waits for a processor or a disk, not for an event.
    runnable: bool,
}

impl Progress {
    /// Whether it was active since `before`, or is about to be.
    pub(crate) fn since(self, before: Option<Self>) -> bool {
        self.runnable || before.is_some_and(|before| before.ticks != self.ticks)
    }
}

/// The polling interval for a process that cannot be waited for.
pub(crate) const POLL: Duration = Duration::from_millis(10);

#[cfg(target_os = "linux")]
mod imp {
    pub(super) struct Process {
        pub(super) state: char,
        pub(super) resident: u64,
    }

    /// The processes of the group that `leader` leads, or only the leader if it leads none.
    pub(super) fn group(leader: u32) -> Vec<Process> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let numbers = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        let processes = numbers.filter_map(|name| {
            let (state, group) = status(&name)?;
            let ours = group == leader || name.parse() == Ok(leader);
            ours.then(|| Process { state, resident: resident(&name).unwrap_or(0) })
        });
        processes.collect()
    }

    /// The state of a process, and its group.
    fn status(name: &str) -> Option<(char, u32)> {
        let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
        // The name of the program, in parentheses, can contain any character.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        Some((state, fields.nth(1)?.parse().ok()?))
    }

    pub(super) fn progress(pid: u32) -> Option<super::Progress> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        // User and system time are the fields 14 and 15 of the line, of which the first two were removed.
        let ticks = number(11)? + number(12)?;
        Some(super::Progress { ticks, runnable: matches!(*fields.first()?, "R" | "D") })
    }

    pub(super) fn state(pid: u32) -> Option<char> {
        status(&pid.to_string()).map(|(state, _)| state)
    }

    pub(super) fn resident(name: &str) -> Option<u64> {
        const PAGE: u64 = 4096;
        let text = std::fs::read_to_string(format!("/proc/{name}/statm")).ok()?;
        text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * PAGE)
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) struct Process {
        pub(super) state: char,
        pub(super) resident: u64,
    }

    pub(super) fn group(_leader: u32) -> Vec<Process> {
        Vec::new()
    }

    pub(super) fn progress(_pid: u32) -> Option<super::Progress> {
        None
    }

    pub(super) fn state(_pid: u32) -> Option<char> {
        None
    }

    pub(super) fn resident(_name: &str) -> Option<u64> {
        None
    }
}
