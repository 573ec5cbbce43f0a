//! A review with everything that its readers need to know: which change, by which thread, with what result.

mod stored;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use stored::{StoredError, StoredErrorKind};

use crate::{Reading, Review};

/// Which reviewer answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ReviewKind {
    /// Codex's own reviewer.
    #[serde(rename = "Review")]
    Native,
    /// A model with [`AdversarialPrompt`](crate::AdversarialPrompt).
    #[serde(rename = "Adversarial Review")]
    Adversarial,
}

impl ReviewKind {
    /// Returns the name within a sentence: `review` or `adversarial review`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Native => "review",
            Self::Adversarial => "adversarial review",
        }
    }
}

/// A review as it is reported, stored and rendered.
///
/// Serializes as the document that `codex-companion review --json` prints (`docs/documents.md`). [`crate::render`] writes
/// it in the other formats, and [`ReviewReport::to_stored`] makes a form of it that can be read again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReviewReport {
    /// Which reviewer it was.
    #[serde(rename = "review")]
    pub kind: ReviewKind,
    /// What was reviewed.
    pub target: TargetSummary,
    /// The thread that the review ran in.
    pub thread_id: Option<String>,
    /// The thread that it was started from.
    pub source_thread_id: Option<String>,
    /// The job that it was.
    pub job_id: Option<String>,
    /// What Codex returned.
    #[serde(default)]
    pub codex: CodexOutput,
    /// The review; only ever from a turn that completed.
    pub result: Option<Review>,
    /// The model's final answer, as it wrote it.
    #[serde(default)]
    pub raw_output: String,
    /// Why there is no result although the turn completed.
    pub parse_error: Option<String>,
    /// Sections of the model's reasoning, as far as Codex shows it.
    #[serde(default)]
    pub reasoning_summary: Vec<String>,
    /// What the reviewer was given.
    pub context: Option<ContextSummary>,
    /// Why there is no result, when the turn was begun and failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// What was corrected in the answer; printed for people only.
    #[serde(skip)]
    pub notes: Vec<String>,
    /// A command that continues the thread, when there is one that will work; printed for people only.
    #[serde(skip)]
    pub resume: Option<String>,
}

impl ReviewReport {
    /// A report without a result, with status 0.
    #[must_use]
    pub fn new(kind: ReviewKind, target: TargetSummary) -> Self {
        Self {
            kind,
            target,
            thread_id: None,
            source_thread_id: None,
            job_id: None,
            codex: CodexOutput::default(),
            result: None,
            raw_output: String::new(),
            parse_error: None,
            reasoning_summary: Vec::new(),
            context: None,
            error: None,
            notes: Vec::new(),
            resume: None,
        }
    }

    /// Sets [`ReviewReport::context`].
    #[must_use]
    pub fn context(mut self, context: ContextSummary) -> Self {
        self.context = Some(context);
        self
    }

    /// Sets [`ReviewReport::raw_output`].
    #[must_use]
    pub fn raw_output(mut self, raw_output: impl Into<String>) -> Self {
        self.raw_output = raw_output.into();
        self
    }

    /// Sets what was read from the answer, see [`ReviewReport::set_reading`].
    #[must_use]
    pub fn reading(mut self, reading: Reading) -> Self {
        self.set_reading(reading);
        self
    }

    /// Replaces [`ReviewReport::result`], [`ReviewReport::parse_error`] and [`ReviewReport::notes`] by what was read from
    /// the answer of a turn that completed.
    pub fn set_reading(&mut self, reading: Reading) {
        let (result, parse_error, notes) = match reading {
            Reading::Review { review, notes } => (Some(review), None, notes),
            Reading::Prose => (None, None, Vec::new()),
            Reading::Unreadable(error) => (None, Some(error.to_string()), Vec::new()),
        };
        self.result = result;
        self.parse_error = parse_error;
        self.notes = notes;
    }

