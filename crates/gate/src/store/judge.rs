//! A request from its first check to its decision.

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{FileStore, StoreError, Work};
use crate::decide::is_first_attempt;
use crate::trace::{debug, info};
use crate::{
    BeforeReview, Decision, DecisionKind, FailureKind, GateRequest, GateState, NotReviewed, Now,
    PendingReview, Policy, Prompt, Report, ReviewMaterial, Reviewed, Reviewer, SkipReason, TurnPosition,
    decide_after, decide_before, decide_failed, decide_without_state,
};

/// How long after its limit a reviewer may take to end by itself before its future is dropped.
const GRACE: Duration = Duration::from_secs(2);

/// A gate with its state in files. One value can answer any number of requests.
///
/// [`Gate::judge`] reads the state, takes a snapshot of the work, applies the rules, asks the reviewer if they demand it,
/// stores what the next request must know, and appends the decision to the log.
#[derive(Debug, Clone)]
pub struct Gate {
    store: FileStore,
    policy: Policy,
    host_timeout: Option<Duration>,
    event: String,
    clock: fn() -> Now,
}

/// The result of [`Gate::judge`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "report the decision to the host"]
pub struct Judgement {
    /// The decision.
    pub decision: Decision,
    /// What else the user should know, one line each: a corrupt state was moved aside, the state could not be written.
    pub notices: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Gate {
    /// A gate with its state in `store`.
    #[must_use]
    pub fn new(store: FileStore, policy: Policy) -> Self {
        Self { store, policy, host_timeout: None, event: "gate".to_owned(), clock: system_clock }
    }

    /// Sets when the host ends the caller. Default: never. See [`Policy::deadline`].
    #[must_use]
    pub fn host_timeout(mut self, timeout: Duration) -> Self {
        self.host_timeout = Some(timeout);
        self
    }

    /// Sets the name of the host's event, for the log. Default "gate".
    #[must_use]
    pub fn event(mut self, event: impl Into<String>) -> Self {
        self.event = event.into();
        self
    }

    /// Sets the clock.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn clock(mut self, clock: fn() -> Now) -> Self {
        self.clock = clock;
        self
    }

    /// The store, for events that need no decision: [`GateState::session_began`], [`GateState::turn_began`],
    /// [`GateState::session_ended`].
    #[must_use]
    pub fn store(&self) -> &FileStore {
        &self.store
    }

    /// Decides whether the work may pass. Always returns a decision, and at the latest shortly after [`Policy::deadline`].
    /// [`GateRequest::tree`] and [`GateRequest::reviewer`] are set by this function.
    ///
    /// Needs a tokio runtime with time. A state that cannot be used is a failure to review, by the policy; only requests
    /// without turns ([`TurnPosition::Single`]) are reviewed nevertheless, because they depend on no earlier one.
    ///
    /// # Cancel safety
    /// When the future is dropped, the review that was started stays counted, and there is no decision.
    pub async fn judge(
        &self,
        request: GateRequest,
        work: &mut dyn Work,
        reviewer: &dyn Reviewer,
    ) -> Judgement {
        let mut run = Run::new(self, request.reviewer(reviewer.name()));
        let decision = if self.policy.enabled {
            run.decide(work, reviewer).await
        } else {
            Decision::skipped(SkipReason::Off)
        };
        run.finish(decision)
    }

    /// Decides when something failed before there was any work to judge: the host's input or the settings cannot be read.
    /// Blocks for as long as the state's lock is held by another process.
    pub fn fail(&self, request: GateRequest, failure: NotReviewed) -> Judgement {
        let mut run = Run::new(self, request);
        let decision =
            if self.policy.enabled { run.fail(failure) } else { Decision::skipped(SkipReason::Off) };
        run.finish(decision)
    }
}

fn system_clock() -> Now {
    Now::from(SystemTime::now())
}

/// One request on its way.
struct Run<'a> {
    gate: &'a Gate,
    request: GateRequest,
    began: Instant,
    limit: Duration,
    notices: Vec<String>,
}

/// A line of the log.
#[derive(Serialize)]
struct LogLine<'a> {
    /// Milliseconds since 1970.
    at: u64,
    event: &'a str,
    session: &'a str,
    ms: u64,
    notices: &'a [String],
    #[serde(flatten)]
    report: Report<'a>,
}

