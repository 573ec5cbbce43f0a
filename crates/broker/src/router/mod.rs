//! The router: events in, actions out. No I/O, no clock, no randomness.
//!
//! # Rules
//!
//! - **Handshake.** The router does the handshake with the server once, and returns the server's result to every client.
//! - **Ids.** The router gives every request an id of its own, in both directions, and restores the original id in the
//!   response. Ids are replaced by splicing ([`Spliced`]); the payload is neither parsed nor serialised again.
//! - **Ownership.** A thread belongs to the client that opened, resumed or used it, and a sub-agent's thread to the owner of
//!   its root. Its notifications and server requests go to the owner. Other clients may read, interrupt and watch it.
//! - **Early messages.** A message that names a thread without a known owner is held, in order and within limits, until a
//!   response or a notification names the owner. It is dropped when no pending request or turn could name one.
//! - **Connection-wide notifications**, which name no thread, go to every client.
//! - **Admission.** A turn is active from the request that starts it until its end. At the limit, or on a busy thread, the
//!   request is refused with `-32001`, or queued if its client allows that: the client with the fewest active turns is first,
//!   then the order of arrival decides. With a limit of 1, other clients may only interrupt while a turn is active.
//! - **Disconnection.** The turns of a client that disconnects are interrupted, or continue if the client asked for that. Its
//!   open server requests get the safe response.
//! - **End of the server.** Every pending request fails at once; the next request starts a new server.
//!
//! # Cost
//!
//! A message costs one scan of its envelope, one lookup in the table of threads, and one copy when it is queued.

mod admission;
mod client_side;
mod departure;
mod early;
mod limits;
mod refusal;
mod server_side;
mod threads;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use codex_rpc::message::RpcError;

use crate::conventions::{CodexConventions, Conventions, MethodKind};
use crate::splice::Spliced;
use admission::Queued;
use early::Early;
pub use limits::{Counters, Limits, RouterStatus};
pub(crate) use refusal::{answer, error};
use threads::Threads;

/// A client's connection. The caller assigns the numbers and never uses one twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(u64);

