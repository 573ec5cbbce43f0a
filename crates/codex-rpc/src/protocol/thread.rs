//! Threads: starting, finding, naming and leaving them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::open::{lenient, null_as_default, open_enum};
use super::request::client_requests;
use crate::setters::{optional_setters, setters};

use super::{ApprovalPolicy, Empty, SandboxMode, ThreadId, Turn, TurnId};

client_requests! {
    ThreadStartParams => "thread/start" => ThreadOpened,
    ThreadResumeParams => "thread/resume" => ThreadOpened,
    ThreadForkParams => "thread/fork" => ThreadOpened,
    ThreadReadParams => "thread/read" => ThreadReadResponse,
    ThreadListParams => "thread/list" => ThreadListResponse,
    ThreadArchiveParams => "thread/archive" => Empty,
    ThreadUnsubscribeParams => "thread/unsubscribe" => ThreadUnsubscribeResponse,
    ThreadSetNameParams => "thread/name/set" => Empty,
    ThreadCompactStartParams => "thread/compact/start" => Empty,
    ThreadBackgroundTerminalsCleanParams => "thread/backgroundTerminals/clean" => Empty,
}

/// Starts a thread. `None` everywhere leaves the choice to the user's configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ThreadStartParams {
    /// The absolute directory that turns work in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// When the client is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<ApprovalPolicy>,
    /// What commands may do. Anything but read-only changes the user's configuration: see [`SandboxMode`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxMode>,
    /// Keeps the thread in memory only: it can never be resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<bool>,
    /// The model's slug.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The provider's key in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_provider: Option<String>,
    /// Configuration keys to override for this thread, as in `config.toml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// A name for the client in Codex's telemetry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// Instructions in addition to the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub developer_instructions: Option<String>,
    /// Further fields of the request, for what this version does not name. They are written next to the others, so a name
    /// that this type has a field for must not be here.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ThreadStartParams {
    /// A thread as the user's configuration has it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field that this version does not name.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }
}

optional_setters! {
    ThreadStartParams {
        cwd: String,
        approval_policy: ApprovalPolicy,
        sandbox: SandboxMode,
        ephemeral: bool,
        model: String,
        model_provider: String,
        config: Map<String, Value>,
        service_name: String,
        developer_instructions: String,
    }
}

/// Loads a persisted thread. Refused while another process has it loaded ("already has an active writer").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadResumeParams {
    /// The thread.
    pub thread_id: ThreadId,
    /// The absolute directory that turns work in from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// When the client is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<ApprovalPolicy>,
    /// What commands may do: see [`SandboxMode`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxMode>,
    /// The model's slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Configuration keys to override, as in `config.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// Leaves the thread's turns out of the answer; asking for them is deprecated. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_turns: Option<bool>,
}

impl ThreadResumeParams {
    /// The thread as it was, without its turns.
    pub fn new(thread_id: ThreadId) -> Self {
        Self {
            thread_id,
            cwd: None,
            approval_policy: None,
            sandbox: None,
            model: None,
            config: None,
            exclude_turns: Some(true),
        }
    }
}

optional_setters! {
    ThreadResumeParams {
        cwd: String,
        approval_policy: ApprovalPolicy,
        sandbox: SandboxMode,
        model: String,
        config: Map<String, Value>,
        exclude_turns: bool,
    }
}

/// Copies a thread into a new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadForkParams {
    /// The thread to copy.
    pub thread_id: ThreadId,
    /// The last turn to copy. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_turn_id: Option<TurnId>,
    /// The absolute directory that turns of the copy work in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// When the client is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<ApprovalPolicy>,
    /// What commands may do: see [`SandboxMode`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxMode>,
    /// The model's slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Keeps the copy in memory only. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<bool>,
    /// Leaves the turns out of the answer. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_turns: Option<bool>,
}

impl ThreadForkParams {
    /// A persisted copy of the whole thread.
    pub fn new(thread_id: ThreadId) -> Self {
        Self {
            thread_id,
            last_turn_id: None,
            cwd: None,
            approval_policy: None,
            sandbox: None,
            model: None,
            ephemeral: None,
            exclude_turns: Some(true),
        }
    }
}

