#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

mod config;
mod error;
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
mod view;
mod watch;

pub use codex_base::lock::{Access, HeldLock, Locks, OsLocks, Timer};
pub use codex_base::process::{OsProcesses, ProcessIdentity, Processes};
pub use codex_base::storage::{Disk, Storage};
pub use config::Config;
pub use error::{Error, ErrorKind, Notice, NoticeKind, Result};
pub use id::JobId;
pub use import::ImportReport;
pub use job::{Job, MAX_ERROR, MAX_JOB, MAX_SUMMARY, Record, Status};
pub use layout::workspace_folder;
pub use lifecycle::{Cancel, Lease};
pub use log::{Follow, FollowFrom, Followed, LogLine, LogReader, LogWriter};
pub use options::{Filter, Platform, Retention, StoreOptions};
pub use steps::{JobUpdate, NewJob, Outcome};
pub use store::{Look, Store};
pub use time::{Clock, SystemClock, Timestamp};

/// The version of the format that this library writes. 1 is the format of the Node plugin that the layout comes
/// from; it is read.
pub const FORMAT_VERSION: u32 = 2;
