//! The index against the work tree, and what is in the work tree only: one walk for both.
//!
//! Folders are tasks; every core takes one after the other. A folder is listed once, its tracked files are looked
//! at with `lstat` relative to the open folder, and the names that the index does not know are held against the
//! ignore rules.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::index::entry::{Flags, Mode as RawMode};

use super::ignore::{FolderRules, Rules};
use super::index::{Group, Index};
use super::trees::{join, with_slash};
use super::{Area, ChangeKind, Item, Mode, New, Problem, submodule};
use crate::os::{Folder, Kind, ReadError, Stat};
use crate::settings::Settings;
use crate::{Cancel, Error};

/// With fewer tracked files or waiting folders, starting a thread costs more than it saves.
const ENTRIES_WORTH_A_THREAD: usize = 1500;
const FOLDERS_WORTH_A_THREAD: usize = 128;
/// A folder with more tracked files than this is shared out.
const FILES_IN_A_TASK: usize = 2048;
/// An ignore file larger than this is an accident.
const IGNORE_FILE_BYTES: u64 = 16 << 20;

#[derive(Default)]
pub(super) struct Walked {
    pub(super) items: Vec<Item>,
    pub(super) problems: Vec<Problem>,
    /// Places in the index of submodules whose folder exists.
    pub(super) submodules: Vec<usize>,
}

/// Walks the work tree, on all cores when it is large; `meanwhile` runs on the caller's before it joins in.
pub(super) fn walk(
    shared: &gix::ThreadSafeRepository,
    repo: &gix::Repository,
    settings: &Settings,
    index: &Index,
    root: Folder,
    cancel: &Cancel,
    meanwhile: impl FnOnce() -> Result<(), Error>,
) -> Result<Walked, Error> {
    let rules = Rules::load(repo, settings)?;
    let path = repo.workdir().expect("open refuses repositories without a work tree");
    let pool = Pool::new(Task::Folder(FolderTask {
        opened: Some(Arc::new(root)),
        parent: None,
        path: BString::default(),
        tracked: 0..index.len(),
        rules: None,
        hidden: false,
    }));
    let walk = Walk { shared, settings, index, rules, root: path, pool, cancel };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    std::thread::scope(|scope| {
        let started = std::cell::RefCell::new(Vec::new());
        let get_help = || {
            let mut started = started.borrow_mut();
            if started.is_empty() {
                started.extend((1..cores).map(|_| scope.spawn(|| walk.work(|| ()))));
            }
        };
        if index.len() >= ENTRIES_WORTH_A_THREAD {
            get_help();
        }
        let own = meanwhile();
        if own.is_err() {
            walk.pool.stop();
        }
        let mut walked = walk.work(get_help);
        for helper in started.take() {
            let found = helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            walked.items.extend(found.items);
            walked.problems.extend(found.problems);
            walked.submodules.extend(found.submodules);
        }
        own?;
        cancel.check()?;
        walked.submodules.sort_unstable();
        walked.problems.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(walked)
    })
}

enum Task {
    Folder(FolderTask),
    /// Tracked files of one folder, by their places in the index.
    Files {
        folder: Arc<Folder>,
        files: Vec<usize>,
    },
}

struct FolderTask {
    /// Set for the top of the work tree; others are opened from their parent.
    opened: Option<Arc<Folder>>,
    parent: Option<Arc<Folder>>,
    /// Empty, or ends in a slash.
    path: BString,
    tracked: Range<usize>,
    rules: Option<Arc<FolderRules>>,
    /// Whether the folder is ignored: only its tracked files count.
    hidden: bool,
}

/// Tasks that anybody may take. Last in, first out, so that few folders are open at a time.
struct Pool {
    state: Mutex<PoolState>,
    changed: Condvar,
}

struct PoolState {
    tasks: Vec<Task>,
    /// Tasks that are taken and may still give birth to others.
    running: usize,
    stopped: bool,
}

impl Pool {
    fn new(first: Task) -> Self {
        let state = PoolState { tasks: vec![first], running: 0, stopped: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(task) = state.tasks.pop() {
                state.running += 1;
                return Some(task);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }
}

/// Ends a task also when the thread panics, so that nobody waits for it for ever.
struct Running<'a> {
    pool: &'a Pool,
    born: Vec<Task>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.running -= 1;
        let born = self.born.len();
        state.tasks.append(&mut self.born);
        let over = state.running == 0 && state.tasks.is_empty();
        drop(state);
        if over || born > 1 {
            self.pool.changed.notify_all();
        }
    }
}

