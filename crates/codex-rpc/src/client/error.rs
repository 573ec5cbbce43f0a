//! What can go wrong with a client.

use std::ffi::OsStr;
use std::fmt;

use super::hub::SeatError;
use crate::peer::{CloseReason, RequestError};
use crate::protocol::{MAX_INPUT_CHARS, ThreadId};

/// What kind of failure it is, for the decisions that callers make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientErrorKind {
    /// The program was not found.
    NotFound,
    /// The program could not be started.
    Spawn,
    /// The program knows no app-server: an old Codex, or something else of that name.
    TooOld,
    /// The program ended before it answered the handshake.
    Ended,
    /// The server did not answer the handshake in time.
    NotAnswering,
    /// The text of a turn is longer than Codex takes.
    InputTooLong,
    /// A turn runs on the thread already.
    ThreadBusy,
    /// A request failed: the server's own error, its deadline, or the end of the connection.
    Request,
}

/// Why a client could not do what it was asked.
#[derive(Debug)]
pub struct ClientError {
    kind: ClientErrorKind,
    message: String,
    stderr_tail: Option<String>,
    source: Option<Source>,
}

#[derive(Debug)]
enum Source {
    Io(std::io::Error),
    Request(RequestError),
}

impl ClientError {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ClientErrorKind {
        self.kind
    }

    /// The tail of the server's stderr, when it ended. Data from a foreign program.
    #[must_use]
    pub fn stderr_tail(&self) -> Option<&str> {
        self.stderr_tail.as_deref()
    }

    /// The failed request, when that is what it was.
    #[must_use]
    pub fn request(&self) -> Option<&RequestError> {
        match &self.source {
            Some(Source::Request(error)) => Some(error),
            _ => None,
        }
    }

    fn new(kind: ClientErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), stderr_tail: None, source: None }
    }

    pub(super) fn spawn(program: &OsStr, source: std::io::Error) -> Self {
        let program = program.to_string_lossy();
        let (kind, message) = match source.kind() {
            std::io::ErrorKind::NotFound => (ClientErrorKind::NotFound, format!("{program} was not found")),
            _ => (ClientErrorKind::Spawn, format!("{program} could not be started")),
        };
        Self { source: Some(Source::Io(source)), ..Self::new(kind, message) }
    }

    pub(super) fn handshake(error: RequestError, noise: u64) -> Self {
        let stderr_tail = match &error {
            RequestError::Closed(reason) => reason.stderr_tail().map(str::to_owned),
            _ => None,
        };
        let (kind, message) = match &error {
            RequestError::Closed(CloseReason::Exited(exit)) => {
                if stderr_tail.as_deref().is_some_and(knows_no_app_server) {
                    (ClientErrorKind::TooOld, "the program knows no `app-server` command".to_owned())
                } else {
                    (ClientErrorKind::Ended, format!("the app-server ended before it answered ({exit})"))
                }
            }
            RequestError::Closed(reason) => {
                (ClientErrorKind::Ended, format!("no app-server answered: {reason}"))
            }
            RequestError::Deadline { after, .. } if noise > 0 => (
                ClientErrorKind::NotAnswering,
                format!(
                    "no answer within {after:?}, but {noise} lines that are no messages: is it an app-server?"
                ),
            ),
            RequestError::Deadline { after, .. } => {
                (ClientErrorKind::NotAnswering, format!("the app-server did not answer within {after:?}"))
            }
            _ => (
                ClientErrorKind::TooOld,
                "the app-server does not shake hands as this client does".to_owned(),
            ),
        };
        Self { kind, message, stderr_tail, source: Some(Source::Request(error)) }
    }

    pub(super) fn input_too_long(characters: usize) -> Self {
        let message = format!("the input has {characters} characters; Codex takes {MAX_INPUT_CHARS} at most");
        Self::new(ClientErrorKind::InputTooLong, message)
    }

    pub(super) fn seat(error: SeatError) -> Self {
        match error {
            SeatError::Busy(thread) => Self::busy(&thread),
            SeatError::Closed(reason) => RequestError::Closed(reason).into(),
        }
    }

    fn busy(thread: &ThreadId) -> Self {
        Self::new(ClientErrorKind::ThreadBusy, format!("a turn runs on thread {thread} already"))
    }
}

/// What argument parsers say of a subcommand that they do not know (clap, in Codex's case).
fn knows_no_app_server(stderr: &str) -> bool {
    stderr.contains("app-server")
        && ["unrecognized", "unexpected argument", "unknown", "invalid"]
            .iter()
            .any(|word| stderr.contains(word))
}

impl From<RequestError> for ClientError {
    fn from(error: RequestError) -> Self {
        let stderr_tail = match &error {
            RequestError::Closed(reason) => reason.stderr_tail().map(str::to_owned),
            _ => None,
        };
        let message = "a request to the app-server failed".to_owned();
        Self { kind: ClientErrorKind::Request, message, stderr_tail, source: Some(Source::Request(error)) }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.source.as_ref()? {
            Source::Io(error) => Some(error),
            // The handshake's message says all that its cause says.
            Source::Request(error)
                if matches!(self.kind, ClientErrorKind::Request | ClientErrorKind::TooOld) =>
            {
                Some(error)
            }
            Source::Request(_) => None,
        }
    }
}
