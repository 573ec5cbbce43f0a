//! Running a prepared request to its end. The foreground, a worker and the demo all use this.

mod review;
mod task;

use codex_rpc::client::TurnLimits;

use crate::codex::{self, FinishedTurn, TurnRequest};
use crate::error::{Error, Result};
use crate::observer::RunObserver;
use crate::prepare::Prepared;
use crate::report::Report;
use crate::request::What;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::trace::event;

/// What a request came to whose turn was started.
#[derive(Debug)]
#[non_exhaustive]
pub struct Completed {
    /// The report.
    pub report: Report,
    /// Why the report is not what was asked for.
    pub error: Option<Error>,
    /// The turn.
    pub turn: FinishedTurn,
}

impl Prepared {
    /// Runs the request to its end. Nothing is recorded: see [`Recorder`](crate::Recorder).
    ///
    /// Not cancel safe: to end a run early, stop it and wait.
    ///
    /// # Errors
    /// When no turn was started, or the run is to stop. A turn that failed is in [`Completed::error`].
    pub async fn run(
        self,
        job_id: Option<&str>,
        observer: &mut dyn RunObserver,
        stop: &mut Stop,
    ) -> Result<Completed> {
        let completed = self.run_turn(job_id, observer, stop).await;
        let failed = completed.as_ref().map_or_else(Some, |done| done.error.as_ref());
        let error = failed.map(|error| error.kind().as_str());
        trace_end(job_id, self.request.kind(), error);
        observer.finish();
        completed
    }

    async fn run_turn(
        &self,
        job_id: Option<&str>,
        observer: &mut dyn RunObserver,
        stop: &mut Stop,
    ) -> Result<Completed> {
        let (turn, mut report) = self.compose(observer, stop).await?;
        let turn = codex::run(&self.codex, &turn, observer, stop).await?;
        let error = match &mut report {
            Report::Task(report) => task::fill(report, &turn, &self.root, job_id),
            Report::Review(report) => {
                report.job_id = job_id.map(str::to_owned);
                let reader = review::reader(&self.root);
                review::fill(report, &turn, |text| match self.request.what {
                    What::Review { .. } => reader.read_native(text),
                    _ => reader.read_json(text),
                })
            }
        };
        Ok(Completed { report, error, turn })
    }

    /// What Codex is to do, and the report that its answer goes into.
    async fn compose(
        &self,
        observer: &mut dyn RunObserver,
        stop: &mut Stop,
    ) -> Result<(TurnRequest, Report)> {
        let (mut turn, report) = match (&self.request.what, &self.target) {
            (What::Review { .. }, Some(target)) => {
                self.note_moved_head(observer);
                review::native(target, observer, stop).await?
            }
            (What::AdversarialReview { focus, .. }, Some(target)) => {
                review::adversarial(target, focus, observer, stop).await?
            }
            (What::Task { prompt, write, approvals, thread }, _) => {
                let access = task::access(*write, *approvals, &self.settings, &self.root)?;
                task::compose(prompt, access, thread)
            }
            (What::Review { .. } | What::AdversarialReview { .. }, None) => {
                unreachable!("a prepared review has a target")
            }
        };
        turn.model.clone_from(&self.settings.model);
        turn.effort.clone_from(&self.settings.effort);
        turn.limits = turn_limits(&self.settings);
        Ok((turn, report))
    }

    /// Codex's own reviewer compares the base with what is checked out while it runs.
    fn note_moved_head(&self, observer: &mut dyn RunObserver) {
        let Some(pinned) = self.request.pinned.as_ref().filter(|_| self.restored) else { return };
        let moved = matches!(pinned.kind, codex_review_target::PinnedKind::Branch { .. })
            && review::head_now(&self.root).is_some_and(|head| !pinned.is_head(Some(head)));
        if moved {
            observer.note(
                "HEAD has moved since this review was requested; Codex reviews what is checked out now",
            );
        }
    }
}

#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "the event expands to nothing"))]
fn trace_end(job: Option<&str>, kind: &str, error: Option<&str>) {
    event!(INFO, job, kind, error, "run ended");
}

/// How long a turn may take.
#[must_use]
pub fn turn_limits(settings: &Settings) -> TurnLimits {
    TurnLimits::default().idle(settings.timeouts.idle).total(settings.timeouts.turn)
}
