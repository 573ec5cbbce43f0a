use std::fmt;

/// Which process: its id together with the moment it started, since ids are used again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ProcessIdentity {
    /// The operating system's process id.
    pub pid: u32,
    /// An opaque text that differs between two processes that have had the same id: on Linux the boot id, `/`,
    /// and the start time in clock ticks since boot (`/proc/<pid>/stat`, field 22). `None` where the system's
    /// way to tell it is not open to safe Rust without a subprocess (macOS, Windows): then liveness is decided
    /// by the lease alone.
    pub start: Option<String>,
}

impl ProcessIdentity {
    /// An identity from its parts.
    pub fn new(pid: u32, start: Option<String>) -> Self {
        ProcessIdentity { pid, start }
    }
}

/// What the store asks about processes. It never signals one.
pub trait Processes: fmt::Debug + Send + Sync {
    /// The calling process.
    fn current(&self) -> ProcessIdentity {
        self.identify(std::process::id())
    }

    /// The process that has this id now; without a start time when there is none, or it cannot be told.
    fn identify(&self, pid: u32) -> ProcessIdentity;

    /// Whether exactly this process still runs; `None` when that cannot be told. A zombie does not run.
    fn is_alive(&self, process: &ProcessIdentity) -> Option<bool>;
}

/// The operating system's processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsProcesses;

#[cfg(target_os = "linux")]
impl Processes for OsProcesses {
    fn identify(&self, pid: u32) -> ProcessIdentity {
        let start = match linux::stat(pid) {
            linux::Stat::Runs { start } => Some(linux::start_text(start)),
            linux::Stat::Ended | linux::Stat::Unknown => None,
        };
        ProcessIdentity { pid, start }
    }

    fn is_alive(&self, process: &ProcessIdentity) -> Option<bool> {
        match linux::stat(process.pid) {
            linux::Stat::Runs { start } => {
                process.start.as_ref().map(|known| *known == linux::start_text(start))
            }
            linux::Stat::Ended => Some(false),
            linux::Stat::Unknown => None,
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Processes for OsProcesses {
    fn identify(&self, pid: u32) -> ProcessIdentity {
        ProcessIdentity { pid, start: None }
    }

    fn is_alive(&self, _process: &ProcessIdentity) -> Option<bool> {
        None
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::path::Path;

    pub(super) enum Stat {
        Runs { start: u64 },
        Ended,
        Unknown,
    }

    pub(super) fn stat(pid: u32) -> Stat {
        match fs::read(format!("/proc/{pid}/stat")) {
            Ok(line) => parse(&line).unwrap_or(Stat::Unknown),
            // Without /proc nothing can be told; with it, a missing folder means that the process is gone.
            Err(_) if Path::new("/proc/self/stat").exists() => Stat::Ended,
            Err(_) => Stat::Unknown,
        }
    }

    /// proc_pid_stat(5): the second field is a name in parentheses that may contain anything, so fields are
    /// counted from the last parenthesis; the third is the state, the 22nd the start time.
    pub(super) fn parse(line: &[u8]) -> Option<Stat> {
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(&line[end + 1..]).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?;
        let start = fields.nth(18)?.parse().ok()?;
        Some(if matches!(state, "Z" | "X" | "x") { Stat::Ended } else { Stat::Runs { start } })
    }

    /// Ticks count from the boot, so the boot belongs to the identity.
    pub(super) fn start_text(ticks: u64) -> String {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        format!("{}/{ticks}", boot.trim())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_a_namesake_does_not() {
        let me = OsProcesses.current();
        assert_eq!(me.pid, std::process::id());
        assert_eq!(OsProcesses.is_alive(&me), Some(true));
        let namesake = ProcessIdentity::new(me.pid, Some("elsewhere/1".into()));
        assert_eq!(OsProcesses.is_alive(&namesake), Some(false));
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
    fn names_with_parentheses_do_not_confuse() {
        let line = b"7 (a) Z 1) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 9 9";
        assert!(matches!(linux::parse(line), Some(linux::Stat::Runs { start: 4242 })));
        let line = b"7 (a) Z 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 9 9";
        assert!(matches!(linux::parse(line), Some(linux::Stat::Ended)));
        assert!(linux::parse(b"7 (a").is_none());
        assert!(linux::parse(b"7 (a) S 1").is_none());
    }
}
