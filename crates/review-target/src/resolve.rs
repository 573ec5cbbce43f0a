use std::path::Path;
use std::sync::Arc;

use gix::bstr::ByteSlice as _;

use crate::merge_base;
use crate::repository::{self, ConfigScope};
use crate::revision;
use crate::status::Scan;
use crate::trace::event;
use crate::{CancelToken, CommitId, Error, ErrorKind, Target, TargetKind};

/// The kind of change to review. Exhaustive on purpose: a front end offers each of them by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetScope {
    /// The work tree if it has uncommitted changes, else the branch.
    #[default]
    Auto,
    /// Uncommitted changes.
    WorkingTree,
    /// The commits of `HEAD` that its base does not have.
    Branch,
}

/// Options for [`resolve()`]. The default detects the change.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ResolveOptions {
    /// The kind of change. Default: [`TargetScope::Auto`]. A named base or commit takes precedence.
    pub scope: TargetScope,
    /// A revision to compare `HEAD` with, in any syntax that git accepts. It is never read as an option, even if it
    /// begins with a dash. Default: detected if needed.
    pub base: Option<String>,
    /// A single commit to review instead, in any syntax that git accepts. Default: none.
    pub commit: Option<String>,
    /// Which git configuration is read. Default: [`ConfigScope::User`].
    pub config: ConfigScope,
    /// Stops the call from another thread. Default: a token that no caller holds.
    pub cancel: CancelToken,
}

impl ResolveOptions {
    /// Detects everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the scope; the default is [`TargetScope::Auto`].
    #[must_use]
    pub fn scope(mut self, scope: TargetScope) -> Self {
        self.scope = scope;
        self
    }

    /// Names the base; the default is to detect it.
    #[must_use]
    pub fn base(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// Names a single commit; there is none by default.
    #[must_use]
    pub fn commit(mut self, commit: impl Into<String>) -> Self {
        self.commit = Some(commit.into());
        self
    }

    /// Sets which git configuration is read; the default is [`ConfigScope::User`].
    #[must_use]
    pub fn config(mut self, config: ConfigScope) -> Self {
        self.config = config;
        self
    }

    /// Sets the token that stops the call; by default the call cannot be stopped.
    #[must_use]
    pub fn cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }
}

/// Finds the repository that contains `start_dir`, and the change to review.
///
/// The target is always the whole work tree, also when `start_dir` is a subdirectory. All errors in names are found here,
/// before a caller starts an expensive review.
///
/// # Errors
/// Every [`ErrorKind`]; [`NothingToReview`](ErrorKind::NothingToReview) when the change that was asked for, or the
/// one that was detected, is empty.
pub fn resolve(start_dir: &Path, options: &ResolveOptions) -> Result<Target, Error> {
    if options.base.is_some() && options.commit.is_some() {
        return Err(Error::new(ErrorKind::InvalidRequest, "a base and a single commit cannot be combined")
            .with_hint("name only one of them"));
    }
    options.cancel.check()?;
    let shared = repository::open(start_dir, options.config)?;
    let repo = shared.to_thread_local();
    let (branch, head) = head(&repo)?;
    let root = repo.workdir().expect("open refuses repositories without a work tree").to_owned();
    let explicit = options.scope != TargetScope::Auto || options.base.is_some() || options.commit.is_some();
    let config = options.config;
    let mut target = Target {
        repository: shared,
        root,
        branch,
        head,
        kind: TargetKind::WorkingTree,
        explicit,
        config,
        scan: None,
    };

    target.kind = if let Some(commit) = &options.commit {
        single_commit(&repo, commit)?
    } else if options.base.is_some() || options.scope == TargetScope::Branch {
        against_base(&repo, &target, options.base.as_deref())?
    } else if scan_work_tree(&mut target, &repo, &options.cancel)? {
        TargetKind::WorkingTree
    } else if options.scope == TargetScope::WorkingTree {
        return Err(Error::new(ErrorKind::NothingToReview, "the work tree has no changes")
            .with_hint("name a base or a commit to review committed changes"));
    } else {
        against_base(&repo, &target, None)?
    };
    options.cancel.check()?;
    event!(DEBUG, root = %target.root.display(), target = %target.label(), explicit, "target resolved");
    Ok(target)
}

