//! What each tool does.

use std::path::PathBuf;
use std::time::Duration;

use codex_job_store::Job;
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use serde_json::Value;

use super::arguments::{Call, JobCancel, JobResult, JobStatus, Review, Task};
use super::follow::{Followed, follow};
use super::reply::Reply;
use super::roots::Workspaces;
use crate::args::{Approvals, RunArgs};
use crate::commands::jobs::{self, Jobs, Overview, untold};
use crate::commands::work::{self, Request, What};
use crate::commands::{App, asking, work_tree};
use crate::exit::{Failure, Kind};
use codex_companion_core::codex::ThreadChoice;

/// What the calls of a connection share.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) app: App,
    pub(super) workspaces: Workspaces,
}

/// Runs what blocks beside the runtime.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Failure::new(Kind::Internal, "a fault of codex-companion").caused_by(error))
    })
}

impl Calls {
    pub(super) async fn run(
        &self,
        call: Call,
        context: &RequestContext<RoleServer>,
    ) -> Result<Reply, Failure> {
        match call {
            Call::Review(arguments) => self.review(&arguments, false, context).await,
            Call::AdversarialReview(arguments) => self.review(&arguments, true, context).await,
            Call::Task(arguments) => self.task(arguments, context).await,
            Call::JobStatus(arguments) => self.job_status(arguments, context).await,
            Call::JobResult(arguments) => self.job_result(&arguments, context).await,
            Call::JobCancel(arguments) => self.job_cancel(&arguments, context).await,
        }
    }

    /// The program as it would be in another folder.
    pub(super) fn app_in(&self, folder: PathBuf) -> App {
        App { cwd: folder, ..self.app.clone() }
    }

    async fn review(
        &self,
        arguments: &Review,
        adversarial: bool,
        context: &RequestContext<RoleServer>,
    ) -> Result<Reply, Failure> {
        let (target, run, wait) = (arguments.target()?, arguments.run()?, arguments.wait()?);
        let what = if adversarial {
            What::AdversarialReview { target, focus: arguments.focus.clone().unwrap_or_default() }
        } else if arguments.focus.is_some() {
            return Err(Failure::usage("Codex's own reviewer takes no focus")
                .with_hint("adversarial_review takes one"));
        } else {
            What::Review { target }
        };
        let app = self.app_in(self.workspaces.choose(arguments.workspace.as_deref(), context).await?);
        work(app, run, wait, move |_| Ok(what), context).await
    }

    async fn task(&self, arguments: Task, context: &RequestContext<RoleServer>) -> Result<Reply, Failure> {
        let (run, wait) = (arguments.run()?, arguments.wait()?);
        let app = self.app_in(self.workspaces.choose(arguments.workspace.as_deref(), context).await?);
        let Task { prompt, write, resume, thread_id, .. } = arguments;
        if write == Some(true) {
            self.workspaces.hold(&work_tree(&app.cwd), context).await?;
        }
        if prompt.trim().is_empty() {
            return Err(Failure::new(Kind::Prompt, "there is no prompt").with_hint("set `prompt`"));
        }
        let what = move |app: &App| {
            let thread = match (thread_id, resume.unwrap_or_default()) {
                (Some(_), true) => {
                    return Err(Failure::usage("`resume` and `thread_id` name two threads")
                        .with_hint("leave one of them out"));
                }
                (Some(thread), false) => ThreadChoice::Resume(thread),
                (None, true) => asking::last_task(app).map_err(|failure| {
                    failure.with_hint("leave `resume` out to begin a new thread, or set `thread_id`")
                })?,
                (None, false) => ThreadChoice::Persistent,
            };
            let write = write.unwrap_or_default();
            Ok(What::Task { prompt, write, approvals: Approvals::Never, thread })
        };
        work(app, run, wait, what, context).await
    }

    async fn job_status(
        &self,
        arguments: JobStatus,
        context: &RequestContext<RoleServer>,
    ) -> Result<Reply, Failure> {
        if let Some(id) = &arguments.job_id {
            let (app, jobs, job) = self.find(id, arguments.workspace.as_deref(), context).await?;
            return blocking(move || {
                if !job.is_active() {
                    untold::seen(&jobs, &job.id);
                }
                let text = jobs::job_text(&app, &jobs, &job);
                Ok(Reply::new(text, jobs::job_document(&jobs, &job)))
            })
            .await;
        }
        let app = self.app_in(self.workspaces.choose(arguments.workspace.as_deref(), context).await?);
        blocking(move || {
            let jobs = Jobs::open(&app)?;
            let overview = Overview::new(&app, &jobs, false)?;
            jobs.tell_notices(&app);
            Ok(Reply::new(overview.text(&jobs), overview.document(&app, &jobs)))
        })
        .await
    }

