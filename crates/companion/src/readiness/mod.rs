//! Whether Codex can work here: the program, its account, how it is reached, the gate, and what is left to do.
//!
//! [`Companion::readiness`] collects the facts; [`BugReport`] is the text for bug reports.

mod bug_report;
mod codex;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::error::{Error, Kind, Result};
use crate::settings::Settings;
use crate::{Companion, Jobs, SessionRuntime, Stop, Workspace};

pub use bug_report::BugReport;

/// The npm package of Codex.
pub const PACKAGE: &str = "@openai/codex";

/// What a review needs, and whether it is there. Exhaustive on purpose: its fields are the documented JSON document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Whether a review would work now.
    pub ready: bool,
    /// The codex program.
    pub codex: Tool,
    /// npm, which installs it.
    pub npm: Tool,
    /// The account.
    pub auth: Auth,
    /// How Codex is reached.
    pub session_runtime: SessionRuntime,
    /// Whether turns in this workspace are reviewed before they end.
    pub review_gate_enabled: bool,
    /// What the caller has done before it asked.
    pub actions_taken: Vec<String>,
    /// What is left to do.
    pub next_steps: Vec<String>,
}

/// A program. Exhaustive on purpose, as [`Readiness`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Whether it can be used.
    pub available: bool,
    /// Its version and path, or why it cannot be used.
    pub detail: String,
}

/// The account that Codex works with. Exhaustive on purpose, as [`Readiness`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// Whether Codex reported an account or that it has none.
    pub available: bool,
    /// Whether there is an account, or none is needed.
    pub logged_in: bool,
    /// `chatgpt`, `apikey`, …
    pub auth_method: Option<String>,
    /// The model provider.
    pub provider: Option<String>,
    /// In words.
    pub detail: String,
    /// Where this comes from: `app-server`, …
    pub source: String,
    /// Whether the provider itself has confirmed it; `None` when it was not asked.
    pub verified: Option<bool>,
    /// Whether the provider needs an OpenAI account at all; `None` when that is not known.
    pub requires_openai_auth: Option<bool>,
}

impl Companion {
    /// Checks whether Codex is installed, signed in and usable. Starts Codex once. `jobs` are the jobs of the directory's
    /// workspace; without them the gate counts as off.
    ///
    /// # Errors
    /// When the gate's state cannot be read, or the run is to stop. A Codex that is missing or does not work is no error.
    pub async fn readiness(
        &self,
        directory: &Path,
        settings: &Settings,
        jobs: Option<&Jobs>,
        stop: &mut Stop,
    ) -> Result<Readiness> {
        let root = Workspace::find(directory).root().to_path_buf();
        let broker = self.listening_broker(directory, &root, settings.codex.clone());
        let mut readiness =
            Readiness { session_runtime: SessionRuntime::new(broker.as_ref()), ..Readiness::default() };
        readiness.npm = match self.npm() {
            Some(npm) => Tool { available: true, detail: npm.display().to_string() },
            None => Tool { available: false, detail: "npm is not in PATH".to_owned() },
        };
        if let Some(jobs) = jobs {
            readiness.review_gate_enabled = self.gate_is_on(jobs)?;
        }
        match self.locate_codex(settings) {
            Ok(program) => {
                codex::check(program, directory, settings.timeouts.handshake, &mut readiness, stop).await?;
            }
            Err(error) => {
                readiness.codex = Tool { available: false, detail: error.to_string() };
                readiness.next_steps.extend(error.hint().map(str::to_owned));
            }
        }
        readiness.ready = readiness.codex.available && readiness.auth.logged_in;
        Ok(readiness)
    }

    /// The codex program that the settings name, else the first in the search path.
    ///
    /// # Errors
    /// When there is none, with how to get it.
    pub fn locate_codex(&self, settings: &Settings) -> Result<PathBuf> {
        crate::codex::locate(settings.codex.as_deref(), self.search_path.as_deref())
    }

    /// The npm program.
    #[must_use]
    pub fn npm(&self) -> Option<PathBuf> {
        crate::codex::in_path(OsStr::new("npm"), self.search_path.as_deref())
    }
}

/// Installs Codex with this npm. What npm prints goes to `output`, and its errors to the caller's own.
///
/// # Errors
/// When npm cannot be started, or fails.
pub fn install_codex(npm: &Path, output: Stdio) -> Result<()> {
    let mut command = Command::new(npm);
    command.args(["install", "--global", PACKAGE]).stdin(Stdio::null()).stdout(output);
    let hint = format!("run `npm install -g {PACKAGE}` to see the reason");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let message = format!("npm could not install {PACKAGE} ({status})");
            Err(Error::new(Kind::CodexMissing, message).with_hint(hint))
        }
        Err(error) => {
            Err(Error::new(Kind::CodexMissing, "npm cannot be started").with_hint(hint).caused_by(error))
        }
    }
}
