//! The background: a process in a session of its own, which survives the terminal, its parent and the host's shell.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use codex_job_store::JobId;
use process_wrap::std::CommandWrap;

use crate::error::{Error, Kind, Result};
use crate::observer::NoProgress;
use crate::prepare::RunIn;
use crate::record::Recorder;
use crate::request::Request;
use crate::run::Completed;
use crate::stop::{Stop, StopHandle};
use crate::trace::event;
use crate::{Companion, Workspace};

/// Starts a worker in a session of its own, with null streams, and returns its process id without waiting for it.
///
/// # Errors
/// When it cannot be started.
pub fn detach(mut worker: Command) -> io::Result<u32> {
    worker.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut wrap = CommandWrap::from(worker);
    #[cfg(unix)]
    wrap.wrap(process_wrap::std::ProcessSession);
    Ok(wrap.spawn()?.id())
}

/// A job that this process holds the lease of.
#[derive(Debug)]
pub struct Worker {
    companion: Companion,
    request: Result<Request>,
    recorder: Recorder<NoProgress>,
}

impl Worker {
    /// Takes the lease of a job.
    ///
    /// # Errors
    /// When there is no such job, it has ended, or another process has its lease.
    pub fn take(companion: Companion, workspace: &Path, job: &str) -> Result<Self> {
        let store = companion.state()?.jobs(&Workspace::at(workspace))?;
        // Not read before it is leased: a read marks a job failed whose worker comes late.
        let id: JobId = job.parse().or_else(|_| store.find(job).map(|found| found.id))?;
        let lease = store.lease(&id)?;
        event!(INFO, job = id.as_str(), "job leased");
        let record = lease.record();
        let recorder = Recorder::leased(&companion, lease, NoProgress);
        let request = record
            .request
            .as_ref()
            .ok_or_else(|| Error::new(Kind::Internal, "the job has no request"))
            .and_then(|request| Request::from_json(request.get()));
        Ok(Self { companion, request, recorder })
    }

    /// Runs the job to its end and records it.
    ///
    /// # Errors
    /// Why no turn was started, or the job was cancelled.
    pub async fn run(mut self, stop: &mut Stop, handle: &StopHandle) -> Result<Completed> {
        let companion = &self.companion;
        let prepared = self.request.and_then(|request| companion.prepare(request, RunIn::Background));
        match prepared {
            Ok(prepared) => self.recorder.run(prepared, stop, handle).await,
            Err(error) => {
                let failed = Err(error);
                self.recorder.end(&failed);
                failed
            }
        }
    }
}
