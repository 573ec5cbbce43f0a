//! Items: what a turn is made of.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::open::{from_object, lenient, null_as_default, open_enum};
use super::{ItemId, ThreadId};

/// One item of a turn.
///
/// An item of an unknown type, or of a known type whose fields are not what this version expects, is an
/// [`ThreadItem::Other`]: an item never fails the message that carries it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ThreadItem {
    /// What the user said.
    UserMessage(UserMessageItem),
    /// What a hook said to the model.
    HookPrompt(MarkerItem),
    /// What the model said.
    AgentMessage(AgentMessageItem),
    /// A tool's answer.
    FunctionCallOutput(MarkerItem),
    /// A plan, as text.
    Plan(TextItem),
    /// What the model thought.
    Reasoning(ReasoningItem),
    /// A command.
    CommandExecution(CommandExecutionItem),
    /// A patch.
    FileChange(FileChangeItem),
    /// A call of an MCP server's tool.
    McpToolCall(McpToolCallItem),
    /// A call of a tool of the client.
    DynamicToolCall(DynamicToolCallItem),
    /// A call that starts, feeds, awaits or ends sub-agents.
    CollabAgentToolCall(CollabAgentToolCallItem),
    /// Something that a sub-agent did.
    SubAgentActivity(SubAgentActivityItem),
    /// A search on the web.
    WebSearch(WebSearchItem),
    /// A look at an image file.
    ImageView(ImageViewItem),
    /// A pause.
    Sleep(MarkerItem),
    /// A picture that was made.
    ImageGeneration(MarkerItem),
    /// A review begins.
    EnteredReviewMode(ReviewModeItem),
    /// A review ends, with its text.
    ExitedReviewMode(ReviewModeItem),
    /// The thread's history was summarised.
    ContextCompaction(MarkerItem),
    /// Something else.
    Other(OtherItem),
}

impl ThreadItem {
    /// The item's id; `None` only for an [`ThreadItem::Other`] that has none.
    pub fn id(&self) -> Option<&ItemId> {
        Some(match self {
            Self::UserMessage(item) => &item.id,
            Self::HookPrompt(item)
            | Self::FunctionCallOutput(item)
            | Self::Sleep(item)
            | Self::ImageGeneration(item)
            | Self::ContextCompaction(item) => &item.id,
            Self::AgentMessage(item) => &item.id,
            Self::Plan(item) => &item.id,
            Self::Reasoning(item) => &item.id,
            Self::CommandExecution(item) => &item.id,
            Self::FileChange(item) => &item.id,
            Self::McpToolCall(item) => &item.id,
            Self::DynamicToolCall(item) => &item.id,
            Self::CollabAgentToolCall(item) => &item.id,
            Self::SubAgentActivity(item) => &item.id,
            Self::WebSearch(item) => &item.id,
            Self::ImageView(item) => &item.id,
            Self::EnteredReviewMode(item) | Self::ExitedReviewMode(item) => &item.id,
            Self::Other(item) => return item.id.as_ref(),
        })
    }

    /// The item's `type` on the wire.
    pub fn kind(&self) -> &str {
        match self {
            Self::UserMessage(_) => "userMessage",
            Self::HookPrompt(_) => "hookPrompt",
            Self::AgentMessage(_) => "agentMessage",
            Self::FunctionCallOutput(_) => "functionCallOutput",
            Self::Plan(_) => "plan",
            Self::Reasoning(_) => "reasoning",
            Self::CommandExecution(_) => "commandExecution",
            Self::FileChange(_) => "fileChange",
            Self::McpToolCall(_) => "mcpToolCall",
            Self::DynamicToolCall(_) => "dynamicToolCall",
            Self::CollabAgentToolCall(_) => "collabAgentToolCall",
            Self::SubAgentActivity(_) => "subAgentActivity",
            Self::WebSearch(_) => "webSearch",
            Self::ImageView(_) => "imageView",
            Self::Sleep(_) => "sleep",
            Self::ImageGeneration(_) => "imageGeneration",
            Self::EnteredReviewMode(_) => "enteredReviewMode",
            Self::ExitedReviewMode(_) => "exitedReviewMode",
            Self::ContextCompaction(_) => "contextCompaction",
            Self::Other(item) => &item.kind,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tag<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(deserialize_with = "lenient")]
    id: Option<ItemId>,
}

impl<'de> Deserialize<'de> for ThreadItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self::from)
    }
}

