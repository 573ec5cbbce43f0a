//! A run that is written down while it goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use codex_job_store::{JobUpdate, Lease, LogWriter, NewJob, Outcome, Store};
use codex_review::ErrorReport;
use serde_json::json;

use super::super::App;
use super::super::work::{Checked, Executed, Request, What};
use super::Jobs;
use crate::args::Format;
use crate::exit::{Exit, Failure, Kind};
use crate::progress::StderrProgress as Progress;
use crate::sanitize::one_line;
use codex_companion_core::{RunObserver, StopHandle, StopReason};

/// How often a running job is asked whether it has been cancelled.
const CANCEL_LOOK: Duration = Duration::from_millis(250);
/// The least time between two phases in the record.
const UPDATE_EVERY: Duration = Duration::from_millis(200);
/// The least time between two activities of the same phase in the log.
const ACTIVITY_EVERY: Duration = Duration::from_millis(200);

/// Writes a run into its job and shows it, as far as there is a job and somebody to show it to.
#[derive(Debug)]
pub(in crate::commands) struct Recorder {
    job: Option<Recorded>,
    shown: Option<Progress>,
}

#[derive(Debug)]
struct Recorded {
    store: Store,
    lease: Arc<Lease>,
    log: Option<LogWriter>,
    last_activity: Option<Instant>,
    /// A phase that is not in the record yet: each write is a sync, and a quick run has many phases.
    pending: Option<String>,
    last_update: Instant,
}

impl Recorder {
    /// A run in the foreground. Without a place for jobs it runs all the same, and says so.
    pub(in crate::commands) fn foreground(app: &App, request: &Request, checked: &Checked) -> Self {
        let shown = Some(app.progress());
        let job = Jobs::open(app).and_then(|jobs| {
            let new = new_job(request, checked, jobs.session.clone())?;
            let job = jobs.store.create(new)?;
            let lease = jobs.store.lease(&job.id)?;
            jobs.tell_notices(app);
            Ok(Recorded::new(jobs.store, lease))
        });
        match job {
            Ok(job) => Self { job: Some(job), shown },
            Err(failure) => {
                let causes = failure.causes().join(": ");
                app.note(&format!("this run is not recorded: {failure} {causes}"));
                Self { job: None, shown }
            }
        }
    }

    /// A run in a worker, whose job was taken.
    pub(super) fn worker(store: Store, lease: Lease) -> Self {
        Self { job: Some(Recorded::new(store, lease)), shown: None }
    }

    /// The job's id, if there is one.
    pub(in crate::commands) fn job_id(&self) -> Option<String> {
        self.job.as_ref().map(|job| job.lease.id().to_string())
    }

    /// What watches, while a turn runs, whether somebody cancels the job, and then asks for the end.
    pub(in crate::commands) fn canceller(&self) -> impl FnOnce(StopHandle) -> AbortOnDrop + use<> {
        let lease = self.job.as_ref().map(|job| Arc::clone(&job.lease));
        move |stop| {
            AbortOnDrop(lease.map(|lease| {
                tokio::spawn(async move {
                    let mut tick = tokio::time::interval(CANCEL_LOOK);
                    loop {
                        tick.tick().await;
                        if lease.cancel_requested() {
                            return stop.stop(StopReason::Interrupt);
                        }
                    }
                })
            }))
        }
    }

    /// Whether somebody cancelled the job: then that is why the run ended.
    pub(in crate::commands) fn cancelled(&self) -> Option<Failure> {
        let asked = self.job.as_ref()?.lease.record().job.cancel_requested_at.is_some();
        asked.then(|| Failure::new(Kind::Interrupted, "the job was cancelled"))
    }

    /// Writes down how the run ended. A store that fails now is told on stderr: the answer is there all the same.
    pub(in crate::commands) fn finish(&mut self, executed: &Result<Executed, Failure>) {
        let Some(job) = &self.job else { return };
        // Whoever cancelled it may have ended us by a signal; that is not why it ended.
        let asked = executed.is_err() && job.lease.cancel_requested();
        let outcome = if asked { cancelled() } else { outcome(executed) };
        if let Some(log) = &job.log {
            let (title, body) = match executed {
                Ok(done) => ("Final output", done.report.render(Format::Text)),
                Err(_) if asked => ("Ended", "cancelled".to_owned()),
                Err(failure) => ("Ended", failure.to_string()),
            };
            let _ = log.block(title, &body);
        }
        // Retried once: the lease is still ours, and what was done is worth it.
        let finished =
            job.store.finish(&job.lease, &outcome).or_else(|_| job.store.finish(&job.lease, &outcome));
        if let Err(error) = finished {
            self.note(&format!("the job's end could not be recorded: {}", Failure::from(error)));
        }
    }
}

