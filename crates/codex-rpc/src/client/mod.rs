//! A client of one app-server: spawn or attach, threads, turns that always end.
//!
//! [`Client::spawn`] starts `codex app-server` and shakes hands; [`Client::connect`] does so over a connection that is
//! there already (a broker's socket, a test's pair). Nothing is probed: the one process that is started is the one that is
//! used, and what is wrong with it is read off the handshake.
//!
//! A turn ends in one of five ways, always within its [`TurnLimits`]: the server reports its end, the server reports a
//! fatal error, the connection ends, it is interrupted, or a deadline passes. A task of its own watches the deadlines, so
//! they hold whether or not the [`TurnHandle`] is polled. Dropping the handle interrupts the turn, unless it was
//! [detached](TurnHandle::detach).
//!
//! Limitations: one turn a thread at a time ([`ClientErrorKind::ThreadBusy`]); what the app-server does with a second
//! `turn/start` (it joins the running turn) is what [`TurnHandle::steer`] is for.

mod error;
mod events;
mod hub;
mod observer;
mod options;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use error::{ClientError, ClientErrorKind};
pub use events::TurnEvents;
pub use observer::{NoObserver, Observer};
pub use options::{ClientOptions, TurnLimits};
pub use turn::TurnHandle;

use crate::message::RpcError;
use crate::peer::{CloseReason, Peer, RequestError};
use crate::protocol::{
    ClientNotification, ClientRequest, InitializeResponse, Initialized, MAX_INPUT_CHARS, ReviewStartParams,
    ThreadOpened, ThreadResumeParams, ThreadStartParams, TurnStartParams, UserInput,
};
use crate::transport::{ChildOptions, Connection, Grace};
use crate::turn::TurnKind;

/// A connection to an app-server that has shaken hands. Clones share it.
///
/// When the last clone, and the last [`TurnHandle`], is dropped the connection is closed and its process is ended in
/// the background; [`Client::shutdown`] does the same and waits.
#[derive(Debug, Clone)]
pub struct Client {
    peer: Peer,
    turns: hub::Turns,
    options: Arc<ClientOptions>,
    server: Arc<InitializeResponse>,
}

impl Client {
    /// Starts an app-server and shakes hands with it. Must be called inside a tokio runtime.
    ///
    /// Cancel safe: dropping the future ends the process.
    ///
    /// # Errors
    /// [`ClientErrorKind::NotFound`] when the program is missing, [`ClientErrorKind::Spawn`] when it cannot be started, and
    /// those of [`Self::connect`].
    pub async fn spawn(child: &ChildOptions, options: ClientOptions) -> Result<Self, ClientError> {
        let connection =
            Connection::spawn(child).map_err(|source| ClientError::spawn(&child.program, source))?;
        Self::connect(connection, options).await
    }

    /// Shakes hands over a connection: `initialize`, then `initialized`.
    ///
    /// # Errors
    /// [`ClientErrorKind::TooOld`] when the program knows no app-server, [`ClientErrorKind::Ended`] when it ended before
    /// it answered, [`ClientErrorKind::NotAnswering`] when it did not answer within [`ClientOptions::handshake`]. A process
    /// behind the connection has been ended when this returns an error.
    pub async fn connect(connection: Connection, options: ClientOptions) -> Result<Self, ClientError> {
        let turns = hub::Turns::default();
        let noise = Arc::new(observer::NoiseCount::new(Arc::clone(&options.observer)));
        let hub = hub::Hub {
            turns: turns.clone(),
            policy: Arc::clone(&options.policy),
            policy_deadline: options.policy_deadline,
            observer: Arc::clone(&noise) as Arc<dyn Observer>,
            patches: hub::Patches::default(),
        };
        let peer = Peer::start(connection, &options.peer, hub);
        let answer = peer.request(&options.initialize, options.handshake).await;
        let shaken = match answer {
            Ok(server) => {
                let ready = peer.notify_raw(Initialized::METHOD, None::<&()>, options.handshake).await;
                ready.map(|()| server)
            }
            Err(error) => Err(error),
        };
        let server = match shaken {
            Ok(server) => server,
            Err(error) => {
                // What is of no use to us is not left running.
                let grace = Grace { stdin: Duration::from_millis(100), term: Duration::from_millis(200) };
                peer.shutdown(grace).await;
                return Err(ClientError::handshake(error, noise.count()));
            }
        };
        Ok(Self { peer, turns, options: Arc::new(options), server: Arc::new(server) })
    }

