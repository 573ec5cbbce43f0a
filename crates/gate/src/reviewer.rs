//! Who is asked.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::{NotReviewed, Outcome, Prompt, Why};

/// Something that reads a prompt and answers with a verdict: a model, a program, a person.
///
/// # Cancel safety
/// The caller may drop the future of [`Reviewer::review`] at any time; an implementation then ends what it started.
#[async_trait]
pub trait Reviewer: Send + Sync {
    /// Who reviews: model, effort, program. A kept verdict counts only where this is equal. Goes into
    /// [`crate::GateRequest::reviewer`].
    fn name(&self) -> String;

    /// Asks once. The answer is the reviewer's whole text, unread. An implementation ends by itself within `limit`.
    ///
    /// # Errors
    /// [`NotReviewed`], with the kind that fits, when there is no complete answer: never an answer that was cut short.
    async fn review(&self, prompt: &Prompt, limit: Duration) -> Result<Reply, NotReviewed>;
}

/// A reviewer's whole answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The text.
    pub text: String,
    /// What it cost, if known.
    pub tokens: Option<u64>,
}

impl Reply {
    /// A reply of unknown cost.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), tokens: None }
    }

    /// Says what it cost.
    #[must_use]
    pub fn with_tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }
}

/// What came of asking, for [`crate::decide_after`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The verdict, or why there is none.
    pub outcome: Outcome,
    /// What it cost, if known.
    pub tokens: Option<u64>,
}

impl Answer {
    /// An answer of unknown cost.
    #[must_use]
    pub fn new(outcome: Outcome) -> Self {
        Self { outcome, tokens: None }
    }
}

impl From<Result<Reply, NotReviewed>> for Answer {
    fn from(asked: Result<Reply, NotReviewed>) -> Self {
        match asked {
            Ok(reply) => Self { outcome: Outcome::from_answer(&reply.text), tokens: reply.tokens },
            Err(failure) => Self::new(Outcome::NotReviewed(failure)),
        }
    }
}

/// A reviewer for tests: gives prepared answers in order, and keeps the prompts.
#[derive(Debug, Default)]
pub struct RecordingReviewer {
    replies: Mutex<VecDeque<Result<Reply, NotReviewed>>>,
    prompts: Mutex<Vec<String>>,
}

impl RecordingReviewer {
    /// Will give these answers, one a call; after the last one it fails with [`Why::Failed`].
    #[must_use]
    pub fn answering<T: Into<String>>(answers: impl IntoIterator<Item = T>) -> Self {
        Self::replying(answers.into_iter().map(|answer| Ok(Reply::new(answer))))
    }

    /// Will give these replies and failures, one a call.
    #[must_use]
    pub fn replying(replies: impl IntoIterator<Item = Result<Reply, NotReviewed>>) -> Self {
        Self { replies: Mutex::new(replies.into_iter().collect()), prompts: Mutex::default() }
    }

    /// The prompts that it was asked, in order.
    #[must_use]
    pub fn prompts(&self) -> Vec<String> {
        lock(&self.prompts).clone()
    }
}

#[async_trait]
impl Reviewer for RecordingReviewer {
    fn name(&self) -> String {
        "recording".to_owned()
    }

    async fn review(&self, prompt: &Prompt, _limit: Duration) -> Result<Reply, NotReviewed> {
        lock(&self.prompts).push(prompt.text().to_owned());
        let reply = lock(&self.replies).pop_front();
        reply.unwrap_or_else(|| Err(NotReviewed::new(Why::Failed, "no more answers were prepared")))
    }
}

/// Each critical section is one push, pop or clone: a panic elsewhere cannot leave them half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
