//! The life of a job: created, leased, updated, ended. The process that writes `jobs/<id>.json` holds the job's lease.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::{Job, Record, Status};
use crate::options::Filter;
use crate::steps::{JobOutcome, JobUpdate, NewJob};
use crate::store::{Store, unknown};
use crate::trace::event;
use crate::view::{IndexState, Loaded, View, newer};
use crate::watch::Watch;
use crate::{Error, ErrorKind, FORMAT_VERSION, JobId, LogWriter, Notice, Result, Timestamp};
use codex_base::atomic;
use codex_base::lock::{Access, HeldLock};
use codex_base::process::ProcessIdentity;

/// The right to run a job, and to write its record. The operating system holds it for this process, and releases it when
/// the process ends.
///
/// A lease is `Send` and `Sync`; its methods are what its holder may do.
#[must_use = "a job whose lease is dropped before it is finished is marked failed by the next snapshot"]
pub struct Lease {
    store: Store,
    id: JobId,
    held: Mutex<Held>,
}

struct Held {
    record: Record,
    lock: Option<Box<dyn HeldLock>>,
}

impl Lease {
    /// The job's id.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// The record as it was last written.
    pub fn record(&self) -> Record {
        self.held().record.clone()
    }

    /// Whether a cancel of the job was requested. Reads one file.
    pub fn cancel_requested(&self) -> bool {
        self.store.cancel_mark(&self.id).is_ok_and(|mark| mark.is_some())
    }

    /// Records what changed about a running job, durably, and returns it. Writes nothing when nothing changed.
    ///
    /// # Errors
    /// `AlreadyFinished` after [`finish`](Self::finish); `InvalidInput` when the job would get too large for the
    /// index; `Removed` when the store's directory was removed; or the filesystem's error. The record is unchanged then.
    pub fn update(&self, update: &JobUpdate) -> Result<Job> {
        let mut held = self.held();
        if held.record.job.status.is_final() {
            return Err(finished(&held.record.job));
        }
        let mut job = held.record.job.clone();
        update.apply(&mut job);
        if job == held.record.job {
            return Ok(job);
        }
        job.stamp(self.store.platform().clock.now());
        let before = std::mem::replace(&mut held.record.job, job.clone());
        if let Err(error) = self.store.write_record(&held.record) {
            held.record.job = before;
            return Err(error);
        }
        Ok(job)
    }

    /// Ends a running job, durably, and releases its lease. If a cancel was requested before this moment, the job ends
    /// cancelled regardless of the outcome; a later request to cancel has no effect.
    ///
    /// Creates the store's directory again if it was removed meanwhile, so that the result is not lost.
    ///
    /// # Errors
    /// `AlreadyFinished` the second time; `InvalidInput`, `Busy`, or what the filesystem says. The lease is kept
    /// then, and this can be tried again.
    pub fn finish(&self, outcome: &JobOutcome) -> Result<Job> {
        let mut held = self.held();
        if held.record.job.status.is_final() {
            return Err(finished(&held.record.job));
        }
        self.store.create_folders()?;
        let _store = self.store.lock()?;
        let mut record = held.record.clone();
        self.store.conclude(&mut record, outcome)?;
        held.record = record;
        held.lock = None;
        Ok(held.record.job.clone())
    }

    /// Waits until a cancel of the job is requested, for at most `limit`. Returns whether it was requested.
    ///
    /// Woken by the system where it can watch a directory, else by polling.
    #[must_use]
    pub fn wait_for_cancel(&self, limit: Duration) -> bool {
        let clock = &self.store.platform().clock;
        let start = clock.monotonic();
        // Watched before the first check, so that a request between the two is not missed.
        let mut watch = Watch::new(&self.store.layout().jobs);
        loop {
            if self.cancel_requested() {
                return true;
            }
            let left = limit.saturating_sub(clock.monotonic().saturating_sub(start));
            if left.is_zero() {
                return false;
            }
            watch.wait(left);
        }
    }

