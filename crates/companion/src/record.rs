//! A run that is recorded as a job while it happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use codex_job_store::codex::CodexFields;
use codex_job_store::{JobOutcome, JobUpdate, Lease, LogWriter, NewJob};
use codex_review::render::Format;

use crate::Companion;
use crate::error::{Error, Kind, Result};
use crate::observer::RunObserver;
use crate::prepare::Prepared;
use crate::report::{error_document, error_line};
use crate::request::What;
use crate::run::Completed;
use crate::stop::{Stop, StopHandle, StopReason};

/// How often a running job is checked for a cancel request.
const CANCEL_CHECK: Duration = Duration::from_millis(250);
/// The shortest time between two phases in the record.
const UPDATE_EVERY: Duration = Duration::from_millis(200);
/// The shortest time between two activities of the same phase in the log.
const ACTIVITY_EVERY: Duration = Duration::from_millis(200);

/// Records a run: its phases, its log and its end go into the job, and everything is passed on to an observer.
#[derive(Debug)]
pub struct Recorder<O> {
    job: Option<RecordedJob>,
    observer: O,
    exit_codes: Option<fn(Kind) -> u8>,
}

#[derive(Debug)]
struct RecordedJob {
    lease: Arc<Lease>,
    log: Option<LogWriter>,
    last_activity: Option<Instant>,
    /// A phase that is not in the record yet: each write is a sync, and a quick run has many phases.
    pending: Option<String>,
    last_update: Instant,
}

impl<O: RunObserver> Recorder<O> {
    /// Creates a job for a run in this process. Without a usable state directory the run is not recorded, and the observer
    /// gets a note.
    pub fn create(companion: &Companion, prepared: &Prepared, mut observer: O) -> Self {
        let job = companion.jobs(&prepared.request.cwd).and_then(|jobs| {
            let new = new_job(prepared, jobs.session().map(str::to_owned))?;
            let job = jobs.store().create(new)?;
            let lease = jobs.store().lease(&job.id)?;
            for notice in jobs.take_notices() {
                observer.note(&notice.message);
            }
            Ok(RecordedJob::new(lease))
        });
        let job = match job {
            Ok(job) => Some(job),
            Err(error) => {
                let causes = error.causes().join(": ");
                observer.note(&format!("this run is not recorded: {error} {causes}"));
                None
            }
        };
        Self { job, observer, exit_codes: companion.exit_codes }
    }

    /// Records into a job whose lease the caller holds.
    pub(crate) fn leased(companion: &Companion, lease: Lease, observer: O) -> Self {
        let job = Some(RecordedJob::new(lease));
        Self { job, observer, exit_codes: companion.exit_codes }
    }

    /// The id of the job; `None` when the run is not recorded.
    #[must_use]
    pub fn job_id(&self) -> Option<String> {
        self.job.as_ref().map(|job| job.lease.id().to_string())
    }

    /// Runs a request to its end and records it. A cancel request stops the run.
    ///
    /// # Errors
    /// As [`Prepared::run`]; and when the job was cancelled, whatever else happened: the record says so.
    pub async fn run(
        &mut self,
        prepared: Prepared,
        stop: &mut Stop,
        handle: &StopHandle,
    ) -> Result<Completed> {
        let job_id = self.job_id();
        let completed = {
            let _watching = self.watch_cancel(handle.clone());
            prepared.run(job_id.as_deref(), self, stop).await
        };
        self.end(&completed);
        match self.cancelled() {
            Some(cancelled) => Err(cancelled),
            None => completed,
        }
    }

    /// Stops the run when a cancel of the job is requested.
    fn watch_cancel(&self, handle: StopHandle) -> AbortOnDrop {
        AbortOnDrop(self.job.as_ref().map(|job| {
            let lease = Arc::clone(&job.lease);
            tokio::spawn(async move {
                let mut tick = tokio::time::interval(CANCEL_CHECK);
                loop {
                    tick.tick().await;
                    if lease.cancel_requested() {
                        return handle.stop(StopReason::Interrupt);
                    }
                }
            })
        }))
    }

    /// Whether the job's end is a cancel.
    fn cancelled(&self) -> Option<Error> {
        let requested = self.job.as_ref()?.lease.record().job.cancel_requested_at.is_some();
        requested.then(|| Error::new(Kind::Interrupted, "the job was cancelled"))
    }

    /// Records the end of the run. A store that fails now is reported to the observer: the result exists all the same.
    pub(crate) fn end(&mut self, completed: &Result<Completed>) {
        let Some(job) = &self.job else { return };
        // The caller of a cancel may also have ended this process's turn by a signal; the cancel is the reason.
        let requested = completed.is_err() && job.lease.cancel_requested();
        let outcome = match completed {
            _ if requested => self.cancelled_outcome(),
            Ok(done) => self.outcome(done),
            Err(error) => self.failed_outcome(error),
        };
        if let Some(log) = &job.log {
            let (title, body) = match completed {
                Ok(done) => ("Final output", done.report.render(Format::Text)),
                Err(_) if requested => ("Ended", "cancelled".to_owned()),
                Err(error) => ("Ended", error.to_string()),
            };
            let _ = log.block(title, &body);
        }
        // Retried once: the lease is still held, and the result is worth it.
        let recorded = job.lease.finish(&outcome).or_else(|_| job.lease.finish(&outcome));
        if let Err(error) = recorded {
            self.note(&format!("the job's end could not be recorded: {}", Error::from(error)));
        }
    }

