//! What the gate remembers of a workspace, on disk: `gate.json` beside the jobs, and `gate.log`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use codex_gate::{GateState, Now, StateError};
use serde_json::Value;

use crate::commands::private;
use crate::exit::{Failure, Kind};

/// How long another process may hold the lock; each holds it for one read and one write.
const LOCKED: Duration = Duration::from_secs(2);
/// How often the lock is tried.
const RETRY: Duration = Duration::from_millis(2);
/// Past this many bytes the log begins anew; the old one is kept once.
const LOG_BYTES: u64 = 256 * 1024;

/// Now, with days that begin at midnight UTC.
pub(super) fn now() -> Now {
    Now::from(SystemTime::now())
}

/// The gate's files in a workspace's folder of state.
#[derive(Debug)]
pub(super) struct StateFile {
    folder: PathBuf,
    patience: Duration,
}

impl StateFile {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), patience: LOCKED }
    }

    /// For hooks that have no time to wait for others.
    pub(super) fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn path(&self) -> PathBuf {
        self.folder.join("gate.json")
    }

    /// Whether anything is remembered.
    pub(super) fn exists(&self) -> bool {
        self.path().exists()
    }

    /// The state as it is now, without a lock: the file is only ever replaced whole. `None` when it cannot
    /// be read, which [`update`](Self::update) tells more about.
    pub(super) fn peek(&self) -> Option<GateState> {
        match fs::read(self.path()) {
            Ok(json) => GateState::from_json(&json).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(GateState::default()),
            Err(_) => None,
        }
    }

    /// Reads the state, changes it, and writes it, durably, while nobody else does. Besides what the change gives, what there is
    /// to tell: a corrupt file was put aside.
    pub(super) fn update<T>(
        &self,
        change: impl FnOnce(GateState) -> (T, GateState),
    ) -> Result<(T, Option<String>), Failure> {
        private::create_folder(&self.folder).map_err(|error| failed("create", &self.folder, error))?;
        // Held until the end of this function.
        let _lock = self.lock()?;
        let (state, told) = self.load()?;
        let (value, state) = change(state);
        self.write(&state.to_json()).map_err(|error| failed("write", &self.path(), error))?;
        Ok((value, told))
    }

    fn lock(&self) -> Result<File, Failure> {
        let path = self.folder.join("gate.lock");
        let file = open(&path, false).map_err(|error| failed("open", &path, error))?;
        let deadline = Instant::now() + self.patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => {
                    return Err(Failure::new(Kind::Io, "another process holds the gate's state"));
                }
                Err(TryLockError::Error(error)) => return Err(failed("lock", &path, error)),
            }
        }
    }

    fn load(&self) -> Result<(GateState, Option<String>), Failure> {
        let path = self.path();
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((GateState::default(), None)),
            Err(error) => return Err(failed("read", &path, error)),
        };
        match GateState::from_json(&json) {
            Ok(state) => Ok((state, None)),
            Err(StateError::Corrupt(error)) => {
                let aside = self.folder.join(format!("gate.json.corrupt-{}", now().unix_ms));
                fs::rename(&path, &aside).map_err(|error| failed("put aside", &path, error))?;
                let told = format!("the gate's state was corrupt ({error}) and is now {}", aside.display());
                Ok((GateState::default(), Some(told)))
            }
            Err(error) => {
                Err(Failure::new(Kind::Io, format!("cannot use {}", path.display())).caused_by(error))
            }
        }
    }

    fn write(&self, json: &[u8]) -> io::Result<()> {
        // The lock makes this name ours.
        let temporary = self.folder.join("gate.json.tmp");
        let mut file = open(&temporary, true)?;
        file.write_all(json)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, self.path())?;
        #[cfg(unix)]
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }

    /// Adds a line to the log. A log that cannot be written is no reason to decide otherwise.
    pub(super) fn log(&self, line: &Value) {
        let path = self.folder.join("gate.log");
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LOG_BYTES) {
            let _ = fs::rename(&path, self.folder.join("gate.log.old"));
        }
        let mut options = private::options();
        if let Ok(mut file) = options.append(true).create(true).open(&path) {
            // One write, so that lines of several processes do not mix.
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

fn open(path: &Path, truncate: bool) -> io::Result<File> {
    private::options().write(true).create(true).truncate(truncate).open(path)
}

fn failed(what: &str, path: &Path, error: io::Error) -> Failure {
    Failure::new(Kind::Io, format!("cannot {what} {}", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d23_a_corrupt_state_is_put_aside_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(&folder.path().join("w"));
        let begin = |state: GateState| ((), state.session_began("s", Some("h".to_owned()), now()));
        assert_eq!(file.update(begin).unwrap(), ((), None));
        assert_eq!(file.peek().unwrap().session_head("s"), Some("h"));
        fs::write(file.path(), "{\"version\":1,\"sess").unwrap();
        let (found, told) = file.update(|state| (state.clone(), state)).unwrap();
        assert_eq!(found, GateState::default());
        assert!(told.unwrap().contains("gate.json.corrupt-"));
        assert_eq!(file.update(begin).unwrap(), ((), None));
    }

    #[test]
    fn a_newer_state_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path());
        fs::write(file.path(), "{\"version\":9}").unwrap();
        assert!(file.update(|state| ((), state)).is_err());
        assert_eq!(fs::read(file.path()).unwrap(), b"{\"version\":9}");
    }

    #[test]
    fn a_held_lock_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path()).with_patience(Duration::from_millis(10));
        let held = file.lock().unwrap();
        assert!(file.update(|state| ((), state)).unwrap_err().to_string().contains("another process"));
        drop(held);
        assert!(file.update(|state| ((), state)).is_ok());
    }

    #[test]
    fn the_log_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path());
        for _ in 0..40 {
            file.log(&Value::String("x".repeat(20_000)));
        }
        let size = |name| fs::metadata(folder.path().join(name)).unwrap().len();
        assert!(size("gate.log") <= LOG_BYTES + 20_010 && size("gate.log.old") <= LOG_BYTES + 20_010);
    }
}