    /// A writer for the job's log. See [`Store::log_writer`].
    ///
    /// # Errors
    /// As [`Store::log_writer`].
    pub fn log_writer(&self) -> Result<LogWriter> {
        self.store.log_writer(&self.id)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What became of a request to cancel. Exhaustive: a caller decides on each.
#[derive(Clone, Debug, PartialEq)]
pub enum CancelOutcome {
    /// No worker had the job: it is cancelled, as recorded here.
    Cancelled(Job),
    /// The request is recorded for the job's worker. Regardless of how the worker ends, the job ends cancelled.
    Requested(Job),
    /// The job had already finished, as recorded here.
    AlreadyFinished(Job),
}

/// The content of `jobs/<id>.cancel`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelMark {
    version: u32,
    requested_at: Timestamp,
    pid: u32,
}

impl Store {
    /// Records a new job as queued, durably. Its owner is the calling process until a worker takes it.
    ///
    /// # Errors
    /// `InvalidInput` when the job is too large for the index; `NewerFormat`; `Busy`; or what the filesystem
    /// says.
    pub fn create(&self, new: NewJob) -> Result<Job> {
        self.create_folders()?;
        let _lock = self.lock()?;
        let mut view = self.view_for_writing()?;
        view.refuse_newer(self)?;
        let id = self.reserve_id(&view)?;
        let mut job = Job::new(id.clone(), &new, self.platform().clock.now());
        job.workspace_root.clone_from(&self.layout().workspace);
        job.log_file = Some(self.log_path(&id).to_string_lossy().into_owned());
        job.set_owner(Some(self.platform().processes.current()));
        job.sequence = view.next_sequence();
        let record = Record { request: new.request, ..Record::new(job.clone()) };
        if let Err(error) = self.write_record(&record) {
            let _ = self.platform().storage.remove(&self.layout().lease(&id));
            return Err(error);
        }
        event!(INFO, job = id.as_str(), kind = job.kind.as_str(), attempt = job.attempt, "job created");
        view.jobs.insert(id, job.clone());
        self.publish(&view);
        Ok(job)
    }

    /// Finds an unused id and creates its lease file, which reserves the id. A lease file is never created again, so the
    /// process that locks it holds the only lease that this job ever has.
    fn reserve_id(&self, view: &View) -> Result<JobId> {
        loop {
            let id = JobId::candidate(self.platform().clock.now());
            if view.folder.jobs.contains_key(&id) {
                continue;
            }
            let lease = self.layout().lease(&id);
            match self.platform().storage.create_new(&lease) {
                Ok(()) => return Ok(id),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io("create", &lease, error)),
            }
        }
    }

