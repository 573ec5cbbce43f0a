//! Finds the files that differ, from metadata where that is sufficient.
//!
//! - `HEAD` and the index: the TREE extension of the index has the ids of the trees that it was made from. A directory with
//!   the same id in `HEAD` is skipped without decoding its tree.
//! - The index and the work tree: one walk over the directories, on all cores, compares the `lstat` result of tracked files
//!   with their index entries, and finds untracked files in the same listing.
//! - A file with different metadata is only a candidate. The reader of the item finds out whether the content differs.

use std::sync::Arc;

use gix::bstr::{BString, ByteSlice as _};

use crate::content::Reader;
use crate::os::{Directory, Stat};
use crate::settings::Settings;
use crate::{CancelToken, ConfigScope, Error, Target, TargetKind};

mod compare;
mod ignore;
mod index;
mod staged;
mod submodule;
mod trees;
mod walk;

pub(crate) use index::Index;
pub(crate) use submodule::Checkout;

/// The part of the change that a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Area {
    /// In the index and not in `HEAD`.
    Staged,
    /// In the work tree and not in the index.
    Unstaged,
    /// In the work tree, unknown to the index, and not ignored.
    Untracked,
    /// Between two commits.
    Committed,
}

impl Area {
    /// `staged`, `unstaged`, `untracked` or `committed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Unstaged => "unstaged",
            Self::Untracked => "untracked",
            Self::Committed => "committed",
        }
    }
}

/// How a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ChangeKind {
    /// New. In the index this includes files with only the intent to add (`git add -N`).
    Added,
    /// Different content or executable bit.
    Modified,
    /// Deleted.
    Deleted,
    /// A different type, such as a symbolic link in place of a file.
    TypeChanged,
    /// In conflict after a merge. It is compared with our side.
    Conflicted,
}

impl ChangeKind {
    /// `added`, `modified`, `deleted`, `type-changed` or `conflicted`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
            Self::TypeChanged => "type-changed",
            Self::Conflicted => "conflicted",
        }
    }

    /// git's letter for the change: `A`, `M`, `D`, `T` or `U`.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Modified => 'M',
            Self::Deleted => 'D',
            Self::TypeChanged => 'T',
            Self::Conflicted => 'U',
        }
    }
}

/// The types of entries that a tree or an index can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    File,
    Executable,
    Link,
    Submodule,
}

impl Mode {
    pub(crate) fn octal(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Submodule => "160000",
        }
    }

    pub(crate) fn same_type(self, other: Self) -> bool {
        let plain = |mode| matches!(mode, Self::File | Self::Executable);
        self == other || plain(self) && plain(other)
    }

    fn of_tree_entry(mode: gix::objs::tree::EntryMode) -> Option<Self> {
        use gix::objs::tree::EntryKind;
        match mode.kind() {
            EntryKind::Blob => Some(Self::File),
            EntryKind::BlobExecutable => Some(Self::Executable),
            EntryKind::Link => Some(Self::Link),
            EntryKind::Commit => Some(Self::Submodule),
            EntryKind::Tree => None,
        }
    }
}

/// A version in the object database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) mode: Mode,
    pub(crate) id: gix::ObjectId,
}

/// The new version of a changed file.
#[derive(Clone, Debug)]
pub(crate) enum New {
    Stored(Stored),
    /// A file or a link in the work tree. For an untracked one there is no `stat`: it was only listed.
    File {
        mode: Mode,
        stat: Option<Stat>,
    },
    Submodule(Checkout),
    /// An untracked directory that is itself a git repository. Its content is not part of the change.
    Nested,
    /// A FIFO, a socket or a device in place of a tracked file. It is never opened.
    Special,
}

impl New {
    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Stored(stored) => stored.mode,
            Self::File { mode, .. } => *mode,
            Self::Submodule(_) => Mode::Submodule,
            Self::Nested | Self::Special => Mode::File,
        }
    }
}

/// One file of the change, in one area.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) path: BString,
    pub(crate) area: Area,
    pub(crate) change: ChangeKind,
    pub(crate) old: Option<Stored>,
    pub(crate) new: Option<New>,
    /// Whether the file is known to differ. If not, reading it may show that it is unchanged.
    pub(crate) certain: bool,
}

