use std::ops::Range;

use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::index::entry::{Flags, Mode as RawMode, Stat as Recorded};

use super::{Mode, Stored};
use crate::os::{Directory, Kind};
use crate::settings::Settings;
use crate::{Error, ErrorKind};

/// The checksum is verified for indexes of at most this size. git does not verify it.
const VERIFIED_BYTES: u64 = 1 << 20;

/// The index, in memory and sorted by path.
pub(crate) struct Index {
    pub(crate) file: gix::index::File,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({} entries)", self.file.entries().len())
    }
}

/// A name in a directory of the index, in index order: a file (with all its stages) or a directory.
pub(crate) enum Group<'a> {
    File { name: &'a [u8], entries: Range<usize> },
    Directory { name: &'a [u8], entries: Range<usize> },
}

impl Index {
    /// Reads the index. A missing index is empty. Directory entries of a sparse index are expanded where the work tree has
    /// the directory.
    pub(crate) fn load(repo: &gix::Repository, root: &Directory, settings: &Settings) -> Result<Self, Error> {
        let path = repo.index_path();
        let size = std::fs::metadata(&path).map_or(0, |m| m.len());
        let small = size <= VERIFIED_BYTES;
        let options = gix::index::decode::Options {
            // With a small index, threads cost more than they save.
            thread_limit: small.then_some(1),
            min_extension_block_in_bytes_for_threading: 64 * 1024,
            expected_checksum: None,
            alloc_limit_bytes: None,
        };
        let file = gix::index::File::at_or_default(&path, repo.object_hash(), !small, options);
        let mut index = Self { file: file.map_err(|e| damaged_index(&path, e))? };
        index.check_paths(&path)?;
        if index.file.is_sparse() {
            index.expand_directories(repo, root, settings)?;
        }
        Ok(index)
    }

    pub(crate) fn empty(repo: &gix::Repository) -> Self {
        let state = gix::index::State::new(repo.object_hash());
        Self { file: gix::index::File::from_state(state, repo.index_path()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.file.entries().len()
    }

    pub(crate) fn path(&self, at: usize) -> &BStr {
        self.file.entries()[at].path(&self.file)
    }

    pub(crate) fn entry(&self, at: usize) -> &gix::index::Entry {
        &self.file.entries()[at]
    }

    pub(crate) fn stored(&self, at: usize) -> Option<Stored> {
        let entry = self.entry(at);
        Some(Stored { mode: mode_of(entry.mode)?, id: entry.id })
    }

    /// Whether the entry is a directory of a sparse index that is not expanded.
    pub(crate) fn is_sparse_directory(&self, at: usize) -> bool {
        self.entry(at).mode.is_sparse()
    }

    /// Returns the names in a directory. Its entries are `entries`; its path, with the slash, has `prefix` bytes.
    pub(crate) fn groups(&self, entries: Range<usize>, prefix: usize) -> impl Iterator<Item = Group<'_>> {
        let mut at = entries.start;
        std::iter::from_fn(move || {
            if at >= entries.end {
                return None;
            }
            let path = self.path(at);
            let rest = &path[prefix..];
            let start = at;
            Some(match rest.find_byte(b'/') {
                Some(slash) => {
                    let directory = &path[..=prefix + slash];
                    at = self.end_of(directory, start, entries.end);
                    Group::Directory { name: &rest[..slash], entries: start..at }
                }
                None => {
                    at += 1;
                    while at < entries.end && self.path(at) == path {
                        at += 1;
                    }
                    Group::File { name: rest, entries: start..at }
                }
            })
        })
    }

    /// Finds the end of the entries that begin with `directory` by exponential search: most directories are small.
    fn end_of(&self, directory: &[u8], start: usize, limit: usize) -> usize {
        let inside = |at: usize| self.path(at).starts_with(directory);
        let mut step = 1;
        let mut low = start;
        while low + step < limit && inside(low + step) {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(limit);
        while low + 1 < high {
            let middle = usize::midpoint(low, high);
            if inside(middle) { low = middle } else { high = middle }
        }
        high
    }

    /// Checks that the paths are sorted and relative, without empty or dotted components: the walk relies on it.
    fn check_paths(&self, file: &std::path::Path) -> Result<(), Error> {
        let mut last: Option<(&BStr, u32)> = None;
        for entry in self.file.entries() {
            let path = entry.path(&self.file);
            let key = (path, entry.flags.stage_raw());
            let sorted = last.is_none_or(|last| last < key);
            if !sorted || !is_plain(path, entry.mode.is_sparse()) {
                let message =
                    format!("the index `{}` is damaged: its paths are out of order", file.display());
                return Err(Error::new(ErrorKind::Corrupt, message).with_hint(REBUILD));
            }
            last = Some(key);
        }
        Ok(())
    }

    fn expand_directories(
        &mut self,
        repo: &gix::Repository,
        root: &Directory,
        settings: &Settings,
    ) -> Result<(), Error> {
        if !settings.sparse {
            return Ok(());
        }
        let sparse: Vec<(BString, gix::ObjectId)> = (0..self.len())
            .filter(|at| self.is_sparse_directory(*at))
            .map(|at| (self.path(at).to_owned(), self.entry(at).id))
            .filter(|(path, _)| {
                let name = path.strip_suffix(b"/").unwrap_or(path);
                root.stat_path(name).is_ok_and(|stat| stat.kind == Kind::Directory)
            })
            .collect();
        for (directory, id) in &sparse {
            let mut files = Vec::new();
            super::trees::list(repo, *id, directory, &mut files)?;
            for (path, stored) in files {
                let flags = Flags::EXTENDED | Flags::SKIP_WORKTREE;
                let mode = raw_mode(stored.mode);
                self.file.dangerously_push_entry(Recorded::default(), stored.id, flags, mode, path.as_bstr());
            }
        }
        if !sparse.is_empty() {
            self.file.remove_entries(|_, path, _| sparse.iter().any(|(directory, _)| directory == path));
            self.file.sort_entries();
        }
        Ok(())
    }
}

const REBUILD: &str = "rebuild it with `rm .git/index && git reset`; this unstages staged changes";

fn damaged_index(path: &std::path::Path, error: gix::Error) -> Error {
    let error = Error::git(format_args!("read the index `{}`", path.display()), error);
    if error.kind() == ErrorKind::Corrupt { error.with_hint(REBUILD) } else { error }
}

fn is_plain(path: &[u8], directory: bool) -> bool {
    let path = if directory { path.strip_suffix(b"/").unwrap_or(path) } else { path };
    path.split(|b| *b == b'/').all(|part| !matches!(part, b"" | b"." | b"..") && !part.contains(&0))
}

fn mode_of(mode: RawMode) -> Option<Mode> {
    match mode {
        RawMode::FILE => Some(Mode::File),
        RawMode::FILE_EXECUTABLE => Some(Mode::Executable),
        RawMode::SYMLINK => Some(Mode::Link),
        RawMode::COMMIT => Some(Mode::Submodule),
        _ => None,
    }
}

fn raw_mode(mode: Mode) -> RawMode {
    match mode {
        Mode::File => RawMode::FILE,
        Mode::Executable => RawMode::FILE_EXECUTABLE,
        Mode::Link => RawMode::SYMLINK,
        Mode::Submodule => RawMode::COMMIT,
    }
}
