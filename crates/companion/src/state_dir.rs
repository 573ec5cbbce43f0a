//! The layout of the state directory. `docs/state-directory.md` describes it.

use std::path::{Path, PathBuf};

use codex_broker::{Endpoint, Identity};
use codex_job_store::{Store, StoreOptions};

use crate::Workspace;
use crate::error::{Error, Result};

/// The directory that holds everything this program keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The state directory at this path. Creates nothing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The job store of a workspace. Creates nothing.
    ///
    /// # Errors
    /// When one of the paths is relative.
    pub fn jobs(&self, workspace: &Workspace) -> Result<Store> {
        Store::open(&self.root, workspace.root(), StoreOptions::default()).map_err(Error::from)
    }

    /// `<workspace>/untold`: the jobs of a store whose end was not reported yet.
    #[must_use]
    pub fn notices(store: &Store) -> PathBuf {
        store.folder().join("untold")
    }

    /// `sessions/`: what a hook keeps of a session for commands that run later in it.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// `brokers/`: the logs and locks of brokers, and their sockets where the path is short enough.
    #[must_use]
    pub fn brokers(&self) -> PathBuf {
        self.root.join("brokers")
    }

    /// Where the broker of a workspace, a Codex home and a codex program listens. `temporary` is the system's directory
    /// for temporary files: sockets are there when the path below the state directory is too long for one.
    #[must_use]
    pub fn broker(&self, temporary: &Path, workspace: &Path, codex_home: &Path, program: &Path) -> Endpoint {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let (workspace, home, program) = (real(workspace), real(codex_home), real(program));
        let identity = Identity { workspace: &workspace, home: &home, program: &program };
        Endpoint::locate(&self.brokers(), temporary, identity)
    }
}
