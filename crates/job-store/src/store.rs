use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::job::{Job, Record, Status};
use crate::layout::Layout;
use crate::options::{Filter, Platform, StoreOptions};
use crate::view::{IndexState, Loaded, newer};
use crate::{Config, Error, ErrorKind, JobId, LogLine, LogWriter, Notice, NoticeKind, Result};
use codex_base::lock::Access;
use codex_base::process::ProcessIdentity;

/// The jobs of a store at one moment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// The jobs asked for, newest first.
    pub jobs: Vec<Job>,
    /// Jobs, whether asked for or not, whose owner was found dead by this call, as they are recorded now:
    /// failed, or cancelled if a cancel was requested. Their turns may still run and may have to be interrupted.
    pub reaped: Vec<Job>,
}

/// The jobs of one workspace. Cheap to open and to clone; all clones are one store.
///
/// Every method blocks for at most a few file operations, writers also for [`StoreOptions::lock_deadline`].
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    layout: Layout,
    options: StoreOptions,
    notices: Mutex<Vec<Notice>>,
}

impl Store {
    /// Opens the store of `workspace`, an absolute canonical path, under `state_root`. Creates nothing: the directories are
    /// created with the first job or setting.
    ///
    /// # Errors
    /// `InvalidInput` when one of the paths is relative.
    pub fn open(state_root: &Path, workspace: &Path, options: StoreOptions) -> Result<Store> {
        for (what, path) in [("state root", state_root), ("workspace", workspace)] {
            if !path.is_absolute() {
                let message = format!("the {what} {} is not an absolute path", path.display());
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
        }
        let layout = Layout::new(state_root, workspace);
        Ok(Store { inner: Arc::new(Inner { layout, options, notices: Mutex::default() }) })
    }

    /// The directory of this workspace; it may not exist yet.
    pub fn folder(&self) -> &Path {
        &self.layout().folder
    }

    /// Where the log of a job is, or would be.
    pub fn log_path(&self, id: &JobId) -> PathBuf {
        self.layout().log(id)
    }

    /// A writer for the log of a job, which is created if need be. One process should write a log.
    ///
    /// # Errors
    /// `Removed` when the store's directory does not exist, or the filesystem's error.
    pub fn log_writer(&self, id: &JobId) -> Result<LogWriter> {
        let platform = self.platform();
        let cap = self.options().log_cap;
        LogWriter::open(platform.storage.clone(), platform.clock.clone(), self.log_path(id), cap)
    }

    /// The last `count` messages of a job's log, oldest first, without blocks and their titles. Reads at most
    /// the last 64 KiB. Empty when there is no log.
    ///
    /// # Errors
    /// What the filesystem says, unless it is that there is no such file.
    pub fn progress(&self, id: &JobId, count: usize) -> Result<Vec<LogLine>> {
        crate::log::tail(&self.log_path(id), count)
    }

    /// Problems since the last call that did not make an operation fail, oldest first.
    pub fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut self.inner.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The jobs that the filter lets through, newest first, as they are recorded: also those whose owner is dead. Changes
    /// nothing and takes no lock. For tests; programs use [`snapshot`](Self::snapshot).
    ///
    /// # Errors
    /// What the filesystem says; a store that does not exist yet is empty.
    #[cfg(feature = "testing")]
    pub fn recorded(&self, filter: &Filter) -> Result<Vec<Job>> {
        Ok(filter.choose(&self.view()?))
    }

    /// One job as it is recorded, also when its owner is dead. For tests; programs use [`job`](Self::job).
    ///
    /// # Errors
    /// As [`job`](Self::job).
    #[cfg(feature = "testing")]
    pub fn recorded_job(&self, id: &JobId) -> Result<Job> {
        self.read_job(id)
    }

    /// The whole record of a job as it is, also when its owner is dead. For tests; programs use [`record`](Self::record).
    ///
    /// # Errors
    /// As [`job`](Self::job).
    #[cfg(feature = "testing")]
    pub fn recorded_record(&self, id: &JobId) -> Result<Record> {
        self.read_record(id)
    }

    /// The jobs that the filter lets through, newest first, after marking the jobs of dead owners and repairing what is
    /// damaged. Where that cannot be written, the jobs are returned as they would be marked, and a notice reports it.
    ///
    /// # Errors
    /// What the filesystem says when it is read; a store that does not exist yet is empty.
    pub fn snapshot(&self, filter: &Filter) -> Result<Snapshot> {
        let mut view = self.view()?;
        let mut reaped = Vec::new();
        let active: Vec<Job> = view.jobs.values().filter(|job| job.is_active()).cloned().collect();
        for job in active {
            let buried = self.death_of(&job).and_then(|death| {
                let Some(death) = death else { return Ok(None) };
                self.bury(&job.id, &death).or_else(|error| {
                    self.notice(Notice::behind("a job whose worker died could not be marked", &error));
                    Ok(Some((self.as_buried(&job, &death), false)))
                })
            });
            match buried {
                Ok(None) => {}
                Ok(Some((job, by_us))) => {
                    if by_us {
                        reaped.push(job.clone());
                    }
                    view.jobs.insert(job.id.clone(), job);
                }
                Err(error) => {
                    self.notice(Notice::behind("could not check whether a job's worker is alive", &error));
                }
            }
        }
        let worth_mending = view.stale && !(view.index == IndexState::Missing && view.jobs.is_empty());
        if worth_mending || !view.damaged.is_empty() {
            self.mend(&view);
        }
        if !view.damaged.is_empty() {
            view = self.view()?;
        }
        Ok(Snapshot { jobs: filter.choose(&view), reaped })
    }

    /// One job, as it is recorded.
    pub(crate) fn read_job(&self, id: &JobId) -> Result<Job> {
        let exists = |path: PathBuf| {
            self.platform().storage.exists(&path).map_err(|error| Error::io("look at", &path, error))
        };
        // A finished job may have a record of many megabytes, of which the index has all that is needed.
        if !exists(self.layout().lease(id))?
            && let Some(job) = self.read_index()?.jobs.remove(id)
            && job.status.is_final()
            && exists(self.layout().record(id))?
        {
            return Ok(job);
        }
        let loaded = self.load_job(id)?;
        self.expect_found(id, loaded)
    }

    /// The whole record of a job, with its request and result, after marking the job if its owner is dead.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub fn record(&self, id: &JobId) -> Result<Record> {
        self.job(id)?;
        self.read_record(id)
    }

