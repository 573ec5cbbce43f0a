//! A JSON-RPC peer: one task owns a connection, handles talk to that task.
//!
//! ```text
//!  Peer::request ──bounded queue──►┐                       ┌──► writer
//!  Responder ──────bounded queue──►│ the task: four arms   │
//!  Handler ◄── notification, ──────│ that only receive     │◄── reader
//!              server request      └───────────────────────┘
//! ```
//!
//! - The task never stops reading because a client is slow: it hands each message to a [`Handler`], a plain function that
//!   must not block, and writes and reads at the same time.
//! - The queues are bounded. A request waits for a place in the queue, inside its own deadline. Answers to server requests
//!   always have a place, because no more than [`PeerOptions::max_open_requests`] are open at once: what is above is
//!   answered with `-32001`. A server that does not read [`PeerOptions::max_unsent`] bytes has its connection closed.
//! - Each request has a deadline. Its entry goes when the answer comes, the deadline passes or the caller drops the future;
//!   an answer that comes later is noise.
//! - When the stream ends, everything that waits fails at once with the [`CloseReason`].

mod error;
mod handler;
mod task;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

pub use error::{CloseReason, RequestError};
pub use handler::{Handler, Notification, Responder, ServerCall};

use crate::frame::{DEFAULT_MAX_FRAME, FrameCodec};
use crate::message::{self, Dialect, RequestId};
use crate::protocol::{ClientNotification, ClientRequest};
use crate::setters::setters;
use crate::trace::event;
use crate::transport::{ChildHandle, Connection, Grace};

/// Options of a [`Peer`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerOptions {
    /// Whether the `"jsonrpc":"2.0"` member is written. Default: [`Dialect::Codex`], which leaves it out.
    pub dialect: Dialect,
    /// The longest frame that is accepted, in bytes. Default: 64 MiB.
    pub max_frame: usize,
    /// Places in the queue of outgoing requests; a request waits for one. Default: 64.
    pub queue: usize,
    /// How many requests of the server may be unanswered at once. Default: 256.
    pub max_open_requests: usize,
    /// How many bytes may wait for a server that does not read. Default: 64 MiB.
    pub max_unsent: usize,
}

impl Default for PeerOptions {
    fn default() -> Self {
        Self {
            dialect: Dialect::Codex,
            max_frame: DEFAULT_MAX_FRAME,
            queue: 64,
            max_open_requests: 256,
            max_unsent: 64 * 1024 * 1024,
        }
    }
}

setters! {
    PeerOptions {
        dialect: Dialect,
        max_frame: usize,
        queue: usize,
        max_open_requests: usize,
        max_unsent: usize,
    }
}

/// A handle on a connection's task. Clones share it. When the last one is dropped the connection is closed, and a process
/// behind it is ended in the background; [`Peer::shutdown`] does the same and waits.
#[derive(Debug, Clone)]
pub struct Peer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dialect: Dialect,
    next_id: AtomicU64,
    commands: mpsc::Sender<Bytes>,
    /// Asks the task to close at once.
    closing: watch::Sender<bool>,
    pending: Arc<Mutex<Pending>>,
    closed: watch::Receiver<Option<CloseReason>>,
    child: Option<ChildHandle>,
}

/// The method of a request, and where its answer goes.
type Waiting = (String, oneshot::Sender<Result<Bytes, RequestError>>);

/// The requests that wait for an answer. Its lock is held for single map operations only.
#[derive(Debug, Default)]
struct Pending {
    waiting: HashMap<u64, Waiting>,
    closed: Option<CloseReason>,
}

fn lock(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a request off the map when its caller drops the future.
struct Entry<'a> {
    pending: &'a Mutex<Pending>,
    id: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        lock(self.pending).waiting.remove(&self.id);
    }
}

impl Peer {
    /// Starts the task that owns `connection`. Must be called inside a tokio runtime.
    pub fn start(connection: Connection, options: &PeerOptions, handler: impl Handler) -> Self {
        let (commands, command_queue) = mpsc::channel(options.queue.max(1));
        let (closing, close_asked) = watch::channel(false);
        let (closed_tx, closed) = watch::channel(None);
        let pending = Arc::new(Mutex::new(Pending::default()));
        let Connection { reader, writer, child } = connection;
        // A place for each answer that may be open, so that an answer never waits and is never lost.
        let (replies, reply_queue) = mpsc::channel(options.max_open_requests.max(1));
        let task = task::Task {
            reader: tokio_util::codec::FramedRead::new(reader, FrameCodec::with_max_frame(options.max_frame)),
            writer,
            child: child.clone(),
            commands: command_queue,
            close_asked,
            reply_queue,
            replies,
            permits: Arc::new(Semaphore::new(options.max_open_requests.max(1))),
            ending: task::Ending { pending: Arc::clone(&pending), closed: closed_tx },
            handler: Box::new(handler),
            dialect: options.dialect,
            max_unsent: options.max_unsent,
        };
        tokio::spawn(task.run());
        let next_id = AtomicU64::new(1);
        Self {
            shared: Arc::new(Shared {
                dialect: options.dialect,
                next_id,
                commands,
                closing,
                pending,
                closed,
                child,
            }),
        }
    }

