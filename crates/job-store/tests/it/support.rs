//! A store on a throw-away folder, a clock that stands still, and a storage that fails or dies on command.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use codex_job_store::testing::{
    Access, Clock, Disk, HeldLock, Locks, OsLocks, Platform, Storage, SystemClock, Timer,
};
use codex_job_store::{Filter, Job, JobId, JobOutcome, NewJob, Retention, Store, StoreOptions, Timestamp};
use tempfile::TempDir;

/// A child process has copies of all locks of its parent from its birth until it runs its own program. Tests that
/// count on a lock being free at once hold this while they run; whoever makes a process waits for them.
static FORKS: RwLock<()> = RwLock::new(());

pub(crate) fn spawn(command: &mut Command) -> Child {
    let _alone = FORKS.write().unwrap_or_else(PoisonError::into_inner);
    command.spawn().unwrap()
}

pub(crate) struct Home {
    pub(crate) root: TempDir,
    pub(crate) clock: Arc<StoppedClock>,
    pub(crate) faults: Faults,
    pub(crate) options: StoreOptions,
    pub(crate) platform: Platform,
    _no_forks: RwLockReadGuard<'static, ()>,
}

impl Home {
    pub(crate) fn new() -> Self {
        // Thousands of small files are made: in memory, where the system has a folder for that.
        let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let clock = Arc::new(StoppedClock::default());
        let faults = Faults::default();
        let platform = Platform::new()
            .clock(clock.clone())
            .storage(Arc::new(faults.clone()))
            .locks(Arc::new(faults.clone()));
        let _no_forks = FORKS.read().unwrap_or_else(PoisonError::into_inner);
        Home { root, clock, faults, options: StoreOptions::new(), platform, _no_forks }
    }

    /// For threads that wait for one another: here time must pass, or their deadlines would pass without it.
    pub(crate) fn with_time() -> Self {
        let mut home = Home::new();
        home.platform = home.platform.clock(Arc::new(SystemClock::default()));
        home
    }

    /// A store on this folder, as another process would open it.
    pub(crate) fn store(&self) -> Store {
        self.store_with(self.options.clone())
    }

    /// A store with other options on the same platform.
    pub(crate) fn store_with(&self, options: StoreOptions) -> Store {
        let options = options.platform(self.platform.clone());
        Store::open(&self.root.path().join("state"), Path::new("/w/app"), options).unwrap()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.store().folder().to_owned()
    }

    pub(crate) fn jobs(&self) -> PathBuf {
        self.folder().join("jobs")
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        names(&self.jobs())
    }
}

pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
        Err(_) => BTreeSet::new(),
    }
}

pub(crate) fn new_job(title: &str) -> NewJob {
    NewJob::new("task", "task", title)
}

pub(crate) fn all(store: &Store) -> Vec<Job> {
    store.recorded(&Filter::all()).unwrap()
}

/// Marks the jobs of dead owners, and returns which they are.
pub(crate) fn reap(store: &Store) -> Vec<JobId> {
    store.snapshot(&Filter::all().limit(0)).unwrap().reaped.into_iter().map(|job| job.id).collect()
}

/// A wall clock that moves only when told to; waiting moves the other one.
#[derive(Debug)]
pub(crate) struct StoppedClock {
    now: AtomicI64,
    monotonic: AtomicU64,
}

impl Default for StoppedClock {
    fn default() -> Self {
        StoppedClock { now: AtomicI64::new(1_769_862_896_789), monotonic: AtomicU64::new(0) }
    }
}

impl StoppedClock {
    pub(crate) fn turn(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }
}

impl Timer for StoppedClock {
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic.load(Ordering::SeqCst))
    }

    // sleep: the stopped clock's own
    fn sleep(&self, duration: Duration) {
        self.monotonic.fetch_add(u64::try_from(duration.as_micros()).unwrap() + 1, Ordering::SeqCst);
        std::thread::yield_now();
    }
}

/// What happens at the n-th call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process dies: a write is left half done, and nothing is done after it, not even cleaning up.
    Die,
    /// This call fails, the next ones work.
    FailOnce(io::ErrorKind),
    /// This call and all later ones fail.
    FailOn(io::ErrorKind),
}

/// What is left after the power went, beside what was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PowerCut {
    /// Only the process was killed: everything that was done.
    No,
    /// Nothing that was not synced: neither names nor contents.
    LosesNames,
    /// Names, but no content that was not synced.
    LosesContents,
}

/// The disk, until told otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    calls: usize,
    armed: Option<(usize, Fault)>,
    dead: bool,
    trace: Vec<String>,
    /// Changes of names that no sync of their folder has made durable yet.
    names: Vec<(PathBuf, Undo)>,
    /// Files whose content no sync has made durable yet.
    unsynced: BTreeSet<PathBuf>,
}