impl From<Box<RawValue>> for ThreadItem {
    /// Reads an item; whatever cannot be read is [`ThreadItem::Other`].
    fn from(raw: Box<RawValue>) -> Self {
        fn read<T: DeserializeOwned>(raw: &RawValue, variant: fn(T) -> ThreadItem) -> Option<ThreadItem> {
            from_object(raw.get().as_bytes()).ok().map(variant)
        }
        let tag: Tag<'_> = from_object(raw.get().as_bytes()).unwrap_or_default();
        let known = match &*tag.r#type {
            "userMessage" => read(&raw, Self::UserMessage),
            "hookPrompt" => read(&raw, Self::HookPrompt),
            "agentMessage" => read(&raw, Self::AgentMessage),
            "functionCallOutput" => read(&raw, Self::FunctionCallOutput),
            "plan" => read(&raw, Self::Plan),
            "reasoning" => read(&raw, Self::Reasoning),
            "commandExecution" => read(&raw, Self::CommandExecution),
            "fileChange" => read(&raw, Self::FileChange),
            "mcpToolCall" => read(&raw, Self::McpToolCall),
            "dynamicToolCall" => read(&raw, Self::DynamicToolCall),
            "collabAgentToolCall" => read(&raw, Self::CollabAgentToolCall),
            "subAgentActivity" => read(&raw, Self::SubAgentActivity),
            "webSearch" => read(&raw, Self::WebSearch),
            "imageView" => read(&raw, Self::ImageView),
            "sleep" => read(&raw, Self::Sleep),
            "imageGeneration" => read(&raw, Self::ImageGeneration),
            "enteredReviewMode" => read(&raw, Self::EnteredReviewMode),
            "exitedReviewMode" => read(&raw, Self::ExitedReviewMode),
            "contextCompaction" => read(&raw, Self::ContextCompaction),
            _ => None,
        };
        if let Some(item) = known {
            return item;
        }
        let (kind, id) = (tag.r#type.into_owned(), tag.id);
        Self::Other(OtherItem { kind, id, raw })
    }
}

/// An item that this version does not know.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OtherItem {
    /// Its `type`; empty if it has none.
    pub kind: String,
    /// Its id, if it has one.
    pub id: Option<ItemId>,
    /// All of it.
    pub raw: Box<RawValue>,
}

/// An item of which we only use that it is there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct MarkerItem {
    /// The item.
    pub id: ItemId,
}

/// An item that is a text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct TextItem {
    /// The item.
    pub id: ItemId,
    /// The text.
    #[serde(default)]
    pub text: String,
}

/// What the user said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct UserMessageItem {
    /// The item.
    pub id: ItemId,
    /// Its text parts, joined by newlines.
    #[serde(default, rename = "content", deserialize_with = "text_parts")]
    pub text: String,
}

fn text_parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let content = Value::deserialize(deserializer)?;
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
    Ok(texts.join("\n"))
}

/// What the model said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct AgentMessageItem {
    /// The item.
    pub id: ItemId,
    /// The text: empty in `item/started`, whole in `item/completed`.
    pub text: String,
    /// What part of the answer it is. Not every model says; `None` is "unknown".
    #[serde(default)]
    pub phase: Option<MessagePhase>,
}

