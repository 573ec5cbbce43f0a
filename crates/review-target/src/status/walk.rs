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

use super::compare::Compare;
use super::ignore::{FolderRules, Rules};
use super::index::{Group, Index};
use super::trees::{join, with_slash};
use super::{Area, ChangeKind, Item, Mode, New, Problem, submodule};
use crate::os::{Folder, Kind, ReadError};
use crate::settings::Settings;
use crate::{CancelToken, Error};

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
    cancel: &CancelToken,
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
    let compare = Compare { settings, index };
    let walk = Walk { shared, settings, index, compare, rules, root: path, pool, cancel };
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
    compare: Compare<'a>,
    rules: Rules,
    root: &'a Path,
    pool: Pool,
    cancel: &'a CancelToken,
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
                        self.compare.file(&folder, at, &mut found);
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
            missing.entries.clone().for_each(|at| self.compare.deleted(at, found));
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
            task.tracked.clone().for_each(|at| self.compare.deleted(at, found));
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
            self.compare.file(folder, entries.start, found);
        }
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
