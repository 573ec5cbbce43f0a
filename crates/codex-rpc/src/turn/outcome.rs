//! How a turn ended, and what is left of it.

use std::fmt;
use std::sync::Arc;

use crate::protocol::{
    AgentMessageItem, FileUpdateChange, ItemId, ItemStatus, PatchChangeKind, RateLimitSnapshot,
    RequestFailure, ThreadId, ThreadTokenUsage, TurnError, TurnId,
};

use super::TurnKind;

/// How a turn ended, and what is left of it. Once there, it never changes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TurnOutcome {
    /// What was started.
    pub kind: TurnKind,
    /// Its thread.
    pub thread_id: ThreadId,
    /// Its id; `None` when it never got one.
    pub turn_id: Option<TurnId>,
    /// How it ended.
    pub status: OutcomeStatus,
    /// Who interrupted it; `None` unless it was interrupted.
    pub interruption: Option<Interruption>,
    /// The last thing said: the review of a review, else the answer, as far as there is one.
    ///
    /// It is here for failed and interrupted turns as well, to be shown. Take decisions from
    /// [`TurnOutcome::answer`] only.
    pub final_message: Option<String>,
    /// All messages of the turn itself, oldest first, those of sub-agents left out.
    pub messages: Vec<AgentMessageItem>,
    /// The reasoning's summary, a paragraph an entry.
    pub reasoning: Vec<String>,
    /// Files that patches changed, sub-agents' patches included, each once, in order of the first change.
    pub files: Vec<TouchedFile>,
    /// Commands that ran, sub-agents' commands included, in order of their start.
    pub commands: Vec<CommandRun>,
    /// Tokens of the thread.
    pub usage: Option<ThreadTokenUsage>,
    /// Errors on the way, oldest first, each once in a row: what made Codex try again, and what ended the turn.
    pub errors: Vec<TurnError>,
    /// Warnings, oldest first.
    pub warnings: Vec<String>,
    /// How much of the plan is used, as far as it was reported during the turn.
    pub rate_limits: Option<RateLimitSnapshot>,
    /// Sub-agents of the turn.
    pub agents: Vec<SubAgent>,
    /// How many messages, paragraphs, commands, files, errors, warnings or sub-agents are left out of the lists above
    /// because there were too many.
    pub omitted: usize,
}

impl TurnOutcome {
    /// Whether the turn completed and, for a turn or a review, said something.
    pub fn is_success(&self) -> bool {
        matches!(self.status, OutcomeStatus::Completed)
    }

    /// The final message of a success. A turn that was interrupted or failed has none, even if it sent messages before.
    pub fn answer(&self) -> Option<&str> {
        self.final_message.as_deref().filter(|_| self.is_success())
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&TurnFailure> {
        match &self.status {
            OutcomeStatus::Failed(failure) => Some(failure),
            OutcomeStatus::Completed | OutcomeStatus::Interrupted => None,
        }
    }

    /// The HTTP status that the model endpoint last answered with, when an error reports it.
    pub fn http_status(&self) -> Option<u16> {
        self.errors.iter().rev().find_map(TurnError::http_status)
    }

    /// The answer of a success, or why there is none: [`FailureCause::Interrupted`] for an interrupted turn, else the
    /// failure. A compaction succeeds with an empty answer.
    ///
    /// # Errors
    /// The turn failed or was interrupted. The message is the whole [`Self::cause_chain`].
    pub fn into_result(self: Arc<Self>) -> Result<String, TurnFailure> {
        let cause = match &self.status {
            OutcomeStatus::Completed => {
                let owned = Arc::unwrap_or_clone(self);
                return Ok(owned.final_message.unwrap_or_default());
            }
            OutcomeStatus::Interrupted => FailureCause::Interrupted,
            OutcomeStatus::Failed(failure) => failure.cause.clone(),
        };
        Err(TurnFailure { cause, message: self.cause_chain().join(": ") })
    }

    /// The failure or interruption for people: its reason, then what led to it, latest first, nothing twice.
    ///
    /// Empty only when the turn completed.
    pub fn cause_chain(&self) -> Vec<String> {
        let reason = match &self.status {
            OutcomeStatus::Completed => return Vec::new(),
            OutcomeStatus::Interrupted => {
                self.interruption.as_ref().map_or("the turn was interrupted".to_owned(), ToString::to_string)
            }
            OutcomeStatus::Failed(failure) => failure.message.clone(),
        };
        let led_to_it = self.errors.iter().rev().flat_map(|error| {
            std::iter::once(error.message.as_str()).chain(error.additional_details.as_deref())
        });
        let mut chain: Vec<String> = Vec::new();
        for line in std::iter::once(reason.as_str()).chain(led_to_it) {
            if !line.trim().is_empty() && !chain.iter().any(|known| known.contains(line)) {
                chain.push(line.to_owned());
            }
        }
        chain
    }

    /// Sub-agents that were still at work when the turn ended.
    pub fn unfinished_agents(&self) -> impl Iterator<Item = &SubAgent> {
        self.agents.iter().filter(|agent| agent.state == SubAgentState::Working)
    }
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq)]
pub enum OutcomeStatus {
    /// It completed.
    Completed,
    /// It was interrupted.
    Interrupted,
    /// It failed.
    Failed(TurnFailure),
}

