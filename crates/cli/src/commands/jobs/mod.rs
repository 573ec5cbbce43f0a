//! Jobs: what runs, what ran, and what can be done with either.
//!
//! Every review and task is a job. In the foreground this process holds the job's lease; in the background a worker does
//! ([`worker`]), a process in a session of its own that runs the very same code.

mod control;
mod follow;
mod recorder;
mod show;
mod transfer;
pub(super) mod untold;
mod view;
pub mod worker;

use std::path::{Path, PathBuf};

use codex_job_store::{Error, ErrorKind, Filter, Job, Status, Store, StoreOptions};

pub(super) use control::{cancel, cancel_session, end, resume, resume_candidate};
pub(super) use follow::{attach, attach_to, await_};
pub(super) use recorder::Recorder;
pub(super) use show::{Overview, job_document, job_text, result, result_document, result_text, status};
pub(super) use transfer::transfer;
pub(super) use view::started;
pub(super) use worker::{background, start};

use super::App;
use crate::exit::{Exit, Failure, Kind};

/// The jobs of the workspace that a command works in.
#[derive(Clone, Debug)]
pub(super) struct Jobs {
    pub(super) store: Store,
    pub(super) root: PathBuf,
    state_root: PathBuf,
    session: Option<String>,
}

impl Jobs {
    /// Opens the store; creates nothing.
    pub(super) fn open(app: &App) -> Result<Self, Failure> {
        let state_root = app.environment.state_root().ok_or_else(|| {
            Failure::new(
                Kind::Settings,
                "there is no folder for jobs: neither HOME nor CODEX_COMPANION_STATE_DIR is set",
            )
            .with_hint("set CODEX_COMPANION_STATE_DIR to a folder of yours")
        })?;
        let root = super::work_tree(&app.cwd);
        let store =
            Store::open(&state_root, &root, StoreOptions::default()).map_err(|error| failure(&error))?;
        Ok(Self { store, root, state_root, session: app.environment.session_id.clone() })
    }

    /// The jobs in view: this session's when one is known and not `all` are asked for.
    pub(super) fn filter(&self, all: bool) -> Filter {
        match &self.session {
            Some(session) if !all => Filter::all().session(session),
            _ => Filter::all(),
        }
    }

    /// The job that was named, or the newest in view that fits.
    pub(super) fn choose(
        &self,
        named: Option<&str>,
        what: &str,
        fits: impl Fn(&Job) -> bool,
    ) -> Result<Job, Failure> {
        if let Some(named) = named {
            let job = self.store.find(named).map_err(|error| failure(&error))?;
            return self.store.look_at(&job.id).map_err(|error| failure(&error));
        }
        let look = self.store.look(&self.filter(false)).map_err(|error| failure(&error))?;
        look.jobs.into_iter().find(|job| fits(job)).ok_or_else(|| {
            Failure::usage(format!("there is no {what}")).with_hint(
                "`codex-companion status --all` lists the jobs of every session; name one by its id",
            )
        })
    }

    /// The task whose thread `--resume-last` continues: this session's newest, or the workspace's without a session.
    pub(super) fn resume_candidate(&self) -> Result<Option<Job>, Failure> {
        let look = self.store.look(&self.filter(false).job_class("task")).map_err(|error| failure(&error))?;
        Ok(look.jobs.into_iter().find(|job| !job.is_active() && job.thread_id.is_some()))
    }

    /// Tells what was met on the way, on stderr.
    pub(super) fn tell_notices(&self, app: &App) {
        for notice in self.store.take_notices() {
            app.note(&notice.message);
        }
    }
}

/// Takes over the jobs of the reference, the Node plugin `codex-plugin-cc`; says how many.
pub(super) fn import(app: &App, folder: &Path) -> Result<String, Failure> {
    let jobs = Jobs::open(app)?;
    let report = jobs.store.import_reference(&app.cwd.join(folder)).map_err(|error| failure(&error))?;
    jobs.tell_notices(app);
    for (what, why) in &report.skipped {
        app.note(&format!("not imported: {what} ({why})"));
    }
    let count = report.imported.len();
    Ok(format!("imported {count} job{} of codex-plugin-cc", if count == 1 { "" } else { "s" }))
}

/// An error of the store, as the user is told.
pub(super) fn failure(error: &Error) -> Failure {
    let (kind, hint) = match error.kind() {
        ErrorKind::UnknownJob => {
            (Kind::UnknownJob, Some("`codex-companion status --all` lists the jobs".to_owned()))
        }
        ErrorKind::AmbiguousJob => {
            let ids: Vec<&str> =
                error.candidates().iter().take(5).map(codex_job_store::JobId::as_str).collect();
            (Kind::UnknownJob, Some(format!("it may be {}", ids.join(", "))))
        }
        ErrorKind::NewerFormat => {
            (Kind::Io, Some("a newer codex-companion wrote it: use that one".to_owned()))
        }
        ErrorKind::NotWritable | ErrorKind::StorageFull | ErrorKind::Removed | ErrorKind::Io => {
            (Kind::Io, Some("CODEX_COMPANION_STATE_DIR names another folder for jobs".to_owned()))
        }
        ErrorKind::Busy => (Kind::Io, Some("another process holds the store; try again".to_owned())),
        _ => (Kind::Io, None),
    };
    let mut failure = Failure::new(kind, error.to_string());
    if let Some(source) = std::error::Error::source(error) {
        failure = failure.caused_by(source.to_string());
    }
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// How a process ends that stands for a job that has ended.
fn exit_of(job: &Job) -> Exit {
    match job.status {
        Status::Completed => Exit::Done,
        Status::Cancelled => Exit::Interrupted,
        _ => Exit::Failed,
    }
}