impl<'a> Run<'a> {
    fn new(gate: &'a Gate, request: GateRequest) -> Self {
        let limit = gate.policy.deadline(gate.host_timeout);
        Self { gate, request, began: Instant::now(), limit, notices: Vec::new() }
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.began.elapsed())
    }

    async fn decide(&mut self, work: &mut dyn Work, reviewer: &dyn Reviewer) -> Decision {
        let state = match self.state().await {
            Ok(state) => state,
            Err(error) if self.is_independent() => {
                self.notices.push(chain(&error));
                GateState::default()
            }
            Err(error) => return self.without_state((&error).into()),
        };
        match self.in_time(work.snapshot(&state)).await {
            Ok(Some(tree)) => self.request.tree = Some(tree),
            Ok(None) if self.is_independent() => return Decision::skipped(SkipReason::NothingToReview),
            Ok(None) => return Decision::skipped(SkipReason::Unchanged),
            Err(failure) => return self.fail(failure),
        }
        let pending = match self.before().await {
            BeforeReview::Decided(decision) => return decision,
            BeforeReview::Review(pending) => pending,
        };
        let reviewed = self.review(&pending, work, reviewer).await.into();
        self.after(pending, reviewed).await
    }

    /// The state as it is now; a corrupt one is moved aside, and what it knew of this turn is lost.
    async fn state(&mut self) -> Result<GateState, StoreError> {
        match self.gate.store.read() {
            Some(state) => Ok(state),
            None => self.update(|state| (state.clone(), state)).await,
        }
    }

    async fn before(&mut self) -> BeforeReview {
        let (request, policy, now) = (self.request.clone(), self.gate.policy.clone(), (self.gate.clock)());
        let decided = self.update(move |state| decide_before(&request, state, &policy, now)).await;
        decided.unwrap_or_else(|error| {
            let (request, policy) = (&self.request, &self.gate.policy);
            if self.is_independent() {
                let decided = decide_before(request, GateState::default(), policy, now).0;
                self.notices.push(chain(&error));
                return decided;
            }
            BeforeReview::Decided(self.without_state((&error).into()))
        })
    }

    async fn review(
        &self,
        pending: &PendingReview,
        work: &mut dyn Work,
        reviewer: &dyn Reviewer,
    ) -> Result<crate::Reply, NotReviewed> {
        let changes = self.in_time(work.changes()).await?;
        let material = ReviewMaterial::new(&changes.target)
            .last_message(self.request.last_message.as_deref())
            .changes(changes.text.as_deref())
            .open(pending.open());
        let prompt = Prompt::build(self.gate.policy.scope, &material);
        let limit = self.left();
        debug!(
            reviewer = %self.request.reviewer,
            bytes = prompt.text().len(),
            limit_ms = limit.as_millis(),
            "asking the reviewer"
        );
        let reply = timeout(limit + GRACE, reviewer.review(&prompt, limit)).await;
        let reply = reply.unwrap_or_else(|_| Err(self.timed_out()));
        debug!(
            reviewer = %self.request.reviewer,
            answered = reply.is_ok(),
            elapsed_ms = self.began.elapsed().as_millis(),
            "the reviewer ended"
        );
        reply
    }

    async fn after(&mut self, pending: PendingReview, reviewed: Reviewed) -> Decision {
        let (policy, now) = (self.gate.policy.clone(), (self.gate.clock)());
        let (again, result) = (pending.clone(), reviewed.clone());
        let decided = self.update(move |state| decide_after(&pending, reviewed, state, &policy, now)).await;
        decided.unwrap_or_else(|error| {
            let decision = decide_after(&again, result, GateState::default(), &self.gate.policy, now).0;
            // A block that cannot be counted could come again and again.
            if decision.blocks() && !is_first_attempt(&self.request.turn) {
                return self.without_state((&error).into());
            }
            self.notices.push(chain(&error));
            decision
        })
    }

    fn fail(&mut self, failure: NotReviewed) -> Decision {
        let (request, policy, now) = (&self.request, &self.gate.policy, (self.gate.clock)());
        let decided =
            self.gate.store.update(|state| decide_failed(request, failure.clone(), state, policy, now));
        match decided {
            Ok(updated) => {
                self.notices.extend(updated.moved_aside.map(|moved| moved.to_string()));
                updated.value
            }
            Err(error) => {
                self.notices.push(chain(&error));
                self.without_state(failure)
            }
        }
    }

    fn without_state(&self, failure: NotReviewed) -> Decision {
        decide_without_state(&self.request, failure, &self.gate.policy)
    }

    /// Whether the request depends on no earlier one: it has no rounds and no failures to lose count of.
    fn is_independent(&self) -> bool {
        self.request.turn == TurnPosition::Single
    }

    /// Changes the state on a thread where that may block.
    async fn update<T: Send + 'static>(
        &mut self,
        change: impl FnOnce(GateState) -> (T, GateState) + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.gate.store.clone();
        let updated = match spawn_blocking(move || store.update(change)).await {
            Ok(updated) => updated?,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending.
                Err(ended) => return Err(StoreError::ended(self.gate.store.directory(), ended.into())),
            },
        };
        self.notices.extend(updated.moved_aside.map(|moved| moved.to_string()));
        Ok(updated.value)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, NotReviewed>>) -> Result<T, NotReviewed> {
        timeout(self.left(), work).await.unwrap_or_else(|_| Err(self.timed_out()))
    }

    fn timed_out(&self) -> NotReviewed {
        NotReviewed::new(FailureKind::TimedOut, format!("no answer after {:.0?}", self.limit))
    }

    fn finish(self, decision: Decision) -> Judgement {
        let elapsed = self.began.elapsed();
        let report = decision.report();
        info!(
            session = %self.request.session,
            outcome = report.outcome,
            blocks = report.blocks,
            elapsed_ms = elapsed.as_millis(),
            "the gate decided"
        );
        if !matches!(decision.kind, DecisionKind::Skipped(SkipReason::Off)) {
            self.gate.store.log(&LogLine {
                at: (self.gate.clock)().unix_ms,
                event: &self.gate.event,
                session: &self.request.session,
                ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                notices: &self.notices,
                report,
            });
        }
        Judgement { decision, notices: self.notices, elapsed }
    }
}

/// An error and its causes, in one line.
fn chain(error: &StoreError) -> String {
    NotReviewed::from(error).detail
}
