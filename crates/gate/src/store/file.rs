//! The state in a file, under a lock, and a log of the decisions.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use codex_base::atomic;
use codex_base::files::{create_private_directory, private_options};
use codex_base::lock::{AcquireError, Lock};
use codex_base::storage::Disk;
use serde::Serialize;

use super::StoreError;
use crate::trace::warn;
use crate::{GateState, Now, StateError};

/// A log of this length is replaced by a new one; the old one is kept once.
const LOG_BYTES: u64 = 256 * 1024;

/// The gate's files in a directory that the caller names: `gate.json` (the state), `gate.lock` and `gate.log`. The directory and
/// the files are created for their owner only.
///
/// The state is only ever replaced as a whole, durably, while no other process holds the lock. A corrupt file is moved to
/// `gate.json.corrupt-<milliseconds>` and reported, never overwritten. A file of a later version is left as it is.
#[derive(Debug, Clone)]
pub struct FileStore {
    directory: PathBuf,
    lock_timeout: Duration,
}

/// The result of [`FileStore::update`].
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a corrupt state that was moved aside must be reported"]
pub struct Updated<T> {
    /// What the change returned.
    pub value: T,
    /// The corrupt state that was found, which the user should know.
    pub moved_aside: Option<MovedAside>,
}

/// A corrupt state that was moved aside. The gate continued with an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MovedAside {
    /// Where it is now.
    pub path: PathBuf,
    /// Why it could not be read.
    pub cause: String,
}

impl fmt::Display for MovedAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the gate's state was corrupt ({}) and was moved to {}", self.cause, self.path.display())
    }
}

impl FileStore {
    /// The store in a directory, which is created when it is first written to.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), lock_timeout: Duration::from_secs(2) }
    }

    /// Sets how long another process may hold the lock. Each process holds it for one read and one write. Default 2 seconds.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Whether a state is stored.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path().exists()
    }

    /// Reads the state without the lock, and changes nothing. `None` when it cannot be used; [`FileStore::update`] returns why.
    #[must_use]
    pub fn read(&self) -> Option<GateState> {
        match fs::read(self.path()) {
            Ok(json) => GateState::from_json(&json).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(GateState::default()),
            Err(_) => None,
        }
    }

    /// Reads the state, changes it, and writes it durably, under the lock. Blocks for as long as [`FileStore::lock_timeout`].
    ///
    /// # Errors
    /// [`StoreError`]. The stored state is unchanged then, unless the last step, making the change durable, failed.
    pub fn update<T>(
        &self,
        change: impl FnOnce(GateState) -> (T, GateState),
    ) -> Result<Updated<T>, StoreError> {
        create_private_directory(&self.directory).map_err(StoreError::path)?;
        // Held until the end of this function.
        let _lock = self.lock()?;
        let (state, moved_aside) = self.load()?;
        let (value, state) = change(state);
        // Only the holder of the lock writes.
        atomic::replace(&Disk, &self.path(), &state.to_json()).map_err(StoreError::path)?;
        Ok(Updated { value, moved_aside })
    }

    /// Appends a line to the log. A log that cannot be written is ignored: it must not change a decision.
    #[expect(clippy::disallowed_methods, reason = "a log need not survive a crash")]
    pub fn log(&self, line: &impl Serialize) {
        let Ok(mut line) = serde_json::to_vec(line) else { return };
        line.push(b'\n');
        let path = self.directory.join("gate.log");
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LOG_BYTES) {
            let _ = fs::rename(&path, self.directory.join("gate.log.old"));
        }
        if let Ok(mut file) = private_options().append(true).create(true).open(&path) {
            // One write, so that lines of several processes do not mix.
            let _ = file.write_all(&line);
        }
    }

    /// The directory of the files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self) -> PathBuf {
        self.directory.join("gate.json")
    }

    fn lock(&self) -> Result<Lock, StoreError> {
        let path = self.directory.join("gate.lock");
        Lock::acquire(&path, self.lock_timeout).map_err(|error| match error {
            AcquireError::Busy { path, .. } => StoreError::Locked { path },
            AcquireError::Path(error) => StoreError::path(error),
            AcquireError::GaveUp(never) => match never {},
        })
    }

    fn load(&self) -> Result<(GateState, Option<MovedAside>), StoreError> {
        let path = self.path();
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((GateState::default(), None)),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        match GateState::from_json(&json) {
            Ok(state) => Ok((state, None)),
            Err(StateError::Corrupt(error)) => {
                let now = Now::from(SystemTime::now()).unix_ms;
                let aside = atomic::move_aside(&Disk, &path, &now.to_string()).map_err(StoreError::path)?;
                let moved = MovedAside { path: aside, cause: error.to_string() };
                warn!(path = %moved.path.display(), cause = %moved.cause, "a corrupt gate state was moved aside");
                Ok((GateState::default(), Some(moved)))
            }
            Err(source) => Err(StoreError::Newer { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn began(state: GateState) -> ((), GateState) {
        ((), state.session_began("s", Some("h".to_owned()), Now::from_unix_ms(1)))
    }

    #[test]
    fn d23_a_corrupt_state_is_moved_aside_and_reported() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::new(directory.path().join("w"));
        assert_eq!(store.update(began).unwrap().moved_aside, None);
        assert_eq!(store.read().unwrap().session_head("s"), Some("h"));
        let torn = b"{\"version\":1,\"sess";
        fs::write(store.path(), torn).unwrap();
        assert_eq!(store.read(), None);
        let updated = store.update(|state| (state.clone(), state)).unwrap();
        assert_eq!(updated.value, GateState::default());
        let moved = updated.moved_aside.unwrap();
        assert!(moved.to_string().contains("gate.json.corrupt-"));
        assert_eq!(fs::read(&moved.path).unwrap(), torn);
        assert_eq!(store.update(began).unwrap().moved_aside, None);
    }

    #[test]
    fn a_newer_state_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::new(directory.path());
        fs::write(store.path(), "{\"version\":9}").unwrap();
        assert!(matches!(store.update(|state| ((), state)), Err(StoreError::Newer { .. })));
        assert_eq!(fs::read(store.path()).unwrap(), b"{\"version\":9}");
    }

    #[test]
    fn waiting_for_a_held_lock_ends() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::new(directory.path()).lock_timeout(Duration::from_millis(10));
        let held = store.lock().unwrap();
        let error = store.update(|state| ((), state)).unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
        drop(held);
        assert!(store.update(|state| ((), state)).is_ok());
    }

    #[test]
    fn the_log_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::new(directory.path());
        for _ in 0..40 {
            store.log(&Value::String("x".repeat(20_000)));
        }
        let size = |name| fs::metadata(directory.path().join(name)).unwrap().len();
        assert!(size("gate.log") <= LOG_BYTES + 20_010 && size("gate.log.old") <= LOG_BYTES + 20_010);
    }
}
