//! What each tool does.

use std::path::PathBuf;
use std::time::Duration;

use codex_companion_core::codex::ThreadChoice;
use codex_companion_core::view::{Overview, job_document, job_text};
use codex_companion_core::{
    Approvals, CancelReport, Companion, Error, Job, Jobs, Kind, Request, Result, RunIn, RunOptions, What,
    Workspace, cancel, notices, start,
};
use rmcp::RoleServer;
use rmcp::service::RequestContext;

use crate::arguments::{Call, JobCancel, JobResult, JobStatus, Review, Task};
use crate::follow::{Followed, follow};
use crate::reply::Reply;
use crate::roots::Workspaces;

/// What the calls of a connection share.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) companion: Companion,
    /// The codex program, when the server was started with one.
    pub(crate) codex: Option<PathBuf>,
    pub(crate) workspaces: Workspaces,
}

/// A directory that a call works in.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    companion: Companion,
    codex: Option<PathBuf>,
    directory: PathBuf,
}

impl Place {
    pub(crate) fn jobs(&self) -> Result<Jobs> {
        self.companion.jobs(&self.directory)
    }

    /// Whether the workspace's broker runs.
    pub(crate) fn broker_listens(&self, jobs: &Jobs) -> bool {
        self.companion.listening_broker(&self.directory, jobs.root(), self.codex.clone()).is_some()
    }

    fn request(&self, what: What, options: RunOptions) -> Request {
        Request::new(&self.directory, what).codex(self.codex.as_deref()).options(options)
    }
}

/// Runs blocking work on another thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(
        |error| Err(Error::new(Kind::Internal, "a fault of codex-companion").caused_by(error)),
    )
}

impl Calls {
    pub(crate) async fn run(&self, call: Call, context: &RequestContext<RoleServer>) -> Result<Reply> {
        match call {
            Call::Review(arguments) => self.review(&arguments, false, context).await,
            Call::AdversarialReview(arguments) => self.review(&arguments, true, context).await,
            Call::Task(arguments) => self.task(arguments, context).await,
            Call::JobStatus(arguments) => self.job_status(arguments, context).await,
            Call::JobResult(arguments) => self.job_result(&arguments, context).await,
            Call::JobCancel(arguments) => self.job_cancel(&arguments, context).await,
        }
    }

    pub(crate) fn place(&self, directory: PathBuf) -> Place {
        Place { companion: self.companion.clone(), codex: self.codex.clone(), directory }
    }

    async fn review(
        &self,
        arguments: &Review,
        adversarial: bool,
        context: &RequestContext<RoleServer>,
    ) -> Result<Reply> {
        let (target, run, wait) = (arguments.target()?, arguments.run()?, arguments.wait()?);
        let what = if adversarial {
            What::AdversarialReview { target, focus: arguments.focus.clone().unwrap_or_default() }
        } else if arguments.focus.is_some() {
            return Err(
                Error::usage("Codex's own reviewer takes no focus").with_hint("adversarial_review takes one")
            );
        } else {
            What::Review { target }
        };
        let place = self.place(self.workspaces.choose(arguments.workspace.as_deref(), context).await?);
        work(place, run, wait, move |_| Ok(what), context).await
    }

    async fn task(&self, arguments: Task, context: &RequestContext<RoleServer>) -> Result<Reply> {
        let (run, wait) = (arguments.run()?, arguments.wait()?);
        let place = self.place(self.workspaces.choose(arguments.workspace.as_deref(), context).await?);
        let Task { prompt, write, resume, thread_id, .. } = arguments;
        if write == Some(true) {
            self.workspaces.hold(Workspace::find(&place.directory).root(), context).await?;
        }
        if prompt.trim().is_empty() {
            return Err(Error::new(Kind::Prompt, "there is no prompt").with_hint("set `prompt`"));
        }
        let what = move |place: &Place| {
            let thread = match (thread_id, resume.unwrap_or_default()) {
                (Some(_), true) => {
                    return Err(Error::usage("`resume` and `thread_id` name two threads")
                        .with_hint("leave one of them out"));
                }
                (Some(thread), false) => ThreadChoice::Resume(thread),
                (None, true) => place.companion.last_task(&place.directory).map_err(|failure| {
                    failure.with_hint("leave `resume` out to begin a new thread, or set `thread_id`")
                })?,
                (None, false) => ThreadChoice::Persistent,
            };
            let write = write.unwrap_or_default();
            Ok(What::Task { prompt, write, approvals: Approvals::Never, thread })
        };
        work(place, run, wait, what, context).await
    }

