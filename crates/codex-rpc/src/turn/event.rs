//! What a progress line shows while a turn runs.

use std::fmt;

use crate::protocol::{ItemId, RateLimitSnapshot, ThreadId, ThreadTokenUsage};

/// Something to show. Dropping events loses nothing of the outcome.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TurnEvent {
    /// The turn does something else now.
    Phase(Phase),
    /// An item began.
    ItemStarted(ItemLine),
    /// An item ended.
    ItemCompleted(ItemLine),
    /// A piece of a message of the turn itself. Many: the first to drop.
    MessageDelta {
        /// The message.
        item_id: ItemId,
        /// What comes next.
        text: String,
    },
    /// Something to tell the user.
    Warning(String),
    /// Codex tries again by itself.
    Retrying {
        /// What it says, for example `Reconnecting... 1/2`.
        message: String,
        /// What broke.
        details: Option<String>,
    },
    /// Tokens of the thread so far.
    TokenUsage(ThreadTokenUsage),
    /// How much of the plan is used.
    RateLimits(RateLimitSnapshot),
    /// The outcome is there. The last event.
    Ended,
}

/// One line about an item.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemLine {
    /// The item's `type`, for example `commandExecution`.
    pub kind: String,
    /// The sub-agent whose item it is; `None` for the turn itself.
    pub agent: Option<ThreadId>,
    /// At most [`ItemLine::MAX_CHARS`] characters, without line breaks and control characters. The model wrote parts
    /// of it: a terminal needs bidi controls taken out as well.
    pub text: String,
}

impl ItemLine {
    /// The most characters that a line has.
    pub const MAX_CHARS: usize = 160;
}

/// What a turn does, coarsely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Nothing was heard yet.
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