    /// What the server said of itself in the handshake.
    #[must_use]
    pub fn server(&self) -> &InitializeResponse {
        &self.server
    }

    /// The peer below, for what this client has no method for.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Sends any typed request with the deadline of [`ClientOptions::request`]. An answer that says that the app-server is
    /// overloaded (`-32001`) is retried with growing, jittered pauses until that deadline.
    ///
    /// Cancel safe as [`Peer::request`].
    ///
    /// # Errors
    /// [`ClientErrorKind::Request`].
    pub async fn request<R: ClientRequest>(&self, params: &R) -> Result<R::Response, ClientError> {
        let due = Instant::now() + self.options.request;
        let mut pause = Duration::from_millis(50);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            let error = match self.peer.request(params, left).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let wait = jittered(pause);
            if !is_overloaded(&error) || Instant::now() + wait >= due {
                return Err(error.into());
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Starts a thread.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn start_thread(&self, params: &ThreadStartParams) -> Result<ThreadOpened, ClientError> {
        self.request(params).await
    }

    /// Loads a thread that was persisted.
    ///
    /// # Errors
    /// As [`Self::request`]; in particular when another process holds the thread.
    pub async fn resume_thread(&self, params: &ThreadResumeParams) -> Result<ThreadOpened, ClientError> {
        self.request(params).await
    }

    /// Starts a turn on a thread.
    ///
    /// Cancel safe: when the future is dropped before the server has answered, the turn is interrupted once it has.
    ///
    /// # Errors
    /// [`ClientErrorKind::InputTooLong`] and [`ClientErrorKind::ThreadBusy`] before anything is sent, and as
    /// [`Self::request`].
    pub async fn start_turn(
        &self,
        params: TurnStartParams,
        limits: TurnLimits,
    ) -> Result<TurnHandle, ClientError> {
        let characters = params.input.iter().map(text_chars).sum();
        if characters > MAX_INPUT_CHARS {
            return Err(ClientError::input_too_long(characters));
        }
        let thread = params.thread_id.clone();
        turn::start(self, params, thread, TurnKind::Turn, limits).await
    }

    /// Starts Codex's own reviewer on a thread. As [`Self::start_turn`] in all else.
    ///
    /// # Errors
    /// As [`Self::start_turn`].
    pub async fn start_review(
        &self,
        params: ReviewStartParams,
        limits: TurnLimits,
    ) -> Result<TurnHandle, ClientError> {
        let thread = params.thread_id.clone();
        turn::start(self, params, thread, TurnKind::Review, limits).await
    }

    /// How many turns run on this connection.
    #[must_use]
    pub fn running_turns(&self) -> usize {
        self.turns.len()
    }

    /// Why the connection ended, if it has.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.peer.close_reason()
    }

    /// Closes the connection; its process is ended (standard input closed, TERM, KILL, each for its group) within
    /// [`ClientOptions::grace`] and reaped. Turns that still run fail. Cancel safe.
    pub async fn shutdown(&self) {
        self.peer.shutdown(self.options.grace).await;
    }
}

fn text_chars(input: &UserInput) -> usize {
    match input {
        UserInput::Text { text, .. } => text.chars().count(),
        _ => 0,
    }
}

fn is_overloaded(error: &RequestError) -> bool {
    // A broker's refusal has the same code and a reason of its own; to wait for it is the caller's decision.
    error.rpc().is_some_and(|rpc| {
        let reason = rpc.data.as_ref().and_then(|data| data.get("reason"));
        rpc.code == RpcError::SERVER_BUSY && reason.is_none()
    })
}

/// Between half of `pause` and all of it, so that clients that were refused together do not come back together.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(());
    pause / 2 + (pause / 2).mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}