/// Scans the work tree. The scan is kept if there are changes, so that `measure` and `collect` need no second one.
pub(crate) fn scan_work_tree(
    target: &mut Target,
    repo: &gix::Repository,
    cancel: &CancelToken,
) -> Result<bool, Error> {
    let scan = Scan::of(target, repo, cancel)?;
    let dirty = scan.is_dirty(target, cancel)?;
    target.scan = dirty.then(|| Arc::new(scan));
    Ok(dirty)
}

pub(crate) fn head(repo: &gix::Repository) -> Result<(Option<String>, Option<CommitId>), Error> {
    let head = repo.head().map_err(|e| Error::git("read HEAD", e))?;
    let branch = head.referent_name().map(|name| name.shorten().to_str_lossy().into_owned());
    let id = match head.id() {
        None => None,
        Some(id) => {
            let commit = id.object().and_then(|object| object.peel_to_kind(gix::object::Kind::Commit));
            Some(CommitId(commit.map_err(|e| Error::git("read the commit that HEAD names", e))?.id))
        }
    };
    Ok((branch, id))
}

fn against_base(repo: &gix::Repository, target: &Target, base: Option<&str>) -> Result<TargetKind, Error> {
    let named = base.map(|base| revision::commit(repo, base).map(|id| (base.to_owned(), id))).transpose()?;
    let Some(head) = target.head else {
        let branch = target.branch.as_deref().unwrap_or("HEAD");
        return Err(Error::new(ErrorKind::NothingToReview, format!("`{branch}` has no commits yet"))
            .with_hint("review the work tree instead"));
    };
    let (base_ref, base_commit) = match named {
        Some(named) => named,
        None => revision::default_branch(repo)?.ok_or_else(|| {
            let message = "no default branch: there is no origin/HEAD, main, master or trunk";
            Error::new(ErrorKind::NoDefaultBranch, message)
                .with_hint("name the base: a branch, a tag or a commit")
        })?,
    };
    let merge_base = common_ancestor(repo, head, &base_ref, base_commit)?;
    if merge_base == head || Target::tree_of(repo, merge_base)? == Target::tree_of(repo, head)? {
        let here = target.branch.as_deref().unwrap_or("HEAD");
        let message = if base.is_none() && !target.explicit {
            format!("nothing to review: the work tree is clean and `{here}` adds nothing to `{base_ref}`")
        } else {
            format!("nothing to review: `{here}` adds nothing to `{base_ref}`")
        };
        return Err(Error::new(ErrorKind::NothingToReview, message)
            .with_hint("change something, or name another base or a commit"));
    }
    Ok(TargetKind::Branch { base_ref, base_commit, merge_base })
}

fn common_ancestor(
    repo: &gix::Repository,
    head: CommitId,
    name: &str,
    base: CommitId,
) -> Result<CommitId, Error> {
    let found = merge_base::merge_base(repo, base, head)
        .map_err(|e| Error::git(format_args!("find the merge base of `{name}` and HEAD"), e))?;
    if let Some(found) = found {
        return Ok(found);
    }
    let message = format!("`{name}` and HEAD have no common ancestor");
    let hint = if repo.is_shallow().unwrap_or(false) {
        "this clone is shallow: `git fetch --unshallow` fetches the missing history"
    } else {
        "name a base that shares history with HEAD"
    };
    Err(Error::new(ErrorKind::NoMergeBase, message).with_hint(hint))
}

pub(crate) fn single_commit(repo: &gix::Repository, name: &str) -> Result<TargetKind, Error> {
    let id = revision::commit(repo, name)?;
    let failed = |e| Error::git(format_args!("read commit {}", id.short()), e);
    let commit = repo.find_commit(id.0).map_err(failed)?;
    let title = commit.message().map(|m| m.summary().to_str_lossy().into_owned()).map_err(failed)?;
    let shallow = repo.shallow_commits().map_err(|e| Error::git("read the edge of the shallow clone", e))?;
    let at_edge = shallow.is_some_and(|edge| edge.iter().any(|edge| *edge == id.0));
    let parent = commit.parent_ids().next().map(|id| CommitId(id.detach())).filter(|_| !at_edge);
    let before = match parent {
        Some(parent) => Target::tree_of(repo, parent)?,
        None => gix::ObjectId::empty_tree(repo.object_hash()),
    };
    if before == Target::tree_of(repo, id)? {
        let message = format!("nothing to review: commit {} changes no file", id.short());
        return Err(Error::new(ErrorKind::NothingToReview, message));
    }
    Ok(TargetKind::Commit { id, title, parent })
}