#[derive(Debug)]
enum Undo {
    Created(PathBuf),
    Removed(PathBuf, Vec<u8>),
    Renamed { from: PathBuf, to: PathBuf, replaced: Option<Vec<u8>> },
}

enum Step {
    Go,
    Half,
}

impl Faults {
    pub(crate) fn arm(&self, call: usize, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        state.calls = 0;
        state.trace.clear();
        state.armed = Some((call, fault));
    }

    /// Counts calls from here on without a fault.
    pub(crate) fn count(&self) {
        self.arm(usize::MAX, Fault::Die);
    }

    pub(crate) fn disarm(&self) -> Vec<String> {
        let mut state = self.0.lock().unwrap();
        state.armed = None;
        state.dead = false;
        std::mem::take(&mut state.trace)
    }

    /// Applies what the power cut took away, to the folder itself.
    pub(crate) fn cut_power(&self, cut: PowerCut) {
        let mut state = self.0.lock().unwrap();
        let names = std::mem::take(&mut state.names);
        let unsynced = std::mem::take(&mut state.unsynced);
        if cut == PowerCut::No {
            return;
        }
        for path in &unsynced {
            if let Ok(content) = fs::read(path) {
                fs::write(path, &content[..content.len() / 2]).unwrap();
            }
        }
        if cut == PowerCut::LosesContents {
            return;
        }
        for (_, undo) in names.into_iter().rev() {
            match undo {
                Undo::Created(path) if path.is_dir() => fs::remove_dir_all(path).unwrap(),
                Undo::Created(path) => drop(fs::remove_file(path)),
                Undo::Removed(path, content) => fs::write(path, content).unwrap(),
                Undo::Renamed { from, to, replaced } => {
                    fs::rename(&to, &from).unwrap();
                    if let Some(content) = replaced {
                        fs::write(to, content).unwrap();
                    }
                }
            }
        }
    }

    fn step(&self, what: &str, path: &Path) -> io::Result<Step> {
        let mut state = self.0.lock().unwrap();
        if state.dead {
            return Err(io::Error::other("the process is dead"));
        }
        let call = state.calls;
        state.calls += 1;
        if state.armed.is_some() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            state.trace.push(format!("{what} {name}"));
        }
        match state.armed {
            Some((at, Fault::Die)) if at == call => {
                state.dead = true;
                Ok(Step::Half)
            }
            Some((at, Fault::FailOnce(kind))) if at == call => Err(kind.into()),
            // A disk that is full or read-only does not keep from locking what is there.
            Some((at, Fault::FailOn(kind))) if at <= call && !(what == "lock" && path.exists()) => {
                Err(kind.into())
            }
            _ => Ok(Step::Go),
        }
    }

    /// The call at which the process dies is not made.
    fn whole_step(&self, what: &str, path: &Path) -> io::Result<()> {
        match self.step(what, path)? {
            Step::Go => Ok(()),
            Step::Half => Err(io::Error::other("the process dies")),
        }
    }

    fn alive(&self) -> io::Result<()> {
        if self.0.lock().unwrap().dead { Err(io::Error::other("the process is dead")) } else { Ok(()) }
    }

    fn named(&self, undo: Undo, path: &Path) {
        let folder = path.parent().unwrap().to_owned();
        self.0.lock().unwrap().names.push((folder, undo));
    }

    fn written(&self, path: &Path) {
        self.0.lock().unwrap().unsynced.insert(path.to_owned());
    }
}

impl Storage for Faults {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.alive()?;
        Disk.read(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.alive()?;
        Disk.names(folder)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.alive()?;
        Disk.exists(path)
    }

    fn create_directory(&self, folder: &Path) -> io::Result<()> {
        self.whole_step("create folder", folder)?;
        Disk.create_directory(folder)?;
        self.named(Undo::Created(folder.to_owned()), folder);
        Ok(())
    }

