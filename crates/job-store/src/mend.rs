//! Repair: a file that cannot be read is moved aside, reported, and written again from what the other files hold.

use crate::config::{Config, ConfigFile};
use crate::job::Record;
use crate::store::Store;
use crate::view::{IndexState, Loaded, View};
use crate::{FORMAT_VERSION, JobId, Notice, NoticeKind, Result};
use codex_base::atomic;
use codex_base::lock::{Access, HeldLock};

impl Store {
    /// The view for a caller that holds the lock and will write: a torn index is moved aside now.
    pub(crate) fn view_for_writing(&self) -> Result<View> {
        let mut view = self.view()?;
        if view.index == IndexState::Corrupt {
            let moved = atomic::move_aside(
                &*self.platform().storage,
                &self.layout().state,
                &self.platform().clock.now().compact(),
            )?;
            self.notice(Notice::new(
                NoticeKind::Corrupt,
                format!("state.json was corrupt and was rebuilt; the old one is {}", moved.display()),
            ));
            view.index = IndexState::Missing;
        }
        Ok(view)
    }

    /// Mends what a reader has found. A reader never waits: if a writer is at work, it will find the same.
    pub(crate) fn mend(&self, seen: &View) {
        let lock = match self.platform().locks.try_lock(&self.layout().lock, Access::Create) {
            Ok(Some(lock)) if lock.is_current().unwrap_or(false) => lock,
            Ok(_) => return,
            Err(error) => {
                if seen.index == IndexState::Corrupt || !seen.damaged.is_empty() {
                    let message = format!("{} has a corrupt file: {error}", self.folder().display());
                    self.notice(Notice::new(NoticeKind::Corrupt, message));
                }
                return;
            }
        };
        if let Err(error) = self.mend_locked(&seen.damaged, &*lock) {
            self.notice(Notice::behind("a damaged file could not be mended", &error));
        }
    }

    fn mend_locked(&self, damaged: &[JobId], _lock: &dyn HeldLock) -> Result<()> {
        let mut view = self.view_for_writing()?;
        if view.index == IndexState::Newer {
            return Ok(());
        }
        let mut changed = view.stale;
        for id in damaged {
            changed |= self.mend_record(id, &mut view)?;
        }
        if changed { self.write_index(&view) } else { Ok(()) }
    }

    /// Keeps the bytes of a corrupt record aside and writes what is left of it. The lock is held.
    fn mend_record(&self, id: &JobId, view: &mut View) -> Result<bool> {
        let Loaded::Corrupt(why) = self.load_job(id)? else { return Ok(false) };
        let _lease = match self.platform().locks.try_lock(&self.layout().lease(id), Access::Probe) {
            // Its owner lives, has the whole record in memory, and will write it.
            Ok(None) => return Ok(false),
            Ok(Some(lease)) => Some(lease),
            Err(_) => None,
        };
        let storage = &*self.platform().storage;
        let copy =
            atomic::copy_aside(storage, &self.layout().record(id), &self.platform().clock.now().compact())?;
        let why = format!("{why}; its bytes are kept in {}", copy.display());
        let mut job = match view.jobs.remove(id) {
            Some(job) => job,
            None => crate::Job::unreadable(id.clone(), &why),
        };
        if job.sequence == 0 {
            // Nothing is known of its age; it must not be the first to go.
            job.sequence = view.next_sequence();
        }
        job.end_unreadable(&why);
        atomic::replace(storage, &self.layout().record(id), &Record::new(job.clone()).to_bytes()?)?;
        view.jobs.insert(id.clone(), job);
        self.notice(Notice::new(NoticeKind::Corrupt, why));
        Ok(true)
    }

    /// Puts the index's copy of the configuration in the place of a corrupt `config.json`.
    pub(crate) fn mend_config(&self, why: &str) {
        let told = |error: &dyn std::fmt::Display| {
            let message = format!("{} is corrupt ({why}) and stays: {error}", self.layout().config.display());
            self.notice(Notice::new(NoticeKind::Corrupt, message));
        };
        let _lock = match self.platform().locks.try_lock(&self.layout().lock, Access::Create) {
            Ok(Some(lock)) => lock,
            Ok(None) => return,
            Err(error) => return told(&error),
        };
        let mended = || -> Result<()> {
            let Loaded::Corrupt(why) = self.load_config()? else { return Ok(()) };
            let copy = self.read_index()?.config;
            self.set_config_aside(&why)?;
            copy.map_or(Ok(()), |config| self.write_config(&config))
        };
        if let Err(error) = mended() {
            told(&error);
        }
    }

    pub(crate) fn set_config_aside(&self, why: &str) -> Result<()> {
        let (storage, now) = (&*self.platform().storage, self.platform().clock.now());
        let moved = atomic::move_aside(storage, &self.layout().config, &now.compact())?;
        let message = format!(
            "config.json was corrupt ({why}); the settings were taken from the copy in state.json where it has \
             one, and the old file is {}",
            moved.display()
        );
        self.notice(Notice::new(NoticeKind::Corrupt, message));
        Ok(())
    }

    pub(crate) fn write_config(&self, config: &Config) -> Result<()> {
        let file = ConfigFile { version: FORMAT_VERSION, config: config.clone() };
        let mut bytes = serde_json::to_vec(&file).map_err(|error| {
            crate::Error::new(crate::ErrorKind::InvalidInput, format!("the settings are no JSON: {error}"))
        })?;
        bytes.push(b'\n');
        Ok(atomic::replace(&*self.platform().storage, &self.layout().config, &bytes)?)
    }
}
