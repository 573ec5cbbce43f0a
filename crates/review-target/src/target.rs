use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::status::Scan;
use crate::{CancelToken, ConfigScope, Error};

/// The id of a commit, SHA-1 or SHA-256 depending on the repository. `Display` writes it in full.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommitId(pub(crate) gix::ObjectId);

impl CommitId {
    /// The first seven hexadecimal digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.to_hex_with_len(7).to_string()
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitId({})", self.0)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for CommitId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The change to review.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetKind {
    /// Uncommitted changes: staged, unstaged and untracked.
    WorkingTree,
    /// The changes of a branch: the difference between its merge base with the base, and `HEAD`.
    Branch {
        /// The base as the caller wrote it, or the short name of the detected default branch.
        base_ref: String,
        /// The commit that `base_ref` names.
        base_commit: CommitId,
        /// The best common ancestor of the base and `HEAD`, as `git merge-base` finds it.
        merge_base: CommitId,
    },
    /// The changes of one commit, compared with its first parent.
    Commit {
        /// The commit.
        id: CommitId,
        /// The first line of its message; bytes that are not UTF-8 are replaced.
        title: String,
        /// Its first parent; `None` for a root commit and at the boundary of a shallow clone.
        parent: Option<CommitId>,
    },
}

/// A repository and the change in it to review, as [`resolve`](crate::resolve()) found them.
///
/// A target is a snapshot. Its commits are pinned: they stay the same when a branch moves. The list of changed files in
/// the work tree is that of the time of `resolve`; their content is read later. Resolve again to see newer changes.
#[derive(Clone)]
pub struct Target {
    pub(crate) repository: gix::ThreadSafeRepository,
    pub(crate) root: PathBuf,
    pub(crate) branch: Option<String>,
    pub(crate) head: Option<CommitId>,
    pub(crate) kind: TargetKind,
    pub(crate) explicit: bool,
    pub(crate) config: ConfigScope,
    /// The scan of the work tree, if `resolve` made one.
    pub(crate) scan: Option<Arc<Scan>>,
}

impl Target {
    /// The top of the work tree, absolute, links resolved.
    #[must_use]
    pub fn repo_root(&self) -> &Path {
        &self.root
    }

    /// The directory with `HEAD` and the index. A linked work tree has its own.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        self.repository.git_dir()
    }

    /// The short name of the branch that is checked out, with or without commits; `None` when `HEAD` is detached.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.branch.as_deref()
    }

    /// The commit that is checked out; `None` before the first one.
    #[must_use]
    pub fn head(&self) -> Option<CommitId> {
        self.head
    }

    /// The change to review.
    #[must_use]
    pub fn kind(&self) -> &TargetKind {
        &self.kind
    }

    /// Whether the caller named the target by scope, base or commit. Otherwise it was detected.
    #[must_use]
    pub fn explicit(&self) -> bool {
        self.explicit
    }

    /// `working-tree`, `branch` or `commit`.
    #[must_use]
    pub fn mode(&self) -> &'static str {
        match self.kind {
            TargetKind::WorkingTree => "working-tree",
            TargetKind::Branch { .. } => "branch",
            TargetKind::Commit { .. } => "commit",
        }
    }

    /// Returns a short description of the target: `working tree diff`, `branch diff against main`, `commit abc1234`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.kind {
            TargetKind::WorkingTree => "working tree diff".to_owned(),
            TargetKind::Branch { base_ref, .. } => format!("branch diff against {base_ref}"),
            TargetKind::Commit { id, .. } => format!("commit {}", id.short()),
        }
    }

    /// The base as the caller named it or as it was detected; `None` unless the target is a branch.
    #[must_use]
    pub fn base_ref(&self) -> Option<&str> {
        match &self.kind {
            TargetKind::Branch { base_ref, .. } => Some(base_ref),
            TargetKind::WorkingTree | TargetKind::Commit { .. } => None,
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("root", &self.root)
            .field("branch", &self.branch)
            .field("head", &self.head)
            .field("kind", &self.kind)
            .field("explicit", &self.explicit)
            .finish_non_exhaustive()
    }
}

/// Writes `{mode, label, baseRef?, explicit}`.
#[cfg(feature = "serde")]
impl serde::Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Report<'a> {
            mode: &'a str,
            label: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            base_ref: Option<&'a str>,
            explicit: bool,
        }
        Report { mode: self.mode(), label: self.label(), base_ref: self.base_ref(), explicit: self.explicit }
            .serialize(serializer)
    }
}

impl Target {
    pub(crate) fn scan(&self, repo: &gix::Repository, cancel: &CancelToken) -> Result<Arc<Scan>, Error> {
        match &self.scan {
            Some(scan) => Ok(Arc::clone(scan)),
            None => Scan::of(self, repo, cancel).map(Arc::new),
        }
    }

    pub(crate) fn tree_of(repo: &gix::Repository, commit: CommitId) -> Result<gix::ObjectId, Error> {
        let tree = repo.find_commit(commit.0).and_then(|commit| commit.tree_id().map(gix::Id::detach));
        tree.map_err(|e| Error::git(format_args!("read commit {}", commit.short()), e))
    }
}
