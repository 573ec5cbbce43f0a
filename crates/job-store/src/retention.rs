//! Removing jobs, whole ones only, and what crashes have left.

use std::io;
use std::path::{Path, PathBuf};

use crate::layout::Files;
use crate::options::Retention;
use crate::store::Store;
use crate::view::{IndexState, View, newest_first};
use crate::{Error, JobId, Notice, Result};
use codex_base::lock::Access;

impl Store {
    /// Removes the finished jobs that `retention` does not keep, with all their files, and finishes removals
    /// that were interrupted. Returns the jobs removed. Active jobs are never removed.
    ///
    /// # Errors
    /// `NewerFormat`, `Busy`, or what the filesystem says; what was begun then is finished by the next writer.
    pub fn prune(&self, retention: &Retention) -> Result<Vec<JobId>> {
        // So that a store that does not exist does not come into being by this.
        if self.view()?.folder.jobs.is_empty() {
            return Ok(Vec::new());
        }
        let _lock = self.lock()?;
        let mut view = self.view_for_writing()?;
        view.refuse_newer(self)?;
        self.sweep(&view)?;
        let removed = self.remove_excess(&mut view, retention)?;
        if !removed.is_empty() || (view.stale && view.index != IndexState::Newer) {
            self.publish(&view);
        }
        Ok(removed)
    }

    /// The same as a side effect of a write that has succeeded already. The lock is held.
    pub(crate) fn tidy(&self, view: &mut View, retention: &Retention) {
        let tidied = self.sweep(view).and_then(|()| self.remove_excess(view, retention));
        if let Err(error) = tidied {
            self.notice(Notice::behind("old jobs could not be removed", &error));
        }
    }

    /// Finishes interrupted removals, and removes what is left of jobs that never came into being, and what
    /// finished jobs do not need.
    pub(crate) fn sweep(&self, view: &View) -> Result<()> {
        for (id, files) in &view.folder.jobs {
            let job = view.jobs.get(id);
            if files.removed && !files.record {
                self.remove_files(id, files)?;
            } else if !files.record {
                // Bytes that were moved aside are for the user to examine.
                let kept = files.lasting.iter().any(|name| name.contains(".corrupt-"));
                if !kept && self.lease_is_free(id)? {
                    self.remove_files(id, files)?;
                }
            } else if job.is_some_and(|job| job.status.is_final()) && !view.damaged.contains(id) {
                for path in self.transient(id, files) {
                    self.remove(&path)?;
                }
            }
        }
        Ok(())
    }

    fn lease_is_free(&self, id: &JobId) -> Result<bool> {
        let path = self.layout().lease(id);
        match self.platform().locks.try_lock(&path, Access::Probe) {
            Ok(lock) => Ok(lock.is_some()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(Error::io("lock", &path, error)),
        }
    }

    fn remove_excess(&self, view: &mut View, retention: &Retention) -> Result<Vec<JobId>> {
        let now = self.platform().clock.now();
        let mut finished: Vec<_> = view.jobs.values().filter(|job| job.status.is_final()).collect();
        // A damaged record must be reported before it is removed.
        finished.retain(|job| !view.damaged.contains(&job.id));
        finished.sort_by(|a, b| newest_first(a, b));
        let too_old = |age| move |at| now.since(at) > age;
        let excess: Vec<JobId> = finished
            .iter()
            .enumerate()
            .filter(|(place, job)| {
                *place >= retention.count
                    || retention.age.zip(job.completed_at).is_some_and(|(age, at)| too_old(age)(at))
            })
            .map(|(_, job)| job.id.clone())
            .collect();
        if excess.is_empty() {
            return Ok(excess);
        }
        let storage = &*self.platform().storage;
        // The mark takes the place of the record: from here on the job does not exist, and whoever finds the
        // mark knows what is left to do.
        for id in &excess {
            let (record, mark) = (self.layout().record(id), self.layout().removed(id));
            storage.rename(&record, &mark).map_err(|error| Error::io("remove", &record, error))?;
            view.jobs.remove(id);
        }
        let folder = &self.layout().jobs;
        storage.sync_directory(folder).map_err(|error| Error::io("sync the folder", folder, error))?;
        let nothing = Files::default();
        for id in &excess {
            self.remove_files(id, view.folder.jobs.get(id).unwrap_or(&nothing))?;
        }
        Ok(excess)
    }

    /// Removes all files of a job that has no record any more; the mark goes last.
    fn remove_files(&self, id: &JobId, files: &Files) -> Result<()> {
        let lasting = files.lasting.iter().map(|name| self.layout().jobs.join(name));
        for path in self.transient(id, files).chain(lasting) {
            self.remove(&path)?;
        }
        self.remove(&self.layout().removed(id))
    }

    fn transient(&self, id: &JobId, files: &Files) -> impl Iterator<Item = PathBuf> {
        let lease = files.lease.then(|| self.layout().lease(id));
        files.transient.iter().map(|name| self.layout().jobs.join(name)).chain(lease)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        match self.platform().storage.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, error)),
            _ => Ok(()),
        }
    }
}
