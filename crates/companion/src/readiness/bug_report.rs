//! The text for bug reports. It has versions, settings, counts and errors; no prompts, no answers, no secrets, and no values of
//! variables that this program does not know.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use codex_base::text::{Redactor, one_line};
use codex_job_store::{Filter, Job, Status};

use super::{Readiness, Tool};
use crate::codex::in_path;
use crate::error::{Error, Result};
use crate::settings::{KEYS, Origins, Settings};
use crate::{Companion, StateDir, VERSION, Workspace};

/// The most characters of a line.
const LONGEST: usize = 400;
/// How many errors of jobs are shown.
const ERRORS: usize = 10;
/// How long `git --version` may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A text for bug reports. Everything that comes from outside is cleaned and redacted.
#[derive(Clone, Debug)]
pub struct BugReport {
    redactor: Redactor,
    variables: Vec<String>,
    terminal: bool,
    text: String,
}

impl BugReport {
    /// A report without what this redactor removes.
    #[must_use]
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, variables: Vec::new(), terminal: false, text: String::new() }
    }

    /// Sets the names of the program's variables that are set.
    #[must_use]
    pub fn variables(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.variables = names.into_iter().collect();
        self
    }

    /// Sets whether the program writes to a terminal.
    #[must_use]
    pub fn terminal(mut self, terminal: bool) -> Self {
        self.terminal = terminal;
        self
    }

    /// Returns the report's text for a directory, with its settings or why they cannot be read.
    #[must_use]
    pub fn text(
        mut self,
        companion: &Companion,
        directory: &Path,
        readiness: &Readiness,
        settings: Result<(Settings, Origins)>,
    ) -> String {
        let workspace = Workspace::find(directory);
        "codex-companion report\n".clone_into(&mut self.text);
        self.versions(companion, readiness);
        self.section("workspace");
        self.line("root", &workspace.root().display().to_string());
        self.line("git work tree", yes(workspace.root().join(".git").exists()));
        self.settings(settings);
        self.section("variables that are set (names only)");
        for name in &self.variables {
            self.text.push_str(&format!("  {name}\n"));
        }
        self.state(companion, directory, readiness);
        self.text
    }

    fn versions(&mut self, companion: &Companion, readiness: &Readiness) {
        let tool =
            |tool: &Tool| format!("{}{}", if tool.available { "" } else { "not usable: " }, tool.detail);
        self.section("versions");
        self.line("codex-companion", VERSION);
        self.line("codex", &tool(&readiness.codex));
        self.line("git", &git_version(companion.search_path.as_deref()));
        self.line("npm", &tool(&readiness.npm));
        self.section("platform");
        self.line("system", &format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
        self.line("terminal", yes(self.terminal));
        self.line("agent session", yes(companion.session.is_some()));
        self.section("codex");
        self.line("ready", yes(readiness.ready));
        // Not the account's name.
        self.line("account", readiness.auth.auth_method.as_deref().unwrap_or("none"));
        self.line("provider", readiness.auth.provider.as_deref().unwrap_or("unknown"));
        self.line("app-server", &readiness.session_runtime.label);
    }

    fn settings(&mut self, settings: Result<(Settings, Origins)>) {
        self.section("settings");
        match settings {
            Ok((settings, origins)) => {
                for key in KEYS {
                    let value = key.value(&settings).unwrap_or_else(|| format!("not set ({})", key.default));
                    let origin = origins.get(key.name).cloned().unwrap_or_default();
                    self.line(key.name, &format!("{value} [{origin}]"));
                }
            }
            Err(error) => self.line("invalid", &error.to_string()),
        }
    }

    fn state(&mut self, companion: &Companion, directory: &Path, readiness: &Readiness) {
        self.section("state");
        let root = companion.state.as_ref().map(StateDir::root);
        let shown = root.map_or("none".to_owned(), |path| path.display().to_string());
        self.line("directory", &shown);
        self.line("exists", yes(root.is_some_and(Path::is_dir)));
        self.line("review gate", if readiness.review_gate_enabled { "on" } else { "off" });
        self.line("broker", &readiness.session_runtime.mode);
        let jobs = companion.jobs(directory);
        let jobs = match jobs.and_then(|jobs| jobs.store().snapshot(&Filter::all()).map_err(Error::from)) {
            Ok(snapshot) => snapshot.jobs,
            Err(error) => return self.line("jobs", &format!("cannot be read: {error}")),
        };
        let count = |status: Status| jobs.iter().filter(|job| job.status == status).count();
        for status in [Status::Queued, Status::Running, Status::Completed, Status::Failed, Status::Cancelled]
        {
            self.line(&format!("jobs {}", status.as_str()), &count(status).to_string());
        }
        self.section("last errors");
        let failed = jobs.iter().filter(|job| job.status == Status::Failed);
        for (job, error) in failed.filter_map(|job| Some((job, job.error_message.as_ref()?))).take(ERRORS) {
            self.line(&label(job), error);
        }
    }

    fn section(&mut self, name: &str) {
        self.text.push_str(&format!("\n{name}\n"));
    }

    fn line(&mut self, name: &str, value: &str) {
        let value = self.redactor.redact(&one_line(value, LONGEST));
        self.text.push_str(&format!("  {name:<20}  {value}\n"));
    }
}

/// A job without its prompt.
fn label(job: &Job) -> String {
    format!("{} {}", job.id, one_line(&job.kind, 40))
}

fn git_version(path: Option<&OsStr>) -> String {
    let Some(git) = in_path(OsStr::new("git"), path) else { return "not on PATH".to_owned() };
    let output = run(&git);
    output.unwrap_or_else(|error| format!("{}: {error}", git.display()))
}

/// The output of `PROGRAM --version`.
fn run(program: &Path) -> io::Result<String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other("no answer"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

const fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
