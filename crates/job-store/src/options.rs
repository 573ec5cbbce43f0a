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
#[non_exhaustive]
pub struct Platform {
    /// Default: [`Disk`].
    pub storage: Arc<dyn Storage>,
    /// Default: [`SystemClock`].
    pub clock: Arc<dyn Clock>,
    /// Default: [`OsLocks`].
    pub locks: Arc<dyn Locks>,
    /// Default: [`OsProcesses`].
    pub processes: Arc<dyn Processes>,
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

/// How many finished jobs are kept. Active jobs are kept whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// How many finished jobs are kept: those that finished last. Default: 50.
    pub count: usize,
    /// Finished jobs older than this go as well. Default: `None`, at any age.
    pub age: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { count: 50, age: None }
    }
}

impl Retention {
    /// Keeps this many finished jobs.
    pub fn count(count: usize) -> Self {
        Retention { count, ..Retention::default() }
    }

    /// Also drops finished jobs older than this.
    pub fn age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }
}

/// What has defaults when a store is opened; set the fields as needed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreOptions {
    /// What is kept whenever a job finishes.
    pub retention: Retention,
    /// How long a writer waits for another one. Default: 10 s, where a write takes milliseconds.
    pub lock_deadline: Duration,
    /// How long a queued job may be without a living owner that could be told. Default: 30 s.
    pub queue_grace: Duration,
    /// The size in bytes at which a log is rotated; one older part is kept. Default: 8 MiB.
    pub log_cap: u64,
    /// The system.
    pub platform: Platform,
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

/// Which jobs a list has. The default is all of them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Filter {
    /// Only jobs of this session.
    pub session: Option<String>,
    /// Only active (`true`) or only finished (`false`) jobs.
    pub active: Option<bool>,
    /// Only jobs of this class.
    pub job_class: Option<String>,
    /// At most this many, the newest.
    pub limit: Option<usize>,
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

    fn matches(&self, job: &Job) -> bool {
        self.session.as_deref().is_none_or(|session| job.session_id.as_deref() == Some(session))
            && self.active.is_none_or(|active| job.is_active() == active)
            && self.job_class.as_deref().is_none_or(|class| job.job_class == class)
    }

    pub(crate) fn choose(&self, view: &View) -> Vec<Job> {
        let jobs = view.newest_first().into_iter().filter(|job| self.matches(job));
        jobs.take(self.limit.unwrap_or(usize::MAX)).cloned().collect()
    }
}
