use std::sync::Arc;
use std::time::Duration;

use crate::job::Job;
use crate::time::{Clock, SystemClock};
use crate::view::View;
use codex_base::lock::{Locks, OsLocks};
use codex_base::process::{OsProcesses, Processes};
use codex_base::storage::{Disk, Storage};

/// What the store asks of the system. Each part can be replaced, so that tests can make it fail or stop.
#[derive(Clone, Debug)]
pub struct Platform {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) locks: Arc<dyn Locks>,
    pub(crate) processes: Arc<dyn Processes>,
}

#[cfg(feature = "testing")]
impl Platform {
    /// The operating system.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what files are read and written through. Default: [`Disk`].
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = storage;
        self
    }

    /// Sets where the time comes from. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets what takes locks. Default: [`OsLocks`].
    #[must_use]
    pub fn locks(mut self, locks: Arc<dyn Locks>) -> Self {
        self.locks = locks;
        self
    }

    /// Sets what is asked about processes. Default: [`OsProcesses`].
    #[must_use]
    pub fn processes(mut self, processes: Arc<dyn Processes>) -> Self {
        self.processes = processes;
        self
    }
}

impl Default for Platform {
    fn default() -> Self {
        Platform {
            storage: Arc::new(Disk),
            clock: Arc::new(SystemClock::default()),
            locks: Arc::new(OsLocks),
            processes: Arc::new(OsProcesses),
        }
    }
}

/// Which finished jobs are kept: by default the 50 that finished last, at any age. Active jobs are always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub(crate) count: usize,
    pub(crate) age: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { count: 50, age: None }
    }
}

impl Retention {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps this many finished jobs.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// Also removes finished jobs older than this.
    #[must_use]
    pub fn age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }
}

/// How a store is opened. Each setting has a default.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    pub(crate) retention: Retention,
    pub(crate) lock_deadline: Duration,
    pub(crate) queue_grace: Duration,
    pub(crate) log_cap: u64,
    pub(crate) platform: Platform,
}

impl StoreOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what is kept whenever a job finishes. Default: [`Retention::new`].
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Sets how long a writer waits for another one. Default: 10 s, where a write takes milliseconds.
    #[must_use]
    pub fn lock_deadline(mut self, deadline: Duration) -> Self {
        self.lock_deadline = deadline;
        self
    }

    /// Sets how long a queued job may be without an owner that is known to live. Default: 30 s.
    #[must_use]
    pub fn queue_grace(mut self, grace: Duration) -> Self {
        self.queue_grace = grace;
        self
    }

    /// Sets the size in bytes at which a log is rotated; one older part is kept. Default: 8 MiB.
    #[must_use]
    pub fn log_cap(mut self, bytes: u64) -> Self {
        self.log_cap = bytes;
        self
    }

    /// Replaces parts of the system.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = platform;
        self
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            retention: Retention::default(),
            lock_deadline: Duration::from_secs(10),
            queue_grace: Duration::from_secs(30),
            log_cap: 8 * 1024 * 1024,
            platform: Platform::default(),
        }
    }
}

/// Which jobs are meant. The default is all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    session: Option<String>,
    active: Option<bool>,
    job_class: Option<String>,
    limit: Option<usize>,
}

impl Filter {
    /// All jobs.
    pub fn all() -> Self {
        Filter::default()
    }

    /// Only jobs of this session.
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.session = Some(id.into());
        self
    }

    /// Only active (`true`) or only finished (`false`) jobs.
    pub fn active(mut self, active: bool) -> Self {
        self.active = Some(active);
        self
    }

    /// Only jobs of this class.
    pub fn job_class(mut self, class: impl Into<String>) -> Self {
        self.job_class = Some(class.into());
        self
    }

    /// At most this many, the newest.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    pub(crate) fn matches(&self, job: &Job) -> bool {
        self.session.as_deref().is_none_or(|session| job.session_id.as_deref() == Some(session))
            && self.active.is_none_or(|active| job.is_active() == active)
            && self.job_class.as_deref().is_none_or(|class| job.job_class == class)
    }

    pub(crate) fn choose(&self, view: &View) -> Vec<Job> {
        let jobs = view.newest_first().into_iter().filter(|job| self.matches(job));
        jobs.take(self.limit.unwrap_or(usize::MAX)).cloned().collect()
    }
}
