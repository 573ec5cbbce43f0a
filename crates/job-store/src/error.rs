use std::io;
use std::path::Path;

use codex_base::PathError;

use crate::JobId;

/// What this crate's operations return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for the decisions that callers make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No job has this id or prefix.
    UnknownJob,
    /// Several jobs begin with this prefix: [`Error::candidates`] names them.
    AmbiguousJob,
    /// The job has reached its final state, which nothing changes any more.
    AlreadyFinished,
    /// The job's state does not allow this step.
    IllegalTransition,
    /// Another process holds the job's lease.
    LeaseHeld,
    /// The store's lock was not free within the deadline.
    Busy,
    /// A newer version of this library wrote the file; it is left as it is.
    NewerFormat,
    /// The file cannot be understood; it was moved aside where that was possible.
    Corrupt,
    /// The directory or file was removed under a running program.
    Removed,
    /// No space or quota is left.
    StorageFull,
    /// The directory is read-only, or its permissions refuse the operation.
    NotWritable,
    /// A value given by the caller cannot be stored: too large, or not a valid id.
    InvalidInput,
    /// Any other failure of the filesystem.
    Io,
}

/// An operation on the store that failed. `Display` names the operation and the path or job; the cause, where
/// there is one, is the error's `source`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: Box<str>,
    #[source]
    source: Option<io::Error>,
    candidates: Box<[JobId]>,
}

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The jobs that an ambiguous prefix may mean, newest first; empty for every other kind.
    pub fn candidates(&self) -> &[JobId] {
        &self.candidates
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<Box<str>>) -> Self {
        Error { kind, message: message.into(), source: None, candidates: Box::default() }
    }

    pub(crate) fn ambiguous(message: String, candidates: Vec<JobId>) -> Self {
        Error { candidates: candidates.into(), ..Error::new(ErrorKind::AmbiguousJob, message) }
    }

    /// A failed call of the filesystem: `operation` reads as "cannot …".
    pub(crate) fn io(operation: &str, path: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => ErrorKind::NotWritable,
            io::ErrorKind::NotFound => ErrorKind::Removed,
            _ => ErrorKind::Io,
        };
        Error { source: Some(source), ..Error::new(kind, format!("cannot {operation} {}", path.display())) }
    }
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        let (operation, path) = (error.operation(), error.path().to_owned());
        Self::io(operation, &path, error.into_source())
    }
}

/// Something that was found and dealt with, or could not be dealt with now, without failing the operation.
/// Each is reported once, by the process that met it, through [`Store::take_notices`](crate::Store::take_notices).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// What kind of thing was found.
    pub kind: NoticeKind,
    /// One sentence for a person, with the paths concerned.
    pub message: String,
}

/// The kinds of [`Notice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeKind {
    /// A file could not be understood; where the store is writable it was moved aside.
    Corrupt,
    /// A file was written by a newer version and could not be read by this one.
    Newer,
    /// The truth is recorded, but the index or a cleanup step after it failed; a later write repairs it.
    Behind,
}

impl Notice {
    pub(crate) fn new(kind: NoticeKind, message: String) -> Self {
        Notice { kind, message }
    }

    pub(crate) fn behind(what: &str, error: &Error) -> Self {
        let cause = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
        Notice::new(NoticeKind::Behind, format!("{what}: {error}{cause}"))
    }
}
