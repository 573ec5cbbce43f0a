//! The result of one attempt to review.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Finding, Unparseable, Verdict, text};

/// The result of one attempt to have the work reviewed. Exhaustive on purpose: callers handle each result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum ReviewOutcome {
    /// A reviewer read the work and allows the turn to end.
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
        /// What to change, at most [`Verdict::MAX_FINDINGS`] items.
        #[serde(default, serialize_with = "crate::finding::serialize")]
        findings: Vec<Finding>,
    },
    /// There is no verdict. This never approves anything.
    NotReviewed(NotReviewed),
}

impl ReviewOutcome {
    /// Reads a reviewer's whole answer. Text that is not a verdict is [`FailureKind::Unparseable`].
    #[must_use]
    pub fn from_answer(answer: &str) -> Self {
        Verdict::parse(answer).into()
    }
}

impl From<Verdict> for ReviewOutcome {
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
                Self::NotReviewed(NotReviewed::new(FailureKind::Unparseable, detail))
            }
        }
    }
}

impl From<NotReviewed> for ReviewOutcome {
    fn from(failure: NotReviewed) -> Self {
        Self::NotReviewed(failure)
    }
}

/// The reason why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NotReviewed {
    /// The kind of failure, for decisions.
    #[serde(rename = "why")]
    pub kind: FailureKind,
    /// The cause as text: one line of at most [`NotReviewed::DETAIL_BYTES`]; may be empty.
    #[serde(default)]
    pub detail: String,
}

impl NotReviewed {
    /// The maximum length of a detail, in bytes.
    pub const DETAIL_BYTES: usize = 500;

    /// A failure of this kind; `detail` is shortened to one clean line.
    #[must_use]
    pub fn new(kind: FailureKind, detail: impl AsRef<str>) -> Self {
        Self { kind, detail: text::line(detail.as_ref(), Self::DETAIL_BYTES) }
    }
}

impl NotReviewed {
    /// A failure with an error and its causes as detail.
    #[must_use]
    pub fn caused_by(kind: FailureKind, error: &dyn std::error::Error) -> Self {
        let mut detail = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            detail.push_str(": ");
            detail.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(kind, detail)
    }
}

impl fmt::Display for NotReviewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for NotReviewed {}

/// The kinds of failure to get a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The reviewer did not answer in time.
    TimedOut,
    /// The quota of the reviewer's account is used up.
    Quota,
    /// The reviewer's program is not installed or cannot be started.
    ReviewerMissing,
    /// The reviewer's program is installed, but no account is signed in.
    NotSignedIn,
    /// There is an answer, and it is not a verdict.
    Unparseable,
    /// The review was cancelled by a signal or by the caller.
    Cancelled,
    /// The host's input could not be read.
    BadInput,
    /// The policy's budget of reviews or tokens is used up.
    BudgetSpent,
    /// The policy's rounds of this turn are used up.
    RoundsSpent,
    /// Anything else. A kind that a later version wrote is read as this one.
    #[serde(other)]
    Failed,
}

impl fmt::Display for FailureKind {
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
            let ReviewOutcome::NotReviewed(failure) = ReviewOutcome::from_answer(answer) else {
                panic!("{answer:?}")
            };
            assert_eq!(failure.kind, FailureKind::Unparseable);
            assert!(!failure.detail.is_empty());
        }
    }

    #[test]
    fn an_unknown_kind_is_read_as_failed() {
        assert_eq!(serde_json::from_str::<FailureKind>("\"eaten-by-a-grue\"").unwrap(), FailureKind::Failed);
        assert_eq!(serde_json::to_string(&FailureKind::NotSignedIn).unwrap(), "\"not-signed-in\"");
    }
}