    async fn job_status(&self, arguments: JobStatus, context: &RequestContext<RoleServer>) -> Result<Reply> {
        if let Some(id) = &arguments.job_id {
            let (place, jobs, job) = self.find(id, arguments.workspace.as_deref(), context).await?;
            return blocking(move || {
                if !job.is_active() {
                    notices::seen(&jobs, &job.id);
                }
                let text = job_text(&jobs, &job, place.broker_listens(&jobs));
                Ok(Reply::new(text, job_document(&jobs, &job)))
            })
            .await;
        }
        let place = self.place(self.workspaces.choose(arguments.workspace.as_deref(), context).await?);
        blocking(move || {
            let jobs = place.jobs()?;
            let overview = Overview::new(&jobs, place.companion.gate_is_on(&jobs)?, false)?;
            let broker = place.companion.listening_broker(&place.directory, jobs.root(), place.codex.clone());
            Ok(Reply::new(overview.text(&jobs), overview.document(&jobs, broker.as_ref())))
        })
        .await
    }

    async fn job_result(&self, arguments: &JobResult, context: &RequestContext<RoleServer>) -> Result<Reply> {
        let wait = arguments.wait()?;
        let (place, jobs, job) =
            self.find(&arguments.job_id, arguments.workspace.as_deref(), context).await?;
        match follow(&jobs, &job, wait, context).await? {
            Followed::Ended(job) => blocking(move || Reply::result(&place, &jobs, &job)).await,
            Followed::StillRunning(job) => Ok(Reply::still_running(&job)),
            Followed::Cancelled => Err(cancelled()),
        }
    }

    async fn job_cancel(&self, arguments: &JobCancel, context: &RequestContext<RoleServer>) -> Result<Reply> {
        let (_, jobs, job) = self.find(&arguments.job_id, arguments.workspace.as_deref(), context).await?;
        if !job.is_active() {
            let message = format!("job {} already finished ({})", job.id, job.status.as_str());
            return Err(Error::usage(message).with_hint("job_result returns its result"));
        }
        blocking(move || {
            let report = end(&jobs, &job)?;
            let interrupted = if report.turn_interrupted { ", its turn interrupted" } else { "" };
            let text = format!("{} {}: {}{interrupted}\n", job.title, job.id, report.status.as_str());
            Ok(Reply::new(text, serde_json::to_value(&report).unwrap_or_default()))
        })
        .await
    }

    /// Finds the job with this id in the directories that calls may work in.
    pub(crate) async fn find(
        &self,
        id: &str,
        workspace: Option<&str>,
        context: &RequestContext<RoleServer>,
    ) -> Result<(Place, Jobs, Job)> {
        let directories = self.workspaces.all(workspace, context).await?;
        let places: Vec<Place> = directories.into_iter().map(|directory| self.place(directory)).collect();
        let id = id.to_owned();
        blocking(move || {
            let mut unknown = None;
            for place in places {
                let jobs = place.jobs()?;
                match jobs.find(&id) {
                    Ok(job) => return Ok((place, jobs, job)),
                    Err(failure) if failure.kind() == Kind::UnknownJob => {
                        unknown.get_or_insert(failure);
                    }
                    Err(failure) => return Err(failure),
                }
            }
            Err(unknown.unwrap_or_else(|| Error::new(Kind::UnknownJob, format!("there is no job `{id}`"))))
        })
        .await
    }
}

/// Starts a job and follows it.
async fn work(
    place: Place,
    options: RunOptions,
    wait: Duration,
    what: impl FnOnce(&Place) -> Result<What> + Send + 'static,
    context: &RequestContext<RoleServer>,
) -> Result<Reply> {
    if context.ct.is_cancelled() {
        return Err(cancelled());
    }
    let (place, jobs, job) = blocking(move || {
        let request = place.request(what(&place)?, options);
        let prepared = place.companion.prepare(request, RunIn::Background)?;
        let jobs = place.jobs()?;
        let job = start(&place.companion, &jobs, &prepared)?;
        Ok((place, jobs, job))
    })
    .await?;
    if wait.is_zero() && !context.ct.is_cancelled() {
        return Ok(Reply::still_running(&job));
    }
    let followed = follow(&jobs, &job, wait, context).await;
    // The job exists whether or not it can be followed.
    let followed = followed.map_err(|error| {
        error.with_hint(format!("the work continues as job {}; job_result returns its result", job.id))
    });
    match followed? {
        Followed::Ended(job) => blocking(move || Reply::ended(&place, &jobs, &job)).await,
        Followed::StillRunning(job) => Ok(Reply::still_running(&job)),
        Followed::Cancelled => {
            blocking(move || end(&jobs, &job)).await?;
            Err(cancelled())
        }
    }
}

/// Cancels a job for a caller that needs no notice of its end.
fn end(jobs: &Jobs, job: &Job) -> Result<CancelReport> {
    let report = cancel(jobs, std::slice::from_ref(job))?.remove(0);
    notices::seen(jobs, &job.id);
    Ok(report)
}

/// The error of a call that was cancelled, or whose client is gone. No client reads it.
pub(crate) fn cancelled() -> Error {
    Error::new(Kind::Interrupted, "the call was cancelled")
}