impl OutcomeStatus {
    /// The status as one lower-case word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Interrupted => "interrupted",
            Self::Failed(_) => "failed",
        }
    }
}

/// Who interrupted a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interruption {
    /// This client, and the server confirmed it.
    Requested,
    /// This client. The server did not confirm it: it took too long, or went away, as the text says.
    Unconfirmed(String),
    /// The server, or another client of it.
    Elsewhere,
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("the turn was interrupted by this client"),
            Self::Unconfirmed(why) => write!(f, "the turn was interrupted by this client: {why}"),
            Self::Elsewhere => f.write_str("the turn was interrupted by the server or by another client"),
        }
    }
}

/// Why a turn failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct TurnFailure {
    /// For decisions.
    pub cause: FailureCause,
    /// For people.
    pub message: String,
}

/// What kind of failure ended a turn.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FailureCause {
    /// The server refused to start it.
    Refused(RequestFailure),
    /// Codex gave up; its error.
    Codex(TurnError),
    /// It completed and said nothing.
    EmptyAnswer,
    /// It had no activity for too long.
    IdleDeadline,
    /// It took too long in all.
    TotalDeadline,
    /// The server went away.
    StreamEnded,
    /// The thread was closed, deleted or unloaded under the turn.
    ThreadClosed,
    /// It ended with a status that this version does not know.
    UnknownStatus(String),
    /// It was interrupted. Only in the error of [`TurnOutcome::into_result`]: an interrupted turn has not failed.
    Interrupted,
}

/// A file that a patch changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TouchedFile {
    /// Its absolute path, before a move.
    pub path: String,
    /// What became of it.
    pub kind: PatchChangeKind,
}

impl TouchedFile {
    pub(super) fn new(change: &FileUpdateChange) -> Self {
        Self { path: change.path.clone(), kind: change.kind.clone() }
    }
}

/// A command that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandRun {
    /// Its item.
    pub id: ItemId,
    /// The sub-agent that ran it; `None` for the turn itself.
    pub agent: Option<ThreadId>,
    /// The command line, cut after 4096 bytes.
    pub command: String,
    /// Its last known state. `InProgress` means that it outlived the turn, or that its end was never reported.
    pub status: ItemStatus,
    /// Its exit code, if it ended by itself.
    pub exit_code: Option<i64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
}

/// A sub-agent: another thread that worked for the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubAgent {
    /// Its thread.
    pub thread_id: ThreadId,
    /// Its latest turn, once it has one.
    pub turn_id: Option<TurnId>,
    /// Its nickname, or its path in the tree of agents.
    pub name: Option<String>,
    /// Its state.
    pub state: SubAgentState,
}

/// The state of a sub-agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubAgentState {
    /// Known, and between turns.
    Resting,
    /// Its turn runs, or is about to.
    Working,
    /// Its turn completed.
    Completed,
    /// Its turn was interrupted, or it was closed.
    Interrupted,
    /// Its turn failed.
    Failed,
}
