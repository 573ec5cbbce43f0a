//! Tools and sub-agents that were called.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::work::{ItemStatus, in_progress};
use crate::protocol::open::{lenient, null_as_default, open_enum};
use crate::protocol::{ItemId, ThreadId};

/// A call of an MCP server's tool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct McpToolCallItem {
    /// The item.
    pub id: ItemId,
    /// The server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// Its state.
    #[serde(default = "in_progress")]
    pub status: ItemStatus,
    /// Why it failed.
    #[serde(default, deserialize_with = "lenient")]
    pub error: Option<McpToolCallError>,
    /// How long it took, in milliseconds.
    #[serde(default, deserialize_with = "lenient")]
    pub duration_ms: Option<i64>,
}

/// Why an MCP tool failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct McpToolCallError {
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// A call of a tool that the client offers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct DynamicToolCallItem {
    /// The item.
    pub id: ItemId,
    /// The tool.
    pub tool: String,
    /// Its state.
    #[serde(default = "in_progress")]
    pub status: ItemStatus,
    /// Whether the client said that it worked.
    #[serde(default)]
    pub success: Option<bool>,
}

/// A call that starts, feeds, awaits or ends sub-agents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CollabAgentToolCallItem {
    /// The item.
    pub id: ItemId,
    /// What is done: `spawnAgent`, `sendInput`, `wait`, `closeAgent`, ….
    #[serde(default)]
    pub tool: String,
    /// Its state.
    #[serde(default = "in_progress")]
    pub status: ItemStatus,
    /// The sub-agents that it is done to. Empty until a spawn has completed.
    #[serde(default, deserialize_with = "null_as_default")]
    pub receiver_thread_ids: Vec<ThreadId>,
    /// The text for them.
    #[serde(default)]
    pub prompt: Option<String>,
    /// How the sub-agents stood.
    #[serde(default, deserialize_with = "null_as_default")]
    pub agents_states: BTreeMap<ThreadId, CollabAgentState>,
}

/// How a sub-agent stood.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct CollabAgentState {
    /// Its status.
    pub status: CollabAgentStatus,
    /// Its last word.
    #[serde(default)]
    pub message: Option<String>,
}

open_enum! {
    /// The state of a sub-agent.
    CollabAgentStatus {
        /// Not yet begun.
        PendingInit = "pendingInit",
        /// At work.
        Running = "running",
        /// Interrupted.
        Interrupted = "interrupted",
        /// Done.
        Completed = "completed",
        /// Failed.
        Errored = "errored",
        /// Closed.
        Shutdown = "shutdown",
        /// Unknown to the server.
        NotFound = "notFound",
    }
}

/// Something that a sub-agent did, as reported on its parent's thread (multi-agent version 2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubAgentActivityItem {
    /// The item.
    pub id: ItemId,
    /// What it did.
    pub kind: SubAgentActivityKind,
    /// Its thread.
    pub agent_thread_id: ThreadId,
    /// Its place in the tree of agents, as a path of task names.
    #[serde(default)]
    pub agent_path: String,
}

open_enum! {
    /// What a sub-agent did.
    SubAgentActivityKind {
        /// It was made.
        Started = "started",
        /// It received a message.
        Interacted = "interacted",
        /// It was interrupted.
        Interrupted = "interrupted",
        /// Its turn ended.
        Completed = "completed",
    }
}

/// A search on the web.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct WebSearchItem {
    /// The item.
    pub id: ItemId,
    /// What is searched for.
    #[serde(default)]
    pub query: String,
}

/// A look at an image file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ImageViewItem {
    /// The item.
    pub id: ItemId,
    /// The file.
    #[serde(default)]
    pub path: String,
}
