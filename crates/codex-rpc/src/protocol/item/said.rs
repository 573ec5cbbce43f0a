//! What was said and thought, and the marks in between.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::protocol::ItemId;
use crate::protocol::open::{null_as_default, open_enum};

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

/// A review begins or ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ReviewModeItem {
    /// The item.
    pub id: ItemId,
    /// At the beginning, what is reviewed; at the end, the review.
    pub review: String,
}
