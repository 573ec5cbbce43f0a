//! Compares two trees.

use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryRef;
use gix::objs::{TreeRef, tree::name_order};

use super::{Area, Item, Mode, Stored};
use crate::{CancelToken, Error};

/// Appends the differences between two trees. `None` is the empty tree.
pub(super) fn diff(
    repo: &gix::Repository,
    area: Area,
    old: Option<gix::ObjectId>,
    new: Option<gix::ObjectId>,
    cancel: &CancelToken,
    items: &mut Vec<Item>,
) -> Result<(), Error> {
    let mut diff = Diff { repo, area, cancel, items };
    diff.directory(old, new, b"")
}

/// Appends the differences below `prefix`, which ends in a slash.
pub(super) fn diff_below(
    repo: &gix::Repository,
    area: Area,
    (old, new): (Option<gix::ObjectId>, Option<gix::ObjectId>),
    prefix: &[u8],
    cancel: &CancelToken,
    items: &mut Vec<Item>,
) -> Result<(), Error> {
    Diff { repo, area, cancel, items }.directory(old, new, prefix)
}

/// Appends every file of the tree, with `prefix` in front of its path. The prefix is empty or ends in a slash.
pub(super) fn list(
    repo: &gix::Repository,
    tree: gix::ObjectId,
    prefix: &[u8],
    files: &mut Vec<(BString, Stored)>,
) -> Result<(), Error> {
    let data = read(repo, tree)?;
    for entry in decode(repo, tree, &data)? {
        let path = join(prefix, entry.filename);
        match Mode::of_tree_entry(entry.mode) {
            Some(mode) => files.push((path, Stored { mode, id: entry.oid.to_owned() })),
            None => list(repo, entry.oid.to_owned(), &with_slash(path), files)?,
        }
    }
    Ok(())
}

struct Diff<'a> {
    repo: &'a gix::Repository,
    area: Area,
    cancel: &'a CancelToken,
    items: &'a mut Vec<Item>,
}

impl Diff<'_> {
    fn directory(
        &mut self,
        old: Option<gix::ObjectId>,
        new: Option<gix::ObjectId>,
        prefix: &[u8],
    ) -> Result<(), Error> {
        if old == new {
            return Ok(());
        }
        self.cancel.check()?;
        let old_data = old.map(|id| read(self.repo, id)).transpose()?;
        let new_data = new.map(|id| read(self.repo, id)).transpose()?;
        let mut old = entries(self.repo, old, old_data.as_deref())?.into_iter().peekable();
        let mut new = entries(self.repo, new, new_data.as_deref())?.into_iter().peekable();
        loop {
            let (left, right) = match (old.peek(), new.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => (old.next(), None),
                (None, Some(_)) => (None, new.next()),
                (Some(a), Some(b)) => match order(a, b) {
                    std::cmp::Ordering::Less => (old.next(), None),
                    std::cmp::Ordering::Greater => (None, new.next()),
                    std::cmp::Ordering::Equal => (old.next(), new.next()),
                },
            };
            self.entry(left, right, prefix)?;
        }
    }

    /// Compares two entries with the same name. If both are given, both or neither are directories.
    fn entry(
        &mut self,
        old: Option<EntryRef<'_>>,
        new: Option<EntryRef<'_>>,
        prefix: &[u8],
    ) -> Result<(), Error> {
        let either = old.or(new).expect("one side is given");
        let path = join(prefix, either.filename);
        if either.mode.is_tree() {
            return self.directory(old.map(|e| e.oid.into()), new.map(|e| e.oid.into()), &with_slash(path));
        }
        let stored = |entry: EntryRef<'_>| {
            Mode::of_tree_entry(entry.mode).map(|mode| Stored { mode, id: entry.oid.to_owned() })
        };
        let (old, new) = (old.and_then(stored), new.and_then(stored));
        if old != new {
            self.items.push(Item::between(path, self.area, old, new));
        }
        Ok(())
    }
}

fn order(a: &EntryRef<'_>, b: &EntryRef<'_>) -> std::cmp::Ordering {
    name_order(a.filename, a.mode.is_tree(), b.filename, b.mode.is_tree())
}

fn entries<'d>(
    repo: &gix::Repository,
    id: Option<gix::ObjectId>,
    data: Option<&'d [u8]>,
) -> Result<Vec<EntryRef<'d>>, Error> {
    match (id, data) {
        (Some(id), Some(data)) => decode(repo, id, data),
        _ => Ok(Vec::new()),
    }
}

pub(super) fn read(repo: &gix::Repository, tree: gix::ObjectId) -> Result<Vec<u8>, Error> {
    let failed = |e| Error::git(format_args!("read tree {}", tree.to_hex_with_len(7)), e);
    let mut tree = repo.find_tree(tree).map_err(failed)?;
    Ok(std::mem::take(&mut tree.data))
}

pub(super) fn decode<'d>(
    repo: &gix::Repository,
    id: gix::ObjectId,
    data: &'d [u8],
) -> Result<Vec<EntryRef<'d>>, Error> {
    let tree = TreeRef::from_bytes(data, repo.object_hash());
    let entries =
        tree.map_err(|e| Error::git(format_args!("decode tree {}", id.to_hex_with_len(7)), e))?.entries;
    // Names become paths in the work tree: none may lead out of it.
    if entries
        .iter()
        .any(|e| matches!(e.filename.as_bytes(), b"" | b"." | b"..") || e.filename.contains(&b'/'))
    {
        let message = format!("tree {} has a name that no file can have", id.to_hex_with_len(7));
        return Err(Error::new(crate::ErrorKind::Corrupt, message));
    }
    Ok(entries)
}

pub(super) fn join(prefix: &[u8], name: &[u8]) -> BString {
    let mut path = BString::new(Vec::with_capacity(prefix.len() + name.len() + 1));
    path.extend_from_slice(prefix);
    path.extend_from_slice(name);
    path
}

pub(super) fn with_slash(mut path: BString) -> BString {
    path.push(b'/');
    path
}
