//! What a gate with Codex and git reviews.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codex_gate::{Changes, FailureKind, GateState, NotReviewed, TreeSnapshot, Work, async_trait};
use codex_review_target::{CancelToken, Error, ErrorKind, FingerprintOptions, Target, fingerprint};

use super::reviewer::stopped;
use super::tree;
use crate::Stop;

/// When the reading of a work tree ends at the latest: at the deadline, or when the run is to stop.
#[derive(Debug)]
pub struct Deadline {
    limit: Duration,
    at: Instant,
    stop: Stop,
}

/// Ends the work on another thread when no task waits for its result any longer.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Deadline {
    /// A deadline that is `limit` away.
    #[must_use]
    pub fn new(limit: Duration, stop: &Stop) -> Self {
        Self { limit, at: Instant::now() + limit, stop: stop.clone() }
    }

    /// Runs `work`, which blocks, on a thread of its own.
    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&CancelToken) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, NotReviewed> {
        let cancel = CancelOnDrop(CancelToken::new());
        let theirs = cancel.0.clone();
        let done = tokio::task::spawn_blocking(move || work(&theirs));
        let kind = tokio::select! {
            done = done => return match done {
                Ok(done) => done.map_err(|error| unreadable(&error)),
                Err(_) => Err(NotReviewed::new(FailureKind::Failed, "a fault in codex-companion")),
            },
            () = tokio::time::sleep_until(self.at.into()) => FailureKind::TimedOut,
            _ = self.stop.stopped() => FailureKind::Cancelled,
        };
        Err(stopped(kind, self.limit))
    }

    async fn changes(&mut self, targets: &[Target]) -> Result<Changes, NotReviewed> {
        let targets = targets.to_vec();
        let (label, text) = self.run(move |cancel| tree::material(&targets, cancel)).await?;
        Ok(Changes::new(label).text(text))
    }
}

/// A work tree that cannot be read, as a failure to review.
fn unreadable(error: &Error) -> NotReviewed {
    let cancelled = error.kind() == ErrorKind::Cancelled;
    NotReviewed::new(if cancelled { FailureKind::Cancelled } else { FailureKind::Failed }, error.to_string())
}

/// What a turn, or else its session, changed in a work tree: what is not committed, and what was committed since.
#[derive(Debug)]
pub struct TurnWork {
    root: PathBuf,
    session: String,
    agent: Option<String>,
    deadline: Deadline,
    targets: Vec<Target>,
}

impl TurnWork {
    /// The work of a session, or of its sub-agent, in the work tree at `root`.
    #[must_use]
    pub fn new(root: &Path, session: &str, agent: Option<&str>, deadline: Deadline) -> Self {
        let (session, agent) = (session.to_owned(), agent.map(str::to_owned));
        Self { root: root.to_path_buf(), session, agent, deadline, targets: Vec::new() }
    }
}

#[async_trait]
impl Work for TurnWork {
    async fn snapshot(&mut self, state: &GateState) -> Result<Option<TreeSnapshot>, NotReviewed> {
        let (root, base) = (self.root.clone(), tree::base(state, &self.session, self.agent.as_deref()));
        let found = self.deadline.run(move |cancel| {
            let found = tree::status(&root, cancel)?;
            let snapshot = found.snapshot.clone();
            Ok((snapshot, found.changes(&base, cancel)?))
        });
        let (snapshot, targets) = found.await?;
        self.targets = targets.ok_or_else(|| {
            let detail = "the turn began before the first commit, and there are too many since";
            NotReviewed::new(FailureKind::Failed, detail)
        })?;
        Ok((!self.targets.is_empty()).then_some(snapshot))
    }

    async fn changes(&mut self) -> Result<Changes, NotReviewed> {
        self.deadline.changes(&self.targets).await
    }
}

/// Targets that the caller names. None is nothing to review.
#[derive(Debug)]
pub struct TargetWork {
    targets: Vec<Target>,
    deadline: Deadline,
}

impl TargetWork {
    /// These targets.
    #[must_use]
    pub fn new(targets: Vec<Target>, deadline: Deadline) -> Self {
        Self { targets, deadline }
    }
}

#[async_trait]
impl Work for TargetWork {
    async fn snapshot(&mut self, _state: &GateState) -> Result<Option<TreeSnapshot>, NotReviewed> {
        if self.targets.is_empty() {
            return Ok(None);
        }
        let targets = self.targets.clone();
        // Unlike the fingerprint of a turn, this one says that everything is in scope.
        let fingerprint = self.deadline.run(move |cancel| {
            let mut all = String::from("all");
            for target in &targets {
                let _ = write!(
                    all,
                    ":{}:{}",
                    target.mode(),
                    fingerprint(target, &FingerprintOptions::new().cancel(cancel.clone()))?
                );
            }
            Ok(all)
        });
        Ok(Some(TreeSnapshot::new(fingerprint.await?)))
    }

    async fn changes(&mut self) -> Result<Changes, NotReviewed> {
        self.deadline.changes(&self.targets).await
    }
}
