//! The jobs of a workspace.

use std::path::Path;

use codex_job_store::{Filter, Job, Notice, Record, Store};

use crate::Workspace;
use crate::error::{Error, Result};

/// The jobs of a workspace, as one session sees them.
#[derive(Clone, Debug)]
pub struct Jobs {
    store: Store,
    workspace: Workspace,
    session: Option<String>,
}

impl Jobs {
    pub(crate) fn new(store: Store, workspace: Workspace, session: Option<String>) -> Self {
        Self { store, workspace, session }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The root of the workspace.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.workspace.root()
    }

    /// The session, if there is one.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The jobs in view: this session's when there is one and not `all` are wanted.
    #[must_use]
    pub fn filter(&self, all: bool) -> Filter {
        match &self.session {
            Some(session) if !all => Filter::all().session(session),
            _ => Filter::all(),
        }
    }

    /// The jobs in view, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn in_view(&self, all: bool) -> Result<Vec<Job>> {
        self.list(&self.filter(all))
    }

    /// The jobs in view that have not ended, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn active(&self, all: bool) -> Result<Vec<Job>> {
        self.list(&self.filter(all).active(true))
    }

    fn list(&self, filter: &Filter) -> Result<Vec<Job>> {
        Ok(self.store.snapshot(filter)?.jobs)
    }

    /// The job with this id, or the only one whose id begins with it.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(&self, id: &str) -> Result<Job> {
        Ok(self.store.find(id)?)
    }

    /// The job that `named` names, else the newest in view for which `fits` holds. `what` describes it in the error.
    ///
    /// # Errors
    /// When there is none.
    pub fn choose(&self, named: Option<&str>, what: &str, fits: impl Fn(&Job) -> bool) -> Result<Job> {
        if let Some(named) = named {
            return self.find(named);
        }
        self.in_view(false)?.into_iter().find(|job| fits(job)).ok_or_else(|| {
            Error::usage(format!("there is no {what}")).with_hint(
                "`codex-companion status --all` lists the jobs of every session; name one by its id",
            )
        })
    }

    /// The whole record of a job.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn record(&self, job: &Job) -> Result<Record> {
        Ok(self.store.record(&job.id)?)
    }

    /// The task whose thread `--resume-last` resumes: this session's newest, or the workspace's without a session.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn resume_candidate(&self) -> Result<Option<Job>> {
        let tasks = self.list(&self.filter(false).job_class("task"))?;
        Ok(tasks.into_iter().find(|job| !job.is_active() && job.codex().thread_id.is_some()))
    }

    /// Takes what the store met on the way and did not fail for.
    pub fn take_notices(&self) -> Vec<Notice> {
        self.store.take_notices()
    }
}
