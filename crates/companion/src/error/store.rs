//! Errors of the job store.

use codex_job_store::{Error as StoreError, ErrorKind, JobId};

use super::{Error, Kind};

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let (kind, hint) = match error.kind() {
            ErrorKind::UnknownJob => {
                (Kind::UnknownJob, Some("`codex-companion status --all` lists the jobs".to_owned()))
            }
            ErrorKind::AmbiguousJob => {
                let ids: Vec<&str> = error.candidates().iter().take(5).map(JobId::as_str).collect();
                (Kind::UnknownJob, Some(format!("it may be {}", ids.join(", "))))
            }
            ErrorKind::NewerFormat => {
                (Kind::Io, Some("a newer codex-companion wrote it: use that version".to_owned()))
            }
            ErrorKind::NotWritable | ErrorKind::StorageFull | ErrorKind::Removed | ErrorKind::Io => {
                (Kind::Io, Some("set CODEX_COMPANION_STATE_DIR to another directory".to_owned()))
            }
            ErrorKind::Busy => (Kind::Io, Some("another process holds the store; try again".to_owned())),
            _ => (Kind::Io, None),
        };
        let mut converted = Self::new(kind, error.to_string());
        if let Some(source) = std::error::Error::source(&error) {
            converted = converted.caused_by(source.to_string());
        }
        match hint {
            Some(hint) => converted.with_hint(hint),
            None => converted,
        }
    }
}
