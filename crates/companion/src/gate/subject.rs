//! What a gate outside of turns reviews: a named target, or what a push sends.

use std::path::Path;

use codex_gate::host::git::{PrePush, PushedRef};
use codex_gate::{FailureKind, NotReviewed};
use codex_review_target::{CancelToken, ErrorKind, ResolveOptions, Target, TargetScope, resolve};

use super::tree;
use crate::error::{Error, Kind, Result};
use crate::{Companion, TargetOptions};

/// The changes to review, or why they cannot be reviewed. Exhaustive on purpose.
#[derive(Debug)]
pub enum Subject {
    /// These changes. None is nothing to review.
    Changes(Vec<Target>),
    /// Changes that cannot be reviewed.
    Unreviewable(NotReviewed),
}

impl Subject {
    /// The root of the work tree that the changes are in.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        match self {
            Self::Changes(targets) => targets.first().map(Target::repo_root),
            Self::Unreviewable(_) => None,
        }
    }

    /// The labels of the changes.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Changes(targets) => targets.iter().map(Target::label).collect::<Vec<_>>().join(", "),
            Self::Unreviewable(_) => String::new(),
        }
    }

    fn unreviewable(detail: impl AsRef<str>) -> Self {
        Self::Unreviewable(NotReviewed::new(FailureKind::Failed, detail))
    }

    /// The target that a caller names. An empty target is nothing to review.
    ///
    /// # Errors
    /// When the target does not exist or cannot be read.
    pub fn named(target: &TargetOptions, directory: &Path) -> Result<Self> {
        match target.resolve(directory) {
            Ok(target) => Ok(Self::Changes(vec![target])),
            Err(error) if error.kind() == Kind::NothingToReview => Ok(Self::Changes(Vec::new())),
            Err(error) => Err(error),
        }
    }
}

impl Companion {
    /// Reads the input of git's `pre-push` hook: of each branch, what the remote side does not have.
    ///
    /// # Errors
    /// When the repository cannot be read, or there is no git.
    pub fn pushed(&self, directory: &Path, input: std::io::Result<Vec<u8>>) -> Result<Subject> {
        let push = match input.map(|input| PrePush::read(&input)) {
            Ok(Ok(push)) => push,
            Ok(Err(bad)) => return Ok(Subject::Unreviewable(bad.into())),
            Err(error) => {
                return Ok(Subject::unreviewable(format!("cannot read what is pushed: {error}")));
            }
        };
        let head = tree::head(directory, &CancelToken::new());
        let mut targets = Vec::new();
        for sent in push.sent() {
            let Some(oid) = &sent.local_oid else { continue };
            // Tags, for example, mostly name commits that the remote side has.
            if !sent.remote_ref.starts_with("refs/heads/") && !self.is_new(directory, oid)? {
                continue;
            }
            if sent.local_oid != head {
                let name = branch(sent);
                let detail = format!("`{name}` is not checked out, so that nobody could look at it");
                return Ok(Subject::unreviewable(detail));
            }
            match self.sent(directory, sent, oid)? {
                Some(sent) => targets.extend(sent),
                None => {
                    let name = branch(sent);
                    return Ok(Subject::unreviewable(format!(
                        "`{name}` is new, has commits that no remote has, and nothing to compare it with"
                    )));
                }
            }
        }
        Ok(Subject::Changes(targets))
    }

    /// The changes of one branch; `None` when there is nothing to compare it with and it has too many commits.
    fn sent(&self, directory: &Path, sent: &PushedRef, oid: &str) -> Result<Option<Vec<Target>>> {
        let options = match &sent.remote_oid {
            Some(base) => ResolveOptions::new().base(base),
            None => ResolveOptions::new().scope(TargetScope::Branch),
        };
        match resolve(directory, &options) {
            Ok(target) => Ok(Some(vec![target])),
            // The default branch itself, which the remote side does not have yet.
            Err(error)
                if sent.remote_oid.is_none()
                    && matches!(error.kind(), ErrorKind::NothingToReview | ErrorKind::NoDefaultBranch)
                    && self.is_new(directory, oid)? =>
            {
                Ok(tree::all_commits(directory, &CancelToken::new())?)
            }
            Err(error) if error.kind() == ErrorKind::NothingToReview => Ok(Some(Vec::new())),
            Err(error) => Err(Error::from(error)),
        }
    }

    /// Whether a commit is on no remote, as far as git knows. What git cannot report counts as new.
    fn is_new(&self, directory: &Path, oid: &str) -> Result<bool> {
        let words = ["rev-list", "--count", oid, "--not", "--remotes"];
        Ok(self.git(directory, &words)?.as_deref() != Some("0"))
    }
}

fn branch(sent: &PushedRef) -> &str {
    sent.local_ref.trim_start_matches("refs/heads/")
}
