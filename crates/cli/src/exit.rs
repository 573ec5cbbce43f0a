//! Exit codes, and the one error type of the front end.
//!
//! Everything that goes wrong becomes a [`Failure`] where the command meets it, and is rendered once, at the very
//! end: as text on stderr, or as one JSON document on stdout when JSON was asked for.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// How the process ends. The numbers are part of the documented command line and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// 0: done.
    Done = 0,
    /// 1: Codex or the job failed.
    Failed = 1,
    /// 2: wrong usage: unknown flag, revision, job or key, no merge base, nothing to review.
    Usage = 2,
    /// 3: time ran out, or the job still runs.
    TimedOut = 3,
    /// 4: the gate blocks.
    Blocked = 4,
    /// 5: Codex is missing, too old or not signed in, or `setup` is not ready.
    Unavailable = 5,
    /// 6: the gate could not review.
    NotReviewed = 6,
    /// 130: interrupted (Ctrl-C) or cancelled.
    Interrupted = 130,
    /// 143: ended by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The process exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What kind of failure it is: the `kind` of an error document, and what decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A flag, value or combination of them that the command line does not have.
    Usage,
    /// A settings file or an environment variable that cannot be read as it stands.
    Settings,
    /// No prompt, or one that is not UTF-8.
    Prompt,
    /// A prompt past what Codex takes.
    PromptTooLong,
    /// The folder is not inside a git work tree.
    NotARepository,
    /// A base or commit that the repository does not have.
    UnknownRevision,
    /// Base and HEAD have no common ancestor.
    NoMergeBase,
    /// No default branch could be told.
    NoDefaultBranch,
    /// The target holds no change.
    NothingToReview,
    /// The repository itself cannot be read.
    Repository,
    /// No `codex` program was found.
    CodexMissing,
    /// The `codex` program has no app-server that we can speak with.
    CodexTooOld,
    /// Codex has no account to work with.
    NotSignedIn,
    /// The `codex` program ended, or answered something that is not its protocol.
    CodexBroken,
    /// The workspace's broker is not there, does not answer, or refuses.
    Broker,
    /// No job, or more than one, goes by that name.
    UnknownJob,
    /// Codex ran the turn and the turn failed.
    TurnFailed,
    /// The turn was given up because a deadline passed.
    TimedOut,
    /// Ctrl-C, or a cancel from elsewhere.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// A file, pipe or socket of ours could not be read or written.
    Io,
    /// A fault of this program.
    Internal,
}

impl Kind {
    /// The name in error documents: lower case words joined by dashes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The exit code that this kind of failure has unless the command says otherwise.
    #[must_use]
    pub const fn exit(self) -> Exit {
        self.row().1
    }

    const fn row(self) -> (&'static str, Exit) {
        match self {
            Self::Usage => ("usage", Exit::Usage),
            Self::Settings => ("settings", Exit::Usage),
            Self::Prompt => ("prompt", Exit::Usage),
            Self::PromptTooLong => ("prompt-too-long", Exit::Usage),
            Self::NotARepository => ("not-a-repository", Exit::Usage),
            Self::UnknownRevision => ("unknown-revision", Exit::Usage),
            Self::NoMergeBase => ("no-merge-base", Exit::Usage),
            Self::NoDefaultBranch => ("no-default-branch", Exit::Usage),
            Self::NothingToReview => ("nothing-to-review", Exit::Usage),
            Self::Repository => ("repository", Exit::Failed),
            Self::CodexMissing => ("codex-missing", Exit::Unavailable),
            Self::CodexTooOld => ("codex-too-old", Exit::Unavailable),
            Self::NotSignedIn => ("not-signed-in", Exit::Unavailable),
            Self::CodexBroken => ("codex-broken", Exit::Failed),
            Self::Broker => ("broker", Exit::Failed),
            Self::UnknownJob => ("unknown-job", Exit::Usage),
            Self::TurnFailed => ("turn-failed", Exit::Failed),
            Self::TimedOut => ("timed-out", Exit::TimedOut),
            Self::Interrupted => ("interrupted", Exit::Interrupted),
            Self::Terminated => ("terminated", Exit::Terminated),
            Self::Io => ("io", Exit::Failed),
            Self::Internal => ("internal", Exit::Failed),
        }
    }
}

/// Why a command ends without its answer.
///
/// The message says what happened and why, the hint what to do about it. Neither repeats the causes, which are kept
/// as the error's source and shown below the message.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
    exit: Exit,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure of this kind, with the exit code of its kind, no hint and no cause.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, exit: kind.exit(), source: None }
    }

    /// Wrong usage: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Says it in other words.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Ends the process with another code than its kind has.
    #[must_use]
    pub const fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Keeps the error that led here.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The chain of causes, nearest first, without those that only repeat the one before.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next = Error::source(self);
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

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let codes = [
            (Kind::TurnFailed, 1),
            (Kind::CodexBroken, 1),
            (Kind::Usage, 2),
            (Kind::UnknownRevision, 2),
            (Kind::NoMergeBase, 2),
            (Kind::NothingToReview, 2),
            (Kind::TimedOut, 3),
            (Kind::CodexMissing, 5),
            (Kind::CodexTooOld, 5),
            (Kind::NotSignedIn, 5),
            (Kind::Interrupted, 130),
            (Kind::Terminated, 143),
        ];
        for (kind, code) in codes {
            assert_eq!(kind.exit().code(), code, "{kind:?}");
        }
        assert_eq!(Exit::Done.code(), 0);
        assert_eq!(Exit::Blocked.code(), 4);
        assert_eq!(Exit::NotReviewed.code(), 6);
    }

    #[test]
    fn causes_are_told_once_each() {
        let inner = std::io::Error::other("disk is gone");
        let outer = Failure::new(Kind::Io, "cannot write state.json").caused_by(inner);
        let failure = Failure::new(Kind::TurnFailed, "the job failed").caused_by(outer);
        assert_eq!(failure.causes(), ["cannot write state.json", "disk is gone"]);
        assert_eq!(failure.to_string(), "the job failed");
    }

    #[test]
    fn a_cause_that_repeats_its_parent_is_left_out() {
        let failure = Failure::new(Kind::Io, "same").caused_by("same");
        assert!(failure.causes().is_empty());
    }
}