struct Walk<'a> {
    shared: &'a gix::ThreadSafeRepository,
    settings: &'a Settings,
    index: &'a Index,
    rules: Rules,
    root: &'a Path,
    pool: Pool,
    cancel: &'a Cancel,
}

/// What one listing holds, reused from folder to folder.
#[derive(Default)]
struct Listing {
    names: Vec<u8>,
    entries: Vec<(Range<usize>, Kind)>,
}

/// What the index has in one folder, reused from folder to folder.
#[derive(Default)]
struct Tracked<'a> {
    files: Vec<(&'a [u8], Range<usize>)>,
    folders: Vec<TrackedFolder<'a>>,
}

struct TrackedFolder<'a> {
    name: &'a [u8],
    entries: Range<usize>,
    present: bool,
}

impl<'a> Walk<'a> {
    /// Takes tasks until there are none. Calls `get_help` when many wait.
    fn work(&self, get_help: impl Fn()) -> Walked {
        let mut found = Walked::default();
        let mut listing = Listing::default();
        let mut tracked = Tracked::default();
        while let Some(task) = self.pool.take() {
            let mut running = Running { pool: &self.pool, born: Vec::new() };
            if self.cancel.is_cancelled() {
                self.pool.stop();
                continue;
            }
            match task {
                Task::Folder(task) => {
                    self.folder(task, &mut listing, &mut tracked, &mut running.born, &mut found);
                    if running.born.len() >= FOLDERS_WORTH_A_THREAD {
                        get_help();
                    }
                }
                Task::Files { folder, files } => {
                    for at in files {
                        self.tracked_file(&folder, at, &mut found);
                    }
                }
            }
        }
        found
    }

    fn folder(
        &self,
        mut task: FolderTask,
        listing: &mut Listing,
        tracked: &mut Tracked<'a>,
        born: &mut Vec<Task>,
        found: &mut Walked,
    ) {
        let folder = match self.enter(&task) {
            Ok(folder) => folder,
            Err(error) => return self.cannot_enter(&task, &error, found),
        };
        listing.names.clear();
        listing.entries.clear();
        let listed = folder.list(|name, kind| {
            let name = self.composed(name);
            let start = listing.names.len();
            listing.names.extend_from_slice(&name);
            listing.entries.push((start..listing.names.len(), kind));
        });
        if let Err(error) = listed {
            return self.cannot_enter(&task, &error, found);
        }
        let has =
            |wanted: &[u8]| listing.entries.iter().find(|(name, _)| &listing.names[name.clone()] == wanted);
        if task.tracked.is_empty()
            && !task.path.is_empty()
            && has(b".git").is_some()
            && submodule::is_repository(self.root, task.path.as_bstr())
        {
            found.items.push(untracked(task.path, New::Nested));
            return;
        }
        let rules = match has(b".gitignore") {
            Some((_, Kind::File | Kind::Unknown)) => match self.folder_rules(&folder, &task) {
                Ok(rules) => rules,
                Err(problem) => {
                    // Without its rules nothing tells what the user hides in there: show none of it.
                    found.problems.push(problem);
                    task.hidden = true;
                    None
                }
            },
            _ => self.rules_from_index(&task).unwrap_or_else(|| task.rules.clone()),
        };

        tracked.files.clear();
        tracked.folders.clear();
        for group in self.index.groups(task.tracked.clone(), task.path.len()) {
            match group {
                Group::File { name, entries } => tracked.files.push((name, entries)),
                Group::Folder { name, entries } => {
                    tracked.folders.push(TrackedFolder { name, entries, present: false });
                }
            }
        }
        let context = Context { folder: &folder, task: &task, rules: rules.as_ref() };
        for (name, kind) in &listing.entries {
            self.name(&listing.names[name.clone()], *kind, &context, tracked, born, found);
        }
        for missing in tracked.folders.iter().filter(|folder| !folder.present) {
            missing.entries.clone().for_each(|at| self.deleted(at, found));
        }
        self.tracked_files(&folder, &tracked.files, born, found);
    }

    fn enter(&self, task: &FolderTask) -> std::io::Result<Arc<Folder>> {
        if let Some(opened) = &task.opened {
            return Ok(Arc::clone(opened));
        }
        let parent = task.parent.as_ref().expect("every folder but the first has a parent");
        let path = task.path.strip_suffix(b"/").unwrap_or(&task.path);
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
        parent.child(name).map(Arc::new)
    }

