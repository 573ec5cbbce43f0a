//! JSON-RPC 2.0 messages: finding their parts without building a tree, and writing them.
//!
//! [`Envelope::scan`] looks at one frame and says what it is: kind, id, method, thread, and where `params`, `result`
//! or `error` stand. [`Message::parse`] is the same with owned parts that share the frame's buffer. The `encode_*`
//! functions write messages.
//!
//! The kind of a message is decided by the members that it has, never by trying shapes in turn:
//!
//! | members | kind |
//! |---|---|
//! | `method` and `id` | [request](EnvelopeKind::Request) |
//! | `method` | [notification](EnvelopeKind::Notification) |
//! | `result` and `id` | [response](EnvelopeKind::Response) |
//! | `error` and `id` (which may be null) | [error response](EnvelopeKind::ErrorResponse) |
//!
//! Anything else is refused as Invalid Request (-32600): a mixture of these, `params` without `method`, a known
//! member that occurs twice, an `id` that is not a string or an integer of 64 bits, `params` that are not an object,
//! an array or null (null counts as absent: Codex's schema has methods whose `params` are null). Unknown members
//! are ignored (Codex adds `emittedAtMs` and `trace`).
//!
//! **Batches are refused** as Invalid Request, with no id: Codex never sends or reads them, and an answer to one
//! could not be tied to a thread.

mod encode;
mod envelope;
mod error;
mod id;
mod nesting;
mod scan;
mod structure;

use bytes::Bytes;

pub use encode::{encode_error, encode_notification, encode_request, encode_result};
pub use envelope::{Envelope, EnvelopeKind};
pub use error::{EnvelopeError, EnvelopeProblem, RpcError};
pub use id::RequestId;

/// Whether messages carry the `"jsonrpc":"2.0"` member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// The app-server's dialect: the member is not written, and not needed when reading.
    #[default]
    Codex,
    /// JSON-RPC 2.0 as specified: the member is written. To require it when reading, ask
    /// [`Envelope::conforms_to`].
    JsonRpc2,
}

/// One message with owned parts.
///
/// `params` and a `result` are JSON text (checked only as far as [`Envelope::scan`] does) that shares the buffer
/// of the frame it came from. Exhaustive on purpose: JSON-RPC has no other kinds.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A call that wants an answer.
    Request {
        /// What the answer must repeat.
        id: RequestId,
        /// The method's name.
        method: String,
        /// The parameters, an object or an array; `None` also for null.
        params: Option<Bytes>,
    },
    /// A call that wants none.
    Notification {
        /// The method's name.
        method: String,
        /// The parameters, an object or an array; `None` also for null.
        params: Option<Bytes>,
    },
    /// An answer.
    Response {
        /// The id of the request; `None` only with an error, from a peer that could not read the request's id.
        id: Option<RequestId>,
        /// The result (any JSON value), or the error.
        result: Result<Bytes, RpcError>,
    },
}

impl Message {
    /// Parses one frame. The parts are slices of it: nothing is copied but the method, a string id and an error.
    ///
    /// # Errors
    ///
    /// Those of [`Envelope::scan`], and an `error` member that is not an error object.
    #[expect(clippy::needless_pass_by_value, reason = "the message goes on sharing the frame's buffer")]
    pub fn parse(frame: Bytes) -> Result<Self, EnvelopeError> {
        let envelope = Envelope::scan(&frame)?;
        let slice = |span: Option<std::ops::Range<usize>>| span.map(|span| frame.slice(span));
        let id = envelope.id();
        let method = envelope.method().unwrap_or_default().to_owned();
        Ok(match (envelope.kind(), id) {
            (EnvelopeKind::Request, Some(id)) => {
                Self::Request { id, method, params: slice(envelope.params_span()) }
            }
            (EnvelopeKind::Response, id) => {
                Self::Response { id, result: Ok(slice(envelope.result_span()).unwrap_or_default()) }
            }
            (EnvelopeKind::ErrorResponse, id) => {
                let error = envelope.error().unwrap_or_default();
                match serde_json::from_slice(error) {
                    Ok(error) => Self::Response { id, result: Err(error) },
                    Err(_) => return Err(EnvelopeError::new(EnvelopeProblem::BadError, id, true)),
                }
            }
            (EnvelopeKind::Notification | EnvelopeKind::Request, _) => {
                Self::Notification { method, params: slice(envelope.params_span()) }
            }
        })
    }
}

#[cfg(test)]
mod tests;
