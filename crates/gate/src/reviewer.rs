//! The reviewer: the model, program or person that is asked.

use std::time::Duration;

use async_trait::async_trait;

use crate::{NotReviewed, Prompt, ReviewOutcome};

/// Reads a prompt and answers with a verdict: a model, a program, a person.
///
/// # Cancel safety
/// The caller may drop the future of [`Reviewer::review`] at any time; an implementation then ends what it started.
#[async_trait]
pub trait Reviewer: Send + Sync {
    /// Names the reviewer with everything that its verdicts depend on: model, effort, program. A kept verdict counts only
    /// for the same name.
    fn name(&self) -> String;

    /// Asks once. Returns the reviewer's whole text, unread. An implementation ends by itself within `limit`.
    ///
    /// # Errors
    /// [`NotReviewed`], with the kind that fits, when there is no complete answer. An answer that was cut short is no
    /// complete answer: its end can take back its beginning.
    async fn review(&self, prompt: &Prompt, limit: Duration) -> Result<Reply, NotReviewed>;
}

/// A reviewer's whole answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The text.
    pub text: String,
    /// The tokens that it cost, if known.
    pub tokens: Option<u64>,
}

impl Reply {
    /// A reply of unknown cost.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), tokens: None }
    }

    /// Sets the tokens that it cost.
    #[must_use]
    pub fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }
}

/// The result of asking a reviewer, for [`crate::decide_after`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reviewed {
    /// The verdict, or why there is none.
    pub outcome: ReviewOutcome,
    /// The tokens that it cost, if known.
    pub tokens: Option<u64>,
}

impl Reviewed {
    /// A result of unknown cost.
    #[must_use]
    pub fn new(outcome: ReviewOutcome) -> Self {
        Self { outcome, tokens: None }
    }

    /// Sets the tokens that it cost.
    #[must_use]
    pub fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }
}

impl From<Result<Reply, NotReviewed>> for Reviewed {
    fn from(asked: Result<Reply, NotReviewed>) -> Self {
        match asked {
            Ok(reply) => Self { outcome: ReviewOutcome::from_answer(&reply.text), tokens: reply.tokens },
            Err(failure) => Self::new(ReviewOutcome::NotReviewed(failure)),
        }
    }
}
