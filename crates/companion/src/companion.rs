//! What the embedding program passes in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::codex::{self, Codex, ThreadChoice};
use crate::error::{Error, Kind, Result};
use crate::jobs::Jobs;
use crate::settings::{Flags, Origins, PROJECT_FILE, Settings, SettingsFile, Variables};
use crate::{StateDir, Workspace};

/// The surroundings of all operations: directories, variables and programs. Everything is optional; an operation that needs
/// what is not set reports an error.
///
/// This crate reads no environment itself, so a program can run several of these side by side.
#[derive(Clone, Debug, Default)]
pub struct Companion {
    pub(crate) state: Option<StateDir>,
    pub(crate) codex_home: Option<PathBuf>,
    pub(crate) temporary: Option<PathBuf>,
    pub(crate) search_path: Option<OsString>,
    pub(crate) user_settings: Option<PathBuf>,
    pub(crate) variables: Variables,
    pub(crate) broker_endpoint: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) worker: Option<Vec<OsString>>,
    pub(crate) broker: Option<Vec<OsString>>,
    pub(crate) exit_codes: Option<fn(Kind) -> u8>,
}

impl Companion {
    /// Nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the state directory: where jobs are recorded.
    #[must_use]
    pub fn state_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state = Some(StateDir::new(directory));
        self
    }

    /// Sets Codex's home directory. Each has a broker of its own.
    #[must_use]
    pub fn codex_home(mut self, directory: impl Into<PathBuf>) -> Self {
        self.codex_home = Some(directory.into());
        self
    }

    /// Sets the system's directory for temporary files.
    #[must_use]
    pub fn temporary_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.temporary = Some(directory.into());
        self
    }

    /// Sets the directories that programs are searched in, in the form of `PATH`.
    #[must_use]
    pub fn search_path(mut self, path: impl Into<OsString>) -> Self {
        self.search_path = Some(path.into());
        self
    }

    /// Sets the path of the user's settings file. It need not exist.
    #[must_use]
    pub fn user_settings(mut self, file: impl Into<PathBuf>) -> Self {
        self.user_settings = Some(file.into());
        self
    }

    /// Sets the variables that set settings.
    #[must_use]
    pub fn variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// Names the broker to use, as `unix:PATH` or `pipe:NAME`.
    #[must_use]
    pub fn broker_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.broker_endpoint = Some(endpoint.into());
        self
    }

    /// Sets the session that jobs belong to.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Sets the command line that starts a worker: see [`start`](crate::start).
    #[must_use]
    pub fn worker_command(mut self, command: Vec<OsString>) -> Self {
        self.worker = Some(command);
        self
    }

    /// Sets the command line that becomes a broker. `--cwd DIRECTORY` and `--codex PROGRAM` are appended.
    #[must_use]
    pub fn broker_command(mut self, command: Vec<OsString>) -> Self {
        self.broker = Some(command);
        self
    }

    /// Sets the exit codes that job records keep for errors. Without it they keep none.
    #[must_use]
    pub fn exit_codes(mut self, of: fn(Kind) -> u8) -> Self {
        self.exit_codes = Some(of);
        self
    }

    /// The state directory.
    ///
    /// # Errors
    /// When none is set.
    pub fn state(&self) -> Result<&StateDir> {
        self.state.as_ref().ok_or_else(|| {
            Error::new(
                Kind::Settings,
                "there is no directory for jobs: neither HOME nor CODEX_COMPANION_STATE_DIR is set",
            )
            .with_hint("set CODEX_COMPANION_STATE_DIR to a directory of yours")
        })
    }

    /// The jobs of the workspace of a directory. Creates nothing.
    ///
    /// # Errors
    /// When there is no state directory.
    pub fn jobs(&self, directory: &Path) -> Result<Jobs> {
        let workspace = Workspace::find(directory);
        let store = self.state()?.jobs(&workspace)?;
        Ok(Jobs::new(store, workspace, self.session.clone()))
    }

    /// The settings of a workspace; without one, those of the user.
    ///
    /// # Errors
    /// When a settings file cannot be read, or has an invalid value.
    pub fn settings(&self, workspace: Option<&Path>, flags: Flags) -> Result<Settings> {
        self.settings_with_origins(workspace, flags).map(|(settings, _)| settings)
    }

    /// The settings of a work tree, and where each value comes from.
    ///
    /// # Errors
    /// As [`Companion::settings`].
    pub fn settings_with_origins(
        &self,
        workspace: Option<&Path>,
        flags: Flags,
    ) -> Result<(Settings, Origins)> {
        let user = match &self.user_settings {
            Some(file) => SettingsFile::read(file)?,
            None => None,
        };
        let project = match workspace {
            Some(root) => SettingsFile::read(&root.join(PROJECT_FILE))?,
            None => None,
        };
        Settings::resolve_with_origins(user.as_ref(), project.as_ref(), &self.variables, flags)
    }

    /// Codex with its own process, to be started in `root`. A relative path of the program is relative to `directory`.
    ///
    /// # Errors
    /// When the program is not found.
    pub fn codex(&self, settings: &Settings, directory: &Path, root: &Path) -> Result<Codex> {
        let named = settings.codex.as_deref().map(|named| match named.components().count() {
            1 => named.to_path_buf(),
            _ => directory.join(named),
        });
        let program = codex::locate(named.as_deref(), self.search_path.as_deref())?;
        Ok(Codex::new(program, root).handshake(settings.timeouts.handshake))
    }

    /// The thread of the last task in a directory: this session's, or the workspace's without a session.
    ///
    /// # Errors
    /// When a session has no task, or its jobs cannot be read.
    pub fn last_task(&self, directory: &Path) -> Result<ThreadChoice> {
        match self.jobs(directory).and_then(|jobs| jobs.resume_candidate()) {
            Ok(Some(job)) => Ok(ThreadChoice::Resume(job.codex().thread_id.unwrap_or_default())),
            // Codex may have a record of a task that our store has not; it does not know its session.
            Ok(None) | Err(_) if self.session.is_none() => Ok(ThreadChoice::ResumeLast),
            Ok(None) => Err(Error::usage("there is no task of this session to continue").with_hint(
                "run `task` without --resume-last, or name a thread with --thread; `status --all` lists the others",
            )),
            Err(error) => Err(error),
        }
    }
}
