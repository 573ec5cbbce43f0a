//! The error type of this crate.
//!
//! Each library's error becomes an [`Error`] through `From`, in one place for each ([`codex`], [`store`], [`target`],
//! [`broker`]): there its kind, its message and its hint are chosen. Exit codes are a matter of the program.

mod broker;
mod codex;
mod store;
mod target;

use std::error::Error as StdError;
use std::fmt;

pub(crate) use codex::{from_resume, from_turn};

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        /// The kind of an [`Error`]: what a program decides on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $name,)+
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in error documents: lower-case words joined by dashes.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

kinds! {
    /// Invalid arguments, or arguments that exclude one another.
    Usage => "usage",
    /// A settings file or a variable that cannot be read, or has an invalid value.
    Settings => "settings",
    /// No prompt, or one that is not UTF-8.
    Prompt => "prompt",
    /// A prompt longer than Codex accepts.
    PromptTooLong => "prompt-too-long",
    /// The directory is not inside a git work tree.
    NotARepository => "not-a-repository",
    /// The repository does not have this base or commit.
    UnknownRevision => "unknown-revision",
    /// Base and `HEAD` have no common ancestor.
    NoMergeBase => "no-merge-base",
    /// The default branch could not be determined.
    NoDefaultBranch => "no-default-branch",
    /// The target has no changes.
    NothingToReview => "nothing-to-review",
    /// The repository cannot be read.
    Repository => "repository",
    /// No `codex` program was found.
    CodexMissing => "codex-missing",
    /// The `codex` program has no app-server that this crate can talk to.
    CodexTooOld => "codex-too-old",
    /// Codex has no account to work with.
    NotSignedIn => "not-signed-in",
    /// The `codex` program ended, or violated its protocol.
    CodexBroken => "codex-broken",
    /// The workspace's broker does not run, does not answer, or refuses.
    Broker => "broker",
    /// No job, or more than one, matches this id.
    UnknownJob => "unknown-job",
    /// Codex ran the turn, and the turn failed.
    TurnFailed => "turn-failed",
    /// A deadline passed.
    TimedOut => "timed-out",
    /// Interrupted (Ctrl-C), or cancelled from elsewhere.
    Interrupted => "interrupted",
    /// Ended by SIGTERM.
    Terminated => "terminated",
    /// A file, pipe or socket of this program could not be read or written.
    Io => "io",
    /// A fault of this program.
    Internal => "internal",
}

/// Why an operation failed.
///
/// The message says what failed, and with which value. The hint says what to do; it names commands of the
/// `codex-companion` program. Neither repeats the causes, which are the error's sources.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error without a hint and without a cause.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Creates an error of the kind [`Kind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Codex has no account, and its provider needs one.
    #[must_use]
    pub fn not_signed_in() -> Self {
        Self::new(Kind::NotSignedIn, "Codex is not signed in")
            .with_hint("run `codex login`, or set an API key with `codex login --with-api-key`")
    }

    /// Replaces the message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Sets the hint: what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The chain of causes, nearest first, without those that repeat the preceding text.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next = StdError::source(self);
        while let Some(error) = next {
            let text = error.to_string();
            if causes.last().unwrap_or(&self.message) != &text {
                causes.push(text);
            }
            next = error.source();
        }
        causes
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_listed_once_each() {
        let inner = std::io::Error::other("disk is gone");
        let outer = Error::new(Kind::Io, "cannot write state.json").caused_by(inner);
        let error = Error::new(Kind::TurnFailed, "the job failed").caused_by(outer);
        assert_eq!(error.causes(), ["cannot write state.json", "disk is gone"]);
        assert_eq!(error.to_string(), "the job failed");
    }

    #[test]
    fn a_cause_that_repeats_its_parent_is_left_out() {
        let error = Error::new(Kind::Io, "same").caused_by("same");
        assert!(error.causes().is_empty());
    }

    #[test]
    fn kinds_have_different_names() {
        let mut names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