    async fn job_result(
        &self,
        arguments: &JobResult,
        context: &RequestContext<RoleServer>,
    ) -> Result<Reply, Failure> {
        let wait = arguments.wait()?;
        let (app, jobs, job) = self.find(&arguments.job_id, arguments.workspace.as_deref(), context).await?;
        match follow(&jobs, &job, wait, context).await? {
            Followed::Ended(job) => {
                blocking(move || {
                    let record = jobs.store.record(&job.id)?;
                    untold::seen(&jobs, &job.id);
                    Ok(Reply::result(&app, &jobs, &job, &record))
                })
                .await
            }
            Followed::Runs(job) => Ok(Reply::runs(&job)),
            Followed::Left => Err(left()),
        }
    }

    async fn job_cancel(
        &self,
        arguments: &JobCancel,
        context: &RequestContext<RoleServer>,
    ) -> Result<Reply, Failure> {
        let (_, jobs, job) = self.find(&arguments.job_id, arguments.workspace.as_deref(), context).await?;
        if !job.is_active() {
            let message = format!("job {} has ended: it is {}", job.id, job.status.as_str());
            return Err(Failure::usage(message).with_hint("job_result has what it came to"));
        }
        blocking(move || {
            let document = end(&jobs, &job)?;
            let status = document["status"].as_str().unwrap_or_default();
            let interrupted = if document["turnInterrupted"] == true { ", its turn interrupted" } else { "" };
            Ok(Reply::new(format!("{} {}: {status}{interrupted}\n", job.title, job.id), document))
        })
        .await
    }

    /// The job of this id, wherever calls may work.
    pub(super) async fn find(
        &self,
        id: &str,
        workspace: Option<&str>,
        context: &RequestContext<RoleServer>,
    ) -> Result<(App, Jobs, Job), Failure> {
        let folders = self.workspaces.all(workspace, context).await?;
        let apps: Vec<App> = folders.into_iter().map(|folder| self.app_in(folder)).collect();
        let id = id.to_owned();
        blocking(move || {
            let mut unknown = None;
            for app in apps {
                let jobs = Jobs::open(&app)?;
                match jobs.choose(Some(&id), "job", |_| true) {
                    Ok(job) => return Ok((app, jobs, job)),
                    Err(failure) if failure.kind() == Kind::UnknownJob => {
                        unknown.get_or_insert(failure);
                    }
                    Err(failure) => return Err(failure),
                }
            }
            Err(unknown.unwrap_or_else(|| Failure::new(Kind::UnknownJob, format!("there is no job `{id}`"))))
        })
        .await
    }
}

/// Starts a job and follows it.
async fn work(
    app: App,
    run: RunArgs,
    wait: Duration,
    what: impl FnOnce(&App) -> Result<What, Failure> + Send + 'static,
    context: &RequestContext<RoleServer>,
) -> Result<Reply, Failure> {
    if context.ct.is_cancelled() {
        return Err(left());
    }
    let (app, jobs, job) = blocking(move || {
        let request = Request::new(&app, &run, what(&app)?);
        let checked = work::check(&app, &request)?;
        let jobs = Jobs::open(&app)?;
        let job = jobs::start(&jobs, &request, &checked)?;
        jobs.tell_notices(&app);
        Ok((app, jobs, job))
    })
    .await?;
    if wait.is_zero() && !context.ct.is_cancelled() {
        return Ok(Reply::runs(&job));
    }
    let followed = follow(&jobs, &job, wait, context).await;
    // Whatever keeps it from being followed, it is there.
    let followed = followed.map_err(|failure| {
        failure.with_hint(format!("the work goes on as job {}; job_result has what it comes to", job.id))
    });
    match followed? {
        Followed::Ended(job) => {
            blocking(move || {
                let record = jobs.store.record(&job.id)?;
                untold::seen(&jobs, &job.id);
                Ok(Reply::ended(&app, &jobs, &job, &record))
            })
            .await
        }
        Followed::Runs(job) => Ok(Reply::runs(&job)),
        Followed::Left => {
            blocking(move || end(&jobs, &job)).await?;
            Err(left())
        }
    }
}

/// Ends a job for whoever asked for its end, and so needs not be told of it.
fn end(jobs: &Jobs, job: &Job) -> Result<Value, Failure> {
    let document = jobs::end(jobs, job)?;
    untold::seen(jobs, &job.id);
    Ok(document)
}

/// Nobody reads this: its call was cancelled, or its client is gone.
pub(super) fn left() -> Failure {
    Failure::new(Kind::Interrupted, "the call was cancelled")
}
