//! Waiting for jobs. Terminal, slash commands and the MCP server all use this.

use std::time::{Duration, Instant};

use codex_job_store::{Job, JobId, Store};

use crate::error::Result;

/// How long one wait is when there is something to check in between. The end of a job ends it early.
const SLICE: Duration = Duration::from_millis(250);

/// How following jobs ended.
#[derive(Clone, Debug)]
pub enum Followed {
    /// All have ended.
    Ended(Vec<Job>),
    /// The time is over, and at least one is still active.
    StillRunning(Vec<Job>),
    /// The caller cancelled the wait. The jobs continue.
    Cancelled,
}

/// Follows jobs until they end.
#[derive(Debug)]
#[must_use = "nothing is followed before `wait` is called"]
pub struct Follow<'a> {
    store: &'a Store,
    ids: &'a [JobId],
    limit: Duration,
}

impl<'a> Follow<'a> {
    /// Follows these jobs without a limit.
    pub fn new(store: &'a Store, ids: &'a [JobId]) -> Self {
        Self { store, ids, limit: Duration::MAX }
    }

    /// Limits the wait.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Blocks until all jobs have ended or the time is over.
    ///
    /// # Errors
    /// When a job is unknown, or the store cannot be read.
    pub fn wait(self) -> Result<Followed> {
        Ok(outcome(self.store.wait(self.ids, self.limit)?))
    }

    /// As [`wait`](Self::wait). Every 250 ms `cancelled` is asked whether to end the wait, and `progress` gets the jobs as they are.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_while(
        self,
        cancelled: impl Fn() -> bool,
        mut progress: impl FnMut(&[Job]),
    ) -> Result<Followed> {
        let begun = Instant::now();
        loop {
            if cancelled() {
                return Ok(Followed::Cancelled);
            }
            let left = self.limit.saturating_sub(begun.elapsed());
            let jobs = self.store.wait(self.ids, left.min(SLICE))?;
            if left.is_zero() || !jobs.iter().any(Job::is_active) {
                return Ok(outcome(jobs));
            }
            progress(&jobs);
        }
    }
}

fn outcome(jobs: Vec<Job>) -> Followed {
    if jobs.iter().any(Job::is_active) { Followed::StillRunning(jobs) } else { Followed::Ended(jobs) }
}
