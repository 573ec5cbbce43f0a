//! What happens during a turn, for display while it runs.

use std::fmt;

use crate::protocol::{ItemId, RateLimitSnapshot, ThreadId, ThreadItem, ThreadTokenUsage};

/// Something that happened during a turn. The outcome does not depend on whether events are read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TurnEvent {
    /// The turn entered another phase.
    Phase(Phase),
    /// An item began.
    ItemStarted(ItemEvent),
    /// An item ended.
    ItemCompleted(ItemEvent),
    /// A piece of a message of the turn itself, sub-agents excluded. The pieces of one item, in order, are its text.
    MessageDelta {
        /// The message's item.
        item_id: ItemId,
        /// The next piece. A reader that falls behind receives several pieces joined into one.
        text: String,
    },
    /// A warning for the user.
    Warning(String),
    /// A request to the model failed, and Codex tries again.
    Retrying {
        /// Codex's message, for example `Reconnecting... 1/2`.
        message: String,
        /// The cause.
        details: Option<String>,
    },
    /// The thread's token counts so far.
    TokenUsage(ThreadTokenUsage),
    /// The account's use of its limits.
    RateLimits(RateLimitSnapshot),
    /// The reader fell too far behind, and events were discarded at this place.
    Missed {
        /// How many events.
        events: usize,
    },
    /// The turn has an outcome. The last event.
    Ended,
}

#[cfg(feature = "client")]
impl TurnEvent {
    /// The bytes of the texts that make an event large.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::MessageDelta { text, .. } | Self::Warning(text) => text.len(),
            Self::ItemStarted(event) | Self::ItemCompleted(event) => super::early::item_bytes(&event.item),
            _ => 0,
        }
    }
}

/// The start or the end of an item.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ItemEvent {
    /// The item, as the server sent it. Boxed, because most events are much smaller.
    pub item: Box<ThreadItem>,
    /// The sub-agent whose item it is; `None` for the turn itself.
    pub agent: Option<ThreadId>,
    /// One line about it: at most [`ItemEvent::MAX_CHARS`] characters, without line breaks and control characters. `None`
    /// when there is nothing to show. The model wrote parts of it: before it is printed on a terminal, bidirectional
    /// control characters must be removed as well.
    pub line: Option<String>,
}

impl ItemEvent {
    /// The most characters that [`ItemEvent::line`] has.
    pub const MAX_CHARS: usize = 160;

    /// The item's `type`, for example `commandExecution`.
    pub fn kind(&self) -> &str {
        self.item.kind()
    }
}

/// What a turn is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Nothing was received yet.
    Starting,
    /// A review began.
    Reviewing,
    /// Reads, searches and thinks.
    Investigating,
    /// Runs commands and tools.
    Running,
    /// Changes files.
    Editing,
    /// Builds, tests or lints.
    Verifying,
    /// Waits for its sub-agents.
    Waiting,
    /// Writes the answer.
    Finalizing,
    /// Completed.
    Done,
    /// Failed.
    Failed,
    /// Interrupted.
    Cancelled,
}

impl Phase {
    /// The phase as one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Reviewing => "reviewing",
            Self::Investigating => "investigating",
            Self::Running => "running",
            Self::Editing => "editing",
            Self::Verifying => "verifying",
            Self::Waiting => "waiting",
            Self::Finalizing => "finalizing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
