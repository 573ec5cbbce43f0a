//! What came of asking a reviewer.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Finding, Unparseable, Verdict, text};

/// What came of one try to have the work reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// A reviewer read the work and lets the turn end.
    Allow {
        /// Why, in the reviewer's words; may be empty.
        #[serde(default)]
        reason: String,
    },
    /// A reviewer read the work and wants changes first.
    Block {
        /// Why, in the reviewer's words; may be empty.
        #[serde(default)]
        reason: String,
        /// What to change, at most [`Finding::MAX`].
        #[serde(default)]
        findings: Vec<Finding>,
    },
    /// There is no verdict. This never approves anything.
    NotReviewed(NotReviewed),
}

impl Outcome {
    /// Reads a reviewer's whole answer. Text that is not a verdict is [`Why::Unparseable`].
    #[must_use]
    pub fn from_answer(answer: &str) -> Self {
        Verdict::parse(answer).into()
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow { reason } => Self::Allow { reason },
            Verdict::Block { reason, findings } => Self::Block { reason, findings },
            Verdict::Unparseable(Unparseable { problem, excerpt }) => {
                let detail = if excerpt.is_empty() {
                    problem.to_string()
                } else {
                    format!("{problem}: “{excerpt}”")
                };
                Self::NotReviewed(NotReviewed::new(Why::Unparseable, detail))
            }
        }
    }
}

impl From<NotReviewed> for Outcome {
    fn from(failure: NotReviewed) -> Self {
        Self::NotReviewed(failure)
    }
}

/// Why there is no verdict, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NotReviewed {
    /// The kind of failure, for decisions.
    pub why: Why,
    /// The cause in words, one line of at most [`NotReviewed::DETAIL_BYTES`]; may be empty.
    #[serde(default)]
    pub detail: String,
}

impl NotReviewed {
    /// The most bytes of a detail.
    pub const DETAIL_BYTES: usize = 500;

    /// Makes one; `detail` is cut to one clean line.
    #[must_use]
    pub fn new(why: Why, detail: impl AsRef<str>) -> Self {
        Self { why, detail: text::line(detail.as_ref(), Self::DETAIL_BYTES) }
    }
}

impl fmt::Display for NotReviewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.why)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for NotReviewed {}

/// The kinds of failure to review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Why {
    /// The reviewer did not answer in time.
    TimedOut,
    /// The reviewer's account has nothing left to spend.
    Quota,
    /// The reviewer's program is not installed or cannot be started.
    ReviewerMissing,
    /// The reviewer's program is there, but nobody is signed in.
    NotSignedIn,
    /// There is an answer, and it is not a verdict.
    Unparseable,
    /// The review was stopped from outside.
    Cancelled,
    /// The host's input could not be read.
    BadInput,
    /// The policy's budget of reviews or tokens is used up.
    BudgetSpent,
    /// The policy's rounds of this turn are used up.
    RoundsSpent,
    /// Anything else; also what a kind written by a later version is read as.
    #[serde(other)]
    Failed,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "the reviewer did not answer in time",
            Self::Quota => "the reviewer's quota is used up",
            Self::ReviewerMissing => "the reviewer could not be started",
            Self::NotSignedIn => "the reviewer is not signed in",
            Self::Unparseable => "the reviewer's answer is not a verdict",
            Self::Cancelled => "the review was cancelled",
            Self::BadInput => "the hook's input could not be read",
            Self::BudgetSpent => "the review budget is used up",
            Self::RoundsSpent => "the rounds of this turn are used up",
            Self::Failed => "the review failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d22_errors_and_empty_answers_are_not_reviewed() {
        for answer in
            ["", "\n\n", "stream error: 503 Service Unavailable; retrying 1/5 in 200ms", "{\"error\":{}}"]
        {
            let Outcome::NotReviewed(failure) = Outcome::from_answer(answer) else { panic!("{answer:?}") };
            assert_eq!(failure.why, Why::Unparseable);
            assert!(!failure.detail.is_empty());
        }
    }

    #[test]
    fn an_unknown_kind_is_read_as_failed() {
        assert_eq!(serde_json::from_str::<Why>("\"eaten-by-a-grue\"").unwrap(), Why::Failed);
        assert_eq!(serde_json::to_string(&Why::NotSignedIn).unwrap(), "\"not-signed-in\"");
    }
}
