//! What a caller wants done, as a value that a job record keeps.

use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_review_target::{PinnedTarget, ResolveOptions, Target, TargetScope as ResolveScope};
use serde::{Deserialize, Serialize};

use crate::codex::ThreadChoice;
use crate::error::{Error, Kind, Result};
use crate::settings::{BrokerUse, Flags};

/// The version of [`Request`] that this crate writes. It reads all versions up to this one.
pub const REQUEST_VERSION: u32 = 2;

/// What is to be done, and how it is run. A worker needs nothing else but its environment.
///
/// In JSON this is the member `request` of a job record. Version 1 (release 0.1.0) had no pinned target.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Request {
    version: u32,
    /// The working directory of the caller.
    pub cwd: PathBuf,
    /// The codex program, when the caller named one.
    pub codex: Option<PathBuf>,
    /// How it is run.
    #[serde(rename = "run")]
    pub options: RunOptions,
    /// What is to be done.
    pub what: What,
    /// The target by the ids of its commits, once it was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<PinnedTarget>,
}

/// What is to be done. Exhaustive on purpose: every front end handles each of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "command")]
pub enum What {
    /// A review by Codex's own reviewer.
    Review {
        /// The change.
        target: TargetOptions,
    },
    /// A review that challenges design and assumptions.
    AdversarialReview {
        /// The change.
        target: TargetOptions,
        /// What the reviewer looks at above all; empty for everything.
        focus: String,
    },
    /// A prompt.
    Task {
        /// The prompt, byte for byte.
        prompt: String,
        /// Whether Codex may change files in the work tree.
        write: bool,
        /// Whether Codex asks for approval.
        approvals: Approvals,
        /// The thread.
        thread: ThreadChoice,
    },
}

/// The change to be reviewed, as a caller names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct TargetOptions {
    /// A base to compare the branch with.
    pub base: Option<String>,
    /// A single commit.
    pub commit: Option<String>,
    /// What is reviewed when neither is given.
    pub scope: TargetScope,
}

/// What is reviewed when neither a base nor a commit is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetScope {
    /// The work tree when it has changes, else the branch.
    #[default]
    Auto,
    /// What is not committed.
    WorkingTree,
    /// What the branch adds to the default branch.
    Branch,
}

/// Whether Codex asks before it does what needs approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approvals {
    /// It does not ask, and refuses by itself.
    #[default]
    Never,
    /// It asks; the settings decide.
    OnRequest,
}

/// How a request is run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct RunOptions {
    /// The model.
    pub model: Option<String>,
    /// The reasoning effort.
    pub effort: Option<String>,
    /// The longest time of the turn, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Settings of Codex to override, as `key=value`.
    pub config: Vec<String>,
    /// Whether to go through the broker.
    pub broker: Option<BrokerUse>,
}

impl TargetOptions {
    /// The default target: the work tree when it has changes, else the branch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the base.
    #[must_use]
    pub fn base(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// Sets the commit.
    #[must_use]
    pub fn commit(mut self, commit: impl Into<String>) -> Self {
        self.commit = Some(commit.into());
        self
    }

    /// Sets the scope.
    #[must_use]
    pub fn scope(mut self, scope: TargetScope) -> Self {
        self.scope = scope;
        self
    }

    /// Finds the change in the repository of a directory.
    ///
    /// # Errors
    /// When there is no repository, no such revision, or no change.
    pub fn resolve(&self, directory: &Path) -> Result<Target> {
        Ok(codex_review_target::resolve(directory, &self.resolve_options())?)
    }

    fn resolve_options(&self) -> ResolveOptions {
        let mut options = ResolveOptions::new().scope(match self.scope {
            TargetScope::Auto => ResolveScope::Auto,
            TargetScope::WorkingTree => ResolveScope::WorkingTree,
            TargetScope::Branch => ResolveScope::Branch,
        });
        if let Some(base) = &self.base {
            options = options.base(base);
        }
        if let Some(commit) = &self.commit {
            options = options.commit(commit);
        }
        options
    }
}

impl RunOptions {
    /// The defaults: what the settings say.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the model.
    #[must_use]
    pub fn model(mut self, model: Option<String>) -> Self {
        self.model = model;
        self
    }

    /// Sets the reasoning effort.
    #[must_use]
    pub fn effort(mut self, effort: Option<String>) -> Self {
        self.effort = effort;
        self
    }

    /// Limits the turn.
    #[must_use]
    pub fn timeout_ms(mut self, limit: Option<u64>) -> Self {
        self.timeout_ms = limit;
        self
    }