    fn cannot_enter(&self, task: &FolderTask, error: &std::io::Error, found: &mut Walked) {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        if matches!(error.kind(), NotFound | NotADirectory) {
            task.tracked.clone().for_each(|at| self.deleted(at, found));
        } else {
            found.problems.push(Problem { path: task.path.clone(), reason: error.to_string() });
        }
    }

    /// One name of a listing: tracked files are left for later, folders become tasks, the rest may be untracked.
    fn name(
        &self,
        name: &[u8],
        kind: Kind,
        context: &Context<'_>,
        tracked: &mut Tracked<'a>,
        born: &mut Vec<Task>,
        found: &mut Walked,
    ) {
        if name == b".git" || self.settings.ignore_case && name.eq_ignore_ascii_case(b".git") {
            return;
        }
        let kind = match kind {
            Kind::Unknown => context.folder.stat(name).map_or(Kind::Special, |stat| stat.kind),
            known => known,
        };
        match kind {
            Kind::File | Kind::Link => {
                if self.find_file(&tracked.files, name).is_some() || context.task.hidden {
                    return;
                }
                let path = join(&context.task.path, name);
                if self.rules.ignores(context.rules, path.as_bstr(), false) {
                    return;
                }
                let mode = if kind == Kind::Link { Mode::Link } else { Mode::File };
                found.items.push(untracked(path, New::File { mode, stat: None }));
            }
            Kind::Folder => {
                let entries = self.find_folder(&mut tracked.folders, name);
                if entries.is_none()
                    && let Some(at) = self.find_file(&tracked.files, name)
                    && self.index.entry(at).mode == RawMode::COMMIT
                {
                    return; // A submodule: looked at on its own.
                }
                let path = join(&context.task.path, name);
                let hidden = context.task.hidden || self.rules.ignores(context.rules, path.as_bstr(), true);
                let entries = entries.unwrap_or(0..0);
                if hidden && entries.is_empty() {
                    return;
                }
                let closed = entries.len() == 1 && self.index.is_closed_folder(entries.start);
                born.push(Task::Folder(FolderTask {
                    opened: None,
                    parent: Some(Arc::clone(context.folder)),
                    path: with_slash(path),
                    tracked: if closed { 0..0 } else { entries },
                    rules: context.rules.cloned(),
                    hidden,
                }));
            }
            // git knows nothing of FIFOs, sockets and devices.
            Kind::Special | Kind::Unknown => {}
        }
    }

    fn find_file(&self, files: &[(&[u8], Range<usize>)], name: &[u8]) -> Option<usize> {
        let found = files.binary_search_by(|(tracked, _)| (*tracked).cmp(name)).ok().or_else(|| {
            let fold = self.settings.ignore_case;
            fold.then(|| files.iter().position(|(tracked, _)| tracked.eq_ignore_ascii_case(name))).flatten()
        });
        found.map(|at| files[at].1.start)
    }

