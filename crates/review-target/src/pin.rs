//! A target by the ids of its commits, to find the same change again from another process.

use std::path::Path;

use crate::repository::{self, ConfigScope};
use crate::resolve::single_commit;
use crate::revision;
use crate::{CancelToken, CommitId, Error, ErrorKind, Target, TargetKind};

/// The commits of a [`Target`], by their ids in hexadecimal. Moving a branch afterwards does not change them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct PinnedTarget {
    /// The commit that was checked out; `None` before the first one.
    pub head: Option<String>,
    /// The change.
    pub kind: PinnedKind,
    /// Whether the caller named the target.
    pub explicit: bool,
}

/// The change of a [`PinnedTarget`]. Exhaustive on purpose: it has a case for each [`TargetKind`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "mode")
)]
pub enum PinnedKind {
    /// What is not committed.
    WorkingTree,
    /// What `HEAD` has over its base.
    Branch {
        /// The base as it was named or detected.
        base_ref: String,
        /// The commit of the base.
        base_commit: String,
        /// The common ancestor that the change begins at.
        merge_base: String,
    },
    /// One commit.
    Commit {
        /// Its id.
        id: String,
    },
}

impl Target {
    /// Returns the target by the ids of its commits.
    #[must_use]
    pub fn pinned(&self) -> PinnedTarget {
        let kind = match &self.kind {
            TargetKind::WorkingTree => PinnedKind::WorkingTree,
            TargetKind::Branch { base_ref, base_commit, merge_base } => PinnedKind::Branch {
                base_ref: base_ref.clone(),
                base_commit: base_commit.to_string(),
                merge_base: merge_base.to_string(),
            },
            TargetKind::Commit { id, .. } => PinnedKind::Commit { id: id.to_string() },
        };
        let head = self.head.as_ref().map(ToString::to_string);
        PinnedTarget { head, kind, explicit: self.explicit }
    }
}

impl PinnedTarget {
    /// Finds the repository that contains `start_dir`, and the same change in it. Of a work tree, the files are as they are
    /// now.
    ///
    /// # Errors
    /// When the repository cannot be read, or no longer has one of the commits; `NothingToReview` when the work tree was
    /// changed and no longer is.
    pub fn resolve(&self, start_dir: &Path, config: ConfigScope) -> Result<Target, Error> {
        let shared = repository::open(start_dir, config)?;
        let repo = shared.to_thread_local();
        let (branch, head_now) = crate::resolve::head(&repo)?;
        let commit = |id: &String| revision::commit(&repo, id);
        // A work tree is compared with what is checked out now.
        let head = match (&self.kind, &self.head) {
            (PinnedKind::WorkingTree, _) => head_now,
            (_, head) => head.as_ref().map(commit).transpose()?,
        };
        let kind = match &self.kind {
            PinnedKind::WorkingTree => TargetKind::WorkingTree,
            PinnedKind::Branch { base_ref, base_commit, merge_base } => TargetKind::Branch {
                base_ref: base_ref.clone(),
                base_commit: commit(base_commit)?,
                merge_base: commit(merge_base)?,
            },
            PinnedKind::Commit { id } => single_commit(&repo, id)?,
        };
        let root = repo.workdir().expect("open refuses repositories without a work tree").to_owned();
        let explicit = self.explicit;
        let mut target =
            Target { repository: shared, root, branch, head, kind, explicit, config, scan: None };
        if target.kind == TargetKind::WorkingTree
            && !crate::resolve::scan_work_tree(&mut target, &repo, &CancelToken::new())?
        {
            return Err(Error::new(ErrorKind::NothingToReview, "the work tree no longer has changes"));
        }
        Ok(target)
    }

    /// Whether `head` is the commit that was checked out when the target was pinned.
    #[must_use]
    pub fn is_head(&self, head: Option<CommitId>) -> bool {
        self.head == head.map(|id| id.to_string())
    }
}
