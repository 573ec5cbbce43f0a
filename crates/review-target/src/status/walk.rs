//! Compares the index with the work tree and finds untracked files, in one walk.
//!
//! Each directory is a task of a pool of threads. A directory is listed once. Its tracked files are compared by `lstat`
//! relative to the open directory, and the other names are matched with the ignore rules.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::index::entry::{Flags, Mode as RawMode};

use super::compare::Compare;
use super::ignore::{DirectoryRules, Rules};
use super::index::{Group, Index};
use super::trees::{join, with_slash};
use super::{Area, ChangeKind, Item, Mode, New, Problem, submodule};
use crate::os::{Directory, Kind, ReadError};
use crate::settings::Settings;
use crate::{CancelToken, Error};

/// With fewer tracked files or queued directories, a thread costs more than it saves.
const MIN_ENTRIES_FOR_THREADS: usize = 1500;
const MIN_DIRECTORIES_FOR_THREADS: usize = 128;
/// The tracked files of a directory with more than this are split into several tasks.
const FILES_IN_A_TASK: usize = 2048;
/// The largest ignore file that is read.
const IGNORE_FILE_BYTES: u64 = 16 << 20;

#[derive(Default)]
pub(super) struct Walked {
    pub(super) items: Vec<Item>,
    pub(super) problems: Vec<Problem>,
    /// Positions in the index of submodules whose directory exists.
    pub(super) submodules: Vec<usize>,
}

/// Walks the work tree, with several threads when it is large. The calling thread runs `first`, then takes part in the walk.
pub(super) fn walk(
    shared: &gix::ThreadSafeRepository,
    repo: &gix::Repository,
    settings: &Settings,
    index: &Index,
    root: Directory,
    cancel: &CancelToken,
    first: impl FnOnce() -> Result<(), Error>,
) -> Result<Walked, Error> {
    let rules = Rules::load(repo, settings)?;
    let path = repo.workdir().expect("open refuses repositories without a work tree");
    let pool = Pool::new(Task::Directory(DirectoryTask {
        opened: Some(Arc::new(root)),
        parent: None,
        path: BString::default(),
        tracked: 0..index.len(),
        rules: None,
        ignored: false,
    }));
    let compare = Compare { settings, index };
    let walk = Walk { shared, settings, index, compare, rules, root: path, pool, cancel };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    std::thread::scope(|scope| {
        let started = std::cell::RefCell::new(Vec::new());
        let start_threads = || {
            let mut started = started.borrow_mut();
            if started.is_empty() {
                started.extend((1..cores).map(|_| scope.spawn(|| walk.work(|| ()))));
            }
        };
        if index.len() >= MIN_ENTRIES_FOR_THREADS {
            start_threads();
        }
        let first = first();
        if first.is_err() {
            walk.pool.stop();
        }
        let mut walked = walk.work(start_threads);
        for thread in started.take() {
            let found = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            walked.items.extend(found.items);
            walked.problems.extend(found.problems);
            walked.submodules.extend(found.submodules);
        }
        first?;
        cancel.check()?;
        walked.submodules.sort_unstable();
        walked.problems.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(walked)
    })
}

enum Task {
    Directory(DirectoryTask),
    /// Tracked files of one directory, by their positions in the index.
    Files {
        directory: Arc<Directory>,
        files: Vec<usize>,
    },
}

struct DirectoryTask {
    /// Set for the top of the work tree. Others are opened from their parent.
    opened: Option<Arc<Directory>>,
    parent: Option<Arc<Directory>>,
    /// The path. It is empty or ends in a slash.
    path: BString,
    tracked: Range<usize>,
    rules: Option<Arc<DirectoryRules>>,
    /// Whether the directory is ignored. Only its tracked files are compared then.
    ignored: bool,
}

/// The queue of tasks. Last in, first out, so that few directories are open at a time.
struct Pool {
    state: Mutex<PoolState>,
    changed: Condvar,
}

struct PoolState {
    tasks: Vec<Task>,
    /// Running tasks, which may still add others.
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

/// Marks a task as ended when it is dropped, also after a panic, so that no other thread waits for ever.
struct Running<'a> {
    pool: &'a Pool,
    subtasks: Vec<Task>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.running -= 1;
        let added = self.subtasks.len();
        state.tasks.append(&mut self.subtasks);
        let over = state.running == 0 && state.tasks.is_empty();
        drop(state);
        if over || added > 1 {
            self.pool.changed.notify_all();
        }
    }
}

