//! Processes as `/proc` reports them.

use std::fs;
use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Activity, Member, OsProcesses, ProcessIdentity, Processes as _, Status};

/// The fields of `/proc/<pid>/stat` that are used here.
#[derive(Debug)]
struct Stat {
    state: u8,
    group: u32,
    ticks: u64,
    start: u64,
}

/// proc_pid_stat(5): the second field is a name in parentheses that may contain anything, so fields are
/// counted from the last parenthesis. The third is the state, the fifth the group, the 14th and 15th are the processor
/// time, the 22nd is the start time.
fn parse(line: &[u8]) -> Option<Stat> {
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> = std::str::from_utf8(&line[end + 1..]).ok()?.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        state: *fields.first()?.as_bytes().first()?,
        group: u32::try_from(number(2)?).ok()?,
        ticks: number(11)?.checked_add(number(12)?)?,
        start: number(19)?,
    })
}

fn stat(pid: u32) -> io::Result<Option<Stat>> {
    fs::read(format!("/proc/{pid}/stat")).map(|line| parse(&line))
}

pub(super) fn status(pid: u32) -> Status {
    match stat(pid) {
        Ok(Some(Stat { state: b'Z' | b'X' | b'x', .. })) => Status::Ended,
        Ok(Some(stat)) => Status::Runs { start: Some(start_text(stat.start)) },
        Ok(None) => Status::Unknown,
        // Without /proc nothing is known; with it, a missing directory means that the process has ended.
        Err(_) if Path::new("/proc/self/stat").exists() => Status::Ended,
        Err(_) => Status::Unknown,
    }
}

/// Ticks count from the boot, so the boot belongs to the identity.
fn start_text(ticks: u64) -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{}/{ticks}", boot.trim())
}

/// Sends a signal through a descriptor of the process, which cannot mean another one later. `None` when the kernel or a
/// sandbox offers no such descriptors.
pub(super) fn send_by_descriptor(
    process: &ProcessIdentity,
    pid: Pid,
    signal: Signal,
) -> Option<io::Result<bool>> {
    let descriptor = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(descriptor) => descriptor,
        Err(Errno::SRCH) => return Some(Ok(false)),
        Err(_) => return None,
    };
    // Checked again, since the id may have been given to another process before the descriptor was opened.
    if OsProcesses.is_alive(process) == Some(false) {
        return Some(Ok(false));
    }
    match pidfd_send_signal(&descriptor, signal) {
        Ok(()) => Some(Ok(true)),
        Err(Errno::SRCH) => Some(Ok(false)),
        Err(Errno::NOSYS | Errno::INVAL) => None,
        Err(error) => Some(Err(error.into())),
    }
}

pub(super) fn is_stopped(pid: u32) -> bool {
    stat(pid).is_ok_and(|stat| stat.is_some_and(|stat| stat.is_stopped()))
}

pub(super) fn activity(pid: u32) -> Option<Activity> {
    let stat = stat(pid).ok()??;
    Some(Activity { ticks: stat.ticks, runnable: matches!(stat.state, b'R' | b'D') })
}

/// The processes of the group that `leader` leads; the leader alone if it leads none.
pub(super) fn group(leader: u32) -> Vec<Member> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let members = pids.filter_map(|pid| {
        let stat = stat(pid).ok()??;
        let member = stat.group == leader || pid == leader;
        member.then(|| Member { stopped: stat.is_stopped(), resident: resident(pid).unwrap_or(0) })
    });
    members.collect()
}

pub(super) fn resident(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}

impl Stat {
    fn is_stopped(&self) -> bool {
        matches!(self.state, b'T' | b't')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_are_skipped() {
        let line = b"7 (a) Z 1) S 1 7 7 0 -1 4194304 1 0 0 0 3 4 0 0 20 0 1 0 4242 9 9";
        let stat = parse(line).unwrap();
        assert_eq!((stat.state, stat.group, stat.ticks, stat.start), (b'S', 7, 7, 4242));
        let line = b"7 (a) Z 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 9 9";
        assert_eq!(parse(line).unwrap().state, b'Z');
        assert!(parse(b"7 (a").is_none());
        assert!(parse(b"7 (a) S 1").is_none());
    }
}
