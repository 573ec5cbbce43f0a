//! Why the stored state cannot be read or written.

use std::io;
use std::path::{Path, PathBuf};

use codex_base::PathError;

use crate::{FailureKind, NotReviewed, StateError};

/// Why the stored state cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An operation of the operating system failed.
    #[error("cannot {operation} {}", path.display())]
    #[non_exhaustive]
    Io {
        /// What was attempted: "read", "write", "lock", ….
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process held the lock for longer than [`crate::FileStore::lock_timeout`].
    #[error("another process holds the gate's state: {} is locked", path.display())]
    #[non_exhaustive]
    Locked {
        /// The lock's file.
        path: PathBuf,
    },
    /// The file was written by a later version, and is left as it is.
    #[error("cannot use {}", path.display())]
    #[non_exhaustive]
    Newer {
        /// The file.
        path: PathBuf,
        /// The versions.
        source: StateError,
    },
}

impl StoreError {
    pub(super) fn ended(path: &Path, source: io::Error) -> Self {
        Self::Io { operation: "update the gate's state in", path: path.to_path_buf(), source }
    }

    pub(super) fn path(error: PathError) -> Self {
        let (operation, path) = (error.operation(), error.path().to_path_buf());
        Self::Io { operation, path, source: error.into_source() }
    }

    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { operation, path, source }
    }
}

impl From<&StoreError> for NotReviewed {
    fn from(error: &StoreError) -> Self {
        Self::caused_by(FailureKind::Failed, error)
    }
}
