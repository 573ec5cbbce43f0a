//! Exit codes.
//!
//! Every error is a [`Failure`], and is rendered once, at the very end: as text on stderr, or as one JSON document on
//! stdout when JSON was asked for. Its kind decides the exit code.

use std::process::ExitCode;

pub use codex_companion_core::{Error as Failure, Kind};

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

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Usage
            | Kind::Settings
            | Kind::Prompt
            | Kind::PromptTooLong
            | Kind::NotARepository
            | Kind::UnknownRevision
            | Kind::NoMergeBase
            | Kind::NoDefaultBranch
            | Kind::NothingToReview
            | Kind::UnknownJob => Self::Usage,
            Kind::CodexMissing | Kind::CodexTooOld | Kind::NotSignedIn => Self::Unavailable,
            Kind::TimedOut => Self::TimedOut,
            Kind::Interrupted => Self::Interrupted,
            Kind::Terminated => Self::Terminated,
            // Repository, CodexBroken, Broker, TurnFailed, Io and Internal, and kinds that are added later.
            _ => Self::Failed,
        }
    }
}

impl From<&Failure> for Exit {
    fn from(failure: &Failure) -> Self {
        failure.kind().into()
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
            assert_eq!(Exit::from(kind).code(), code, "{kind:?}");
        }
        assert_eq!(Exit::Done.code(), 0);
        assert_eq!(Exit::Blocked.code(), 4);
        assert_eq!(Exit::NotReviewed.code(), 6);
    }
}
