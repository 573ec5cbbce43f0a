//! Processes on systems that report them to safe Rust through no file: macOS, Windows and others.

use super::{Activity, Member, Status};

pub(super) fn status(pid: u32) -> Status {
    // A process id that no process has is certain; that a process has it says nothing about which one it is.
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
        && rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
    {
        return Status::Ended;
    }
    #[cfg(not(unix))]
    let _ = pid;
    Status::Unknown
}

pub(super) fn is_stopped(_pid: u32) -> bool {
    false
}

pub(super) fn activity(_pid: u32) -> Option<Activity> {
    None
}

pub(super) fn group(_leader: u32) -> Vec<Member> {
    Vec::new()
}

pub(super) fn resident(_pid: u32) -> Option<u64> {
    None
}
