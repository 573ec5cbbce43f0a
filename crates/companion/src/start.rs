//! Starting a job in the background: the record first, durably; then the worker.

use std::io;
use std::process::{Command, Stdio};

use codex_job_store::Job;

use crate::error::{Error, Kind, Result};
use crate::jobs::Jobs;
use crate::prepare::Prepared;
use crate::trace::event;
use crate::{Companion, notices, record};

/// Records a job for a request and starts its worker.
///
/// The worker is started by [`Companion::worker_command`] with three arguments: state directory, workspace and job. That program
/// starts the worker, prints its process id and ends: so the worker has no parent that waits for it (see
/// [`detach`](crate::worker::detach)).
///
/// # Errors
/// When the job cannot be recorded, or no worker can be started. Then the job has failed.
pub fn start(companion: &Companion, jobs: &Jobs, prepared: &Prepared) -> Result<Job> {
    let command = companion.worker.as_deref();
    let new = record::new_job(prepared, jobs.session().map(str::to_owned))?;
    let job = jobs.store().create(new)?;
    if jobs.session().is_some() {
        notices::expect(jobs, &job.id);
    }
    match spawn(companion, command.unwrap_or_default(), jobs, job.id.as_str()) {
        Ok(worker) => {
            event!(INFO, job = job.id.as_str(), worker, "worker started");
            // Fails when the worker already leased the job or ended it; then there is nothing to hand over.
            drop(jobs.store().hand_over(&job.id, worker));
            Ok(job)
        }
        Err(error) => {
            event!(ERROR, job = job.id.as_str(), %error, "the worker could not be started");
            let _ = jobs.store().abandon(&job.id, &format!("the worker could not be started: {error}"));
            Err(Error::new(Kind::Internal, "the worker could not be started").caused_by(error))
        }
    }
}

/// Hosts end a command with all its descendants, those in sessions of their own included (Claude Code 2.1.197 follows
/// parents by `ps`). The starter has ended before the worker does anything, so the worker is no descendant.
fn spawn(companion: &Companion, command: &[std::ffi::OsString], jobs: &Jobs, job: &str) -> io::Result<u32> {
    let [program, arguments @ ..] = command else {
        return Err(io::Error::other("no program for workers is set"));
    };
    let state = companion.state().map_err(io::Error::other)?;
    let mut starter = Command::new(program);
    starter.args(arguments).arg(state.root()).arg(jobs.root()).arg(job).current_dir(jobs.root());
    let output = starter.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().parse().map_err(|_| io::Error::other(format!("its starter ended with {}", output.status)))
}
