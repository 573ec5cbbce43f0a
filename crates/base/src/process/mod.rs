//! Which process: identity that survives the reuse of process ids, signals that reach only the process meant, and what
//! the system reports about a process.

use std::fmt;
use std::io;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
use other as system;

/// Which process: its id together with the moment it started, since ids are used again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ProcessIdentity {
    /// The operating system's process id.
    pub pid: u32,
    /// An opaque text that differs between two processes that have had the same id: on Linux the boot id, `/`,
    /// and the start time in clock ticks since boot (`/proc/<pid>/stat`, field 22). `None` where safe Rust cannot read it
    /// without a subprocess (macOS, Windows).
    pub start: Option<String>,
}

impl ProcessIdentity {
    /// An identity from its parts.
    #[must_use]
    pub fn new(pid: u32, start: Option<String>) -> Self {
        Self { pid, start }
    }

    /// The calling process.
    #[must_use]
    pub fn current() -> Self {
        OsProcesses.current()
    }
}

/// What is asked about processes, behind a trait so that a test can answer.
pub trait Processes: fmt::Debug + Send + Sync {
    /// The calling process.
    fn current(&self) -> ProcessIdentity {
        self.identify(std::process::id())
    }

    /// The process that has this id now; without a start time when there is none, or it cannot be read.
    fn identify(&self, pid: u32) -> ProcessIdentity;

    /// Whether exactly this process still runs; `None` when that is unknown. A zombie does not run.
    fn is_alive(&self, process: &ProcessIdentity) -> Option<bool>;
}

/// The operating system's processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsProcesses;

impl Processes for OsProcesses {
    fn identify(&self, pid: u32) -> ProcessIdentity {
        let start = match system::status(pid) {
            Status::Runs { start } => start,
            Status::Ended | Status::Unknown => None,
        };
        ProcessIdentity { pid, start }
    }

    fn is_alive(&self, process: &ProcessIdentity) -> Option<bool> {
        match system::status(process.pid) {
            // Without both start times it may be another process with the same id.
            Status::Runs { start } => Some(process.start.as_ref()? == start.as_ref()?),
            Status::Ended => Some(false),
            Status::Unknown => None,
        }
    }
}

/// What the system reports about a process id.
#[derive(Debug, PartialEq, Eq)]
enum Status {
    Runs { start: Option<String> },
    Ended,
    Unknown,
}

/// A request to a process to end. Exhaustive: these two are what every system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks it to end (`SIGTERM`).
    Terminate,
    /// Ends it at once (`SIGKILL`).
    Kill,
}

/// Sends a signal to exactly this process. `Ok(false)` when it has ended or its id belongs to another process now.
///
/// On Linux no process that gets the id meanwhile can be hit. Where start times cannot be read, the id alone decides.
///
/// # Errors
/// `Unsupported` on Windows; any failure of the system.
pub fn send_signal(process: &ProcessIdentity, signal: Signal) -> io::Result<bool> {
    if OsProcesses.is_alive(process) == Some(false) {
        return Ok(false);
    }
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        use rustix::process::{Pid, kill_process};
        let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { return Ok(false) };
        let number = match signal {
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        #[cfg(target_os = "linux")]
        if let Some(sent) = linux::send_by_descriptor(process, pid, number) {
            return sent;
        }
        match kill_process(pid, number) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(unix))]
    {
        let _ = signal;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Ends a process at once, together with its group if it leads one. Does nothing on Windows.
pub fn kill_group(pid: u32) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process, kill_process_group};
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
            && kill_process_group(pid, Signal::KILL).is_err()
        {
            // It leads no group, or it has ended.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    #[cfg(not(unix))]
    let _ = pid;
}

/// Whether the process is stopped, by `SIGSTOP` or a debugger: it answers nothing until it is continued. `false` where the
/// system does not report it, which is everywhere except on Linux.
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    system::is_stopped(pid)
}

/// Whether the process or any other of its group is stopped. See [`is_stopped`].
#[must_use]
pub fn is_group_stopped(leader: u32) -> bool {
    system::group(leader).iter().any(|member| member.stopped)
}

/// The resident memory of a process and its group, in bytes. `None` where the system does not report it.
#[must_use]
pub fn group_resident_bytes(leader: u32) -> Option<u64> {
    let group = system::group(leader);
    (!group.is_empty()).then(|| group.iter().map(|member| member.resident).sum())
}

/// The resident memory of the calling process, in bytes. `None` where the system does not report it.
#[must_use]
pub fn own_resident_bytes() -> Option<u64> {
    system::resident(std::process::id())
}

/// A process of a group.
#[derive(Debug)]
struct Member {
    stopped: bool,
    resident: u64,
}

/// How much a process has done so far: differs between two moments if it worked in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Processor time, in the system's ticks.
    ticks: u64,
    /// It waits for a processor or a disk, not for an event.
    runnable: bool,
}

impl Activity {
    /// Whether the process did something since `before`, or is about to.
    #[must_use]
    pub fn since(self, before: Option<Self>) -> bool {
        self.runnable || before.is_some_and(|before| before.ticks != self.ticks)
    }
}

/// Reads the activity of a process. `None` where the system does not report it.
#[must_use]
pub fn activity(pid: u32) -> Option<Activity> {
    system::activity(pid)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_signal_reaches_exactly_the_process_meant() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let identity = OsProcesses.identify(child.id());
        if cfg!(target_os = "linux") {
            let other = ProcessIdentity::new(child.id(), Some("another boot/1".into()));
            assert!(!send_signal(&other, Signal::Kill).unwrap());
            assert!(child.try_wait().unwrap().is_none());
        }
        assert!(send_signal(&identity, Signal::Terminate).unwrap());
        child.wait().unwrap();
        assert!(!send_signal(&identity, Signal::Kill).unwrap());
        assert_eq!(OsProcesses.is_alive(&identity), Some(false));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod linux_tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_one_with_the_same_id_is_not() {
        let me = OsProcesses.current();
        assert_eq!(me.pid, std::process::id());
        assert_eq!(OsProcesses.is_alive(&me), Some(true));
        let other = ProcessIdentity::new(me.pid, Some("elsewhere/1".into()));
        assert_eq!(OsProcesses.is_alive(&other), Some(false));
        assert_eq!(OsProcesses.is_alive(&ProcessIdentity::new(me.pid, None)), None);
    }

    #[test]
    fn a_process_that_ended_is_not_alive_even_as_a_zombie() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let identity = OsProcesses.identify(child.id());
        assert_eq!(OsProcesses.is_alive(&identity), Some(true));
        child.kill().unwrap();
        while OsProcesses.is_alive(&identity) == Some(true) {
            std::thread::yield_now();
        }
        assert_eq!(OsProcesses.is_alive(&identity), Some(false));
        child.wait().unwrap();
        assert_eq!(OsProcesses.is_alive(&identity), Some(false));
        assert_eq!(OsProcesses.identify(identity.pid).start, None);
    }

    #[test]
    fn a_stopped_process_is_reported() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        assert!(!is_stopped(child.id()));
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        while !is_stopped(child.id()) {
            std::thread::yield_now();
        }
        assert!(is_group_stopped(child.id()) && activity(child.id()).is_some());
        assert!(own_resident_bytes().is_some_and(|bytes| bytes > 100_000));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
