use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError}; // tidy: allow(storage) locks, which have no content
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::storage::private;
use crate::time::Clock;
use crate::{Error, ErrorKind, Result};

/// What a lock is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To keep it; a file that is not there is made.
    Create,
    /// To keep it; the file is there.
    Keep,
    /// For a look, and no longer than that. It leaves nothing that whoever watches the folder would wake up from: two that
    /// watch and look would keep each other awake.
    Look,
}

/// The locks that the operating system keeps for a process and lets go when the process ends, however it ends.
pub trait Locks: fmt::Debug + Send + Sync {
    /// Takes the lock on the file at `path` if it is free; never waits. `None` when somebody holds it.
    ///
    /// # Errors
    /// `NotFound` when the file does not exist and `access` does not make it; any other failure of the system.
    fn try_lock(&self, path: &Path, access: Access) -> io::Result<Option<Box<dyn HeldLock>>>;
}

/// A lock that is held until this value is dropped.
pub trait HeldLock: fmt::Debug + Send + Sync {
    /// Writes a text into the locked file, for people who wonder who holds it.
    fn note(&self, text: &str) -> io::Result<()>;
    /// Whether the locked file still is the one that has its path.
    fn is_current(&self) -> io::Result<bool>;
}

/// File locks of the operating system (`flock` on Unix, `LockFileEx` on Windows).
#[derive(Clone, Copy, Debug, Default)]
pub struct OsLocks;

#[derive(Debug)]
struct OsLock {
    file: File,
    path: PathBuf,
}

impl Locks for OsLocks {
    fn try_lock(&self, path: &Path, access: Access) -> io::Result<Option<Box<dyn HeldLock>>> {
        let lock = |file: File| match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(OsLock { file, path: path.to_owned() }) as Box<dyn HeldLock>)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        };
        if access == Access::Look {
            // A file that was open for writing is noticed when it is closed. Some network file systems lock no other.
            let looked = lock(File::open(path)?);
            return looked.or_else(|_| lock(open(path, false)?));
        }
        lock(open(path, access == Access::Create)?)
    }
}

#[expect(clippy::disallowed_methods, reason = "a lock file has no content that matters")]
fn open(path: &Path, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new(); // tidy: allow(storage) a lock file has no content that matters
    private(options.read(true).write(true).create(create)).open(path)
}

impl HeldLock for OsLock {
    fn note(&self, text: &str) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text.as_bytes())
    }

    fn is_current(&self) -> io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(named) => Ok(same_file(&self.file.metadata()?, &named)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether two descriptions are of the same file. Where the system does not number files, they are held to be.
pub(crate) fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = (one, other);
        true
    }
}

const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Waits for a lock until the deadline, asking `give_up` after each failed attempt whether waiting is of use.
pub(crate) fn lock_within(
    locks: &dyn Locks,
    clock: &dyn Clock,
    path: &Path,
    access: Access,
    deadline: Duration,
    mut give_up: impl FnMut() -> Result<()>,
) -> Result<Box<dyn HeldLock>> {
    let start = clock.monotonic();
    let mut pause = FIRST_PAUSE;
    loop {
        let attempt = locks.try_lock(path, access).map_err(|error| Error::io("lock", path, error))?;
        // A folder that was removed and made again has another file under the same name: that one counts.
        if let Some(held) = attempt
            && held.is_current().map_err(|error| Error::io("lock", path, error))?
        {
            return Ok(held);
        }
        give_up()?;
        let waited = clock.monotonic().saturating_sub(start);
        if waited >= deadline {
            let message = format!("{} was locked by another process for {waited:.1?}", path.display());
            return Err(Error::new(ErrorKind::Busy, message));
        }
        clock.sleep(pause.min(deadline.saturating_sub(waited)));
        // Uneven steps keep many waiting processes from asking at the same moments.
        let jitter = Duration::from_micros(u64::from(std::process::id() % 97));
        pause = (pause * 2 + jitter).min(LONGEST_PAUSE);
    }
}
