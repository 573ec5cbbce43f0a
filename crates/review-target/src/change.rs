//! One changed file and its content.

use crate::Error;
use crate::attributes::PathAttributes;
use crate::content::{Reader, Unread, Version};
use crate::patch::{self, Length, Lines, Side};
use crate::path::FilePath;
use crate::status::{Area, ChangeKind, Item, Mode, New, Stored};

/// What kind of content changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Form {
    /// Text, by git's own rule for text and binary content.
    Text,
    /// A Git LFS pointer: text in place of a large file that Git LFS stores elsewhere.
    LfsPointer,
    /// Not text, by content or by attribute.
    Binary,
    /// A symbolic link. The change is that of its target path; the link is never followed.
    Link,
    /// A submodule. The change is that of its commit.
    Submodule,
    /// An untracked directory that is itself a git repository.
    Repository,
    /// A FIFO, a socket or a device. It is never opened.
    Special,
    /// The content was not examined.
    Unknown,
}

/// A changed file. One that has staged and unstaged changes appears once for each.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct FileChange {
    /// The path. The old path of a rename is in another entry, because renames are not detected here.
    pub path: FilePath,
    /// The part of the change that it belongs to.
    pub area: Area,
    /// How the file changed.
    pub change: ChangeKind,
    /// What kind of content changed.
    pub form: Form,
    /// Bytes of the new version, as git would store it, or of the old version when the file was deleted. `None` when the
    /// content was not examined.
    pub size: Option<u64>,
    /// Lines added, as `git diff --numstat` counts. `None` for binary content and when it was not read.
    pub insertions: Option<u64>,
    /// Lines removed, counted in the same way.
    pub deletions: Option<u64>,
    /// The number of hunks in the patch.
    pub hunks: Option<u32>,
    /// Bytes of the patch, or of the content when the file is untracked.
    pub patch_bytes: Option<u64>,
    /// Whether `linguist-generated` marks the file as written by a program.
    pub generated: bool,
    /// The reason that the file was not read or not counted.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub unread: Option<String>,
    /// Whether the file is known to differ although it was not read.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) certain: bool,
}

impl FileChange {
    /// Describes an item from its listing alone, without reading a file.
    pub(crate) fn listed(item: &Item) -> Self {
        let form = match (&item.new, item.old) {
            (Some(New::Nested), _) => Form::Repository,
            (Some(New::Special), _) => Form::Special,
            (new, old) => match new.as_ref().map(New::mode).or(old.map(|old| old.mode)) {
                Some(Mode::Link) => Form::Link,
                Some(Mode::Submodule) => Form::Submodule,
                _ => Form::Unknown,
            },
        };
        let size = match &item.new {
            Some(New::File { stat: Some(stat), .. }) => Some(stat.size),
            _ => None,
        };
        Self {
            path: FilePath(item.path.clone()),
            area: item.area,
            change: item.change,
            form,
            size,
            insertions: None,
            deletions: None,
            hunks: None,
            patch_bytes: None,
            generated: false,
            unread: None,
            certain: item.certain,
        }
    }

    /// Describes a file that could not be read, or that is not to be read.
    pub(crate) fn not_counted(reader: &mut Reader<'_>, item: &Item, why: &Unread) -> Result<Self, Error> {
        let mut change = Self::listed(item);
        change.certain = reader.differs_by_size(item)?;
        if let Unread::TooLarge(size) = why {
            change.size = change.size.or(Some(*size));
        }
        change.unread = Some(why.to_string());
        Ok(change)
    }
}

/// The result of reading a changed file.
pub(crate) struct Inspected {
    pub(crate) change: FileChange,
    /// The content of an untracked text file or the patch of any other file, if the caller asked for it.
    pub(crate) text: Option<Vec<u8>>,
    /// Whether the file exceeds the bounds.
    pub(crate) too_large: bool,
}

/// The largest file that is read and compared.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of each version.
    pub(crate) bytes: u64,
    /// Lines of both versions together, without their common beginning and end.
    pub(crate) lines: u64,
}

