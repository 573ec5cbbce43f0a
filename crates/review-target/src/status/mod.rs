//! Which files differ, without reading more than the file system's own records where those suffice.
//!
//! - `HEAD` against the index: the index carries the ids of the trees that it was made from (its TREE extension), so
//!   a folder that has the same id in `HEAD` is skipped without decoding anything.
//! - The index against the work tree: one walk over the folders, on all cores, that compares what `lstat` says of
//!   tracked files with what the index recorded, and finds untracked files in the same listing.
//! - A file whose record does not match is only a suspect: whether its content differs is found out by who reads it.

use std::sync::Arc;

use gix::bstr::{BString, ByteSlice as _};

use crate::content::Reader;
use crate::os::{Folder, Stat};
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

/// Which part of the change a file belongs to.
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

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ChangeKind {
    /// It is new; in the index also when only the intent to add it is recorded.
    Added,
    /// Its content or its executable bit is another one.
    Modified,
    /// It is gone.
    Deleted,
    /// It became something else, such as a symbolic link.
    TypeChanged,
    /// A merge left it in conflict. It is compared with our side.
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

    /// git's letter for it: `A`, `M`, `D`, `T` or `U`.
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

/// The four things that a tree or an index can name.
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

/// A version that the object database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) mode: Mode,
    pub(crate) id: gix::ObjectId,
}

/// The version that a change leads to.
#[derive(Clone, Debug)]
pub(crate) enum New {
    Stored(Stored),
    /// A file or a link in the work tree. An untracked one has only been listed, not looked at.
    File {
        mode: Mode,
        stat: Option<Stat>,
    },
    Submodule(Checkout),
    /// An untracked folder that is a repository of its own. What is in it is not ours to show.
    Nested,
    /// A FIFO, a socket or a device where a tracked file was. Never opened.
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
    /// Whether it differs for certain. If not, reading it may show that it does not.
    pub(crate) certain: bool,
}

impl Item {
    /// Orders as the old and the new version show: no version is an addition or a deletion.
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

/// Something in the work tree that could not be looked at.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) path: BString,
    pub(crate) reason: String,
}

/// Everything that differs, by area and path.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) items: Vec<Item>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) index: Option<Arc<Index>>,
    scope: ConfigScope,
}

impl Scan {
    /// Looks at what the target names.
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
        let folder = Folder::open(root).map_err(|e| Error::io("enter", root, e))?;
        let head_tree = head.map(|head| Target::tree_of(repo, head)).transpose()?;
        let index = Arc::new(Index::load(repo, &folder, settings)?);
        let mut scan = Self::default();
        // The trees are read while the other cores walk.
        let walked = walk::walk(shared, repo, settings, &index, folder, cancel, || {
            staged::diff(repo, head_tree, &index, cancel, &mut scan.items)
        })?;
        scan.items.extend(walked.items);
        scan.problems = walked.problems;
        scan.items.extend(submodule::look(repo, settings, &index, &walked.submodules, cancel)?);
        scan.items.sort_unstable_by(|a, b| (a.area, a.path.as_bytes()).cmp(&(b.area, b.path.as_bytes())));
        scan.index = Some(index);
        scan.scope = settings.scope;
        Ok(scan)
    }

    /// Whether a tracked file is changed; looks into files only where their records do not tell.
    fn has_tracked_change(
        &self,
        shared: &gix::ThreadSafeRepository,
        cancel: &CancelToken,
    ) -> Result<bool, Error> {
        let tracked = self.items.iter().filter(|item| item.area != Area::Untracked);
        self.any_differs(tracked, shared, cancel)
    }

    /// Whether anything is changed at all.
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