    fn create_new(&self, path: &Path) -> io::Result<()> {
        self.whole_step("create", path)?;
        Disk.create_new(path)?;
        self.named(Undo::Created(path.to_owned()), path);
        Ok(())
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<File> {
        let step = self.step("write", path)?;
        if !path.exists() {
            self.named(Undo::Created(path.to_owned()), path);
        }
        self.written(path);
        match step {
            Step::Go => Disk.write(path, content),
            Step::Half => {
                Disk.write(path, &content[..content.len() / 2])?;
                Err(io::Error::other("the process dies"))
            }
        }
    }

    // The power cut is played, so the disk itself need not be waited for.
    fn sync(&self, path: &Path, _file: &File) -> io::Result<()> {
        self.whole_step("sync", path)?;
        self.0.lock().unwrap().unsynced.remove(path);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole_step("rename", from)?;
        let replaced = fs::read(to).ok();
        Disk.rename(from, to)?;
        self.named(Undo::Renamed { from: from.to_owned(), to: to.to_owned(), replaced }, to);
        let mut state = self.0.lock().unwrap();
        if state.unsynced.remove(from) {
            state.unsynced.insert(to.to_owned());
        }
        Ok(())
    }

    fn sync_directory(&self, folder: &Path) -> io::Result<()> {
        self.whole_step("sync folder", folder)?;
        self.0.lock().unwrap().names.retain(|(changed, _)| changed != folder);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole_step("remove", path)?;
        let content = fs::read(path)?;
        Disk.remove(path)?;
        self.named(Undo::Removed(path.to_owned(), content), path);
        Ok(())
    }

    fn open_append(&self, path: &Path) -> io::Result<File> {
        self.whole_step("open", path)?;
        if !path.exists() {
            self.named(Undo::Created(path.to_owned()), path);
        }
        Disk.open_append(path)
    }

    fn append(&self, path: &Path, file: &File, bytes: &[u8]) -> io::Result<()> {
        let step = self.step("append", path)?;
        match step {
            Step::Go => Disk.append(path, file, bytes),
            Step::Half => {
                Disk.append(path, file, &bytes[..bytes.len() / 2])?;
                Err(io::Error::other("the process dies"))
            }
        }
    }
}

impl Locks for Faults {
    fn try_lock(&self, path: &Path, access: Access) -> io::Result<Option<Box<dyn HeldLock>>> {
        self.whole_step("lock", path)?;
        OsLocks.try_lock(path, access)
    }
}

/// Everything that the store knows and that must not get lost, by the title of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) jobs: BTreeMap<String, BTreeMap<&'static str, String>>,
    pub(crate) gate: bool,
}

pub(crate) fn facts(store: &Store) -> Facts {
    let mut jobs = BTreeMap::new();
    for listed in all(store) {
        let record = store.recorded_record(&listed.id).unwrap();
        let job = record.job;
        assert_eq!(listed, job, "a list says the same as the record");
        let thread = job.codex().thread_id;
        let facts = BTreeMap::from([
            ("status", job.status.to_string()),
            ("phase", job.phase.unwrap_or_default()),
            ("summary", job.summary),
            ("thread", thread.unwrap_or_default()),
            ("error", job.error_message.unwrap_or_default()),
            ("session", job.session_id.unwrap_or_default()),
            ("request", record.request.map(|raw| raw.get().to_owned()).unwrap_or_default()),
            ("result", record.result.map(|raw| raw.get().to_owned()).unwrap_or_default()),
            ("rendered", record.rendered.unwrap_or_default()),
        ]);
        assert!(jobs.insert(job.title.clone(), facts).is_none(), "{} is there twice", job.title);
    }
    Facts { jobs, gate: store.config().unwrap().stop_review_gate }
}

/// The store serves, its index agrees with its files, and there is no file that belongs to nothing.
pub(crate) fn assert_healthy(home: &Home) {
    let store = home.store();
    store.snapshot(&Filter::all()).unwrap();
    let job = store.create(new_job("afterwards")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    lease.finish(&JobOutcome::completed()).unwrap();
    store.prune(&Retention::new().count(1000)).unwrap();
    let indexed = all(&store);
    assert!(indexed.iter().any(|listed| listed.id == job.id));
    let index = fs::read(home.folder().join("state.json")).unwrap();
    fs::remove_file(home.folder().join("state.json")).unwrap();
    assert_eq!(all(&store), indexed, "the index says what the job files say");
    fs::write(home.folder().join("state.json"), index).unwrap();

    let ids: BTreeSet<JobId> = indexed.iter().map(|job| job.id.clone()).collect();
    for name in home.names() {
        let (id, extension) = name.split_once('.').unwrap();
        assert!(ids.contains(&id.parse().unwrap()), "{name} belongs to no job");
        let active = indexed.iter().any(|job| job.id.as_str() == id && job.is_active());
        let allowed = match extension {
            "json" | "log" | "log.1" => true,
            // A temp file is used again by the next write, or swept at the job's end.
            "lease" | "cancel" | "json.tmp" | "cancel.tmp" => active,
            _ => extension.starts_with("json.corrupt-"),
        };
        assert!(allowed, "{name} is left over");
    }
    let others = names(&home.folder());
    let known = |name: &String| {
        matches!(name.as_str(), "jobs" | "state.json" | "state.lock" | "config.json" | "state.json.tmp")
            || name.contains(".corrupt-")
            || name == "config.json.tmp"
    };
    assert!(others.iter().all(known), "{others:?}");
}