struct Walk<'a> {
    shared: &'a gix::ThreadSafeRepository,
    settings: &'a Settings,
    index: &'a Index,
    compare: Compare<'a>,
    rules: Rules,
    root: &'a Path,
    pool: Pool,
    cancel: &'a CancelToken,
}

/// The names in one directory. Reused for the next directory.
#[derive(Default)]
struct Listing {
    names: Vec<u8>,
    entries: Vec<(Range<usize>, Kind)>,
}

/// The tracked names in one directory. Reused for the next directory.
#[derive(Default)]
struct Tracked<'a> {
    files: Vec<(&'a [u8], Range<usize>)>,
    directories: Vec<TrackedDirectory<'a>>,
}

struct TrackedDirectory<'a> {
    name: &'a [u8],
    entries: Range<usize>,
    present: bool,
}

impl<'a> Walk<'a> {
    /// Runs tasks until there are none. Calls `start_threads` when many are queued.
    fn work(&self, start_threads: impl Fn()) -> Walked {
        let mut found = Walked::default();
        let mut listing = Listing::default();
        let mut tracked = Tracked::default();
        while let Some(task) = self.pool.take() {
            let mut running = Running { pool: &self.pool, subtasks: Vec::new() };
            if self.cancel.is_cancelled() {
                self.pool.stop();
                continue;
            }
            match task {
                Task::Directory(task) => {
                    self.directory(task, &mut listing, &mut tracked, &mut running.subtasks, &mut found);
                    if running.subtasks.len() >= MIN_DIRECTORIES_FOR_THREADS {
                        start_threads();
                    }
                }
                Task::Files { directory, files } => {
                    for at in files {
                        self.compare.file(&directory, at, &mut found);
                    }
                }
            }
        }
        found
    }

