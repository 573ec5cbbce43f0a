//! Where the work tree stands, and what of it is to be reviewed.

use std::path::{Path, PathBuf};

use codex_gate::{GateState, Tree};
use codex_review_target::{
    Cancel, CollectOptions, Error, ErrorKind, ResolveOptions, Scope, Target, collect, fingerprint, resolve,
};

/// Up to so many files and bytes the patches themselves are in the prompt; past that, an overview and how to see the rest.
const INLINE: (usize, u64) = (20, 256 << 10);
/// How many commits are looked at for one that changes something, when all that is wanted is where HEAD is.
const EMPTY_COMMITS: usize = 16;
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
pub(super) fn look(folder: &Path, cancel: &Cancel) -> Result<Look, Error> {
    let options = ResolveOptions::new().scope(Scope::WorkingTree).cancel(cancel.clone());
    let (head, hash, uncommitted) = match resolve(folder, &options) {
        Ok(target) => {
            let hash = fingerprint(&target, None, cancel)?.to_string();
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
pub(super) fn head(folder: &Path, cancel: &Cancel) -> Option<String> {
    // Every target knows where HEAD is, but there is none of a commit that changes nothing.
    let commits = std::iter::successors(Some("HEAD".to_owned()), |name| Some(format!("{name}~1")));
    for commit in commits.take(EMPTY_COMMITS) {
        match resolve(folder, &ResolveOptions::new().commit(commit).cancel(cancel.clone())) {
            Ok(target) => return target.head().map(|head| head.to_string()),
            Err(error) if error.kind() == ErrorKind::NothingToReview => {}
            Err(_) => return None,
        }
    }
    None
}

/// The commit at which the turn began, or else the session, as far as anybody took note.
pub(super) fn base(state: &GateState, session: &str, agent: Option<&str>) -> Option<String> {
    let session = state.sessions.get(session)?;
    let turn = |name: &str| session.turns.get(name).and_then(|turn| turn.baseline.as_deref());
    let baseline = agent.and_then(turn).or_else(|| turn(""));
    let commit = baseline.and_then(|baseline| Some(baseline.split_once(':')?.0.to_owned()));
    commit.filter(|commit| commit != UNBORN).or_else(|| session.head.clone())
}

impl Look {
    /// What changed: what is not committed, and what was committed since `base`.
    pub(super) fn changes(self, base: Option<&str>, cancel: &Cancel) -> Result<Vec<Target>, Error> {
        let committed = match base {
            Some(base) if self.tree.head.as_deref() != Some(base) => {
                match resolve(&self.folder, &ResolveOptions::new().base(base).cancel(cancel.clone())) {
                    Ok(target) => Some(target),
                    Err(error) if error.kind() == ErrorKind::NothingToReview => None,
                    Err(error) => return Err(error),
                }
            }
            _ => None,
        };
        Ok(committed.into_iter().chain(self.uncommitted).collect())
    }
}

/// The changes in words and in full, for the prompt.
pub(super) fn material(targets: &[Target], cancel: &Cancel) -> Result<(String, String), Error> {
    let options = CollectOptions::new().inline(INLINE.0, INLINE.1);
    let (mut labels, mut texts) = (Vec::new(), Vec::new());
    for target in targets {
        let context = collect(target, &options, cancel)?;
        labels.push(format!("{} ({})", target.label(), context.summary));
        texts.push(context.text);
    }
    Ok((labels.join(", and "), texts.join("\n\n")))
}