impl Item {
    /// Creates an item from its two versions. A missing old version is an addition, a missing new version a deletion.
    fn between(path: BString, area: Area, old: Option<Stored>, new: Option<Stored>) -> Self {
        let change = match (&old, &new) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Deleted,
            (Some(old), Some(new)) if !old.mode.same_type(new.mode) => ChangeKind::TypeChanged,
            _ => ChangeKind::Modified,
        };
        Self { path, area, change, old, new: new.map(New::Stored), certain: true }
    }
}

/// A place in the work tree that could not be examined.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) path: BString,
    pub(crate) reason: String,
}

/// All files that differ, sorted by area and path.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) items: Vec<Item>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) index: Option<Arc<Index>>,
    scope: ConfigScope,
}

impl Scan {
    /// Scans the change of a target.
    pub(crate) fn of(target: &Target, repo: &gix::Repository, cancel: &CancelToken) -> Result<Self, Error> {
        match &target.kind {
            TargetKind::WorkingTree => {
                let settings = Settings::read(repo, target.config);
                Self::work_tree(&target.repository, repo, &settings, target.head, cancel)
            }
            TargetKind::Branch { merge_base, .. } => {
                let head = target.head.expect("a branch target has a HEAD commit");
                let old = Target::tree_of(repo, *merge_base)?;
                Self::commits(repo, Some(old), Target::tree_of(repo, head)?, cancel)
            }
            TargetKind::Commit { id, parent, .. } => {
                let old = parent.map(|parent| Target::tree_of(repo, parent)).transpose()?;
                Self::commits(repo, old, Target::tree_of(repo, *id)?, cancel)
            }
        }
    }

    fn commits(
        repo: &gix::Repository,
        old: Option<gix::ObjectId>,
        new: gix::ObjectId,
        cancel: &CancelToken,
    ) -> Result<Self, Error> {
        let mut items = Vec::new();
        trees::diff(repo, Area::Committed, old, Some(new), cancel, &mut items)?;
        Ok(Self { items, ..Self::default() })
    }

    pub(crate) fn work_tree(
        shared: &gix::ThreadSafeRepository,
        repo: &gix::Repository,
        settings: &Settings,
        head: Option<crate::CommitId>,
        cancel: &CancelToken,
    ) -> Result<Self, Error> {
        let root = repo.workdir().expect("open refuses repositories without a work tree");
        let directory = Directory::open(root).map_err(|e| Error::io("enter", root, e))?;
        let head_tree = head.map(|head| Target::tree_of(repo, head)).transpose()?;
        let index = Arc::new(Index::load(repo, &directory, settings)?);
        let mut scan = Self::default();
        // The trees are read while the other threads walk.
        let walked = walk::walk(shared, repo, settings, &index, directory, cancel, || {
            staged::diff(repo, head_tree, &index, cancel, &mut scan.items)
        })?;
        scan.items.extend(walked.items);
        scan.problems = walked.problems;
        scan.items.extend(submodule::changes(repo, settings, &index, &walked.submodules, cancel)?);
        scan.items.sort_unstable_by(|a, b| (a.area, a.path.as_bytes()).cmp(&(b.area, b.path.as_bytes())));
        scan.index = Some(index);
        scan.scope = settings.scope;
        Ok(scan)
    }

    /// Whether a tracked file is changed. Reads files only if the metadata is not conclusive.
    fn has_tracked_change(
        &self,
        shared: &gix::ThreadSafeRepository,
        cancel: &CancelToken,
    ) -> Result<bool, Error> {
        let tracked = self.items.iter().filter(|item| item.area != Area::Untracked);
        self.any_differs(tracked, shared, cancel)
    }

    /// Whether any file is changed.
    pub(crate) fn is_dirty(&self, target: &Target, cancel: &CancelToken) -> Result<bool, Error> {
        self.any_differs(self.items.iter(), &target.repository, cancel)
    }

    fn any_differs<'i>(
        &self,
        items: impl Iterator<Item = &'i Item> + Clone,
        shared: &gix::ThreadSafeRepository,
        cancel: &CancelToken,
    ) -> Result<bool, Error> {
        let mut items = items;
        if items.clone().any(|item| item.certain) {
            return Ok(true);
        }
        if items.clone().next().is_none() {
            return Ok(false);
        }
        let mut reader = Reader::of(shared, self.scope, self.index.as_ref(), cancel)?;
        items.try_fold(false, |found, item| if found { Ok(true) } else { reader.differs(item) })
    }
}