    /// Overrides settings of Codex.
    #[must_use]
    pub fn config(mut self, overrides: Vec<String>) -> Self {
        self.config = overrides;
        self
    }

    /// Sets whether to go through the broker.
    #[must_use]
    pub fn broker(mut self, broker: Option<BrokerUse>) -> Self {
        self.broker = broker;
        self
    }
}

impl Request {
    /// A request of a caller in `cwd`, an absolute path.
    pub fn new(cwd: impl Into<PathBuf>, what: What) -> Self {
        let options = RunOptions::default();
        Self { version: REQUEST_VERSION, cwd: cwd.into(), codex: None, options, what, pinned: None }
    }

    /// A review by Codex's own reviewer.
    pub fn review(cwd: impl Into<PathBuf>, target: TargetOptions) -> Self {
        Self::new(cwd, What::Review { target })
    }

    /// A task: a read-only prompt on a new thread that can be resumed.
    pub fn task(cwd: impl Into<PathBuf>, prompt: impl Into<String>) -> Self {
        let (write, approvals, thread) = (false, Approvals::Never, ThreadChoice::Persistent);
        Self::new(cwd, What::Task { prompt: prompt.into(), write, approvals, thread })
    }

    /// Names the codex program. A relative path with several components is relative to the request's directory.
    #[must_use]
    pub fn codex(mut self, program: Option<&Path>) -> Self {
        self.codex = program.map(|codex| match codex.components().count() {
            1 => codex.to_path_buf(),
            _ => self.cwd.join(codex),
        });
        self
    }

    /// Sets how it is run.
    #[must_use]
    pub fn options(mut self, options: RunOptions) -> Self {
        self.options = options;
        self
    }

    /// Reads the request of a job record.
    ///
    /// # Errors
    /// When it is of a newer version, or not a request.
    pub fn from_json(json: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let invalid = |error: serde_json::Error| {
            Error::new(Kind::Internal, format!("the job's request cannot be read: {error}"))
        };
        let Versioned { version } = serde_json::from_str(json).map_err(invalid)?;
        if version > REQUEST_VERSION {
            let message = format!(
                "the job's request has version {version}; this program reads versions up to {REQUEST_VERSION}"
            );
            return Err(Error::new(Kind::Internal, message)
                .with_hint("a newer codex-companion wrote it: use that version"));
        }
        serde_json::from_str(json).map_err(invalid)
    }

    /// `review`, `adversarial-review` or `task`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.what {
            What::Review { .. } => "review",
            What::AdversarialReview { .. } => "adversarial-review",
            What::Task { .. } => "task",
        }
    }

    pub(crate) fn flags(&self) -> Flags {
        Flags {
            codex: self.codex.clone(),
            model: self.options.model.clone(),
            effort: self.options.effort.clone(),
            broker: self.options.broker,
            timeout: self.options.timeout_ms.map(Duration::from_millis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As release 0.1.0 wrote it.
    const FIRST: &str = r#"{"version":1,"cwd":"/w","codex":null,"run":{"wait":false,"background":true,"model":"m",
        "effort":null,"timeoutMs":5,"config":[],"broker":"never"},"what":{"command":"adversarial-review",
        "target":{"base":"main","commit":null,"scope":"auto"},"focus":"f"}}"#;

    #[test]
    fn a_request_of_version_1_is_read() {
        let request = Request::from_json(FIRST).unwrap();
        assert_eq!((request.kind(), request.options.timeout_ms), ("adversarial-review", Some(5)));
        assert_eq!(request.options.broker, Some(BrokerUse::Never));
        assert!(matches!(&request.what, What::AdversarialReview { target, focus }
            if *target == TargetOptions::new().base("main") && focus == "f"));
    }

    #[test]
    fn a_request_survives_the_record() {
        let request = Request::task("/w", "do \u{1b}[1m it\n").codex(Some(Path::new("bin/codex")));
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::to_string(&Request::from_json(&json).unwrap()).unwrap(), json);
        assert!(json.contains(r#""version":2"#) && json.contains(r#""codex":"/w/bin/codex""#), "{json}");
    }

    #[test]
    fn a_newer_version_is_refused_whatever_else_it_has() {
        let error = Request::from_json(r#"{"version":3,"what":{"command":"plan"},"cwd":7}"#).unwrap_err();
        assert_eq!(error.to_string(), "the job's request has version 3; this program reads versions up to 2");
        assert!(error.hint().unwrap().contains("newer"));
        assert!(Request::from_json("{").is_err());
    }
}
