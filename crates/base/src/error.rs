use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A call of the filesystem that failed: which operation, on which path, and the system's error as its source.
#[derive(Debug)]
pub struct PathError {
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl PathError {
    /// An error whose text is "cannot `operation` `path`".
    #[must_use]
    pub fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self { operation, path: path.to_owned(), source }
    }

    /// Returns a function for `map_err`.
    pub(crate) fn of(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::new(operation, path, source)
    }

    /// The kind of the system's error.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// What was tried, such as `write`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The path that it was tried on.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The system's error by itself.
    #[must_use]
    pub fn into_source(self) -> io::Error {
        self.source
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}", self.operation, self.path.display())
    }
}

impl std::error::Error for PathError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Keeps the kind. Since an `io::Error` shows one text, this one has the operation, the path and the cause in it.
impl From<PathError> for io::Error {
    fn from(error: PathError) -> Self {
        Self::new(error.kind(), format!("{error}: {}", error.source))
    }
}