    fn find_folder(&self, folders: &mut [TrackedFolder<'_>], name: &[u8]) -> Option<Range<usize>> {
        let found = folders
            .binary_search_by(|folder| gix::objs::tree::name_order(folder.name, true, name, true))
            .ok()
            .or_else(|| {
                let same = |folder: &TrackedFolder<'_>| folder.name.eq_ignore_ascii_case(name);
                self.settings.ignore_case.then(|| folders.iter().position(same)).flatten()
            });
        let folder = &mut folders[found?];
        folder.present = true;
        Some(folder.entries.clone())
    }

    fn tracked_files(
        &self,
        folder: &Arc<Folder>,
        files: &[(&[u8], Range<usize>)],
        born: &mut Vec<Task>,
        found: &mut Walked,
    ) {
        let (own, rest) = files.split_at(files.len().min(FILES_IN_A_TASK));
        for chunk in rest.chunks(FILES_IN_A_TASK) {
            let files = chunk.iter().map(|(_, entries)| entries.start).collect();
            born.push(Task::Files { folder: Arc::clone(folder), files });
        }
        for (_, entries) in own {
            self.tracked_file(folder, entries.start, found);
        }
    }

    /// Compares one tracked file, by its first place in the index, with what is there.
    fn tracked_file(&self, folder: &Folder, at: usize, found: &mut Walked) {
        let entry = self.index.entry(at);
        let flags = entry.flags;
        let absent_on_purpose = flags.contains(Flags::SKIP_WORKTREE);
        if flags.contains(Flags::ASSUME_VALID) || absent_on_purpose && !self.settings.sparse {
            return;
        }
        let path = self.index.path(at);
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
        if matches!(name, b"" | b"." | b"..") {
            return; // No file has such a name; an index that says otherwise is damaged.
        }
        let stat = match folder.stat(name) {
            Ok(stat) => stat,
            Err(error) if is_gone(&error) => return self.deleted(at, found),
            Err(error) => {
                found.problems.push(Problem { path: path.to_owned(), reason: error.to_string() });
                return;
            }
        };
        if flags.stage_raw() != 0 {
            return self.conflicted(at, Some(stat), found);
        }
        if entry.mode == RawMode::COMMIT && stat.kind == Kind::Folder {
            found.submodules.push(at);
            return;
        }
        if let Some(item) = self.compare(at, stat) {
            found.items.push(item);
        }
    }

    /// `None` when the file is as the index recorded it.
    fn compare(&self, at: usize, stat: Stat) -> Option<Item> {
        let entry = self.index.entry(at);
        let old = self.index.stored(at)?;
        let path = self.index.path(at).to_owned();
        let item = |change, new, certain| {
            Some(Item { path: path.clone(), area: Area::Unstaged, change, old: Some(old), new, certain })
        };
        let mode = match stat.kind {
            Kind::File => self.mode_on_disk(old.mode, stat.executable),
            Kind::Link => Mode::Link,
            // A folder where a file was: the file is gone, and what is in the folder is listed on its own.
            Kind::Folder | Kind::Unknown => return item(ChangeKind::Deleted, None, true),
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
        if self.is_as_recorded(&entry.stat, &stat) { None } else { item(ChangeKind::Modified, new, false) }
    }

    /// The mode that git would record, given what the file system can express.
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
    fn is_as_recorded(&self, recorded: &gix::index::entry::Stat, stat: &Stat) -> bool {
        // Fractions of seconds count where the index has them: some writers store none.
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
        // A file as young as the index itself may have been written after it was recorded.
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
            Kind::Folder | Kind::Unknown => None,
            Kind::Special => Some(New::Special),
        });
        let (path, change) = (path.to_owned(), ChangeKind::Conflicted);
        found.items.push(Item { path, area: Area::Unstaged, change, old, new, certain: true });
    }

    fn deleted(&self, at: usize, found: &mut Walked) {
        let entry = self.index.entry(at);
        if entry.flags.intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID)
            || self.index.is_closed_folder(at)
        {
            return;
        }
        if entry.flags.stage_raw() != 0 {
            // Told once, at the first of its stages.
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

    fn folder_rules(&self, folder: &Folder, task: &FolderTask) -> Result<Option<Arc<FolderRules>>, Problem> {
        match folder.read_file(b".gitignore", IGNORE_FILE_BYTES) {
            Ok((content, _)) => Ok(self.rules.below(&content, task.path.as_bstr(), task.rules.as_ref())),
            Err(ReadError::Vanished) => Ok(task.rules.clone()),
            Err(error) => {
                let why = crate::content::unread(error);
                let reason = format!("untracked files beside it are not shown, because it is {why}");
                Err(Problem { path: join(&task.path, b".gitignore"), reason })
            }
        }
    }

    /// The rules of a `.gitignore` that a sparse checkout leaves out of the work tree.
    fn rules_from_index(&self, task: &FolderTask) -> Option<Option<Arc<FolderRules>>> {
        if !self.settings.sparse || task.tracked.is_empty() {
            return None;
        }
        let path = join(&task.path, b".gitignore");
        let entry = self.index.file.entry_by_path(path.as_bstr())?;
        if !entry.flags.contains(Flags::SKIP_WORKTREE) {
            return None;
        }
        let content = self.shared.to_thread_local().find_blob(entry.id).ok()?.take_data();
        Some(self.rules.below(&content, task.path.as_bstr(), task.rules.as_ref()))
    }

    fn composed<'n>(&self, name: &'n [u8]) -> std::borrow::Cow<'n, [u8]> {
        if !self.settings.precompose_unicode || name.is_ascii() {
            return name.into();
        }
        match gix::utils::str::precompose_bstr(BStr::new(name).into()) {
            std::borrow::Cow::Borrowed(name) => std::borrow::Cow::Borrowed(name.as_bytes()),
            std::borrow::Cow::Owned(name) => std::borrow::Cow::Owned(name.into()),
        }
    }
}

struct Context<'a> {
    folder: &'a Arc<Folder>,
    task: &'a FolderTask,
    rules: Option<&'a Arc<FolderRules>>,
}

fn untracked(path: BString, new: New) -> Item {
    Item { path, area: Area::Untracked, change: ChangeKind::Added, old: None, new: Some(new), certain: true }
}

fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}