optional_setters! {
    ThreadForkParams {
        last_turn_id: TurnId,
        cwd: String,
        approval_policy: ApprovalPolicy,
        sandbox: SandboxMode,
        model: String,
        ephemeral: bool,
        exclude_turns: bool,
    }
}

/// A thread that is loaded now: the answer to `thread/start`, `thread/resume` and `thread/fork`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadOpened {
    /// The thread.
    pub thread: Thread,
    /// The model of its turns.
    #[serde(default)]
    pub model: String,
    /// The provider's key.
    #[serde(default)]
    pub model_provider: String,
    /// The directory that turns work in.
    #[serde(default)]
    pub cwd: String,
    /// When the client is asked.
    #[serde(default)]
    pub approval_policy: Option<ApprovalPolicy>,
    /// The effort of its turns.
    #[serde(default, deserialize_with = "lenient")]
    pub reasoning_effort: Option<String>,
}

/// Asks about one thread without loading it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadReadParams {
    /// The thread.
    pub thread_id: ThreadId,
    /// Also its turns. Default false.
    #[serde(default)]
    pub include_turns: bool,
}

impl ThreadReadParams {
    /// The thread without its turns.
    pub fn new(thread_id: ThreadId) -> Self {
        Self { thread_id, include_turns: false }
    }
}

setters! { ThreadReadParams { include_turns: bool } }

/// What is known about a thread.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct ThreadReadResponse {
    /// The thread.
    pub thread: Thread,
}

/// Asks for one page of the persisted threads.
///
/// Threads that were made through the app-server count as `vscode` in `source_kinds`; asking for `appServer` finds
/// none of them (seen with 0.169.0).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ThreadListParams {
    /// `next_cursor` of the page before. Default: the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many threads a page holds. Default: the server's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The order. Default: by creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<ThreadSortKey>,
    /// Only threads of this absolute directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Only threads whose title holds this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_term: Option<String>,
    /// Only threads of these origins. Default: those that a person started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_kinds: Option<Vec<String>>,
    /// Archived ones instead of the others. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}

impl ThreadListParams {
    /// The first page of all threads.
    pub fn new() -> Self {
        Self::default()
    }
}

optional_setters! {
    ThreadListParams {
        cursor: String,
        limit: u32,
        sort_key: ThreadSortKey,
        cwd: String,
        search_term: String,
        source_kinds: Vec<String>,
        archived: bool,
    }
}

open_enum! {
    /// The order of a list of threads, newest first.
    ThreadSortKey {
        /// When they were created.
        CreatedAt = "created_at",
        /// When they last changed.
        UpdatedAt = "updated_at",
        /// When they were last used.
        RecencyAt = "recency_at",
    }
}

/// One page of threads.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadListResponse {
    /// The threads of this page.
    #[serde(default, deserialize_with = "null_as_default")]
    pub data: Vec<Thread>,
    /// Where the next page begins; `None` at the end.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

macro_rules! thread_only_params {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(rename_all = "camelCase")]
            #[non_exhaustive]
            pub struct $name {
                /// The thread.
                pub thread_id: ThreadId,
            }

            impl $name {
                /// For this thread.
                pub fn new(thread_id: ThreadId) -> Self {
                    Self { thread_id }
                }
            }
        )+
    };
}

thread_only_params! {
    /// Puts a thread away.
    ThreadArchiveParams,
    /// Stops the thread's notifications for this connection. Does not release a persisted thread: only the end of the
    /// process lets another one resume it (seen with 0.169.0).
    ThreadUnsubscribeParams,
    /// Summarises the thread's history in a turn of its own. The answer is empty: the turn's id comes with
    /// `turn/started`.
    ThreadCompactStartParams,
    /// Ends the commands that outlived their turns. Experimental: needs the `experimentalApi` capability.
    ThreadBackgroundTerminalsCleanParams,
}

