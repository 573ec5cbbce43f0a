//! Cancelling jobs.

use std::time::Duration;

use codex_job_store::{CancelOutcome, Filter, Job, Status};
use serde::Serialize;

use crate::error::{Error, Kind, Result};
use crate::jobs::Jobs;
use crate::trace::event;

/// How long a worker may take to interrupt its turn and end; then it is killed, and Codex ends with it.
const WORKER_GRACE: Duration = Duration::from_secs(8);
/// How long the end of a killed worker may take to show.
const KILLED: Duration = Duration::from_secs(2);

/// How the cancel of a job went. Serialized, it is the document of `cancel --json`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CancelReport {
    /// The job.
    pub job_id: String,
    /// Its title.
    pub title: String,
    /// How it ended.
    pub status: Status,
    /// Whether it had a turn to interrupt.
    pub turn_interrupt_attempted: bool,
    /// Whether the worker interrupted the turn.
    pub turn_interrupted: bool,
}

/// Cancels jobs and waits until they have ended. All are asked first, so that they end concurrently.
///
/// # Errors
/// When the store cannot be written, or a job does not end.
pub fn cancel(jobs: &Jobs, chosen: &[Job]) -> Result<Vec<CancelReport>> {
    let requested: Vec<CancelOutcome> = chosen.iter().map(|job| request(jobs, job)).collect::<Result<_>>()?;
    chosen.iter().zip(requested).map(|(job, requested)| wait_for_end(jobs, job, requested)).collect()
}

/// Requests the end of all jobs that a session still runs, and waits for none of them.
pub fn cancel_session(jobs: &Jobs, session: &str) {
    let Ok(active) = jobs.store().snapshot(&Filter::all().session(session).active(true)) else { return };
    for job in &active.jobs {
        // A job that ends by itself meanwhile is as good.
        let _ = request(jobs, job);
    }
}

fn request(jobs: &Jobs, job: &Job) -> Result<CancelOutcome> {
    let requested = jobs.store().request_cancel(&job.id)?;
    event!(INFO, job = job.id.as_str(), "cancel requested");
    if matches!(requested, CancelOutcome::Requested(_)) {
        signal(jobs, job, false);
    }
    Ok(requested)
}

/// Signals the process that holds the job's lease, and no other: lease and start time identify it.
fn signal(jobs: &Jobs, job: &Job, kill: bool) {
    #[cfg(unix)]
    if let Ok(Some(owner)) = jobs.store().owner(&job.id)
        && let Some(pid) = i32::try_from(owner.pid).ok().and_then(rustix::process::Pid::from_raw)
    {
        let signal = if kill { rustix::process::Signal::KILL } else { rustix::process::Signal::TERM };
        let _ = rustix::process::kill_process(pid, signal);
    }
    // Elsewhere the worker sees the cancel request at its next check.
    #[cfg(not(unix))]
    let _ = (jobs, job, kill);
}

fn wait_for_end(jobs: &Jobs, job: &Job, requested: CancelOutcome) -> Result<CancelReport> {
    let (ended, gently) = match requested {
        CancelOutcome::Cancelled(job) | CancelOutcome::AlreadyFinished(job) => (job, true),
        CancelOutcome::Requested(_) => {
            let wait = |limit| jobs.store().wait(std::slice::from_ref(&job.id), limit);
            let ended = wait(WORKER_GRACE)?.remove(0);
            if ended.is_active() {
                signal(jobs, job, true);
                (wait(KILLED)?.remove(0), false)
            } else {
                (ended, true)
            }
        }
    };
    if ended.is_active() {
        return Err(Error::new(Kind::Internal, format!("job {} did not end", job.id))
            .with_hint("check its log; `codex-companion status` shows its process"));
    }
    // The turn was interrupted if there was one and its worker had the time.
    let attempted = job.status == Status::Running && ended.codex().turn_id.is_some();
    Ok(CancelReport {
        job_id: ended.id.to_string(),
        turn_interrupt_attempted: attempted,
        turn_interrupted: attempted && gently && ended.status == Status::Cancelled,
        status: ended.status,
        title: ended.title,
    })
}
