//! A reviewer for tests.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::{FailureKind, NotReviewed, Prompt, Reply, Reviewer};

/// A reviewer for tests: returns prepared answers in order, and keeps the prompts.
#[derive(Debug, Default)]
pub struct RecordingReviewer {
    replies: Mutex<VecDeque<Result<Reply, NotReviewed>>>,
    prompts: Mutex<Vec<String>>,
}

impl RecordingReviewer {
    /// Returns these answers, one per call. After the last one it fails with [`FailureKind::Failed`].
    #[must_use]
    pub fn answering<T: Into<String>>(answers: impl IntoIterator<Item = T>) -> Self {
        Self::replying(answers.into_iter().map(|answer| Ok(Reply::new(answer))))
    }

    /// Returns these replies and failures, one per call.
    #[must_use]
    pub fn replying(replies: impl IntoIterator<Item = Result<Reply, NotReviewed>>) -> Self {
        Self { replies: Mutex::new(replies.into_iter().collect()), prompts: Mutex::default() }
    }

    /// The prompts that were received, in order.
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
        reply.unwrap_or_else(|| Err(NotReviewed::new(FailureKind::Failed, "no more answers were prepared")))
    }
}

/// Each critical section is one push, pop or clone: a panic elsewhere cannot leave them half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
