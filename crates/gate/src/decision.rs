//! What the gate decided.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::{Finding, NotReviewed};

/// What the gate decided.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// What was decided.
    pub kind: DecisionKind,
    /// How many times a verdict has blocked this turn, this time included.
    pub rounds: u32,
    /// The policy's maximum number of rounds.
    pub max_rounds: u32,
    /// Whether a kept verdict decided, without a reviewer.
    pub cached: bool,
}

/// The four kinds of decision. Exhaustive on purpose: a host handles each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecisionKind {
    /// No review was needed: the turn may end.
    Skipped(SkipReason),
    /// A reviewer allows the turn to end.
    Allowed {
        /// The reviewer's words; may be empty.
        reason: String,
    },
    /// A reviewer asks for changes.
    Blocked {
        /// The reviewer's words; may be empty.
        reason: String,
        /// What to change; may be empty.
        findings: Vec<Finding>,
    },
    /// There is no verdict.
    NotReviewed {
        /// The reason.
        failure: NotReviewed,
        /// Whether the turn is blocked nevertheless.
        blocks: bool,
    },
}

/// Why no reviewer was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The gate is off.
    Off,
    /// The work is the same as at the last approval.
    AlreadyAllowed,
    /// Nothing changed since the turn began.
    Unchanged,
    /// The last review was too short a time ago. The changes are reviewed later.
    Cooldown {
        /// How long the cooldown lasts from now.
        remaining: Duration,
    },
    /// The host's event has no content: a push that only deletes branches.
    NothingToReview,
}

impl Decision {
    /// A decision to skip, for callers that know without the gate that there is nothing to review.
    #[must_use]
    pub fn skipped(reason: SkipReason) -> Self {
        Self { kind: DecisionKind::Skipped(reason), rounds: 0, max_rounds: 0, cached: false }
    }

    /// Whether the host must continue the turn, stop the push, or fail the job.
    #[must_use]
    pub fn blocks(&self) -> bool {
        matches!(self.kind, DecisionKind::Blocked { .. } | DecisionKind::NotReviewed { blocks: true, .. })
    }

    /// The decision in the form that programs read.
    #[must_use]
    pub fn report(&self) -> Report<'_> {
        let (outcome, reason, findings): (_, String, &[Finding]) = match &self.kind {
            DecisionKind::Skipped(skip) => ("skipped", skip.to_string(), &[]),
            DecisionKind::Allowed { reason } => ("allow", reason.clone(), &[]),
            DecisionKind::Blocked { reason, findings } => ("block", reason.clone(), findings),
            DecisionKind::NotReviewed { failure, .. } => ("not-reviewed", failure.to_string(), &[]),
        };
        let (blocks, rounds, cached) = (self.blocks(), self.rounds, self.cached);
        Report { outcome, blocks, reason, findings, rounds, cached }
    }
}

/// [`Decision::report`]: serialises as `{outcome, blocks, reason, findings, rounds, cached}`. Text is not cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report<'a> {
    /// `allow`, `block`, `not-reviewed` or `skipped`.
    pub outcome: &'static str,
    /// [`Decision::blocks`]: `not-reviewed` alone does not say whether work may continue.
    pub blocks: bool,
    /// The reviewer's words, or why there is no verdict.
    pub reason: String,
    /// What to change.
    #[serde(serialize_with = "crate::finding::serialize")]
    pub findings: &'a [Finding],
    /// [`Decision::rounds`].
    pub rounds: u32,
    /// [`Decision::cached`].
    pub cached: bool,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("the gate is off"),
            Self::AlreadyAllowed => f.write_str("this work was allowed already"),
            Self::Unchanged => f.write_str("nothing changed in this turn"),
            Self::Cooldown { remaining } => {
                write!(
                    f,
                    "the last review was just now; the next is due in {} s",
                    remaining.as_secs_f64().ceil()
                )
            }
            Self::NothingToReview => f.write_str("there is nothing to review"),
        }
    }
}