open_enum! {
    /// What part of an answer a message is.
    MessagePhase {
        /// Said along the way.
        Commentary = "commentary",
        /// A part of the answer.
        PartialAnswer = "partial_answer",
        /// The answer. The turn may go on after it: only `turn/completed` ends it.
        FinalAnswer = "final_answer",
    }
}

/// What the model thought.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ReasoningItem {
    /// The item.
    pub id: ItemId,
    /// The summary's paragraphs.
    #[serde(default, deserialize_with = "null_as_default")]
    pub summary: Vec<String>,
    /// The thoughts themselves, where the model shows them.
    #[serde(default, deserialize_with = "null_as_default")]
    pub content: Vec<String>,
}

/// A command that the model ran.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CommandExecutionItem {
    /// The item.
    pub id: ItemId,
    /// The whole command line, usually `/bin/bash -lc '…'`.
    pub command: String,
    /// Where it ran.
    #[serde(default)]
    pub cwd: String,
    /// How it stands.
    #[serde(default = "in_progress")]
    pub status: ItemStatus,
    /// What Codex understands the command to do; one entry a part of a pipe.
    #[serde(default, deserialize_with = "null_as_default")]
    pub command_actions: Vec<CommandAction>,
    /// Standard output and error together, once it ended.
    #[serde(default)]
    pub aggregated_output: Option<String>,
    /// The exit code, once it ended by itself.
    #[serde(default, deserialize_with = "lenient")]
    pub exit_code: Option<i64>,
    /// How long it took, in milliseconds.
    #[serde(default, deserialize_with = "lenient")]
    pub duration_ms: Option<i64>,
}

fn in_progress() -> ItemStatus {
    ItemStatus::InProgress
}

open_enum! {
    /// How a command, a file change or a tool call stands.
    ItemStatus {
        /// Running.
        InProgress = "inProgress",
        /// Done.
        Completed = "completed",
        /// Failed; for a command, an exit code other than 0.
        Failed = "failed",
        /// Not allowed.
        Declined = "declined",
        /// Stopped (calls of sub-agents).
        Interrupted = "interrupted",
    }
}

/// What a command is understood to do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WireCommandAction")]
#[non_exhaustive]
pub enum CommandAction {
    /// Reads a file.
    Read {
        /// The part of the command line.
        command: String,
        /// The file's name.
        name: String,
    },
    /// Lists a folder.
    ListFiles {
        /// The part of the command line.
        command: String,
        /// The folder, if one is named.
        path: Option<String>,
    },
    /// Searches.
    Search {
        /// The part of the command line.
        command: String,
        /// What is searched for.
        query: Option<String>,
        /// Where.
        path: Option<String>,
    },
    /// Something else.
    Unknown {
        /// The part of the command line.
        command: String,
    },
}

impl CommandAction {
    /// The part of the command line that does it.
    pub fn command(&self) -> &str {
        match self {
            Self::Read { command, .. }
            | Self::ListFiles { command, .. }
            | Self::Search { command, .. }
            | Self::Unknown { command } => command,
        }
    }
}

#[derive(Deserialize)]
struct WireCommandAction {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    command: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    query: Option<String>,
}

impl From<WireCommandAction> for CommandAction {
    fn from(wire: WireCommandAction) -> Self {
        let WireCommandAction { r#type, command, name, path, query } = wire;
        match r#type.as_str() {
            "read" => Self::Read { command, name: name.or(path).unwrap_or_default() },
            "listFiles" => Self::ListFiles { command, path },
            "search" => Self::Search { command, query, path },
            _ => Self::Unknown { command },
        }
    }
}

/// A patch that the model applied.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct FileChangeItem {
    /// The item.
    pub id: ItemId,
    /// One entry a file.
    #[serde(default, deserialize_with = "null_as_default")]
    pub changes: Vec<FileUpdateChange>,
    /// How it stands.
    #[serde(default = "in_progress")]
    pub status: ItemStatus,
}