    /// Sends a typed request and waits for its answer until `deadline` from now.
    ///
    /// Cancel safe: dropping the future forgets the request. It may have been sent; the server still does what it asks.
    ///
    /// # Errors
    /// [`RequestError`]: the server's own error, the deadline, the end of the connection, or an answer of another shape.
    pub async fn request<R: ClientRequest>(
        &self,
        params: &R,
        deadline: Duration,
    ) -> Result<R::Response, RequestError> {
        let result = self.request_raw(R::METHOD, Some(params), deadline).await?;
        serde_json::from_slice(&result)
            .map_err(|source| RequestError::Decode { method: R::METHOD.to_owned(), source })
    }

    /// Sends a request of any method and waits for the raw JSON of its `result`. As [`Self::request`] in all else.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn request_raw(
        &self,
        method: &str,
        params: Option<&impl Serialize>,
        deadline: Duration,
    ) -> Result<Bytes, RequestError> {
        let due = Instant::now() + deadline;
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = message::encode_request(self.shared.dialect, &RequestId::from(id), method, params)
            .map_err(|source| RequestError::Encode { method: method.to_owned(), source })?;
        let (answer, answered) = oneshot::channel();
        {
            let mut pending = lock(&self.shared.pending);
            if let Some(reason) = &pending.closed {
                return Err(RequestError::Closed(reason.clone()));
            }
            pending.waiting.insert(id, (method.to_owned(), answer));
        }
        let _entry = Entry { pending: &self.shared.pending, id };
        let exchange = async {
            // A send fails, and an answer's sender is dropped, only when the task has ended; it says why just before.
            if self.shared.commands.send(frame).await.is_err() {
                return Err(RequestError::Closed(self.closed().await));
            }
            match answered.await {
                Ok(answer) => answer,
                Err(_) => Err(RequestError::Closed(self.closed().await)),
            }
        };
        match tokio::time::timeout_at(due, exchange).await {
            Ok(answer) => answer,
            Err(_) => {
                event!(WARN, method, after = ?deadline, "request passed its deadline");
                Err(RequestError::Deadline { method: method.to_owned(), after: deadline })
            }
        }
    }

    /// Sends a typed notification; done when it is in the queue. Cancel safe: either queued whole or not at all.
    ///
    /// # Errors
    /// [`RequestError::Closed`] after the end of the connection, [`RequestError::Deadline`] when the queue had no place
    /// for it until `deadline` from now.
    pub async fn notify<N: ClientNotification>(
        &self,
        params: &N,
        deadline: Duration,
    ) -> Result<(), RequestError> {
        self.notify_raw(N::METHOD, Some(params), deadline).await
    }

    /// Sends a notification of any method. As [`Self::notify`] in all else.
    ///
    /// # Errors
    /// As [`Self::notify`].
    pub async fn notify_raw(
        &self,
        method: &str,
        params: Option<&impl Serialize>,
        deadline: Duration,
    ) -> Result<(), RequestError> {
        let frame = message::encode_notification(self.shared.dialect, method, params)
            .map_err(|source| RequestError::Encode { method: method.to_owned(), source })?;
        match tokio::time::timeout(deadline, self.shared.commands.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(RequestError::Closed(self.closed().await)),
            Err(_) => Err(RequestError::Deadline { method: method.to_owned(), after: deadline }),
        }
    }

    /// How many requests wait for an answer.
    #[must_use]
    pub fn pending(&self) -> usize {
        lock(&self.shared.pending).waiting.len()
    }

    /// Why the connection ended, if it has.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared.closed.borrow().clone()
    }

    /// Waits until the connection ends. Cancel safe.
    pub async fn closed(&self) -> CloseReason {
        let mut closed = self.shared.closed.clone();
        let reason = closed.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or(CloseReason::Shutdown)
    }

    /// The process of the connection, if there is one.
    #[must_use]
    pub fn child(&self) -> Option<&ChildHandle> {
        self.shared.child.as_ref()
    }

    /// Closes the connection: what waits fails with [`CloseReason::Shutdown`], the writer is closed, and a process behind
    /// it is ended within `grace` and reaped before this returns. Cancel safe, and calling it twice does no harm.
    pub async fn shutdown(&self, grace: Grace) {
        self.shared.closing.send_replace(true);
        if let Some(child) = &self.shared.child {
            child.shutdown(grace).await;
        }
        self.closed().await;
    }
}