    fn directory(
        &self,
        mut task: DirectoryTask,
        listing: &mut Listing,
        tracked: &mut Tracked<'a>,
        subtasks: &mut Vec<Task>,
        found: &mut Walked,
    ) {
        let directory = match self.enter(&task) {
            Ok(directory) => directory,
            Err(error) => return self.cannot_enter(&task, &error, found),
        };
        listing.names.clear();
        listing.entries.clear();
        let listed = directory.list(|name, kind| {
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
            Some((_, Kind::File | Kind::Unknown)) => match self.directory_rules(&directory, &task) {
                Ok(rules) => rules,
                Err(problem) => {
                    // Without the rules, ignored files would be shown: show no untracked file of this directory.
                    found.problems.push(problem);
                    task.ignored = true;
                    None
                }
            },
            _ => self.rules_from_index(&task).unwrap_or_else(|| task.rules.clone()),
        };

        tracked.files.clear();
        tracked.directories.clear();
        for group in self.index.groups(task.tracked.clone(), task.path.len()) {
            match group {
                Group::File { name, entries } => tracked.files.push((name, entries)),
                Group::Directory { name, entries } => {
                    tracked.directories.push(TrackedDirectory { name, entries, present: false });
                }
            }
        }
        let context = Context { directory: &directory, task: &task, rules: rules.as_ref() };
        for (name, kind) in &listing.entries {
            self.name(&listing.names[name.clone()], *kind, &context, tracked, subtasks, found);
        }
        for missing in tracked.directories.iter().filter(|directory| !directory.present) {
            missing.entries.clone().for_each(|at| self.compare.deleted(at, found));
        }
        self.tracked_files(&directory, &tracked.files, subtasks, found);
    }

    fn enter(&self, task: &DirectoryTask) -> std::io::Result<Arc<Directory>> {
        if let Some(opened) = &task.opened {
            return Ok(Arc::clone(opened));
        }
        let parent = task.parent.as_ref().expect("every directory but the first has a parent");
        let path = task.path.strip_suffix(b"/").unwrap_or(&task.path);
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
        parent.child(name).map(Arc::new)
    }

    fn cannot_enter(&self, task: &DirectoryTask, error: &std::io::Error, found: &mut Walked) {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        if matches!(error.kind(), NotFound | NotADirectory) {
            task.tracked.clone().for_each(|at| self.compare.deleted(at, found));
        } else {
            found.problems.push(Problem { path: task.path.clone(), reason: error.to_string() });
        }
    }

    /// Handles one name of a listing. Tracked files are compared later, directories become tasks, other names may be untracked.
    fn name(
        &self,
        name: &[u8],
        kind: Kind,
        context: &Context<'_>,
        tracked: &mut Tracked<'a>,
        subtasks: &mut Vec<Task>,
        found: &mut Walked,
    ) {
        if name == b".git" || self.settings.ignore_case && name.eq_ignore_ascii_case(b".git") {
            return;
        }
        let kind = match kind {
            Kind::Unknown => context.directory.stat(name).map_or(Kind::Special, |stat| stat.kind),
            known => known,
        };
        match kind {
            Kind::File | Kind::Link => {
                if self.find_file(&tracked.files, name).is_some() || context.task.ignored {
                    return;
                }
                let path = join(&context.task.path, name);
                if self.rules.ignores(context.rules, path.as_bstr(), false) {
                    return;
                }
                let mode = if kind == Kind::Link { Mode::Link } else { Mode::File };
                found.items.push(untracked(path, New::File { mode, stat: None }));
            }
            Kind::Directory => {
                let entries = self.find_directory(&mut tracked.directories, name);
                if entries.is_none()
                    && let Some(at) = self.find_file(&tracked.files, name)
                    && self.index.entry(at).mode == RawMode::COMMIT
                {
                    return; // A submodule: compared separately.
                }
                let path = join(&context.task.path, name);
                let ignored = context.task.ignored || self.rules.ignores(context.rules, path.as_bstr(), true);
                let entries = entries.unwrap_or(0..0);
                if ignored && entries.is_empty() {
                    return;
                }
                let sparse = entries.len() == 1 && self.index.is_sparse_directory(entries.start);
                subtasks.push(Task::Directory(DirectoryTask {
                    opened: None,
                    parent: Some(Arc::clone(context.directory)),
                    path: with_slash(path),
                    tracked: if sparse { 0..0 } else { entries },
                    rules: context.rules.cloned(),
                    ignored,
                }));
            }
            // git does not track FIFOs, sockets and devices.
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

    fn find_directory(&self, directories: &mut [TrackedDirectory<'_>], name: &[u8]) -> Option<Range<usize>> {
        let found = directories
            .binary_search_by(|directory| gix::objs::tree::name_order(directory.name, true, name, true))
            .ok()
            .or_else(|| {
                let same = |directory: &TrackedDirectory<'_>| directory.name.eq_ignore_ascii_case(name);
                self.settings.ignore_case.then(|| directories.iter().position(same)).flatten()
            });
        let directory = &mut directories[found?];
        directory.present = true;
        Some(directory.entries.clone())
    }

    fn tracked_files(
        &self,
        directory: &Arc<Directory>,
        files: &[(&[u8], Range<usize>)],
        subtasks: &mut Vec<Task>,
        found: &mut Walked,
    ) {
        let (own, rest) = files.split_at(files.len().min(FILES_IN_A_TASK));
        for chunk in rest.chunks(FILES_IN_A_TASK) {
            let files = chunk.iter().map(|(_, entries)| entries.start).collect();
            subtasks.push(Task::Files { directory: Arc::clone(directory), files });
        }
        for (_, entries) in own {
            self.compare.file(directory, entries.start, found);
        }
    }

    fn directory_rules(
        &self,
        directory: &Directory,
        task: &DirectoryTask,
    ) -> Result<Option<Arc<DirectoryRules>>, Problem> {
        match directory.read_file(b".gitignore", IGNORE_FILE_BYTES) {
            Ok((content, _)) => {
                Ok(self.rules.rules_below(&content, task.path.as_bstr(), task.rules.as_ref()))
            }
            Err(ReadError::Vanished) => Ok(task.rules.clone()),
            Err(error) => {
                let why = crate::content::unread(error);
                let reason = format!("untracked files next to it are not shown: {why}");
                Err(Problem { path: join(&task.path, b".gitignore"), reason })
            }
        }
    }

    /// Returns the rules of a `.gitignore` that is not in a sparse checkout.
    fn rules_from_index(&self, task: &DirectoryTask) -> Option<Option<Arc<DirectoryRules>>> {
        if !self.settings.sparse || task.tracked.is_empty() {
            return None;
        }
        let path = join(&task.path, b".gitignore");
        let entry = self.index.file.entry_by_path(path.as_bstr())?;
        if !entry.flags.contains(Flags::SKIP_WORKTREE) {
            return None;
        }
        let content = self.shared.to_thread_local().find_blob(entry.id).ok()?.take_data();
        Some(self.rules.rules_below(&content, task.path.as_bstr(), task.rules.as_ref()))
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
    directory: &'a Arc<Directory>,
    task: &'a DirectoryTask,
    rules: Option<&'a Arc<DirectoryRules>>,
}

fn untracked(path: BString, new: New) -> Item {
    Item { path, area: Area::Untracked, change: ChangeKind::Added, old: None, new: Some(new), certain: true }
}