/// The task of a canceller, ended with its run.
#[derive(Debug)]
pub(in crate::commands) struct AbortOnDrop(Option<tokio::task::JoinHandle<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// A job for a request.
pub(super) fn new_job(
    request: &Request,
    checked: &Checked,
    session: Option<String>,
) -> Result<NewJob, Failure> {
    let (class, label, title, write) = match &request.what {
        What::Review { .. } => ("review", "review", "Codex Review".to_owned(), false),
        What::AdversarialReview { .. } => {
            ("review", "adversarial-review", "Codex Adversarial Review".to_owned(), false)
        }
        What::Task { write, .. } => ("task", "task", "Codex Task".to_owned(), *write),
    };
    let mut new = NewJob::new(request.kind(), class, title);
    new.kind_label = Some(label.to_owned());
    new.summary.clone_from(&checked.summary);
    new.model.clone_from(&checked.settings.model);
    new.effort.clone_from(&checked.settings.effort);
    new.write = Some(write);
    new.session_id = session;
    new.with_request(request).map_err(Failure::from)
}

fn cancelled() -> Outcome {
    let mut outcome = Outcome::cancelled();
    outcome.exit_code = Some(Exit::Interrupted.code().into());
    outcome
}

fn outcome(executed: &Result<Executed, Failure>) -> Outcome {
    match executed {
        Ok(done) => {
            let mut outcome = match &done.failure {
                None => Outcome::completed(),
                // Somebody else interrupted its turn.
                Some(failure) if failure.kind() == Kind::Interrupted => Outcome::cancelled(),
                Some(failure) => Outcome::failed(words(failure)),
            };
            outcome.exit_code = Some(done.failure.as_ref().map_or(Exit::Done, Exit::from).code().into());
            outcome.thread_id = Some(done.ran.thread_id.clone());
            outcome.turn_id = done.ran.outcome.turn_id.as_ref().map(ToString::to_string);
            let summary = done.report.summary();
            if !summary.is_empty() {
                outcome = outcome.with_summary(summary);
            }
            outcome = outcome.with_rendered(done.report.render(Format::Text));
            let fallback = outcome.clone();
            outcome.with_result(&done.report.value()).unwrap_or(fallback)
        }
        Err(failure) => {
            let mut outcome = match failure.kind() {
                Kind::Interrupted => cancelled(),
                _ => Outcome::failed(words(failure)),
            };
            outcome.exit_code = Some(Exit::from(failure).code().into());
            // What `--json` would have said.
            let fallback = outcome.clone();
            outcome.with_result(&json!({ "error": ErrorReport::from(failure) })).unwrap_or(fallback)
        }
    }
}

/// A failure and its causes in one line.
fn words(failure: &Failure) -> String {
    let mut words = failure.to_string();
    for cause in failure.causes() {
        words.push_str(": ");
        words.push_str(&cause);
    }
    one_line(&words, 2000)
}

impl Recorded {
    fn new(store: Store, lease: Lease) -> Self {
        let log = store.log_writer(lease.id()).ok();
        Self {
            store,
            lease: Arc::new(lease),
            log,
            last_activity: None,
            pending: None,
            last_update: Instant::now(),
        }
    }

    /// Writes a phase that waits, once the last write is long enough ago.
    fn settle(&mut self) {
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
        if let Err(error) = self.store.update(&self.lease, update) {
            self.log(&format!("the job could not be updated: {error}"));
        }
    }
}

impl RunObserver for Recorder {
    fn phase(&mut self, phase: &str) {
        if let Some(shown) = &mut self.shown {
            RunObserver::phase(shown, phase);
        }
        if let Some(job) = &mut self.job {
            job.log(phase);
            job.last_activity = None;
            job.pending = Some(phase.to_owned());
            job.settle();
        }
    }

    fn activity(&mut self, what: &str, over: bool) {
        if let Some(shown) = &mut self.shown {
            RunObserver::activity(shown, what, over);
        }
        if let Some(job) = &mut self.job {
            // A flood of small items must not become a flood of writes.
            let now = Instant::now();
            if job.last_activity.is_none_or(|last| now - last >= ACTIVITY_EVERY) {
                job.last_activity = Some(now);
                job.log(&if over { format!("done: {what}") } else { what.to_owned() });
            }
        }
    }

    fn note(&mut self, note: &str) {
        if let Some(shown) = &mut self.shown {
            RunObserver::note(shown, note);
        }
        if let Some(job) = &self.job {
            job.log(note);
        }
    }

    fn started(&mut self, thread: &str, turn: &str) {
        if let Some(job) = &mut self.job {
            job.log(&format!("thread {thread}, turn {turn}"));
            let mut update = JobUpdate::new().thread_id(thread).turn_id(turn);
            update.phase = job.pending.take();
            job.update(&update);
        }
    }

    fn tick(&mut self) {
        if let Some(job) = &mut self.job {
            job.settle();
        }
        if let Some(shown) = &mut self.shown {
            RunObserver::tick(shown);
        }
    }

    fn finish(&mut self) {
        if let Some(shown) = &mut self.shown {
            RunObserver::finish(shown);
        }
    }
}
