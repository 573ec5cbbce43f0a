//! Codex as the reviewer: a read-only turn on an ephemeral thread, which is not a job.

use std::time::Duration;

use codex_gate::{FailureKind, NotReviewed, Prompt, Reply, Reviewer, async_trait};
use codex_rpc::client::TurnLimits;
use codex_rpc::protocol::error::CodexErrorKind;
use tokio::sync::Mutex;

use crate::codex::{self, Codex, FinishedTurn, TurnInput, TurnRequest};
use crate::{Error, Kind, NoProgress, Result, RunObserver, Stop, StopHandle, StopReason};

/// How long an interrupted turn may take to end; a host that stops its hook kills it soon after.
const GRACE: Duration = Duration::from_millis(700);

/// Codex as the reviewer of a gate. The turn is read-only, on an ephemeral thread, and is not a job.
pub struct CodexReviewer<'a> {
    codex: Box<dyn Fn() -> Result<Codex> + Send + Sync + 'a>,
    model: Option<String>,
    effort: Option<String>,
    limits: TurnLimits,
    observer: Mutex<Box<dyn RunObserver + 'a>>,
    handle: StopHandle,
    stop: Stop,
}

impl<'a> CodexReviewer<'a> {
    /// A reviewer that asks the Codex that `codex` returns. It is called when a review is needed, so that a missing Codex is no
    /// failure of a gate that needs none.
    pub fn new(
        codex: impl Fn() -> Result<Codex> + Send + Sync + 'a,
        (handle, stop): (&StopHandle, &Stop),
    ) -> Self {
        Self {
            codex: Box::new(codex),
            model: None,
            effort: None,
            limits: TurnLimits::default(),
            observer: Mutex::new(Box::new(NoProgress)),
            handle: handle.clone(),
            stop: stop.clone(),
        }
    }

    /// Sets the model. Default: Codex's own.
    #[must_use]
    pub fn model(mut self, model: Option<String>) -> Self {
        self.model = model;
        self
    }

    /// Sets the reasoning effort. Default: Codex's own.
    #[must_use]
    pub fn effort(mut self, effort: Option<String>) -> Self {
        self.effort = effort;
        self
    }

    /// Sets the limits of the turn. The total limit is that of the gate.
    #[must_use]
    pub fn limits(mut self, limits: TurnLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what receives the progress. Default: it is ignored.
    #[must_use]
    pub fn observer(mut self, observer: impl RunObserver + 'a) -> Self {
        self.observer = Mutex::new(Box::new(observer));
        self
    }
}

#[async_trait]
impl Reviewer for CodexReviewer<'_> {
    fn name(&self) -> String {
        let or_default = |name: &Option<String>| name.clone().unwrap_or_else(|| "default".to_owned());
        format!("codex, model {}, effort {}", or_default(&self.model), or_default(&self.effort))
    }

    async fn review(&self, prompt: &Prompt, limit: Duration) -> std::result::Result<Reply, NotReviewed> {
        let codex = (self.codex)().map_err(|error| not_reviewed(&error))?;
        let mut turn =
            TurnRequest::new(TurnInput::Prompt { text: prompt.text().to_owned(), output_schema: None });
        turn.model.clone_from(&self.model);
        turn.effort.clone_from(&self.effort);
        turn.limits = self.limits.total(limit);

        let mut observer = self.observer.lock().await;
        let (mut stop, mut stopping) = (self.stop.clone(), self.stop.clone());
        let running = codex::run(&codex, &turn, &mut **observer, &mut stop);
        tokio::pin!(running);
        let ended = tokio::select! {
            finished = &mut running => Ok(finished),
            () = tokio::time::sleep(limit) => Err(FailureKind::TimedOut),
            _ = stopping.stopped() => Err(FailureKind::Cancelled),
        };
        match ended {
            Ok(finished) => reply(&finished.map_err(|error| not_reviewed(&error))?, limit),
            Err(kind) => {
                if kind == FailureKind::TimedOut {
                    self.handle.stop(StopReason::Interrupt);
                }
                // The turn is interrupted; what remains of Codex ends with the runtime.
                let _ = tokio::time::timeout(GRACE, &mut running).await;
                Err(stopped(kind, limit))
            }
        }
    }
}

/// The answer of a turn that ended.
fn reply(finished: &FinishedTurn, limit: Duration) -> std::result::Result<Reply, NotReviewed> {
    let Some(answer) = finished.outcome.answer() else {
        let error = finished.error().unwrap_or_else(|| Error::new(Kind::TurnFailed, "Codex gave no answer"));
        let limited = finished.outcome.http_status() == Some(429) || usage_limit(finished);
        return Err(match not_reviewed(&error) {
            NotReviewed { detail, .. } if limited => NotReviewed::new(FailureKind::Quota, detail),
            other if other.kind == FailureKind::TimedOut => stopped(FailureKind::TimedOut, limit),
            other => other,
        });
    };
    let mut reply = Reply::new(answer);
    let usage = finished.outcome.usage.as_ref();
    reply.tokens = usage.and_then(|usage| u64::try_from(usage.total.total_tokens).ok());
    Ok(reply)
}

/// Whether Codex reports that the account's allowance is used up.
fn usage_limit(finished: &FinishedTurn) -> bool {
    let kinds = finished.outcome.errors.iter().filter_map(|error| error.codex_error_info.as_ref());
    kinds.into_iter().any(|info| info.kind == CodexErrorKind::UsageLimitExceeded)
}

/// Another reviewer, which is dropped when the run is to stop.
#[derive(Debug)]
pub struct UntilStopped<R> {
    reviewer: R,
    stop: Stop,
}

impl<R: Reviewer> UntilStopped<R> {
    /// The reviewer, until the run is to stop.
    pub fn new(reviewer: R, stop: &Stop) -> Self {
        Self { reviewer, stop: stop.clone() }
    }
}

#[async_trait]
impl<R: Reviewer> Reviewer for UntilStopped<R> {
    fn name(&self) -> String {
        self.reviewer.name()
    }

    async fn review(&self, prompt: &Prompt, limit: Duration) -> std::result::Result<Reply, NotReviewed> {
        let mut stop = self.stop.clone();
        tokio::select! {
            reply = self.reviewer.review(prompt, limit) => reply,
            _ = stop.stopped() => Err(stopped(FailureKind::Cancelled, limit)),
        }
    }
}

/// The failure of a review that was stopped.
pub(super) fn stopped(kind: FailureKind, limit: Duration) -> NotReviewed {
    let detail = match kind {
        FailureKind::TimedOut => {
            format!("no verdict after {limit:.0?}; the setting gate_timeout_ms allows more")
        }
        _ => String::new(),
    };
    NotReviewed::new(kind, detail)
}

/// An error of this crate as a failure to review.
#[must_use]
pub fn not_reviewed(error: &Error) -> NotReviewed {
    let kind = match error.kind() {
        Kind::CodexMissing | Kind::CodexTooOld => FailureKind::ReviewerMissing,
        Kind::NotSignedIn => FailureKind::NotSignedIn,
        Kind::TimedOut => FailureKind::TimedOut,
        Kind::Interrupted | Kind::Terminated => FailureKind::Cancelled,
        _ => FailureKind::Failed,
    };
    let mut detail = error.to_string();
    for cause in error.causes() {
        detail.push_str(": ");
        detail.push_str(&cause);
    }
    if let Some(hint) = error.hint() {
        detail.push_str("; ");
        detail.push_str(hint);
    }
    NotReviewed::new(kind, detail)
}