    fn read_record(&self, id: &JobId) -> Result<Record> {
        let loaded = self.load_record(id)?;
        self.expect_found(id, loaded)
    }

    /// The job that has this id, or the only one whose id begins with it, of whatever session.
    ///
    /// # Errors
    /// `UnknownJob`, `AmbiguousJob` with the candidates, and those of [`job`](Self::job).
    pub fn find(&self, reference: &str) -> Result<Job> {
        let mut matches: Vec<JobId> = self.ids()?;
        if let Some(exact) = matches.iter().find(|id| id.as_str() == reference) {
            return self.job(exact);
        }
        matches.retain(|id| !reference.is_empty() && id.as_str().starts_with(reference));
        match matches.as_slice() {
            [] => Err(unknown(reference)),
            [only] => self.job(only),
            _ => {
                let message = format!("`{reference}` is the beginning of {} job ids", matches.len());
                matches.reverse();
                Err(Error::ambiguous(message, matches))
            }
        }
    }

    /// The process that holds the job's lease, verified: the lease is held, and the process that the record
    /// names still is the one that was recorded. Only such a process may ever be signalled; `None` otherwise.
    /// [`ProcessIdentity::start`] is `None` on systems where a start time cannot be read; there the lease
    /// alone identifies the process.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub fn owner(&self, id: &JobId) -> Result<Option<ProcessIdentity>> {
        let job = self.read_job(id)?;
        let Some(owner) = job.named_owner().filter(|_| job.status == Status::Running) else {
            return Ok(None);
        };
        let held = match self.platform().locks.try_lock(&self.layout().lease(id), Access::Probe) {
            Ok(lock) => lock.is_none(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(Error::io("lock", &self.layout().lease(id), error)),
        };
        let same = match self.platform().processes.is_alive(&owner) {
            Some(alive) => alive,
            None => owner.start.is_none(),
        };
        Ok(Some(owner).filter(|_| held && same))
    }

    /// What is set for this workspace. Reads one small file when it is there.
    ///
    /// A `config.json` that cannot be read is moved aside, reported in a notice, and replaced by the copy in
    /// the index.
    ///
    /// # Errors
    /// What the filesystem says.
    pub fn config(&self) -> Result<Config> {
        match self.load_config()? {
            Loaded::Found(file) => return Ok(file.config),
            Loaded::Corrupt(why) => self.mend_config(&why),
            Loaded::Newer => {
                self.notice(Notice::new(NoticeKind::Newer, newer(&self.layout().config).to_string()));
            }
            Loaded::Missing => {}
        }
        self.indexed_config()
    }

    /// Changes what is set for this workspace, and returns it as it is then. Concurrent changes follow one
    /// another, none is lost.
    ///
    /// # Errors
    /// `NewerFormat` when a newer version wrote the file; `Busy`; or what the filesystem says.
    pub fn set_config(&self, change: impl FnOnce(&mut Config)) -> Result<Config> {
        self.create_folders()?;
        let _lock = self.lock()?;
        let view = self.view_for_writing()?;
        view.refuse_newer(self)?;
        let mut config = match self.load_config()? {
            Loaded::Found(file) if file.version > crate::FORMAT_VERSION => {
                return Err(newer(&self.layout().config));
            }
            Loaded::Newer => return Err(newer(&self.layout().config)),
            Loaded::Found(file) => file.config,
            Loaded::Missing => view.config.clone().unwrap_or_default(),
            Loaded::Corrupt(why) => {
                self.set_config_aside(&why)?;
                view.config.clone().unwrap_or_default()
            }
        };
        change(&mut config);
        self.write_config(&config)?;
        self.publish(&view);
        Ok(config)
    }

    fn expect_found<T>(&self, id: &JobId, loaded: Loaded<T>) -> Result<T> {
        match loaded {
            Loaded::Found(value) => Ok(value),
            Loaded::Missing => Err(unknown(id.as_str())),
            Loaded::Newer => Err(newer(&self.layout().record(id))),
            Loaded::Corrupt(why) => {
                if let Ok(view) = self.view() {
                    self.mend(&view);
                }
                Err(Error::new(ErrorKind::Corrupt, why))
            }
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    pub(crate) fn options(&self) -> &StoreOptions {
        &self.inner.options
    }

    pub(crate) fn platform(&self) -> &Platform {
        &self.inner.options.platform
    }

    pub(crate) fn notice(&self, notice: Notice) {
        let mut notices = self.inner.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }

    /// Creates the directories of the store where they are missing.
    pub(crate) fn create_folders(&self) -> Result<()> {
        codex_base::atomic::create_directories(&*self.platform().storage, &self.layout().jobs)?;
        Ok(())
    }
}

pub(crate) fn unknown(reference: &str) -> Error {
    let shown = codex_base::text::one_line(reference, 60);
    Error::new(ErrorKind::UnknownJob, format!("there is no job `{shown}`"))
}
