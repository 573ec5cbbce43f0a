//! Errors about the change that is to be reviewed.

use codex_review_target::{Error as TargetError, ErrorKind};

use super::{Error, Kind};

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotARepository | ErrorKind::BareRepository => Kind::NotARepository,
            ErrorKind::UnknownRevision => Kind::UnknownRevision,
            ErrorKind::NoMergeBase => Kind::NoMergeBase,
            ErrorKind::NothingToReview => Kind::NothingToReview,
            ErrorKind::NoDefaultBranch => Kind::NoDefaultBranch,
            ErrorKind::InvalidRequest => Kind::Usage,
            ErrorKind::Cancelled => Kind::Interrupted,
            _ => Kind::Repository,
        };
        let converted = Self::new(kind, error.to_string());
        let converted = match error.hint() {
            Some(hint) => converted.with_hint(hint),
            None => converted,
        };
        converted.caused_by(error)
    }
}
