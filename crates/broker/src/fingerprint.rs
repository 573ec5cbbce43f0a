//! Whether the files that a server read when it started are still those that it read.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How some files looked at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint(Vec<Option<(SystemTime, u64, u64)>>);

impl Fingerprint {
    pub(crate) fn of(files: &[PathBuf]) -> Self {
        Self(files.iter().map(|file| look(file)).collect())
    }
}

/// Time of change, length and identity; `None` when the file is not there.
fn look(file: &Path) -> Option<(SystemTime, u64, u64)> {
    // Follows links: the `codex` of a package manager is one.
    let metadata = std::fs::metadata(file).ok()?;
    #[cfg(unix)]
    let identity = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let identity = 0;
    Some((metadata.modified().ok()?, metadata.len(), identity))
}