/// A change of one file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct FileUpdateChange {
    /// The file's absolute path.
    pub path: String,
    /// What happens to it.
    pub kind: PatchChangeKind,
    /// The unified diff; for a new file, its content.
    #[serde(default)]
    pub diff: String,
}

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WirePatchChangeKind")]
#[non_exhaustive]
pub enum PatchChangeKind {
    /// It is made.
    Add,
    /// It is removed.
    Delete,
    /// It changes.
    Update {
        /// Its new path, if it moves.
        move_path: Option<String>,
    },
    /// Something new.
    Other(String),
}

#[derive(Deserialize)]
struct WirePatchChangeKind {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    move_path: Option<String>,
}

impl From<WirePatchChangeKind> for PatchChangeKind {
    fn from(wire: WirePatchChangeKind) -> Self {
        match wire.r#type.as_str() {
            "add" => Self::Add,
            "delete" => Self::Delete,
            "update" => Self::Update { move_path: wire.move_path },
            _ => Self::Other(wire.r#type),
        }
    }
}

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
    /// How it stands.
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
    /// How it stands.
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
    /// How it stands.
    #[serde(default = "in_progress")]
    pub status: ItemStatus,
    /// The sub-agents that it is done to. Empty until a spawn has completed.
    #[serde(default, deserialize_with = "null_as_default")]
    pub receiver_thread_ids: Vec<ThreadId>,
    /// What they are told.
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
    /// How a sub-agent stands.
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

/// Something that a sub-agent did, as told on its parent's thread (multi-agent version 2).
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
        /// It was told something.
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

/// A review begins or ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ReviewModeItem {
    /// The item.
    pub id: ItemId,
    /// At the beginning, what is reviewed; at the end, the review.
    pub review: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ThreadItem {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn unknown_items_keep_everything() {
        let ThreadItem::Other(item) = read(r#"{"type":"hologram","id":"h1","depth":3}"#) else { panic!() };
        assert_eq!((item.kind.as_str(), item.id.unwrap().as_str()), ("hologram", "h1"));
        assert!(item.raw.get().contains("\"depth\":3"));
    }

    #[test]
    fn a_known_item_of_another_shape_is_other_and_not_an_error() {
        let item = read(r#"{"type":"agentMessage","id":"m","text":["now","a","list"]}"#);
        assert!(matches!(&item, ThreadItem::Other(_)), "{item:?}");
        assert_eq!((item.kind(), item.id().unwrap().as_str()), ("agentMessage", "m"));
        for odd in ["{}", "[]", "null", "7", r#"{"type":null}"#] {
            assert!(matches!(read(odd), ThreadItem::Other(_)), "{odd}");
        }
        assert_eq!(read(r#"{"type":"plan","id":7}"#).kind(), "plan");
    }

    #[test]
    fn escapes_in_the_tag_are_understood() {
        assert_eq!(read(r#"{"type":"pl\u0061n","id":"p","text":"t"}"#).kind(), "plan");
    }

    #[test]
    fn commands_tell_what_they_do() {
        let ThreadItem::CommandExecution(item) = read(
            r#"{"type":"commandExecution","id":"c","command":"cat a | frob","status":"completed","exitCode":0,
                "commandActions":[{"type":"read","command":"cat a","name":"a","path":"/x/a"},
                                  {"type":"frobnicate","command":"frob"}]}"#,
        ) else {
            panic!()
        };
        assert_eq!(item.exit_code, Some(0));
        let read = CommandAction::Read { command: "cat a".into(), name: "a".into() };
        assert_eq!(item.command_actions, [read, CommandAction::Unknown { command: "frob".into() }]);
    }

    #[test]
    fn user_text_is_joined_and_pictures_are_left_out() {
        let ThreadItem::UserMessage(item) = read(
            r#"{"type":"userMessage","id":"u","content":[{"type":"text","text":"a"},{"type":"image","url":"x"},
                {"type":"text","text":"b"}]}"#,
        ) else {
            panic!()
        };
        assert_eq!(item.text, "a\nb");
    }
}
