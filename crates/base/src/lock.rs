//! Locks that the operating system keeps for a process and releases when the process ends, taken with a deadline.

use std::convert::Infallible;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::PathError;
use crate::files::{is_same_file, private_options};

/// A lock on a file, held until this value is dropped or the process ends.
#[derive(Debug)]
#[must_use = "dropping it releases the lock"]
pub struct Lock(#[expect(dead_code, reason = "held, not read")] Box<dyn HeldLock>);

impl Lock {
    /// Takes the lock on the file at `path`, which is created if it does not exist. Waits for at most `deadline`.
    ///
    /// # Errors
    /// [`AcquireError::Busy`] when the lock was not free in time; [`AcquireError::Path`] for a failure of the system.
    pub fn acquire(path: &Path, deadline: Duration) -> Result<Self, AcquireError> {
        let keep_waiting = || Ok(());
        acquire(&OsLocks, &SystemTimer::default(), path, Access::Create, deadline, keep_waiting).map(Self)
    }

    /// Takes the lock if it is free; never waits. `None` when another process, or another part of this one, holds it.
    ///
    /// # Errors
    /// Any failure of the system.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, PathError> {
        match Self::acquire(path, Duration::ZERO) {
            Ok(lock) => Ok(Some(lock)),
            Err(AcquireError::Busy { .. }) => Ok(None),
            Err(AcquireError::Path(error)) => Err(error),
            Err(AcquireError::GaveUp(never)) => match never {},
        }
    }
}

/// What a lock is taken for. Exhaustive: an implementation of [`Locks`] must know all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To hold it. The file is created if it does not exist.
    Create,
    /// To hold it. The file exists.
    Existing,
    /// To see whether it is free, and for no longer than that. Leaves no trace that would wake a process that watches the
    /// directory: two that watch and probe would keep each other awake.
    Probe,
}

/// The system's file locks, behind a trait so that a test can replace them.
pub trait Locks: fmt::Debug + Send + Sync {
    /// Takes the lock on the file at `path` if it is free; never waits. `None` when it is held.
    ///
    /// # Errors
    /// `NotFound` when the file does not exist and `access` does not create it; any other failure of the system.
    fn try_lock(&self, path: &Path, access: Access) -> io::Result<Option<Box<dyn HeldLock>>>;
}

/// A lock that is held until this value is dropped.
pub trait HeldLock: fmt::Debug + Send + Sync {
    /// Writes a text into the locked file, for a person who wants to know which process holds it.
    ///
    /// # Errors
    /// Any failure of the system.
    fn note(&self, text: &str) -> io::Result<()>;

    /// Whether the locked file still has its path: the file may have been removed and created again meanwhile.
    ///
    /// # Errors
    /// Any failure of the system.
    fn is_current(&self) -> io::Result<bool>;
}

/// The operating system's file locks: `flock` on Unix, `LockFileEx` on Windows.
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
        let open = |create| private_options().read(true).write(true).create(create).open(path);
        if access == Access::Probe {
            // A file that was open for writing causes an event when it is closed. Some network file systems lock only
            // files that are open for writing.
            let probed = lock(File::open(path)?);
            return probed.or_else(|_| lock(open(false)?));
        }
        lock(open(access == Access::Create)?)
    }
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
            Ok(named) => Ok(is_same_file(&self.file.metadata()?, &named)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Time for waits, behind a trait so that a test can stop it.
pub trait Timer: fmt::Debug + Send + Sync {
    /// The time since some fixed moment; never decreases.
    fn monotonic(&self) -> Duration;
    /// Returns after this much time.
    fn sleep(&self, duration: Duration);
}

/// The operating system's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemTimer(Instant);

impl Default for SystemTimer {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Timer for SystemTimer {
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Why a lock was not taken. Exhaustive: callers decide on each of them.
#[derive(Debug)]
pub enum AcquireError<E = Infallible> {
    /// It was held until the deadline.
    Busy {
        /// The locked file.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The caller's check ended the wait.
    GaveUp(E),
    /// The file cannot be opened or locked.
    Path(PathError),
}

impl<E: fmt::Display> fmt::Display for AcquireError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { path, waited } => {
                write!(f, "{} was locked by another process for {waited:.1?}", path.display())
            }
            Self::GaveUp(error) => error.fmt(f),
            Self::Path(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for AcquireError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Busy { .. } => None,
            Self::GaveUp(error) => error.source(),
            Self::Path(error) => error.source(),
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Waits for a lock until the deadline. Calls `check` after each failed attempt; its error ends the wait.
///
/// # Errors
/// See [`AcquireError`].
pub fn acquire<E>(
    locks: &dyn Locks,
    timer: &dyn Timer,
    path: &Path,
    access: Access,
    deadline: Duration,
    mut check: impl FnMut() -> Result<(), E>,
) -> Result<Box<dyn HeldLock>, AcquireError<E>> {
    let failed = |error| AcquireError::Path(PathError::new("lock", path, error));
    let start = timer.monotonic();
    let mut pause = FIRST_PAUSE;
    loop {
        // A directory that was removed and created again has another file under the same name: that one counts.
        if let Some(held) = locks.try_lock(path, access).map_err(failed)?
            && held.is_current().map_err(failed)?
        {
            return Ok(held);
        }
        check().map_err(AcquireError::GaveUp)?;
        let waited = timer.monotonic().saturating_sub(start);
        if waited >= deadline {
            return Err(AcquireError::Busy { path: path.to_owned(), waited });
        }
        timer.sleep(pause.min(deadline.saturating_sub(waited)));
        // Uneven steps keep waiting processes from trying at the same moments.
        let jitter = Duration::from_micros(u64::from(std::process::id() % 97));
        pause = (pause * 2 + jitter).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_waited_for_until_the_deadline() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        let held = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert!(Lock::try_acquire(&path).unwrap().is_none());
        let error = Lock::acquire(&path, Duration::from_millis(20)).unwrap_err();
        assert!(matches!(&error, AcquireError::Busy { waited, .. } if *waited >= Duration::from_millis(20)));
        assert!(error.to_string().contains("was locked by another process"), "{error}");
        drop(held);
        // A child of a parallel test has a copy of the lock until it runs its own program.
        let _taken = Lock::acquire(&path, Duration::from_secs(30)).unwrap();
    }

    #[test]
    fn a_lock_that_is_released_in_time_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        let held = Lock::acquire(&path, Duration::ZERO).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::acquire(&path, Duration::from_secs(30)));
            std::thread::sleep(Duration::from_millis(20));
            drop(held);
            let _taken = waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_missing_directory_is_an_error_with_its_path() {
        let root = tempfile::tempdir().unwrap();
        let error = Lock::acquire(&root.path().join("none/lock"), Duration::ZERO).unwrap_err();
        let AcquireError::Path(error) = error else { panic!("{error}") };
        assert_eq!((error.kind(), error.operation()), (io::ErrorKind::NotFound, "lock"));
    }

    #[test]
    fn a_probe_creates_nothing_and_sees_a_held_lock() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        assert_eq!(OsLocks.try_lock(&path, Access::Probe).unwrap_err().kind(), io::ErrorKind::NotFound);
        let held = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert!(OsLocks.try_lock(&path, Access::Probe).unwrap().is_none());
        drop(held);
        while OsLocks.try_lock(&path, Access::Probe).unwrap().is_none() {
            std::thread::yield_now();
        }
    }
}
