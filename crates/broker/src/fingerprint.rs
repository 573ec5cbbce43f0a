//! Detects changes of the files that a server read at its start.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The metadata of files at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint(Vec<Option<(SystemTime, u64, u64)>>);

impl Fingerprint {
    pub(crate) fn of(files: &[PathBuf]) -> Self {
        Self(files.iter().map(|file| file_state(file)).collect())
    }
}

/// Returns the time of change, the length and the inode of a file, or `None` if it does not exist.
fn file_state(file: &Path) -> Option<(SystemTime, u64, u64)> {
    // Follows links: a package manager installs `codex` as one.
    let metadata = std::fs::metadata(file).ok()?;
    #[cfg(unix)]
    let identity = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let identity = 0;
    Some((metadata.modified().ok()?, metadata.len(), identity))
}
