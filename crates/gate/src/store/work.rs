//! What is under review.

use async_trait::async_trait;

use crate::{GateState, NotReviewed, TreeSnapshot};

/// What is under review: a work tree, a push, a merge request. [`GivenWork`] is one whose content is known in advance.
///
/// Both methods must end by themselves; [`crate::Gate::judge`] drops their futures at its deadline.
#[async_trait]
pub trait Work: Send {
    /// Takes a snapshot of the work as it is now. `state` has what the gate knows of the session, such as
    /// [`GateState::baseline`]. `None` when there is nothing to review.
    ///
    /// # Errors
    /// [`NotReviewed`] when not all of the work can be read: what cannot be read must not count as unchanged.
    async fn snapshot(&mut self, state: &GateState) -> Result<Option<TreeSnapshot>, NotReviewed>;

    /// Collects what the reviewer is to read. Called after [`Work::snapshot`], and only when a reviewer is asked.
    ///
    /// # Errors
    /// [`NotReviewed`] when the changes cannot be read.
    async fn changes(&mut self) -> Result<Changes, NotReviewed>;
}

/// What the reviewer is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// Describes what is under review: "uncommitted changes on branch x".
    pub target: String,
    /// The changes, for instance a unified diff. `None` asks the reviewer to read the work tree itself.
    pub text: Option<String>,
}

impl Changes {
    /// Changes that the reviewer must find itself.
    #[must_use]
    pub fn new(target: impl Into<String>) -> Self {
        Self { target: target.into(), text: None }
    }

    /// Sets the changes' text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

/// Work whose content is known in advance, such as a diff that was piped in.
#[derive(Debug, Clone)]
pub struct GivenWork {
    tree: TreeSnapshot,
    changes: Changes,
}

impl GivenWork {
    /// Work that `tree` identifies: the same fingerprint is the same work, and is reviewed once.
    #[must_use]
    pub fn new(tree: TreeSnapshot, changes: Changes) -> Self {
        Self { tree, changes }
    }
}

#[async_trait]
impl Work for GivenWork {
    async fn snapshot(&mut self, _state: &GateState) -> Result<Option<TreeSnapshot>, NotReviewed> {
        Ok(Some(self.tree.clone()))
    }

    async fn changes(&mut self) -> Result<Changes, NotReviewed> {
        Ok(self.changes.clone())
    }
}