    /// Returns why the report has no verdict. A native review in prose is not a failure: it listed no findings.
    pub(crate) fn without_verdict(&self) -> WithoutVerdict {
        let (reason, failed) = match &self.parse_error {
            _ if self.codex.status != 0 => ("the turn did not complete".to_owned(), true),
            Some(error) => (format!("the answer could not be read: {error}"), true),
            None => ("the reviewer listed no findings and gave no verdict".to_owned(), false),
        };
        WithoutVerdict { reason, failed }
    }
}

/// Why a report has no verdict.
pub(crate) struct WithoutVerdict {
    pub(crate) reason: String,
    /// Whether the review failed.
    pub(crate) failed: bool,
}

/// What was reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TargetSummary {
    /// `working-tree`, `branch`, `commit` or `gate`.
    pub mode: String,
    /// In words: `working tree`, `branch against main`.
    pub label: String,
    /// The base, for a branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_ref: Option<String>,
    /// Whether the user named it, instead of it being chosen automatically.
    #[serde(default)]
    pub explicit: bool,
}

impl TargetSummary {
    /// A target that was chosen automatically.
    #[must_use]
    pub fn new(mode: impl Into<String>, label: impl Into<String>) -> Self {
        Self { mode: mode.into(), label: label.into(), base_ref: None, explicit: false }
    }

    /// Sets [`TargetSummary::base_ref`].
    #[must_use]
    pub fn base_ref(mut self, base_ref: impl Into<String>) -> Self {
        self.base_ref = Some(base_ref.into());
        self
    }

    /// Sets [`TargetSummary::explicit`].
    #[must_use]
    pub fn explicit(mut self, explicit: bool) -> Self {
        self.explicit = explicit;
        self
    }
}

/// What Codex returned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CodexOutput {
    /// 0 when the turn completed, 1 when it did not.
    pub status: u8,
    /// The end of what the codex program wrote to stderr.
    pub stderr: String,
    /// The final answer.
    pub stdout: String,
    /// Sections of the model's reasoning.
    pub reasoning: Vec<String>,
}

/// What the reviewer was given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ContextSummary {
    /// The work tree's root.
    pub repo_root: String,
    /// The branch that is checked out.
    pub branch: Option<String>,
    /// In words: `3 staged, 1 untracked, +120 −14`.
    pub summary: String,
    /// How the change was sent: `inline-diff` or `self-collect`.
    pub input_mode: Option<String>,
    /// The number of files in the change.
    pub file_count: Option<u64>,
    /// The number of bytes in its patch.
    pub diff_bytes: Option<u64>,
    /// What was sent of each file.
    pub manifest: Option<Value>,
}

impl ContextSummary {
    /// The context of a change in `repo_root`.
    #[must_use]
    pub fn new(repo_root: impl Into<String>, summary: impl Into<String>) -> Self {
        Self { repo_root: repo_root.into(), summary: summary.into(), ..Self::default() }
    }

    /// Sets [`ContextSummary::branch`].
    #[must_use]
    pub fn branch(mut self, branch: Option<String>) -> Self {
        self.branch = branch;
        self
    }

    /// Sets [`ContextSummary::input_mode`].
    #[must_use]
    pub fn input_mode(mut self, input_mode: impl Into<String>) -> Self {
        self.input_mode = Some(input_mode.into());
        self
    }

    /// Sets [`ContextSummary::file_count`].
    #[must_use]
    pub fn file_count(mut self, file_count: u64) -> Self {
        self.file_count = Some(file_count);
        self
    }

    /// Sets [`ContextSummary::diff_bytes`].
    #[must_use]
    pub fn diff_bytes(mut self, diff_bytes: u64) -> Self {
        self.diff_bytes = Some(diff_bytes);
        self
    }

    /// Sets [`ContextSummary::manifest`].
    #[must_use]
    pub fn manifest(mut self, manifest: Value) -> Self {
        self.manifest = Some(manifest);
        self
    }
}

/// An error as a member of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorReport {
    /// The kind: lower case words joined by dashes.
    pub kind: String,
    /// What failed and why, the causes included.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ErrorReport {
    /// An error without a hint.
    #[must_use]
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), hint: None }
    }

    /// Sets [`ErrorReport::hint`].
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