/// Reads both versions of a file and compares them. Returns `None` when they are equal.
pub(crate) fn inspect(
    reader: &mut Reader<'_>,
    item: &Item,
    bounds: Bounds,
    keep_text: bool,
) -> Result<Option<Inspected>, Error> {
    let attributes = if wants_attributes(item) {
        reader.attributes(item.path.as_ref())?
    } else {
        PathAttributes::default()
    };
    let old = reader.old(item, bounds.bytes)?;
    let new = reader.new_version(item, &attributes, bounds.bytes)?;
    let (old, new) = match (old, new) {
        (Version::Unread(why), _) | (_, Version::Unread(why)) => {
            let mut change = FileChange::not_counted(reader, item, &why)?;
            change.generated = attributes.generated;
            let too_large = matches!(why, Unread::TooLarge(_));
            return Ok(Some(Inspected { change, text: None, too_large }));
        }
        (old, new) => (bytes(old), bytes(new)),
    };
    if !item.certain && old == new {
        return Ok(None);
    }
    let mut change = FileChange::listed(item);
    change.generated = attributes.generated;
    let (old_content, new_content) = (old.as_deref().unwrap_or_default(), new.as_deref().unwrap_or_default());
    change.size = Some(if new.is_some() { new_content } else { old_content }.len() as u64);
    let binary = is_binary(reader, item, &attributes, old_content, new_content);
    if binary {
        change.form = Form::Binary;
        // For a binary file, only a change of mode can be shown.
        if old != new {
            return Ok(Some(Inspected { change, text: None, too_large: false }));
        }
    }
    if change.form == Form::Unknown {
        let pointer = [old_content, new_content].iter().any(|content| content.starts_with(LFS));
        change.form = if pointer { Form::LfsPointer } else { Form::Text };
    }
    if bounds.lines != u64::MAX && patch::lines_to_compare(old_content, new_content) > bounds.lines {
        change.unread = Some(Unread::TooLong.to_string());
        change.certain = true;
        return Ok(Some(Inspected { change, text: None, too_large: true }));
    }
    let (lines, length, text) = if item.area == Area::Untracked {
        let insertions = patch::count_lines(new_content);
        let hunks = u32::from(insertions > 0);
        let length = new_content.len() as u64;
        (Lines { insertions, deletions: 0, hunks }, length, if keep_text { new } else { None })
    } else {
        let hash = reader.repo.object_hash();
        let new_mode = item.new.as_ref().map(New::mode);
        let old_id = item.old.map(|old| old.id.to_hex_with_len(7).to_string());
        let new_id = keep_text.then(|| new_id(hash, item, new_content));
        let old_side = item.old.zip(old.as_deref()).map(|(Stored { mode, .. }, content)| Side {
            mode,
            id: old_id.as_deref().unwrap_or_default(),
            content,
        });
        let any = "0000000";
        let new_side = new_mode.zip(new.as_deref()).map(|(mode, content)| Side {
            mode,
            id: new_id.as_deref().unwrap_or(any),
            content,
        });
        let path = item.path.as_ref();
        if keep_text {
            let mut text = Vec::new();
            let lines = patch::write(&mut text, path, old_side, new_side);
            (lines, text.len() as u64, Some(text))
        } else {
            let mut length = Length::default();
            let lines = patch::write(&mut length, path, old_side, new_side);
            (lines, length.0, None)
        }
    };
    // For a submodule at its recorded commit with changes inside, git shows a line and counts none.
    let same_commit = matches!((&item.new, item.old),
        (Some(New::Submodule(checkout)), Some(old)) if checkout.head == old.id);
    let lines = if same_commit { Lines { hunks: lines.hunks, ..Lines::default() } } else { lines };
    if !binary {
        change.insertions = Some(lines.insertions);
        change.deletions = Some(lines.deletions);
        change.hunks = Some(lines.hunks);
    }
    change.patch_bytes = Some(length);
    Ok(Some(Inspected { change, text, too_large: false }))
}

/// The first line of a Git LFS pointer.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/v";

fn bytes(version: Version) -> Option<Vec<u8>> {
    match version {
        Version::Bytes(bytes) => Some(bytes),
        Version::Absent | Version::Unread(_) => None,
    }
}

/// Whether attributes apply to the item: they do for regular files only.
fn wants_attributes(item: &Item) -> bool {
    let regular = |mode| matches!(mode, Mode::File | Mode::Executable);
    item.old.is_some_and(|old| regular(old.mode))
        || matches!(&item.new, Some(New::Stored(_) | New::File { .. }))
            && item.new.as_ref().is_some_and(|new| regular(new.mode()))
}

fn is_binary(reader: &Reader<'_>, item: &Item, attributes: &PathAttributes, old: &[u8], new: &[u8]) -> bool {
    let none = PathAttributes::default();
    let side = |mode: Option<Mode>, content| match mode {
        None => false,
        Some(Mode::File | Mode::Executable) => reader.is_binary(attributes, content),
        Some(Mode::Link | Mode::Submodule) => reader.is_binary(&none, content),
    };
    side(item.old.map(|old| old.mode), old) || side(item.new.as_ref().map(New::mode), new)
}

/// The first seven digits of the blob id of the new version, computed when it is not stored yet.
fn new_id(hash: gix::hash::Kind, item: &Item, content: &[u8]) -> String {
    let id = match &item.new {
        Some(New::Stored(stored)) => stored.id,
        Some(New::Submodule(checkout)) => checkout.head,
        _ => {
            let mut hasher = gix::hash::hasher(hash);
            hasher.update(format!("blob {}\0", content.len()).as_bytes());
            hasher.update(content);
            hasher.try_finalize().unwrap_or_else(|_| hash.null())
        }
    };
    id.to_hex_with_len(7).to_string()
}
