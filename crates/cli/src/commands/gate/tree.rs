//! Where the work tree stands, and what of it is to be reviewed.

use std::path::{Path, PathBuf};

use codex_gate::{GateState, Tree};
use codex_review_target::{
    CancelToken, CollectOptions, Error, ErrorKind, FingerprintOptions, ResolveOptions, Target, TargetScope,
    collect, fingerprint, resolve,
};

/// Up to so many files and bytes the patches themselves are in the prompt; past that, an overview and how to see the rest.
const INLINE: (usize, u64) = (20, 256 << 10);
/// How many commits are looked at one by one.
const MOST_COMMITS: usize = 16;
/// What stands for the fingerprint of nothing.
const CLEAN: &str = "clean";
/// What stands for HEAD before the first commit.
const UNBORN: &str = "unborn";

/// What a look at the work tree found.
#[derive(Debug)]
pub(super) struct Look {
    folder: PathBuf,
    /// The fingerprint is that of what is not committed, behind the commit: `<commit>:<hash>`.
    pub(super) tree: Tree,
    uncommitted: Option<Target>,
}

/// Looks at the work tree around a folder.
pub(super) fn look(folder: &Path, cancel: &CancelToken) -> Result<Look, Error> {
    let options = ResolveOptions::new().scope(TargetScope::WorkingTree).cancel(cancel.clone());
    let (head, hash, uncommitted) = match resolve(folder, &options) {
        Ok(target) => {
            let hash = fingerprint(&target, &FingerprintOptions::new().cancel(cancel.clone()))?.to_string();
            (target.head().map(|head| head.to_string()), hash, Some(target))
        }
        Err(error) if error.kind() == ErrorKind::NothingToReview => {
            (head(folder, cancel), CLEAN.to_owned(), None)
        }
        Err(error) => return Err(error),
    };
    let mut tree = Tree::new(format!("{}:{hash}", head.as_deref().unwrap_or(UNBORN)));
    if let Some(head) = head {
        tree = tree.at(head, uncommitted.is_none());
    }
    Ok(Look { folder: folder.to_path_buf(), tree, uncommitted })
}

/// The commit that is checked out; `None` before the first one.
pub(super) fn head(folder: &Path, cancel: &CancelToken) -> Option<String> {
    // Every target knows where HEAD is, but there is none of a commit that changes nothing.
    last_commit(folder, cancel)?.head().map(|head| head.to_string())
}

/// The last commit that changes something.
fn last_commit(folder: &Path, cancel: &CancelToken) -> Option<Target> {
    (0..MOST_COMMITS).find_map(|back| something(commit(folder, back, cancel)).transpose())?.ok()
}

/// The commits since there are some, the oldest first and without those that change nothing; `None` when they are many.
pub(super) fn all_commits(folder: &Path, cancel: &CancelToken) -> Result<Option<Vec<Target>>, Error> {
    let mut commits = Vec::new();
    for back in 0..MOST_COMMITS {
        match commit(folder, back, cancel) {
            // Further back than there is anything.
            Err(error) if back > 0 && error.kind() == ErrorKind::UnknownRevision => {
                commits.reverse();
                return Ok(Some(commits));
            }
            found => commits.extend(something(found)?),
        }
    }
    Ok(None)
}

/// The commit so many before the one that is checked out, by first parents.
fn commit(folder: &Path, back: usize, cancel: &CancelToken) -> Result<Target, Error> {
    resolve(folder, &ResolveOptions::new().commit(format!("HEAD~{back}")).cancel(cancel.clone()))
}

/// `None` where there is nothing to review.
fn something(resolved: Result<Target, Error>) -> Result<Option<Target>, Error> {
    match resolved {
        Ok(target) => Ok(Some(target)),
        Err(error) if error.kind() == ErrorKind::NothingToReview => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a turn began, or else its session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// At this commit.
    Commit(String),
    /// Before the first commit.
    Unborn,
    /// Nobody took note.
    Unknown,
}

/// Where the turn began, or else the session, as far as anybody took note.
pub(super) fn base(state: &GateState, session: &str, agent: Option<&str>) -> Base {
    let Some(session) = state.sessions.get(session) else { return Base::Unknown };
    let turn = |name: &str| session.turns.get(name).and_then(|turn| turn.baseline.as_deref());
    let baseline = agent.and_then(turn).or_else(|| turn(""));
    let commit = baseline.and_then(|baseline| Some(baseline.split_once(':')?.0.to_owned()));
    match commit.or_else(|| session.head.clone()) {
        Some(commit) if commit == UNBORN => Base::Unborn,
        Some(commit) => Base::Commit(commit),
        None => Base::Unknown,
    }
}

impl Look {
    /// What changed: what is not committed, and what was committed since `base`. Where that is unknown, a clean tree says
    /// nothing about the turn, so that it is the last commit. `None` when there is too much to tell.
    pub(super) fn changes(self, base: &Base, cancel: &CancelToken) -> Result<Option<Vec<Target>>, Error> {
        let mut changes = match base {
            _ if self.tree.head.is_none() => Vec::new(),
            Base::Commit(base) if self.tree.head.as_ref() == Some(base) => Vec::new(),
            Base::Commit(base) => {
                let options = ResolveOptions::new().base(base).cancel(cancel.clone());
                something(resolve(&self.folder, &options))?.into_iter().collect()
            }
            Base::Unborn => match all_commits(&self.folder, cancel)? {
                Some(commits) => commits,
                None => return Ok(None),
            },
            Base::Unknown if self.uncommitted.is_some() => Vec::new(),
            Base::Unknown => last_commit(&self.folder, cancel).into_iter().collect(),
        };
        changes.extend(self.uncommitted);
        Ok(Some(changes))
    }
}

/// The changes in words and in full, for the prompt.
pub(super) fn material(targets: &[Target], cancel: &CancelToken) -> Result<(String, String), Error> {
    let options = CollectOptions::new().inline_files(INLINE.0).inline_bytes(INLINE.1).cancel(cancel.clone());
    let (mut labels, mut texts) = (Vec::new(), Vec::new());
    for target in targets {
        let context = collect(target, &options)?;
        labels.push(format!("{} ({})", target.label(), context.summary));
        texts.push(context.text);
    }
    Ok((labels.join(", and "), texts.join("\n\n")))
}
