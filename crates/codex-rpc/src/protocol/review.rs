//! `review/start`: Codex's own reviewer.

use serde::{Deserialize, Serialize};

use super::request::client_requests;
use super::{ThreadId, Turn};

client_requests! {
    ReviewStartParams => "review/start" => ReviewStartResponse,
}

/// Starts a review on a thread. It interrupts a turn that runs there.
///
/// Takes no model and no effort: those of the thread and of the configuration (`review_model`) are used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReviewStartParams {
    /// The thread that the review runs on.
    pub thread_id: ThreadId,
    /// What is reviewed.
    pub target: ReviewTarget,
    /// Where it runs: `inline` is the only value that Codex 0.169.0 takes. Default: left out, which is `inline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
}

impl ReviewStartParams {
    /// A review of `target` on `thread_id`.
    pub fn new(thread_id: ThreadId, target: ReviewTarget) -> Self {
        Self { thread_id, target, delivery: None }
    }
}

/// What a review looks at. Codex builds the prompt and collects the diff itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
#[non_exhaustive]
pub enum ReviewTarget {
    /// Staged, unstaged and untracked changes of the work tree.
    UncommittedChanges,
    /// What the current branch adds to `branch` since their merge base.
    ///
    /// Check first that the branch exists and that there is a merge base: Codex spends a turn on a branch that is
    /// missing, and never ends the turn when there is no merge base.
    BaseBranch {
        /// The base branch's name.
        branch: String,
    },
    /// One commit.
    Commit {
        /// The commit's full hash.
        sha: String,
        /// Its subject, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// What the instructions describe.
    Custom {
        /// The whole prompt of the review.
        instructions: String,
    },
}

/// The review has begun.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReviewStartResponse {
    /// The review's turn. Its id is the one that items and `turn/completed` carry; `turn/started` and
    /// `turn/interrupt` use another (see [`TurnMachine`](crate::turn::TurnMachine)).
    pub turn: Turn,
    /// The thread of the request.
    #[serde(default)]
    pub review_thread_id: Option<ThreadId>,
}
