//! Questions to the user, and calls of the client's tools.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::protocol::open::{lenient, null_as_default, open_enum};
use crate::protocol::{ItemId, ThreadId, TurnId};

/// Questions to the user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolUserInputRequest {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The item.
    pub item_id: ItemId,
    /// The questions.
    #[serde(default, deserialize_with = "null_as_default")]
    pub questions: Vec<ToolUserInputQuestion>,
}

/// A question to the user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ToolUserInputQuestion {
    /// What the answer is filed under.
    pub id: String,
    /// The question.
    #[serde(default)]
    pub question: String,
}

/// Answers of the user; leaving a question out is not answering it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolUserInputResponse {
    /// By question id.
    pub answers: BTreeMap<String, ToolUserInputAnswer>,
}

impl ToolUserInputResponse {
    /// No answers: there is no user.
    pub fn unanswered() -> Self {
        Self::default()
    }
}

/// An answer of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolUserInputAnswer {
    /// The chosen options, or what was typed.
    pub answers: Vec<String>,
}

/// A call of a tool that the client offered.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DynamicToolCallRequest {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The call.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// What it is called with.
    #[serde(default)]
    pub arguments: Value,
}

/// What a tool of the client says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DynamicToolCallResponse {
    /// Parts, as `{"type":"inputText","text":…}`.
    pub content_items: Vec<Value>,
    /// Whether it worked.
    pub success: bool,
}

impl DynamicToolCallResponse {
    /// A text.
    pub fn text(text: impl Into<String>, success: bool) -> Self {
        let item = serde_json::json!({ "type": "inputText", "text": text.into() });
        Self { content_items: vec![item], success }
    }
}

/// An MCP server asks the user something, or Codex asks whether an MCP tool may run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct McpElicitationRequest {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn, as far as Codex can tell.
    #[serde(default)]
    pub turn_id: Option<TurnId>,
    /// The MCP server.
    pub server_name: String,
    /// How it is to be asked: `form`, `url`, ….
    #[serde(default)]
    pub mode: String,
    /// The question.
    #[serde(default)]
    pub message: String,
    /// For the mode `url`, where the user is to go.
    #[serde(default)]
    pub url: Option<String>,
    /// The form's fields, as a JSON Schema.
    #[serde(default)]
    pub requested_schema: Option<Value>,
    /// What Codex adds. When it asks for leave itself, `codex_approval_kind` is here.
    #[serde(default, rename = "_meta", deserialize_with = "lenient")]
    pub meta: Option<Map<String, Value>>,
}

impl McpElicitationRequest {
    /// Whether Codex asks if an MCP tool may run (and no MCP server asks the user something).
    pub fn is_tool_approval(&self) -> bool {
        let kind = self.meta.as_ref().and_then(|meta| meta.get("codex_approval_kind"));
        kind.and_then(Value::as_str) == Some("mcp_tool_call")
    }
}

open_enum! {
    /// What becomes of an elicitation.
    ElicitationAction {
        /// Answered.
        Accept = "accept",
        /// Refused.
        Decline = "decline",
        /// Dismissed: there is no user.
        Cancel = "cancel",
    }
}

/// The answer to an elicitation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpElicitationResponse {
    /// What becomes of it.
    pub action: ElicitationAction,
    /// The form's values when it is accepted.
    pub content: Option<Value>,
}

impl McpElicitationResponse {
    /// Accepts with an empty form: what lets an MCP tool run.
    pub fn accept() -> Self {
        Self { action: ElicitationAction::Accept, content: Some(Value::Object(Map::new())) }
    }

    /// Refuses.
    pub fn decline() -> Self {
        Self { action: ElicitationAction::Decline, content: None }
    }

    /// Puts it aside.
    pub fn cancel() -> Self {
        Self { action: ElicitationAction::Cancel, content: None }
    }
}
