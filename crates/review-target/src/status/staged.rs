//! Compares `HEAD` with the index.

use std::ops::Range;

use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::index::entry::Flags;
use gix::index::extension::Tree as CachedTree;
use gix::objs::tree::{EntryRef, name_order};

use super::index::{Group, Index};
use super::trees::{decode, diff_below, join, read, with_slash};
use super::{Area, Item, Mode, Stored};
use crate::{CancelToken, Error};

/// Appends what is staged.
pub(super) fn diff(
    repo: &gix::Repository,
    head: Option<gix::ObjectId>,
    index: &Index,
    cancel: &CancelToken,
    items: &mut Vec<Item>,
) -> Result<(), Error> {
    let mut staged = Staged { repo, index, cancel, items };
    staged.directory(head, index.file.tree(), 0..index.len(), b"")
}

struct Staged<'a> {
    repo: &'a gix::Repository,
    index: &'a Index,
    cancel: &'a CancelToken,
    items: &'a mut Vec<Item>,
}

impl Staged<'_> {
    /// Compares one directory. `cached` is its tree in the TREE extension; `entries` are its entries in the index.
    fn directory(
        &mut self,
        tree: Option<gix::ObjectId>,
        cached: Option<&CachedTree>,
        entries: Range<usize>,
        prefix: &[u8],
    ) -> Result<(), Error> {
        let valid = cached.filter(|cached| {
            // The extension is valid only if its count of entries is that of the index.
            cached.num_entries.is_some_and(|count| count as usize == entries.len())
        });
        if let (Some(tree), Some(valid)) = (tree, valid)
            && valid.id == tree
        {
            return Ok(());
        }
        self.cancel.check()?;
        let data = tree.map(|id| read(self.repo, id)).transpose()?.unwrap_or_default();
        let stored = match tree {
            Some(tree) => decode(self.repo, tree, &data)?,
            None => Vec::new(),
        };
        let mut stored = stored.into_iter().peekable();
        for group in self.index.groups(entries, prefix.len()) {
            let (name, is_directory) = match &group {
                Group::File { name, .. } => (*name, false),
                Group::Directory { name, .. } => (*name, true),
            };
            while let Some(before) = stored.next_if(|e| order(e, name, is_directory).is_lt()) {
                self.deleted(before, prefix)?;
            }
            let matching = stored.next_if(|e| order(e, name, is_directory).is_eq());
            match group {
                Group::File { name, entries } => self.file(matching, join(prefix, name), entries),
                Group::Directory { name, entries } => {
                    let path = with_slash(join(prefix, name));
                    self.subdirectory(
                        matching.map(|e| e.oid.to_owned()),
                        cached,
                        name,
                        entries,
                        path.as_bstr(),
                    )?;
                }
            }
        }
        stored.try_for_each(|left| self.deleted(left, prefix))
    }

    fn subdirectory(
        &mut self,
        tree: Option<gix::ObjectId>,
        cached: Option<&CachedTree>,
        name: &[u8],
        entries: Range<usize>,
        path: &BStr,
    ) -> Result<(), Error> {
        if self.index.path(entries.start) == path {
            let closed = Some(self.index.entry(entries.start).id);
            return diff_below(self.repo, Area::Staged, (tree, closed), path, self.cancel, self.items);
        }
        let cached = cached.and_then(|cached| {
            let at = cached.children.binary_search_by(|child| child.name.as_slice().cmp(name)).ok()?;
            cached.children.get(at)
        });
        self.directory(tree, cached, entries, path)
    }

    fn file(&mut self, tree: Option<EntryRef<'_>>, path: BString, entries: Range<usize>) {
        let entry = self.index.entry(entries.start);
        if entry.flags.stage_raw() != 0 {
            return; // A conflict: the comparison with the work tree reports it.
        }
        let old = tree.and_then(stored);
        let new = self.index.stored(entries.start).filter(|_| !entry.flags.contains(Flags::INTENT_TO_ADD));
        if old != new {
            self.items.push(Item::between(path, Area::Staged, old, new));
        }
    }

    fn deleted(&mut self, entry: EntryRef<'_>, prefix: &[u8]) -> Result<(), Error> {
        let path = join(prefix, entry.filename);
        if entry.mode.is_tree() {
            let sides = (Some(entry.oid.to_owned()), None);
            return diff_below(self.repo, Area::Staged, sides, &with_slash(path), self.cancel, self.items);
        }
        self.items.push(Item::between(path, Area::Staged, stored(entry), None));
        Ok(())
    }
}

fn stored(entry: EntryRef<'_>) -> Option<Stored> {
    Mode::of_tree_entry(entry.mode).map(|mode| Stored { mode, id: entry.oid.to_owned() })
}

fn order(entry: &EntryRef<'_>, name: &[u8], is_directory: bool) -> std::cmp::Ordering {
    name_order(entry.filename, entry.mode.is_tree(), name.as_bstr(), is_directory)
}
