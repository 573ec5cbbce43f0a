#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

pub mod codex;
mod config;
mod error;
mod extension;
mod id;
mod import;
mod job;
mod layout;
mod lifecycle;
mod lock;
mod log;
mod mend;
mod options;
mod retention;
mod steps;
mod store;
mod time;
mod trace;
mod view;
mod watch;

pub use codex_base::process::ProcessIdentity;
pub use config::Config;
pub use error::{Error, ErrorKind, Notice, NoticeKind, Result};
pub use id::JobId;
pub use import::ImportReport;
pub use job::{Job, MAX_ERROR, MAX_JOB, MAX_SUMMARY, Record, Status};
pub use layout::workspace_folder;
pub use lifecycle::{CancelOutcome, Lease};
pub use log::{Follow, FollowFrom, Followed, LogLine, LogReader, LogWriter};
pub use options::{Filter, Retention, StoreOptions};
pub use steps::{JobOutcome, JobUpdate, NewJob};
pub use store::{Snapshot, Store};
pub use time::Timestamp;

/// The parts of the system that a store uses, so that tests can make them fail or stop.
#[cfg(feature = "testing")]
pub mod testing {
    pub use codex_base::lock::{Access, HeldLock, Locks, OsLocks, Timer};
    pub use codex_base::process::{OsProcesses, Processes};
    pub use codex_base::storage::{Disk, Storage};

    pub use crate::options::Platform;
    pub use crate::time::{Clock, SystemClock};
}

/// The version of the format that this library writes. 1 is the format of the Node plugin that the layout comes
/// from; it is read.
pub const FORMAT_VERSION: u32 = 2;
