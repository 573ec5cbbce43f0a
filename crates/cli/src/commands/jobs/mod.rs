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

use codex_companion_core::{StateDir, Workspace};
use codex_job_store::{Filter, Job, Status, Store};

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
        let workspace = Workspace::find(&app.cwd);
        let store = StateDir::new(&state_root).jobs(&workspace)?;
        let root = workspace.root().to_path_buf();
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
            let job = self.store.find(named)?;
            return self.store.look_at(&job.id).map_err(Failure::from);
        }
        let look = self.store.look(&self.filter(false))?;
        look.jobs.into_iter().find(|job| fits(job)).ok_or_else(|| {
            Failure::usage(format!("there is no {what}")).with_hint(
                "`codex-companion status --all` lists the jobs of every session; name one by its id",
            )
        })
    }

    /// The task whose thread `--resume-last` continues: this session's newest, or the workspace's without a session.
    pub(super) fn resume_candidate(&self) -> Result<Option<Job>, Failure> {
        let look = self.store.look(&self.filter(false).job_class("task"))?;
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
    let report = jobs.store.import_reference(&app.cwd.join(folder))?;
    jobs.tell_notices(app);
    for (what, why) in &report.skipped {
        app.note(&format!("not imported: {what} ({why})"));
    }
    let count = report.imported.len();
    Ok(format!("imported {count} job{} of codex-plugin-cc", if count == 1 { "" } else { "s" }))
}

/// How a process ends that stands for a job that has ended.
fn exit_of(job: &Job) -> Exit {
    match job.status {
        Status::Completed => Exit::Done,
        Status::Cancelled => Exit::Interrupted,
        _ => Exit::Failed,
    }
}
