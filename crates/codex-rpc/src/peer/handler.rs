//! The server's requests and notifications.

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::CloseReason;
use crate::frame::Noise;
use crate::message::{self, Dialect, RequestId, RpcError};

/// Receives what the server sends of itself. Called by the peer's task, in the order of the stream, so an implementation
/// must not block: it passes things on to a queue of its own, and decides what happens when that is full.
pub trait Handler: Send + 'static {
    /// A notification, known or not.
    fn notification(&mut self, notification: Notification);

    /// A request of the server. It is answered through its [`Responder`], here or later; one that is dropped unanswered
    /// answers with an internal error, so that the server never waits for ever.
    fn request(&mut self, call: ServerCall);

    /// Something that is not a message: log lines, escape sequences, an over-long line. Default: ignored.
    fn noise(&mut self, noise: &Noise) {
        let _ = noise;
    }

    /// A frame that is JSON-like but no message, or an answer to no pending request. Default: ignored.
    fn stray(&mut self, what: &str) {
        let _ = what;
    }

    /// The connection has ended; nothing follows. Default: ignored.
    fn closed(&mut self, reason: &CloseReason) {
        let _ = reason;
    }
}

/// A notification as it came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Notification {
    /// Its method.
    pub method: String,
    /// The raw JSON of its parameters, if it has any.
    pub params: Option<Bytes>,
}

/// A request of the server, to be answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerCall {
    /// Its method.
    pub method: String,
    /// The raw JSON of its parameters, if it has any.
    pub params: Option<Bytes>,
    /// How it is answered.
    pub responder: Responder,
}

/// An answer on its way out, with the permit of its request.
pub(super) struct Reply {
    pub(super) frame: Bytes,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Answers one request of the server, once.
#[derive(Debug)]
#[must_use = "a request that is dropped unanswered answers with an internal error"]
pub struct Responder {
    id: RequestId,
    dialect: Dialect,
    replies: mpsc::Sender<Reply>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Responder {
    pub(super) fn new(
        id: RequestId,
        dialect: Dialect,
        replies: mpsc::Sender<Reply>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { id, dialect, replies, permit: Some(permit) }
    }

    /// The id of the request.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// Answers with a result. A result that cannot be written as JSON is answered with an internal error.
    pub fn result(mut self, result: &impl Serialize) {
        match message::encode_result(self.dialect, &self.id, result) {
            Ok(frame) => self.send(frame),
            Err(error) => self.send_error(&RpcError::new(RpcError::INTERNAL_ERROR, error.to_string())),
        }
    }

    /// Answers with an error.
    pub fn error(mut self, error: &RpcError) {
        self.send_error(error);
    }

    fn send_error(&mut self, error: &RpcError) {
        if let Ok(frame) = message::encode_error(self.dialect, Some(&self.id), error) {
            self.send(frame);
        }
    }

    fn send(&mut self, frame: Bytes) {
        if let Some(permit) = self.permit.take() {
            // There is a place for every permit; a closed queue is a closed connection, which needs no answer.
            drop(self.replies.try_send(Reply { frame, _permit: permit }));
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if self.permit.is_some() {
            self.send_error(&RpcError::new(
                RpcError::INTERNAL_ERROR,
                "the client did not answer this request",
            ));
        }
    }
}
