//! Compares a tracked file with its index entry.

use gix::index::entry::{Flags, Mode as RawMode};

use super::index::Index;
use super::walk::Walked;
use super::{Area, ChangeKind, Item, Mode, New, Problem};
use crate::os::{Directory, Kind, Stat};
use crate::settings::Settings;

/// Compares by `lstat` alone. The reader of the item finds out whether the content differs.
pub(super) struct Compare<'a> {
    pub(super) settings: &'a Settings,
    pub(super) index: &'a Index,
}

impl Compare<'_> {
    /// Compares one tracked file with the work tree. `at` is its first entry in the index.
    pub(super) fn file(&self, directory: &Directory, at: usize, found: &mut Walked) {
        let entry = self.index.entry(at);
        let flags = entry.flags;
        let absent_on_purpose = flags.contains(Flags::SKIP_WORKTREE);
        if flags.contains(Flags::ASSUME_VALID) || absent_on_purpose && !self.settings.sparse {
            return;
        }
        let path = self.index.path(at);
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
        if matches!(name, b"" | b"." | b"..") {
            return; // Only a damaged index has such a name.
        }
        let stat = match directory.stat(name) {
            Ok(stat) => stat,
            Err(error) if is_missing(&error) => return self.deleted(at, found),
            Err(error) => {
                found.problems.push(Problem { path: path.to_owned(), reason: error.to_string() });
                return;
            }
        };
        if flags.stage_raw() != 0 {
            return self.conflicted(at, Some(stat), found);
        }
        if entry.mode == RawMode::COMMIT && stat.kind == Kind::Directory {
            found.submodules.push(at);
            return;
        }
        if let Some(item) = self.regular(at, stat) {
            found.items.push(item);
        }
    }

    /// Returns `None` when the metadata is equal to the index entry.
    fn regular(&self, at: usize, stat: Stat) -> Option<Item> {
        let entry = self.index.entry(at);
        let old = self.index.stored(at)?;
        let path = self.index.path(at).to_owned();
        let item = |change, new, certain| {
            Some(Item { path: path.clone(), area: Area::Unstaged, change, old: Some(old), new, certain })
        };
        let mode = match stat.kind {
            Kind::File => self.mode_on_disk(old.mode, stat.executable),
            Kind::Link => Mode::Link,
            // A directory in place of a file: the file is deleted, and the files in the directory are listed separately.
            Kind::Directory | Kind::Unknown => return item(ChangeKind::Deleted, None, true),
            Kind::Special => return item(ChangeKind::TypeChanged, Some(New::Special), true),
        };
        let new = Some(New::File { mode, stat: Some(stat) });
        if entry.flags.contains(Flags::INTENT_TO_ADD) {
            let path = path.clone();
            let change = ChangeKind::Added;
            return Some(Item { path, area: Area::Unstaged, change, old: None, new, certain: true });
        }
        if !mode.same_type(old.mode) {
            return item(ChangeKind::TypeChanged, new, true);
        }
        if mode != old.mode {
            return item(ChangeKind::Modified, new, true);
        }
        if self.is_unchanged(&entry.stat, &stat) { None } else { item(ChangeKind::Modified, new, false) }
    }

    /// Returns the mode that git would record, given the abilities of the file system.
    fn mode_on_disk(&self, recorded: Mode, executable: bool) -> Mode {
        match recorded {
            Mode::Link if !self.settings.symlinks => Mode::Link,
            Mode::Executable if !self.settings.executable_bit => Mode::Executable,
            _ if executable && self.settings.executable_bit => Mode::Executable,
            _ => Mode::File,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the index keeps the low 32 bits"
    )]
    fn is_unchanged(&self, recorded: &gix::index::entry::Stat, stat: &Stat) -> bool {
        // Fractions of seconds are compared where the index has them: some writers store none.
        let same_time = |recorded: gix::index::entry::stat::Time, (seconds, nanos): (i64, u32)| {
            let exact = self.settings.check_stat && recorded.nsecs != 0;
            recorded.secs == seconds as u32 && (!exact || recorded.nsecs == nanos)
        };
        let settings = self.settings;
        let same = recorded.size == stat.size as u32
            && same_time(recorded.mtime, stat.modified)
            && (!settings.trust_ctime || same_time(recorded.ctime, stat.changed))
            && (!settings.check_stat
                || !cfg!(unix)
                || recorded.ino == stat.inode as u32
                    && recorded.uid == stat.user
                    && recorded.gid == stat.group);
        // A file that is not older than the index may have been modified after it was recorded.
        let written = self.index.file.timestamp();
        let index = (written.unix_seconds(), written.nanoseconds());
        let exact = recorded.mtime.nsecs != 0 && index.1 != 0;
        let racy = if exact { stat.modified >= index } else { stat.modified.0 >= index.0 };
        same && !racy
    }

    fn conflicted(&self, at: usize, stat: Option<Stat>, found: &mut Walked) {
        let path = self.index.path(at);
        let stages = (at..self.index.len()).take_while(|at| self.index.path(*at) == path);
        let ours = stages.clone().find(|at| self.index.entry(*at).flags.stage_raw() == 2);
        let old = ours.and_then(|at| self.index.stored(at));
        let new = stat.and_then(|stat| match stat.kind {
            Kind::File => {
                let mode = self.mode_on_disk(old.map_or(Mode::File, |old| old.mode), stat.executable);
                Some(New::File { mode, stat: Some(stat) })
            }
            Kind::Link => Some(New::File { mode: Mode::Link, stat: Some(stat) }),
            Kind::Directory | Kind::Unknown => None,
            Kind::Special => Some(New::Special),
        });
        let (path, change) = (path.to_owned(), ChangeKind::Conflicted);
        found.items.push(Item { path, area: Area::Unstaged, change, old, new, certain: true });
    }

    pub(super) fn deleted(&self, at: usize, found: &mut Walked) {
        let entry = self.index.entry(at);
        if entry.flags.intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID)
            || self.index.is_sparse_directory(at)
        {
            return;
        }
        if entry.flags.stage_raw() != 0 {
            // A conflict has several entries: add one item, at the first of them.
            if at == 0 || self.index.path(at - 1) != self.index.path(at) {
                self.conflicted(at, None, found);
            }
            return;
        }
        let Some(old) = self.index.stored(at) else { return };
        found.items.push(Item {
            path: self.index.path(at).to_owned(),
            area: Area::Unstaged,
            change: ChangeKind::Deleted,
            old: Some(old),
            new: None,
            certain: true,
        });
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}