    fn exit_code(&self, error: Option<Kind>) -> Option<i32> {
        let of = self.exit_codes?;
        Some(error.map_or(0, |kind| i32::from(of(kind))))
    }

    fn cancelled_outcome(&self) -> JobOutcome {
        let mut outcome = JobOutcome::cancelled();
        outcome.exit_code = self.exit_code(Some(Kind::Interrupted));
        outcome
    }

    fn outcome(&self, done: &Completed) -> JobOutcome {
        let mut outcome = match &done.error {
            None => JobOutcome::completed(),
            // Another process interrupted the turn.
            Some(error) if error.kind() == Kind::Interrupted => JobOutcome::cancelled(),
            Some(error) => JobOutcome::failed(error_line(error, 2000)),
        };
        outcome.exit_code = self.exit_code(done.error.as_ref().map(Error::kind));
        let mut codex = CodexFields::new().thread_id(&done.turn.thread_id);
        codex.turn_id = done.turn.outcome.turn_id.as_ref().map(ToString::to_string);
        outcome = outcome.extension(&codex).expect("none of these fields is the store's own");
        let summary = done.report.summary();
        if !summary.is_empty() {
            outcome = outcome.summary(summary);
        }
        outcome = outcome.rendered(done.report.render(Format::Text));
        let fallback = outcome.clone();
        outcome.result(&done.report.to_stored()).unwrap_or(fallback)
    }

    fn failed_outcome(&self, error: &Error) -> JobOutcome {
        let mut outcome = match error.kind() {
            Kind::Interrupted => JobOutcome::cancelled(),
            _ => JobOutcome::failed(error_line(error, 2000)),
        };
        outcome.exit_code = self.exit_code(Some(error.kind()));
        // What `--json` would have printed.
        let fallback = outcome.clone();
        outcome.result(&error_document(error)).unwrap_or(fallback)
    }
}

/// Ends a task when it is dropped.
#[derive(Debug)]
struct AbortOnDrop(Option<tokio::task::JoinHandle<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// A job for a prepared request.
pub(crate) fn new_job(prepared: &Prepared, session: Option<String>) -> Result<NewJob> {
    let request = &prepared.request;
    let (class, title, write) = match &request.what {
        What::Review { .. } => ("review", "Codex Review", false),
        What::AdversarialReview { .. } => ("review", "Codex Adversarial Review", false),
        What::Task { write, .. } => ("task", "Codex Task", *write),
    };
    let mut new = NewJob::new(request.kind(), class, title);
    new.summary.clone_from(&prepared.summary);
    new.session_id = session;
    let mut codex = CodexFields::new().kind_label(request.kind()).write(write);
    codex.model.clone_from(&prepared.settings.model);
    codex.effort.clone_from(&prepared.settings.effort);
    Ok(new.extension(&codex)?.request(request)?)
}

impl RecordedJob {
    fn new(lease: Lease) -> Self {
        let log = lease.log_writer().ok();
        Self { lease: Arc::new(lease), log, last_activity: None, pending: None, last_update: Instant::now() }
    }

    /// Writes a pending phase, once the last write is long enough ago.
    fn flush(&mut self) {
        if self.last_update.elapsed() >= UPDATE_EVERY
            && let Some(phase) = self.pending.take()
        {
            self.update(&JobUpdate::new().phase(phase));
        }
    }

    fn log(&self, text: &str) {
        if let Some(log) = &self.log {
            // The log is for people; a full disk shows in the record.
            let _ = log.line(text);
        }
    }

    fn update(&mut self, update: &JobUpdate) {
        self.last_update = Instant::now();
        if let Err(error) = self.lease.update(update) {
            self.log(&format!("the job could not be updated: {error}"));
        }
    }
}

impl<O: RunObserver> RunObserver for Recorder<O> {
    fn phase(&mut self, phase: &str) {
        self.observer.phase(phase);
        if let Some(job) = &mut self.job {
            job.log(phase);
            job.last_activity = None;
            job.pending = Some(phase.to_owned());
            job.flush();
        }
    }

    fn activity(&mut self, what: &str, ended: bool) {
        self.observer.activity(what, ended);
        if let Some(job) = &mut self.job {
            // Many small items must not become many writes.
            let now = Instant::now();
            if job.last_activity.is_none_or(|last| now - last >= ACTIVITY_EVERY) {
                job.last_activity = Some(now);
                job.log(&if ended { format!("done: {what}") } else { what.to_owned() });
            }
        }
    }

    fn note(&mut self, note: &str) {
        self.observer.note(note);
        if let Some(job) = &self.job {
            job.log(note);
        }
    }

    fn started(&mut self, thread: &str, turn: &str) {
        self.observer.started(thread, turn);
        if let Some(job) = &mut self.job {
            job.log(&format!("thread {thread}, turn {turn}"));
            let codex = CodexFields::new().thread_id(thread).turn_id(turn);
            let mut update =
                JobUpdate::new().extension(&codex).expect("none of these fields is the store's own");
            update.phase = job.pending.take();
            job.update(&update);
        }
    }

    fn tick(&mut self) {
        if let Some(job) = &mut self.job {
            job.flush();
        }
        self.observer.tick();
    }

    fn finish(&mut self) {
        self.observer.finish();
    }
}
