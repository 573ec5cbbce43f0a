use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

/// The error of every operation of this crate.
///
/// [`Display`](fmt::Display) describes what failed, in one line, without the [`source`](StdError::source).
/// [`hint`](Error::hint) is what the user can do about it, if anything.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kind of an error, for decisions of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ErrorKind {
    /// Neither the directory nor any of its parents is a git repository.
    NotARepository,
    /// The repository has no work tree.
    BareRepository,
    /// The repository belongs to another user, and `safe.directory` does not list it.
    NotTrusted,
    /// A revision does not name a commit of this repository.
    UnknownRevision,
    /// The base and `HEAD` share no history.
    NoMergeBase,
    /// The change is empty. Nothing failed.
    NothingToReview,
    /// No base was named and none could be detected.
    NoDefaultBranch,
    /// The options contradict one another.
    InvalidRequest,
    /// The repository uses a feature that this crate does not support.
    Unsupported,
    /// The caller cancelled the operation.
    Cancelled,
    /// An operation of the operating system failed; the source has the details.
    Io,
    /// An object, the index or a reference is damaged.
    Corrupt,
}

impl ErrorKind {
    /// The kind in kebab case, such as `no-merge-base`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotARepository => "not-a-repository",
            Self::BareRepository => "bare-repository",
            Self::NotTrusted => "not-trusted",
            Self::UnknownRevision => "unknown-revision",
            Self::NoMergeBase => "no-merge-base",
            Self::NothingToReview => "nothing-to-review",
            Self::NoDefaultBranch => "no-default-branch",
            Self::InvalidRequest => "invalid-request",
            Self::Unsupported => "unsupported",
            Self::Cancelled => "cancelled",
            Self::Io => "io",
            Self::Corrupt => "corrupt",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the user can do about it, as a sentence, or `None`.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// An operating system error, with the operation and the path.
    pub(crate) fn io(operation: &str, path: &Path, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("cannot {operation} `{}`", path.display())).with_source(source)
    }

    /// An error of the git library: [`ErrorKind::Io`] if it has an I/O error as a cause, else [`ErrorKind::Corrupt`].
    pub(crate) fn git(doing: impl fmt::Display, source: gix::Error) -> Self {
        let io = source.iter_errors().any(|e| {
            e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() != std::io::ErrorKind::InvalidData)
        });
        let kind = if io && !source.is_corrupted() { ErrorKind::Io } else { ErrorKind::Corrupt };
        let error = Self::new(kind, format!("cannot {doing}"));
        let error = if kind == ErrorKind::Corrupt {
            error.with_hint("run `git fsck` in the repository to see what is damaged")
        } else {
            error
        };
        error.with_source(source)
    }
}
