//! Why a request failed, and why a connection ended.

use std::fmt;
use std::time::Duration;

use crate::message::{EnvelopeError, RpcError};
use crate::transport::ChildExit;

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// We closed it.
    Shutdown,
    /// The other side closed it.
    EndOfStream,
    /// The process behind it ended.
    Exited(ChildExit),
    /// Reading or writing failed; the text is the operating system's.
    Io(String),
    /// The other side stopped reading; this many bytes waited for it.
    NotReading(usize),
}

impl CloseReason {
    /// The tail of the process's stderr, when a process ended and wrote one. Data from a foreign program.
    #[must_use]
    pub fn stderr_tail(&self) -> Option<&str> {
        match self {
            Self::Exited(exit) if !exit.stderr_tail.is_empty() => Some(&exit.stderr_tail),
            _ => None,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shutdown => f.write_str("the connection was shut down"),
            Self::EndOfStream => f.write_str("the server closed the connection"),
            Self::Exited(exit) => write!(f, "the server process ended ({exit})"),
            Self::Io(error) => write!(f, "the connection broke: {error}"),
            Self::NotReading(bytes) => write!(f, "the server stopped reading with {bytes} bytes unsent"),
        }
    }
}

/// Why a request has no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server answered with an error.
    #[error("{method}: the server answered with error {}: {}", error.code, error.message)]
    Rpc {
        /// The request's method.
        method: String,
        /// The error, as the server sent it.
        error: RpcError,
    },
    /// No answer came in time.
    #[error("{method}: no answer within {after:?}")]
    Deadline {
        /// The request's method.
        method: String,
        /// The deadline that it had.
        after: Duration,
    },
    /// The connection ended before the answer came.
    #[error("{0}")]
    Closed(CloseReason),
    /// The parameters could not be written as JSON.
    #[error("{method}: the parameters cannot be written as JSON")]
    Encode {
        /// The request's method.
        method: String,
        /// What serde said.
        source: serde_json::Error,
    },
    /// The answer is no JSON-RPC response.
    #[error("{method}: the answer is malformed")]
    Malformed {
        /// The request's method.
        method: String,
        /// What is wrong with it.
        #[source]
        problem: EnvelopeError,
    },
    /// The answer has another shape than expected.
    #[error("{method}: the answer has an unexpected shape")]
    Decode {
        /// The request's method.
        method: String,
        /// What serde said.
        source: serde_json::Error,
    },
}

impl RequestError {
    /// The server's error, if it is one.
    #[must_use]
    pub fn rpc(&self) -> Option<&RpcError> {
        match self {
            Self::Rpc { error, .. } => Some(error),
            _ => None,
        }
    }
}
