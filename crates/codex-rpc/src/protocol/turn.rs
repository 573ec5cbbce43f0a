//! Turns: starting, steering and interrupting them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::open::{lenient, named, null_as_default, open_enum};
use super::request::client_requests;
use crate::setters::optional_setters;

use super::{ApprovalPolicy, Empty, SandboxPolicy, ThreadId, ThreadItem, TurnError, TurnId};

client_requests! {
    TurnStartParams => "turn/start" => TurnStartResponse,
    TurnSteerParams => "turn/steer" => TurnSteerResponse,
    TurnInterruptParams => "turn/interrupt" => Empty,
}

/// The most characters that one turn's input may hold; Codex 0.169.0 refuses more with `-32602`.
pub const MAX_INPUT_CHARS: usize = 1_048_576;

/// Starts a turn. On a thread whose turn runs, the input joins that turn and its id is answered.
///
/// Model, effort, sandbox and approval policy stay for the thread's later turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnStartParams {
    /// The thread.
    pub thread_id: ThreadId,
    /// The user's message.
    pub input: Vec<UserInput>,
    /// The absolute directory to work in. Default: the thread's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// When the client is asked. Default: as the thread has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<ApprovalPolicy>,
    /// What commands may do. Default: as the thread has it. Asking for write access here, rather than for the thread,
    /// leaves the user's configuration alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox_policy: Option<SandboxPolicy>,
    /// The model's slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The reasoning effort. Any string passes through to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// A JSON Schema that the final message must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Further fields of the request, for what this version does not name. They are written next to the others, so a name
    /// that this type has a field for must not be here.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl TurnStartParams {
    /// A turn on `thread_id` with this text, byte for byte.
    pub fn text(thread_id: ThreadId, text: impl Into<String>) -> Self {
        Self::new(thread_id, vec![UserInput::text(text)])
    }

    /// A turn on `thread_id` with this input.
    pub fn new(thread_id: ThreadId, input: Vec<UserInput>) -> Self {
        Self {
            thread_id,
            input,
            cwd: None,
            approval_policy: None,
            sandbox_policy: None,
            model: None,
            effort: None,
            output_schema: None,
            extra: Map::new(),
        }
    }

    /// Adds a field that this version does not name.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }
}

optional_setters! {
    TurnStartParams {
        cwd: String,
        approval_policy: ApprovalPolicy,
        sandbox_policy: SandboxPolicy,
        model: String,
        effort: String,
        output_schema: Value,
    }
}

/// A part of a user's message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
#[non_exhaustive]
pub enum UserInput {
    /// Text.
    Text {
        /// The text, byte for byte.
        text: String,
        /// Spans of the text that an interface draws specially; we have none.
        #[serde(default)]
        text_elements: Vec<Value>,
    },
    /// An image file.
    LocalImage {
        /// Its absolute path.
        path: String,
    },
    /// A skill.
    Skill {
        /// Its name.
        name: String,
        /// Its absolute path.
        path: String,
    },
    /// A file or an app that the text mentions.
    Mention {
        /// Its name.
        name: String,
        /// Its path.
        path: String,
    },
}

impl UserInput {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), text_elements: Vec::new() }
    }
}

/// The turn has begun, or the input joined a running one.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct TurnStartResponse {
    /// The turn.
    #[serde(deserialize_with = "named")]
    pub turn: Turn,
}

/// Adds input to a running turn. Reviews and compactions take none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnSteerParams {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn that must be running.
    pub expected_turn_id: TurnId,
    /// The message.
    pub input: Vec<UserInput>,
}

impl TurnSteerParams {
    /// Says `text` to a running turn.
    pub fn text(thread_id: ThreadId, expected_turn_id: TurnId, text: impl Into<String>) -> Self {
        Self { thread_id, expected_turn_id, input: vec![UserInput::text(text)] }
    }
}

/// The input was taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnSteerResponse {
    /// The turn that it went to.
    pub turn_id: TurnId,
}

/// Interrupts a turn. A command that it runs survives: see
/// [`ThreadBackgroundTerminalsCleanParams`](super::ThreadBackgroundTerminalsCleanParams).
///
/// For a review, the id to use changes with `turn/started`: take it from
/// [`TurnMachine::interrupt_target`](crate::turn::TurnMachine::interrupt_target).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnInterruptParams {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn that must be running.
    pub turn_id: TurnId,
}

impl TurnInterruptParams {
    /// Interrupts `turn_id` of `thread_id`.
    pub fn new(thread_id: ThreadId, turn_id: TurnId) -> Self {
        Self { thread_id, turn_id }
    }
}

/// A turn.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// The first turn of the chain of work that led here: a sub-agent's turn, and the inner turn of a review, name
    /// the turn that they work for. `None` in the answer to `review/start` and from older servers.
    #[serde(default)]
    pub root_turn_id: Option<TurnId>,
    /// Some of its items: how many depends on the message. In `turn/completed` the final message.
    #[serde(default, deserialize_with = "null_as_default")]
    pub items: Vec<ThreadItem>,
    /// Its state. Left out counts as in progress, which is never a success.
    #[serde(default)]
    pub status: TurnStatus,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<TurnError>,
    /// From start to end, in milliseconds.
    #[serde(default, deserialize_with = "lenient")]
    pub duration_ms: Option<i64>,
}

impl Turn {
    /// A turn in progress without items: what a `turn/start` is answered with.
    pub fn in_progress(id: TurnId) -> Self {
        Self {
            id,
            root_turn_id: None,
            items: Vec::new(),
            status: TurnStatus::default(),
            error: None,
            duration_ms: None,
        }
    }
}

open_enum! {
    /// The state of a turn.
    TurnStatus {
        /// Done.
        Completed = "completed",
        /// Interrupted, by us or by another client.
        Interrupted = "interrupted",
        /// Failed: see the turn's error.
        Failed = "failed",
        /// Running.
        InProgress = "inProgress",
    }
}

#[expect(clippy::derivable_impls, reason = "the enum comes from a macro")]
impl Default for TurnStatus {
    fn default() -> Self {
        Self::InProgress
    }
}

/// Tokens that a thread has used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ThreadTokenUsage {
    /// All turns of the thread.
    pub total: TokenUsage,
    /// The last request to the model.
    pub last: TokenUsage,
    /// How many tokens the model can take.
    pub model_context_window: Option<i64>,
}

/// Tokens, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TokenUsage {
    /// All of them.
    pub total_tokens: i64,
    /// Sent.
    pub input_tokens: i64,
    /// Sent and found in the endpoint's cache.
    pub cached_input_tokens: i64,
    /// Received.
    pub output_tokens: i64,
    /// Received and spent on reasoning.
    pub reasoning_output_tokens: i64,
}
