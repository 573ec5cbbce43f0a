use std::path::Path;
use std::sync::Arc;

use gix::bstr::ByteSlice as _;

use crate::merge_base;
use crate::repository::{self, ConfigScope};
use crate::revision;
use crate::status::Scan;
use crate::{Cancel, CommitId, Error, ErrorKind, Target, TargetKind};

/// Which kind of change a caller wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The work tree when anything in it is not committed, else the branch.
    #[default]
    Auto,
    /// What is not committed.
    WorkingTree,
    /// What `HEAD` has over its base.
    Branch,
}

/// What to resolve. The default detects everything.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ResolveOptions {
    /// Default: [`Scope::Auto`]. A named base or commit overrules it.
    pub scope: Scope,
    /// A revision to compare `HEAD` with, in any of git's ways to name one. It is never read as an option,
    /// whatever it begins with. Default: detected where needed.
    pub base: Option<String>,
    /// A single commit to look at instead, named in any of git's ways. Default: none.
    pub commit: Option<String>,
    /// Whose git configuration counts. Default: the user's and the system's too.
    pub config: ConfigScope,
    /// Stops the call from another thread. Default: a flag that nobody sets.
    pub cancel: Cancel,
}

impl ResolveOptions {
    /// Everything detected.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the scope; the default is [`Scope::Auto`].
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
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

    /// Says whose configuration counts; the default is [`ConfigScope::User`].
    #[must_use]
    pub fn config(mut self, config: ConfigScope) -> Self {
        self.config = config;
        self
    }

    /// Gives the flag that stops the call; by default nobody can.
    #[must_use]
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }
}

/// Finds the repository that `start_dir` lies in, and the change in it to look at.
///
/// The whole work tree counts, from whichever folder of it the search starts. Everything that can be wrong with the
/// names is found here, before anybody spends anything on the answer.
///
/// # Errors
/// Every [`ErrorKind`]; [`NothingToReview`](ErrorKind::NothingToReview) when the change that was asked for, or the
/// one that was detected, is empty.
pub fn resolve(start_dir: &Path, options: &ResolveOptions) -> Result<Target, Error> {
    if options.base.is_some() && options.commit.is_some() {
        return Err(Error::new(ErrorKind::InvalidRequest, "a base and a single commit exclude one another")
            .with_hint("name one of them"));
    }
    options.cancel.check()?;
    let shared = repository::open(start_dir, options.config)?;
    let repo = shared.to_thread_local();
    let (branch, head) = head(&repo)?;
    let root = repo.workdir().expect("open refuses repositories without a work tree").to_owned();
    let explicit = options.scope != Scope::Auto || options.base.is_some() || options.commit.is_some();
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
    } else if options.base.is_some() || options.scope == Scope::Branch {
        against_base(&repo, &target, options.base.as_deref())?
    } else if look_at_work_tree(&mut target, &repo, &options.cancel)? {
        TargetKind::WorkingTree
    } else if options.scope == Scope::WorkingTree {
        return Err(Error::new(ErrorKind::NothingToReview, "the work tree has no changes")
            .with_hint("name a base or a commit to look at what is committed"));
    } else {
        against_base(&repo, &target, None)?
    };
    options.cancel.check()?;
    Ok(target)
}

/// Keeps what was seen when anything differs, so that it is not looked for again.
fn look_at_work_tree(target: &mut Target, repo: &gix::Repository, cancel: &Cancel) -> Result<bool, Error> {
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
            .with_hint("look at the work tree instead"));
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
        "this clone is shallow: `git fetch --unshallow` brings the history in which one may be found"
    } else {
        "name a base that HEAD grew from"
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
