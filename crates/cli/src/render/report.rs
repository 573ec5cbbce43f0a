//! What commands have to say, as plain structs. Serialised, they are the documented JSON documents.

use serde::Serialize;
use serde_json::Value;

use crate::exit::Failure;
use crate::review_output::ReviewResult;

/// Which reviewer spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ReviewKind {
    /// Codex's own reviewer.
    #[serde(rename = "Review")]
    Native,
    /// Our adversarial prompt.
    #[serde(rename = "Adversarial Review")]
    Adversarial,
}

impl ReviewKind {
    /// The name within a sentence.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Native => "review",
            Self::Adversarial => "adversarial review",
        }
    }
}

/// The answer of `review` and `adversarial-review`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewReport {
    /// Which review it was.
    pub review: ReviewKind,
    /// What was reviewed.
    pub target: Target,
    /// The thread that the review ran in.
    pub thread_id: Option<String>,
    /// The thread that it was started from.
    pub source_thread_id: Option<String>,
    /// The job that it was.
    pub job_id: Option<String>,
    /// What Codex gave.
    pub codex: CodexOutput,
    /// The review; only ever from a turn that completed.
    pub result: Option<ReviewResult>,
    /// The model's final answer, as it wrote it.
    pub raw_output: String,
    /// Why there is no result although the turn completed.
    pub parse_error: Option<String>,
    /// Sections of the model's reasoning, as far as Codex shows it.
    pub reasoning_summary: Vec<String>,
    /// What the reviewer was given to look at.
    pub context: Option<Context>,
    /// Why there is no result, when the turn was begun and came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// What had to be mended in the answer; shown to people only.
    #[serde(skip)]
    pub notes: Vec<String>,
    /// A command that continues the thread, when there is one that will work; shown to people only.
    #[serde(skip)]
    pub resume: Option<String>,
}

impl ReviewReport {
    /// A report with nothing in it yet but what was reviewed, and status 0.
    #[must_use]
    pub fn new(review: ReviewKind, target: Target) -> Self {
        Self {
            review,
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
}

/// What was reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// `working-tree`, `branch` or `commit`.
    pub mode: String,
    /// In words: `working tree`, `branch against main`.
    pub label: String,
    /// The base, for a branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_ref: Option<String>,
    /// Whether it was asked for, not chosen by us.
    pub explicit: bool,
}

/// What Codex gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CodexOutput {
    /// 0 when the turn completed, 1 when not.
    pub status: u8,
    /// The end of what the codex program wrote on stderr.
    pub stderr: String,
    /// The final answer.
    pub stdout: String,
    /// Sections of the model's reasoning.
    pub reasoning: Vec<String>,
}

/// What the reviewer was given to look at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The work tree's root.
    pub repo_root: String,
    /// The branch that is checked out.
    pub branch: Option<String>,
    /// In words: `3 staged, 1 untracked, +120 −14`.
    pub summary: String,
    /// `inline` or `self-collect`.
    pub input_mode: Option<String>,
    /// How many files the change has.
    pub file_count: Option<u64>,
    /// How many bytes of patch.
    pub diff_bytes: Option<u64>,
    /// What became of each file.
    pub manifest: Option<Value>,
}

/// The answer of `task`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskReport {
    /// 0 when the turn completed, 1 when not.
    pub status: u8,
    /// The thread.
    pub thread_id: Option<String>,
    /// The turn.
    pub turn_id: Option<String>,
    /// The job.
    pub job_id: Option<String>,
    /// The model's final answer, as it wrote it.
    pub raw_output: String,
    /// Files that the turn changed, relative to the work tree's root.
    pub touched_files: Vec<String>,
    /// Sections of the model's reasoning, as far as Codex shows it.
    pub reasoning_summary: Vec<String>,
    /// Why the turn did not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// A command that continues the thread, when there is one that will work; shown to people only.
    #[serde(skip)]
    pub resume: Option<String>,
}

/// The answer of `setup`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupReport {
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
    /// What `setup` has just done.
    pub actions_taken: Vec<String>,
    /// What is left to do.
    pub next_steps: Vec<String>,
}

/// A program that is there or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Whether it can be used.
    pub available: bool,
    /// Its version and place, or why it cannot be used.
    pub detail: String,
}

/// The account that Codex works with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// Whether the account could be asked for.
    pub available: bool,
    /// Whether there is one, or none is needed.
    pub logged_in: bool,
    /// `chatgpt`, `apikey`, …
    pub auth_method: Option<String>,
    /// The model provider.
    pub provider: Option<String>,
    /// In words.
    pub detail: String,
    /// Who said so: `app-server`, …
    pub source: String,
    /// Whether the provider itself has confirmed it; `None` when that was not asked.
    pub verified: Option<bool>,
    /// Whether the provider needs an OpenAI account at all; `None` when that is not known.
    pub requires_openai_auth: Option<bool>,
}

/// How Codex is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRuntime {
    /// `direct` or `shared`.
    pub mode: String,
    /// In a few words.
    pub label: String,
    /// In more words.
    pub detail: String,
    /// The shared app-server's address.
    pub endpoint: Option<String>,
}

/// A failure as a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorReport {
    /// The kind: lower case words joined by dashes.
    pub kind: String,
    /// What happened and why, the causes included.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<&Failure> for ErrorReport {
    fn from(failure: &Failure) -> Self {
        let mut message = failure.to_string();
        for cause in failure.causes() {
            message.push_str(": ");
            message.push_str(&cause);
        }
        Self { kind: failure.kind().as_str().to_owned(), message, hint: failure.hint().map(str::to_owned) }
    }
}