    /// Names the process that is to take a queued job, after it was started: if that process dies before it has
    /// taken the job, the next snapshot marks the job failed. Does nothing when the job was already taken.
    ///
    /// # Errors
    /// `UnknownJob`, `AlreadyFinished`, or what the filesystem says.
    pub fn hand_over(&self, id: &JobId, worker: u32) -> Result<()> {
        let lease = self.layout().lease(id);
        let _lease = match self.platform().locks.try_lock(&lease, Access::Probe) {
            Ok(Some(lease)) => lease,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.no_lease(id)),
            Err(error) => return Err(Error::io("lock", &lease, error)),
        };
        let loaded = self.load_record(id)?;
        let mut record = self.expect_writable(id, loaded)?;
        if record.job.status == Status::Queued {
            record.job.set_owner(Some(self.platform().processes.identify(worker)));
            record.job.handed_over = true;
            record.job.stamp(self.platform().clock.now());
            self.write_record(&record)?;
        }
        Ok(())
    }

    /// Takes a queued job: it is running, this process is its owner.
    ///
    /// # Errors
    /// `UnknownJob`; `AlreadyFinished`, also when cancelling was asked for meanwhile; `LeaseHeld` when a living
    /// worker has it; `IllegalTransition` when a worker that had it is dead; `Busy`; `NewerFormat`; or what the
    /// filesystem says.
    pub fn lease(&self, id: &JobId) -> Result<Lease> {
        let lock = self.lock_lease(id)?;
        let _store = self.lock()?;
        let loaded = self.load_record(id)?;
        let mut record = self.expect_writable(id, loaded)?;
        if record.job.status != Status::Queued {
            let message = format!("job {id} cannot be taken: it is {}", record.job.status);
            return Err(Error::new(ErrorKind::IllegalTransition, message));
        }
        if self.cancel_mark(id)?.is_some() {
            self.conclude(&mut record, &JobOutcome::cancelled())?;
            return Err(finished(&record.job));
        }
        let identity = self.platform().processes.current();
        // For people only, so it may fail: what counts is the lock.
        let _ = lock.note(&note(&identity));
        let job = &mut record.job;
        job.status = Status::Running;
        job.phase = Some("starting".to_owned());
        job.set_owner(Some(identity));
        job.handed_over = false;
        job.version = FORMAT_VERSION;
        job.started_at = Some(job.stamp(self.platform().clock.now()));
        self.write_record(&record)?;
        event!(INFO, job = id.as_str(), "lease taken");
        if let Ok(mut view) = self.view_for_writing() {
            view.jobs.insert(id.clone(), record.job.clone());
            self.publish(&view);
        }
        let held = Mutex::new(Held { record, lock: Some(lock) });
        Ok(Lease { store: self.clone(), id: id.clone(), held })
    }

    /// Takes the oldest queued job that the filter lets through and that no other worker takes: the call of a queue's worker.
    /// `None` when there is none. Jobs that were handed over to a certain worker are left to it.
    ///
    /// A job waits in a queue for longer than its starter lives, so give such a store a long
    /// [`queue_grace`](crate::StoreOptions::queue_grace()).
    ///
    /// # Errors
    /// `Busy`, or what the filesystem says. Jobs that cannot be read or written are left out.
    pub fn claim_next(&self, filter: &Filter) -> Result<Option<Lease>> {
        let view = self.view()?;
        let queued = |job: &Job| job.status == Status::Queued && !job.handed_over && filter.matches(job);
        for job in view.newest_first().into_iter().rev().filter(|job| queued(job)) {
            match self.lease(&job.id) {
                Ok(lease) => return Ok(Some(lease)),
                // Another worker was faster, or the job was cancelled, or this version cannot write it.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::LeaseHeld
                            | ErrorKind::AlreadyFinished
                            | ErrorKind::IllegalTransition
                            | ErrorKind::UnknownJob
                            | ErrorKind::NewerFormat
                            | ErrorKind::Corrupt
                            | ErrorKind::Removed
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Records another attempt at a job that failed or was cancelled, as a new queued job with the same request. The first
    /// attempt keeps its record. See [`NewJob::retry_of`] for what is taken over, and for a retry that changes it.
    ///
    /// # Errors
    /// `IllegalTransition` when the job is active or completed; those of [`record`](Self::record) and
    /// [`create`](Self::create).
    pub fn retry(&self, id: &JobId) -> Result<Job> {
        let record = self.record(id)?;
        match record.job.status {
            Status::Failed | Status::Cancelled => self.create(NewJob::retry_of(&record)),
            status @ (Status::Queued | Status::Running | Status::Completed) => {
                let message = format!("job {id} cannot be retried: it is {status}");
                Err(Error::new(ErrorKind::IllegalTransition, message))
            }
        }
    }

    /// Waits for the lease, which other processes hold for moments to check whether its owner is alive.
    fn lock_lease(&self, id: &JobId) -> Result<Box<dyn HeldLock>> {
        let path = self.layout().lease(id);
        let taken = || match self.read_job(id)?.status {
            Status::Queued => Ok(()),
            Status::Running => {
                Err(Error::new(ErrorKind::LeaseHeld, format!("another process holds the lease of job {id}")))
            }
            Status::Completed | Status::Failed | Status::Cancelled => Err(finished(&self.read_job(id)?)),
        };
        match self.lock_file(&path, Access::Existing, taken) {
            Err(error) if error.kind() == ErrorKind::Removed => Err(self.no_lease(id)),
            locked => locked,
        }
    }

    /// Why a job that a worker wants to lease has no lease file.
    fn no_lease(&self, id: &JobId) -> Error {
        match self.read_job(id) {
            Ok(job) if job.status.is_final() => finished(&job),
            Ok(_) => Error::new(ErrorKind::Removed, format!("the lease file of job {id} was removed")),
            Err(error) => error,
        }
    }

    /// Ends a queued job that no worker will take, because it could not be started. A worker that has taken it
    /// nevertheless keeps it: then this fails with `LeaseHeld`.
    ///
    /// # Errors
    /// `UnknownJob`, `AlreadyFinished`, `LeaseHeld`, `Busy`, or what the filesystem says.
    pub fn abandon(&self, id: &JobId, reason: &str) -> Result<Job> {
        let _lease = self.lock_lease(id)?;
        let _store = self.lock()?;
        let loaded = self.load_record(id)?;
        let mut record = self.expect_writable(id, loaded)?;
        self.conclude(&mut record, &JobOutcome::failed(reason))?;
        Ok(record.job)
    }

    /// Requests the cancel of a job, durably. A job without a worker is cancelled at once. The worker of a running job sees
    /// the request by [`Lease::cancel_requested`] or [`Lease::wait_for_cancel`]; wait for it with [`wait`](Self::wait). From
    /// this moment the job can only end cancelled.
    ///
    /// # Errors
    /// `UnknownJob`, `NewerFormat`, `Busy`, or what the filesystem says.
    pub fn request_cancel(&self, id: &JobId) -> Result<CancelOutcome> {
        // So that a store that does not exist does not come into being by this.
        self.read_job(id)?;
        let _store = self.lock()?;
        let loaded = self.load_record(id)?;
        let mut record = match self.expect_writable(id, loaded) {
            Err(error) if error.kind() == ErrorKind::AlreadyFinished => {
                return Ok(CancelOutcome::AlreadyFinished(self.read_job(id)?));
            }
            writable => writable?,
        };
        let path = self.layout().lease(id);
        let free = match self.platform().locks.try_lock(&path, Access::Probe) {
            Ok(lease) => lease,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("lock", &path, error)),
        };
        if free.is_some() {
            self.conclude(&mut record, &JobOutcome::cancelled())?;
            return Ok(CancelOutcome::Cancelled(record.job));
        }
        if self.cancel_mark(id)?.is_none() {
            let mark = CancelMark {
                version: FORMAT_VERSION,
                requested_at: self.platform().clock.now(),
                pid: std::process::id(),
            };
            let mut bytes = serde_json::to_vec(&mark).expect("times and numbers are JSON");
            bytes.push(b'\n');
            atomic::replace(&*self.platform().storage, &self.layout().cancel(id), &bytes)?;
        }
        Ok(CancelOutcome::Requested(record.job))
    }

    /// When cancelling was asked for, if it was. A mark that cannot be read is one nevertheless.
    fn cancel_mark(&self, id: &JobId) -> Result<Option<Timestamp>> {
        let path = self.layout().cancel(id);
        match self.platform().storage.read(&path) {
            Ok(bytes) => Ok(Some(match serde_json::from_slice::<CancelMark>(&bytes) {
                Ok(mark) => mark.requested_at,
                Err(_) => self.platform().clock.now(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    /// Writes the end of a job. The lock and the job's lease are held; the lease's file goes with this.
    fn conclude(&self, record: &mut Record, outcome: &JobOutcome) -> Result<()> {
        let id = record.job.id.clone();
        let mut ended = record.clone();
        outcome.apply(&mut ended, self.cancel_mark(&id)?, self.platform().clock.now());
        let view = self.view_for_writing();
        ended.job.sequence = match &view {
            Ok(view) => view.sequence.max(ended.job.sequence).saturating_add(1),
            // The index cannot be read; that must not keep the end from being recorded.
            Err(_) => ended.job.sequence.saturating_add(1),
        };
        self.write_record(&ended)?;
        event!(INFO, job = id.as_str(), status = ended.job.status.as_str(), "job ended");
        *record = ended;
        for path in [self.layout().lease(&id), self.layout().cancel(&id)] {
            // What stays is swept later: the record says that the job has ended.
            let _ = self.platform().storage.remove(&path);
        }
        match view {
            Ok(mut view) => {
                view.sequence = record.job.sequence;
                view.jobs.insert(id, record.job.clone());
                if view.index != IndexState::Newer {
                    self.tidy(&mut view, &self.options().retention);
                }
                self.publish(&view);
            }
            Err(error) => self.notice(Notice::behind("the index is behind the job files", &error)),
        }
        Ok(())
    }

    fn write_record(&self, record: &Record) -> Result<()> {
        let path = self.layout().record(&record.job.id);
        Ok(atomic::replace(&*self.platform().storage, &path, &record.to_bytes()?)?)
    }

    /// A record that this version may write, of a job that has not ended.
    fn expect_writable(&self, id: &JobId, loaded: Loaded<Record>) -> Result<Record> {
        match loaded {
            Loaded::Found(record) if record.job.version > FORMAT_VERSION => {
                Err(newer(&self.layout().record(id)))
            }
            Loaded::Found(record) if record.job.status.is_final() => Err(finished(&record.job)),
            Loaded::Found(record) => Ok(record),
            Loaded::Missing => Err(unknown(id.as_str())),
            Loaded::Newer => Err(newer(&self.layout().record(id))),
            Loaded::Corrupt(why) => Err(Error::new(ErrorKind::Corrupt, why)),
        }
    }

    /// How an active job has lost its owner, if it has: the lease decides; where it cannot, pid with start time.
    pub(crate) fn death_of(&self, job: &Job) -> Result<Option<Death>> {
        if job.status.is_final() || job.version > FORMAT_VERSION {
            return Ok(None);
        }
        let owner = job.named_owner();
        let alive = owner.as_ref().and_then(|owner| self.platform().processes.is_alive(owner));
        let pid = owner.map_or("unknown".to_owned(), |owner| owner.pid.to_string());
        let reason = match (job.status, alive) {
            (Status::Running, Some(true)) => {
                format!("worker gave up: process {pid} let the job go without finishing it")
            }
            (Status::Running, _) => format!("worker died: process {pid} ended without finishing the job"),
            _ if self.cancel_mark(&job.id)?.is_some() => "cancelled before a worker took it".to_owned(),
            (_, Some(true)) => return Ok(None),
            // The worker was started and has died.
            (_, Some(false)) if job.handed_over => {
                format!("worker died: process {pid} ended before it took the job")
            }
            _ => {
                let age = self.platform().clock.now().distance(job.created_at);
                if age < self.options().queue_grace {
                    return Ok(None);
                }
                format!("worker never came: process {pid} queued the job {} s ago", age.as_secs())
            }
        };
        let path = self.layout().lease(&job.id);
        match self.platform().locks.try_lock(&path, Access::Probe) {
            Ok(lease) => Ok(lease.map(|lease| Death { reason, _lease: Some(lease) })),
            // The lease file was removed by other means; its owner may still hold the lock.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(if alive == Some(true) { None } else { Some(Death { reason, _lease: None }) })
            }
            Err(error) => Err(Error::io("lock", &path, error)),
        }
    }

    /// Ends a job whose owner is dead. Returns it as it is now, and whether it was this call that ended it.
    pub(crate) fn bury(&self, id: &JobId, death: &Death) -> Result<Option<(Job, bool)>> {
        let _store = self.lock()?;
        let Loaded::Found(mut record) = self.load_record(id)? else { return Ok(None) };
        if record.job.status.is_final() {
            return Ok(Some((record.job, false)));
        }
        event!(WARN, job = id.as_str(), reason = death.reason.as_str(), "the job's owner is dead");
        self.conclude(&mut record, &JobOutcome::failed(&death.reason))?;
        Ok(Some((record.job, true)))
    }

    /// The job as it would be buried.
    pub(crate) fn as_buried(&self, job: &Job, death: &Death) -> Job {
        let mut record = Record::new(job.clone());
        let cancel = self.cancel_mark(&job.id).unwrap_or_default();
        JobOutcome::failed(&death.reason).apply(&mut record, cancel, self.platform().clock.now());
        record.job
    }

    /// One job, after marking it if its owner is dead.
    ///
    /// # Errors
    /// `UnknownJob`; `NewerFormat`; `Corrupt` when nothing can be read, after moving the file aside; or what
    /// the filesystem says.
    pub fn job(&self, id: &JobId) -> Result<Job> {
        let job = self.read_job(id)?;
        let buried = match self.death_of(&job)? {
            Some(death) => self.bury(id, &death)?,
            None => None,
        };
        Ok(buried.map_or(job, |(job, _)| job))
    }
}

/// How a job lost its owner. Holds the job's lease, so that no other process marks the job meanwhile.
pub(crate) struct Death {
    reason: String,
    _lease: Option<Box<dyn HeldLock>>,
}

fn note(identity: &ProcessIdentity) -> String {
    format!("{}\n", serde_json::json!({ "pid": identity.pid, "start": identity.start }))
}

fn finished(job: &Job) -> Error {
    Error::new(ErrorKind::AlreadyFinished, format!("job {} already finished ({})", job.id, job.status))
}
