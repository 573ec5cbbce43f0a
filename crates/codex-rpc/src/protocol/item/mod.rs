//! Items: what a turn is made of.

mod said;
mod tools;
mod work;

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::ItemId;
use super::open::{from_object, lenient};

pub use said::*;
pub use tools::*;
pub use work::*;

/// One item of a turn.
///
/// An item of an unknown type, or of a known type whose fields are not what this version expects, is an
/// [`ThreadItem::Other`]: an item never fails the message that carries it.
#[derive(Debug, Clone, PartialEq)]
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
    /// Reads an item; what cannot be read is [`ThreadItem::Other`].
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

impl PartialEq for OtherItem {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, &self.id, self.raw.get()) == (&other.kind, &other.id, other.raw.get())
    }
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
