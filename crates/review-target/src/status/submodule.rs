//! Submodules: their checked-out commit, and whether their tracked files differ from it.

use std::collections::HashMap;
use std::path::Path;

use gix::bstr::{BStr, BString};
use gix::submodule::config::Ignore;

use super::{Area, ChangeKind, Index, Item, New, Scan};
use crate::repository;
use crate::settings::Settings;
use crate::{CancelToken, CommitId, Error};

/// The checkout of a submodule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkout {
    pub(crate) head: gix::ObjectId,
    /// Whether tracked files differ from that commit.
    pub(crate) dirty: bool,
}

/// Compares the checked-out commits of submodules with the recorded ones. `submodules` are positions in the index.
pub(super) fn changes(
    repo: &gix::Repository,
    settings: &Settings,
    index: &Index,
    submodules: &[usize],
    cancel: &CancelToken,
) -> Result<Vec<Item>, Error> {
    if submodules.is_empty() {
        return Ok(Vec::new());
    }
    let ignored = ignore_settings(repo);
    let root = repo.workdir().expect("open refuses repositories without a work tree");
    let mut items = Vec::new();
    for &at in submodules {
        cancel.check()?;
        let path = index.path(at);
        let ignore = ignored.get(path).copied().unwrap_or(Ignore::Untracked);
        let Some(recorded) = index.stored(at) else { continue };
        if ignore == Ignore::All {
            continue;
        }
        let Ok(directory) = gix::path::from_bstr(path) else { continue };
        let Some(checkout) = checkout(&root.join(directory), settings, ignore != Ignore::Dirty, cancel)?
        else {
            continue;
        };
        if checkout.head != recorded.id || checkout.dirty {
            items.push(Item {
                path: path.to_owned(),
                area: Area::Unstaged,
                change: ChangeKind::Modified,
                old: Some(recorded),
                new: Some(New::Submodule(checkout)),
                certain: true,
            });
        }
    }
    Ok(items)
}

/// Returns `None` for a submodule that is not checked out, has no commits, or belongs to another user.
pub(super) fn checkout(
    directory: &Path,
    settings: &Settings,
    with_content: bool,
    cancel: &CancelToken,
) -> Result<Option<Checkout>, Error> {
    let Some(shared) = repository::open_exactly(directory, settings.scope) else { return Ok(None) };
    let repo = shared.to_thread_local();
    let Ok(head) = repo.head_id().map(gix::Id::detach) else { return Ok(None) };
    let dirty = with_content && {
        let settings = Settings::read(&repo, settings.scope);
        let scan = Scan::work_tree(&shared, &repo, &settings, Some(CommitId(head)), cancel)?;
        scan.has_tracked_change(&shared, cancel)?
    };
    Ok(Some(Checkout { head, dirty }))
}

fn ignore_settings(repo: &gix::Repository) -> HashMap<BString, Ignore> {
    let Ok(Some(submodules)) = repo.submodules() else { return HashMap::new() };
    submodules
        .filter_map(|submodule| {
            let ignore = submodule.ignore().ok().flatten()?;
            Some((submodule.path().ok()?, ignore))
        })
        .collect()
}

/// Whether the directory has a `.git` that is a git directory or leads to one.
pub(super) fn is_repository(root: &Path, directory: &BStr) -> bool {
    let Ok(directory) = gix::path::from_bstr(directory) else { return false };
    gix::discover::is_git(&root.join(directory).join(".git")).is_ok()
}