impl ClientId {
    /// The connection with this number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Identifies a timer that the router started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(u64);

/// An input of the router. Exhaustive on purpose: the shell must report all of them.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A client connected.
    ClientConnected(ClientId),
    /// A client sent a frame.
    FromClient(ClientId, &'a Bytes),
    /// A client disconnected. Nothing can be sent to it any more.
    ClientDisconnected(ClientId),
    /// The server is running, after [`Action::StartServer`].
    ServerUp,
    /// The server sent a frame.
    FromServer(&'a Bytes),
    /// The server ended, or could not be started. Every pending request fails with this error.
    ServerDown(&'a RpcError),
    /// The shell ends the server. Allowed only while [`Router::is_quiet`].
    ServerRetired,
    /// A timer of [`Action::StartTimer`] expired.
    TimerExpired(TimerId),
    /// The server has been silent: ask it for activity with [`Conventions::ping`].
    Ping,
}

/// An output of the router. Exhaustive on purpose: the shell must do all of them, in order.
#[derive(Debug)]
pub enum Action<'a> {
    /// Send a frame to a client.
    ToClient {
        /// The client.
        client: ClientId,
        /// The frame.
        frame: Spliced<'a>,
    },
    /// Send a frame to the server.
    ToServer {
        /// The frame.
        frame: Spliced<'a>,
    },
    /// Start the server, and report [`Event::ServerUp`] or [`Event::ServerDown`].
    StartServer,
    /// End the server, because it refused the handshake. Do not report [`Event::ServerDown`] for it.
    StopServer,
    /// Send the server the safe response to its request: [`Conventions::decline`].
    Decline {
        /// The request's id, as JSON.
        id: &'a [u8],
        /// Its method.
        method: &'a str,
        /// Its parameters, as JSON.
        params: Option<&'a [u8]>,
    },
    /// Answer a client's `broker/…` request that the router does not answer itself.
    BrokerRequest {
        /// The client that sent it.
        client: ClientId,
        /// The request's id, as JSON.
        id: &'a [u8],
        /// Its method.
        method: &'a str,
        /// Its parameters, as JSON.
        params: Option<&'a [u8]>,
    },
    /// Report [`Event::TimerExpired`] with this id after this time. The router ignores timers that it no longer needs.
    StartTimer {
        /// The id of the timer.
        timer: TimerId,
        /// The duration from now.
        after: Duration,
    },
}

/// The receiver of actions, in order.
pub type ActionSink<'s> = &'s mut dyn FnMut(Action<'_>);

/// The state of the server, as the router knows it.
#[derive(Debug)]
enum Server {
    Down,
    Starting,
    Handshaking,
    /// Its result of the handshake, raw.
    Up(Bytes),
}

#[derive(Debug, Default)]
struct Client {
    ready: bool,
    leave_running: bool,
    queue_for: Option<Duration>,
    opted_out: Vec<String>,
    /// Its turns that count toward the limit.
    active: usize,
}

/// A request without a response of the server.
#[derive(Debug)]
struct Pending {
    asker: Asker,
    kind: MethodKind,
    thread: Option<Box<str>>,
    /// Whether the thread had no owner before this request. If the server refuses the request, it has none again.
    claimed: bool,
}

#[derive(Debug)]
enum Asker {
    /// A client, and its own id of the request.
    Client(ClientId, Box<[u8]>),
    /// A disconnected client; `bool` is whether its turns continue.
    Gone(bool),
    Handshake,
    Router,
}

/// A server request without a response of the client.
#[derive(Debug)]
struct Asked {
    client: ClientId,
    server_id: Box<[u8]>,
    method: Box<str>,
    params: Option<Bytes>,
}

#[derive(Debug)]
enum Deadline {
    Queue(u64),
    /// A turn of a disconnected client, by its thread and, if a client requested it, its request.
    Abandoned(Box<str>, Option<u64>),
}

/// Routes between many clients and one server. See the [module](self) for its rules.
#[derive(Debug)]
pub struct Router<C = CodexConventions> {
    conventions: C,
    limits: Limits,
    server: Server,
    clients: BTreeMap<ClientId, Client>,
    /// Whether any client ever opted out of a notification. If not, deliveries skip the check.
    any_opted_out: bool,
    threads: Threads,
    early: Early,
    pending: HashMap<u64, Pending>,
    asked: HashMap<u64, Asked>,
    next_id: u64,
    /// Frames that wait until the server is up.
    waiting: VecDeque<(ClientId, Bytes)>,
    waiting_bytes: usize,
    queue: VecDeque<Queued>,
    deadlines: HashMap<TimerId, Deadline>,
    counters: Counters,
}

impl<C: Conventions> Router<C> {
    /// Creates a router without clients and without a server.
    pub fn new(conventions: C, limits: Limits) -> Self {
        let early = Early::new(limits.max_early_frames, limits.max_early_bytes);
        Self {
            conventions,
            limits,
            server: Server::Down,
            clients: BTreeMap::new(),
            any_opted_out: false,
            threads: Threads::default(),
            early,
            pending: HashMap::new(),
            asked: HashMap::new(),
            next_id: 1,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            queue: VecDeque::new(),
            deadlines: HashMap::new(),
            counters: Counters::default(),
        }
    }

    /// The conventions of the server.
    pub fn conventions(&self) -> &C {
        &self.conventions
    }

    /// Handles an event, and passes the resulting actions to `sink`.
    pub fn handle(&mut self, event: Event<'_>, sink: ActionSink<'_>) {
        match event {
            Event::FromServer(frame) => self.server_frame(frame, sink),
            Event::FromClient(client, frame) => self.client_frame(client, frame, sink),
            Event::ClientConnected(client) => {
                let ready = self.conventions.handshake().is_none();
                self.clients.insert(client, Client { ready, ..Client::default() });
            }
            Event::ClientDisconnected(client) => self.disconnected(client, sink),
            Event::ServerUp => self.server_up(sink),
            Event::ServerDown(error) => self.server_down(error, sink),
            Event::ServerRetired => self.server_retired(sink),
            Event::TimerExpired(timer) => self.expired(timer, sink),
            Event::Ping => self.ping(sink),
        }
    }

    /// Whether no turn is active and no request is pending. The server can end then; only idle threads that were not
    /// persisted are lost.
    pub fn is_quiet(&self) -> bool {
        let of_client = |pending: &Pending| !matches!(pending.asker, Asker::Router);
        self.queue.is_empty()
            && self.waiting.is_empty()
            && !self.threads.any_running()
            && !self.pending.values().any(of_client)
    }

    /// Whether a request is pending or a turn is active, so that silence of the server can be a fault.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty() || self.threads.any_running()
    }

    /// Bytes that wait in the router until the server is up.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// The number of clients that completed the handshake.
    pub(crate) fn status_clients(&self) -> usize {
        self.clients.values().filter(|client| client.ready).count()
    }

    /// Returns the state in numbers.
    pub fn status(&self) -> RouterStatus {
        RouterStatus {
            clients: self.status_clients(),
            active_turns: self.threads.active(),
            limit: self.limits.max_active_turns,
            queued: self.queue.len(),
            in_flight: self.pending.values().filter(|entry| matches!(entry.asker, Asker::Client(..))).count(),
            owned_threads: self.threads.owned(),
            early: self.early.len(),
            counters: self.counters.clone(),
        }
    }

    /// The server's result of the handshake, as JSON, while it is up.
    pub fn handshake(&self) -> Option<&[u8]> {
        match &self.server {
            Server::Up(result) => Some(result),
            _ => None,
        }
    }

    /// Whether a client other than this one owns a thread.
    pub fn others_own_threads(&self, client: Option<ClientId>) -> bool {
        self.threads.iter().any(|(_, thread)| thread.owner.is_some() && thread.owner != client)
    }

    /// Whether this client completed the handshake. False for a disconnected client.
    pub fn is_ready(&self, client: ClientId) -> bool {
        self.clients.get(&client).is_some_and(|client| client.ready)
    }

    fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Sends a request of the router itself.
    fn ask_server(&mut self, asker: Asker, method: &str, params: &serde_json::Value, sink: ActionSink<'_>) {
        let id = self.fresh_id();
        let frame = refusal::request(id, method, params);
        self.pending.insert(id, Pending { asker, kind: MethodKind::Read, thread: None, claimed: false });
        sink(Action::ToServer { frame: Spliced::whole(&frame) });
    }

    /// Holds a client's frame until the server is up, and starts the server if necessary.
    fn wait_for_server(&mut self, client: ClientId, frame: &Bytes, sink: ActionSink<'_>) {
        // A copy, so that the client's whole read buffer is not kept alive.
        self.waiting.push_back((client, Bytes::copy_from_slice(frame)));
        self.waiting_bytes += frame.len();
        if matches!(self.server, Server::Down) {
            self.server = Server::Starting;
            sink(Action::StartServer);
        }
    }

    fn server_up(&mut self, sink: ActionSink<'_>) {
        match self.conventions.handshake() {
            None => self.handshake_done(Bytes::from_static(b"null"), sink),
            Some(handshake) => {
                self.server = Server::Handshaking;
                self.ask_server(Asker::Handshake, &handshake.method, &handshake.params, sink);
            }
        }
    }

    pub(super) fn handshake_done(&mut self, result: Bytes, sink: ActionSink<'_>) {
        if let Some(done) = self.conventions.handshake().and_then(|handshake| handshake.done) {
            let frame = refusal::notification(&done, None);
            sink(Action::ToServer { frame: Spliced::whole(&frame) });
        }
        self.server = Server::Up(result);
        self.waiting_bytes = 0;
        for (client, frame) in std::mem::take(&mut self.waiting) {
            self.client_frame(client, &frame, sink);
        }
    }

    fn ping(&mut self, sink: ActionSink<'_>) {
        if matches!(self.server, Server::Up(_))
            && let Some((method, params)) = self.conventions.ping()
        {
            self.ask_server(Asker::Router, &method, &params, sink);
        }
    }

    fn start_timer(&mut self, deadline: Deadline, after: Duration, sink: ActionSink<'_>) {
        let timer = TimerId(self.fresh_id());
        self.deadlines.insert(timer, deadline);
        sink(Action::StartTimer { timer, after });
    }

    fn expired(&mut self, timer: TimerId, sink: ActionSink<'_>) {
        match self.deadlines.remove(&timer) {
            Some(Deadline::Queue(order)) => self.queue_deadline(order, sink),
            Some(Deadline::Abandoned(thread, request)) if self.threads.forget_turn(&thread, request) => {
                self.pump(sink);
                self.settle(sink);
            }
            Some(Deadline::Abandoned(..)) | None => {}
        }
    }
}
