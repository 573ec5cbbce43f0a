//! Facts about a work tree: its snapshot, where a turn began, and what changed since.

use std::path::{Path, PathBuf};

use codex_gate::{GateState, TreeSnapshot};
use codex_review_target::{
    CancelToken, CollectOptions, Error, ErrorKind, FingerprintOptions, ResolveOptions, Target, TargetScope,
    collect, fingerprint, resolve,
};

/// Up to this many files and bytes, the prompt contains the patches themselves; else an overview and how to read the rest.
const INLINE: (usize, u64) = (20, 256 << 10);
/// The maximum number of commits that are shown one by one.
const MOST_COMMITS: usize = 16;
/// The fingerprint when everything is committed.
const CLEAN: &str = "clean";
/// The name of HEAD before the first commit.
const UNBORN: &str = "unborn";

/// The status of a work tree.
#[derive(Debug)]
#[non_exhaustive]
pub struct Status {
    directory: PathBuf,
    /// Its fingerprint is `<commit>:<hash of what is not committed>`.
    pub snapshot: TreeSnapshot,
    uncommitted: Option<Target>,
}

/// Reads the status of the work tree around a directory.
///
/// # Errors
/// When the work tree cannot be read.
pub fn status(directory: &Path, cancel: &CancelToken) -> Result<Status, Error> {
    let options = ResolveOptions::new().scope(TargetScope::WorkingTree).cancel(cancel.clone());
    let (head, hash, uncommitted) = match resolve(directory, &options) {
        Ok(target) => {
            let hash = fingerprint(&target, &FingerprintOptions::new().cancel(cancel.clone()))?.to_string();
            (target.head().map(|head| head.to_string()), hash, Some(target))
        }
        Err(error) if error.kind() == ErrorKind::NothingToReview => {
            (head(directory, cancel), CLEAN.to_owned(), None)
        }
        Err(error) => return Err(error),
    };
    let mut snapshot = TreeSnapshot::new(format!("{}:{hash}", head.as_deref().unwrap_or(UNBORN)));
    if let Some(head) = head {
        snapshot = snapshot.head(head).clean(uncommitted.is_none());
    }
    Ok(Status { directory: directory.to_path_buf(), snapshot, uncommitted })
}

/// The commit that is checked out; `None` before the first one.
#[must_use]
pub fn head(directory: &Path, cancel: &CancelToken) -> Option<String> {
    // Every target knows HEAD, but a commit that changes nothing has no target.
    last_commit(directory, cancel)?.head().map(|head| head.to_string())
}

/// The last commit that changes something.
fn last_commit(directory: &Path, cancel: &CancelToken) -> Option<Target> {
    (0..MOST_COMMITS).find_map(|back| something(commit(directory, back, cancel)).transpose())?.ok()
}

/// All commits, the oldest first and without those that change nothing; `None` when there are more than 16.
///
/// # Errors
/// When they cannot be read.
pub fn all_commits(directory: &Path, cancel: &CancelToken) -> Result<Option<Vec<Target>>, Error> {
    let mut commits = Vec::new();
    for back in 0..MOST_COMMITS {
        match commit(directory, back, cancel) {
            // There is no earlier commit.
            Err(error) if back > 0 && error.kind() == ErrorKind::UnknownRevision => {
                commits.reverse();
                return Ok(Some(commits));
            }
            found => commits.extend(something(found)?),
        }
    }
    Ok(None)
}

/// The commit `back` steps before the one that is checked out, by first parents.
fn commit(directory: &Path, back: usize, cancel: &CancelToken) -> Result<Target, Error> {
    resolve(directory, &ResolveOptions::new().commit(format!("HEAD~{back}")).cancel(cancel.clone()))
}

/// `None` where there is nothing to review.
fn something(resolved: Result<Target, Error>) -> Result<Option<Target>, Error> {
    match resolved {
        Ok(target) => Ok(Some(target)),
        Err(error) if error.kind() == ErrorKind::NothingToReview => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a turn began, or else its session. Exhaustive on purpose.
#[derive(Debug, PartialEq, Eq)]
pub enum Base {
    /// At this commit.
    Commit(String),
    /// Before the first commit.
    Unborn,
    /// It is not known.
    Unknown,
}

/// Where a turn began, or else its session, as far as the gate's state knows.
#[must_use]
pub fn base(state: &GateState, session: &str, agent: Option<&str>) -> Base {
    let baseline = state.baseline(session, agent).and_then(|baseline| Some(baseline.split_once(':')?.0));
    match baseline.or_else(|| state.session_head(session)) {
        Some(UNBORN) => Base::Unborn,
        Some(commit) => Base::Commit(commit.to_owned()),
        None => Base::Unknown,
    }
}

impl Status {
    /// What changed: what is not committed, and what was committed since `base`. When that is unknown, a clean tree says nothing
    /// about the turn, and the last commit is returned. `None` when there are too many commits.
    ///
    /// # Errors
    /// When the changes cannot be read.
    pub fn changes(self, base: &Base, cancel: &CancelToken) -> Result<Option<Vec<Target>>, Error> {
        let mut changes = match base {
            _ if self.snapshot.head.is_none() => Vec::new(),
            Base::Commit(base) if self.snapshot.head.as_ref() == Some(base) => Vec::new(),
            Base::Commit(base) => {
                let options = ResolveOptions::new().base(base).cancel(cancel.clone());
                something(resolve(&self.directory, &options))?.into_iter().collect()
            }
            Base::Unborn => match all_commits(&self.directory, cancel)? {
                Some(commits) => commits,
                None => return Ok(None),
            },
            Base::Unknown if self.uncommitted.is_some() => Vec::new(),
            Base::Unknown => last_commit(&self.directory, cancel).into_iter().collect(),
        };
        changes.extend(self.uncommitted);
        Ok(Some(changes))
    }
}

/// The labels and the text of the changes, for the prompt.
///
/// # Errors
/// When they cannot be read.
pub fn material(targets: &[Target], cancel: &CancelToken) -> Result<(String, String), Error> {
    let options = CollectOptions::new().inline_files(INLINE.0).inline_bytes(INLINE.1).cancel(cancel.clone());
    let (mut labels, mut texts) = (Vec::new(), Vec::new());
    for target in targets {
        let context = collect(target, &options)?;
        labels.push(format!("{} ({})", target.label(), context.summary));
        texts.push(context.text);
    }
    Ok((labels.join(", and "), texts.join("\n\n")))
}