/// What leaving a thread did.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ThreadUnsubscribeResponse {
    /// `unsubscribed`, `notSubscribed` or `notLoaded`.
    #[serde(default)]
    pub status: String,
}

/// Gives a thread its title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadSetNameParams {
    /// The thread.
    pub thread_id: ThreadId,
    /// The title.
    pub name: String,
}

impl ThreadSetNameParams {
    /// Names `thread_id`.
    pub fn new(thread_id: ThreadId, name: impl Into<String>) -> Self {
        Self { thread_id, name: name.into() }
    }
}

/// A thread.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Thread {
    /// Its id.
    pub id: ThreadId,
    /// The thread that spawned it, when it is a sub-agent's.
    #[serde(default)]
    pub parent_thread_id: Option<ThreadId>,
    /// The thread that it is a copy of.
    #[serde(default)]
    pub forked_from_id: Option<ThreadId>,
    /// The first user message, usually.
    #[serde(default)]
    pub preview: String,
    /// In memory only: it can never be resumed.
    #[serde(default)]
    pub ephemeral: bool,
    /// The provider's key.
    #[serde(default)]
    pub model_provider: String,
    /// Creation, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient")]
    pub created_at: Option<i64>,
    /// Last change, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_at: Option<i64>,
    /// What it does now.
    #[serde(default)]
    pub status: ThreadStatus,
    /// The file of a persisted thread.
    #[serde(default)]
    pub path: Option<String>,
    /// The directory that turns work in.
    #[serde(default)]
    pub cwd: String,
    /// The Codex version that made it.
    #[serde(default)]
    pub cli_version: String,
    /// The name of the client that started it, as it gave it in `initialize`.
    #[serde(default)]
    pub originator: Option<String>,
    /// Where it came from: `cli`, `vscode` (everything that the app-server made), `exec`, …; JSON text for sub-agents.
    #[serde(default)]
    pub source: Option<ThreadSource>,
    /// Its title.
    #[serde(default)]
    pub name: Option<String>,
    /// A sub-agent's nickname.
    #[serde(default)]
    pub agent_nickname: Option<String>,
    /// A sub-agent's role.
    #[serde(default)]
    pub agent_role: Option<String>,
    /// The turns, where they were asked for.
    #[serde(default, deserialize_with = "null_as_default")]
    pub turns: Vec<Turn>,
}

open_enum! {
    /// Where a thread came from.
    ThreadSource {
        /// The terminal interface.
        Cli = "cli",
        /// An editor, or anything else that went through the app-server.
        Vscode = "vscode",
        /// `codex exec`.
        Exec = "exec",
        /// The MCP server.
        Mcp = "mcp",
    }
}

/// What a thread does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "WireThreadStatus")]
#[non_exhaustive]
pub enum ThreadStatus {
    /// Not in this server's memory.
    #[default]
    NotLoaded,
    /// Between turns.
    Idle,
    /// Its last turn broke. Comes before the `error` that says why.
    SystemError,
    /// In a turn.
    Active {
        /// What the turn waits for, if it waits.
        flags: Vec<ThreadActiveFlag>,
    },
    /// Something new.
    Other(String),
}

open_enum! {
    /// What a running turn waits for.
    ThreadActiveFlag {
        /// An approval.
        WaitingOnApproval = "waitingOnApproval",
        /// An answer to a question.
        WaitingOnUserInput = "waitingOnUserInput",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireThreadStatus {
    #[serde(default)]
    r#type: String,
    #[serde(default, deserialize_with = "null_as_default")]
    active_flags: Vec<ThreadActiveFlag>,
}

impl From<WireThreadStatus> for ThreadStatus {
    fn from(wire: WireThreadStatus) -> Self {
        match wire.r#type.as_str() {
            "notLoaded" => Self::NotLoaded,
            "idle" => Self::Idle,
            "systemError" => Self::SystemError,
            "active" => Self::Active { flags: wire.active_flags },
            _ => Self::Other(wire.r#type),
        }
    }
}
