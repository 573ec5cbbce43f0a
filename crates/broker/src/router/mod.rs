//! The router: events in, actions out. No I/O, no clock, no randomness.
//!
//! # Rules
//!
//! - **Handshake.** The router shakes hands with the server once, and gives every client the server's answer.
//! - **Ids.** Every request gets an id of the router's own, up and down, and its answer the id that it came with. Ids are
//!   replaced by splicing ([`Spliced`]); the payload is never parsed for it and never written anew.
//! - **Ownership.** A thread belongs to the client that opened, resumed or drove it, and a sub-agent's thread to its root's
//!   owner. Its notifications and server requests go there; to others' threads a client may look, interrupt and watch.
//! - **Early messages.** What names a thread that nobody is known to own yet is held, in order and within bounds, until an
//!   answer or a notification says whose it is; when nothing is left that could say so, it is dropped.
//! - **Connection-wide notifications**, which name no thread, go to every client.
//! - **Admission.** A turn runs from the request that starts it until its end is seen. At the bound, or on a busy thread,
//!   the request is refused with `-32001`, or queued if its client asked for that: the client with the fewest running turns
//!   first, then in the order of arrival. With a bound of 1, other clients are refused everything but interrupts meanwhile.
//! - **Departure.** The turns of a client that goes away are interrupted, or left to run if it said so; what the server asks
//!   of it gets the safe answer.
//! - **Death of the server** fails everything in flight at once; the next request asks for a new one.
//!
//! # Cost
//!
//! A message costs one scan of its envelope, one look into the table of threads, and one copy by whoever queues it.

mod admission;
mod client_side;
mod departure;
mod early;
mod refusal;
mod server_side;
mod threads;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use codex_rpc::message::RpcError;
use serde::{Deserialize, Serialize};

use crate::conventions::{Call, Codex, Conventions};
use crate::splice::Spliced;
use admission::Queued;
use early::Early;
pub(crate) use refusal::{answer, error};
use threads::Threads;

/// A client's connection, as the caller numbers them. A number is never used again.
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

/// Names a deadline that the router asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What happened. Exhaustive on purpose: the shell must tell all of it.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A client connected.
    Joined(ClientId),
    /// A client sent a frame.
    FromClient(ClientId, &'a Bytes),
    /// A client is gone; nothing can be sent to it any more.
    Left(ClientId),
    /// The server that was asked for runs.
    ServerUp,
    /// The server sent a frame.
    FromServer(&'a Bytes),
    /// The server is gone, or could not be started. Everything in flight is answered with this error.
    ServerDown(&'a RpcError),
    /// The shell takes the server away. Only while [`Router::is_quiet`].
    ServerRetired,
    /// A deadline of [`Action::Arm`] has passed.
    Expired(Ticket),
    /// Time for the server to give a sign of life.
    Ping,
}

/// What is to be done. Exhaustive on purpose: the shell must do all of it, in this order.
#[derive(Debug)]
pub enum Action<'a> {
    /// Send this to a client.
    ToClient {
        /// Whom.
        client: ClientId,
        /// What.
        frame: Spliced<'a>,
    },
    /// Send this to the server.
    ToServer {
        /// What.
        frame: Spliced<'a>,
    },
    /// Start the server, and tell [`Event::ServerUp`] or [`Event::ServerDown`].
    StartServer,
    /// End the server: it refused the handshake. [`Event::ServerDown`] is not wanted for it.
    StopServer,
    /// Give a request of the server its safe answer: [`Conventions::decline`].
    Decline {
        /// The request's id, as JSON.
        id: &'a [u8],
        /// Its method.
        method: &'a str,
        /// Its parameters, as JSON.
        params: Option<&'a [u8]>,
    },
    /// Answer a client's `broker/…` request that the router does not answer itself.
    Call {
        /// Who asks.
        client: ClientId,
        /// The request's id, as JSON.
        id: &'a [u8],
        /// Its method.
        method: &'a str,
        /// Its parameters, as JSON.
        params: Option<&'a [u8]>,
    },
    /// Tell [`Event::Expired`] with this ticket after this time. Tickets that came to nothing are ignored.
    Arm {
        /// The ticket.
        ticket: Ticket,
        /// The time from now.
        after: Duration,
    },
}

/// Where actions go, in order.
pub type Sink<'s> = &'s mut dyn FnMut(Action<'_>);

/// The router's bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many turns may run at once. Default 8; 1 gives one client at a time the whole server.
    pub max_active_turns: usize,
    /// How many requests may be queued. Default 1024.
    pub max_queued: usize,
    /// How many bytes of them. Default 64 MiB.
    pub max_queued_bytes: usize,
    /// What a refused client is told to wait. Default 1 s.
    pub retry_after: Duration,
    /// How long the turn of a departed client may take to end once it was interrupted; then it no longer counts.
    /// Default 10 s.
    pub abandon_grace: Duration,
    /// How many early messages are held. Default 1024.
    pub max_early_frames: usize,
    /// How many bytes of them. Default 4 MiB.
    pub max_early_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_active_turns: 8,
            max_queued: 1024,
            max_queued_bytes: 64 * 1024 * 1024,
            retry_after: Duration::from_secs(1),
            abandon_grace: Duration::from_secs(10),
            max_early_frames: 1024,
            max_early_bytes: 4 * 1024 * 1024,
        }
    }
}

/// What the router counts. All since it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Counters {
    /// Requests of clients that went to the server.
    pub requests: u64,
    /// Turns that were started.
    pub turns: u64,
    /// Requests that were refused because the broker was busy.
    pub refused: u64,
    /// Requests that waited in the queue.
    pub queued: u64,
    /// Notifications that were delivered, each once for every client that got it.
    pub notifications: u64,
    /// Notifications that belonged to nobody any more.
    pub unowned: u64,
    /// Early messages that nobody claimed or that went over the bound.
    pub early_dropped: u64,
    /// Requests of the server that got the safe answer.
    pub declined: u64,
    /// Turns that were interrupted because their client went away.
    pub abandoned: u64,
    /// Messages that could not be used: malformed, or answers that nobody waits for.
    pub stray: u64,
    /// Servers that were lost.
    pub server_losses: u64,
}

/// The router's state in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterStatus {
    /// Clients that have shaken hands.
    pub clients: usize,
    /// Turns that count against the bound.
    pub active_turns: usize,
    /// The bound.
    pub limit: usize,
    /// Requests in the queue.
    pub queued: usize,
    /// Requests of clients that the server has not answered.
    pub in_flight: usize,
    /// Threads that some client owns.
    pub owned_threads: usize,
    /// Early messages that are held.
    pub early: usize,
    /// Sums.
    pub counters: Counters,
}

/// The state of the server, as far as the router knows it.
#[derive(Debug)]
enum Server {
    Down,
    Starting,
    Shaking,
    /// Its answer to the handshake, raw.
    Up(Bytes),
}

#[derive(Debug, Default)]
struct Client {
    ready: bool,
    leave_running: bool,
    queue_for: Option<Duration>,
    unwanted: Vec<String>,
    /// Its turns that count.
    active: usize,
}

/// A request that the server has not answered.
#[derive(Debug)]
struct Pending {
    asker: Asker,
    call: Call,
    thread: Option<Box<str>>,
    /// Whether the thread was nobody's before this request: it is again when the server refuses.
    claimed: bool,
}

#[derive(Debug)]
enum Asker {
    /// A client, and the id that it used.
    Client(ClientId, Box<[u8]>),
    /// A client that has gone; `bool` is whether its turns are left to run.
    Gone(bool),
    Handshake,
    Router,
}

/// A request of the server that a client has not answered.
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
    /// The turn that was asked for by this request, if any, on this thread.
    Abandoned(Box<str>, Option<u64>),
}

/// Routes between many clients and one server. See the [module](self) for its rules.
#[derive(Debug)]
pub struct Router<C = Codex> {
    conventions: C,
    limits: Limits,
    server: Server,
    clients: BTreeMap<ClientId, Client>,
    /// Whether any client ever opted out of a notification: else nobody has to look.
    any_unwanted: bool,
    threads: Threads,
    early: Early,
    pending: HashMap<u64, Pending>,
    asked: HashMap<u64, Asked>,
    next_id: u64,
    /// Frames that wait for the server to be up.
    waiting: VecDeque<(ClientId, Bytes)>,
    waiting_bytes: usize,
    queue: VecDeque<Queued>,
    deadlines: HashMap<Ticket, Deadline>,
    counters: Counters,
}

impl<C: Conventions> Router<C> {
    /// A router without clients and without a server.
    pub fn new(conventions: C, limits: Limits) -> Self {
        let early = Early::new(limits.max_early_frames, limits.max_early_bytes);
        Self {
            conventions,
            limits,
            server: Server::Down,
            clients: BTreeMap::new(),
            any_unwanted: false,
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

    /// The conventions that it was made with.
    pub fn conventions(&self) -> &C {
        &self.conventions
    }

    /// Takes an event in, and gives the actions that it leads to.
    pub fn handle(&mut self, event: Event<'_>, sink: Sink<'_>) {
        match event {
            Event::FromServer(frame) => self.server_frame(frame, sink),
            Event::FromClient(client, frame) => self.client_frame(client, frame, sink),
            Event::Joined(client) => {
                let ready = self.conventions.handshake().is_none();
                self.clients.insert(client, Client { ready, ..Client::default() });
            }
            Event::Left(client) => self.left(client, sink),
            Event::ServerUp => self.server_up(sink),
            Event::ServerDown(error) => self.server_down(error, sink),
            Event::ServerRetired => self.server_retired(sink),
            Event::Expired(ticket) => self.expired(ticket, sink),
            Event::Ping => self.ping(sink),
        }
    }

    /// Whether nothing runs and nothing is waited for: the server can be taken away without anybody's loss but that of
    /// threads that rest.
    pub fn is_quiet(&self) -> bool {
        let asks = |pending: &Pending| !matches!(pending.asker, Asker::Router);
        self.queue.is_empty()
            && self.waiting.is_empty()
            && !self.threads.any_running()
            && !self.pending.values().any(asks)
    }

    /// Whether the server has anything to do for anybody, so that its silence may be a fault.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty() || self.threads.any_running()
    }

    /// How many bytes wait inside the router for the server to be up.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// How many clients have shaken hands.
    pub(crate) fn status_clients(&self) -> usize {
        self.clients.values().filter(|client| client.ready).count()
    }

    /// Its state in numbers.
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

    /// The server's answer to the handshake, as JSON, while it is up.
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

    /// Whether this client has shaken hands. False for one that is gone.
    pub fn is_ready(&self, client: ClientId) -> bool {
        self.clients.get(&client).is_some_and(|client| client.ready)
    }

    fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Sends a request of the router's own.
    fn ask_server(&mut self, asker: Asker, method: &str, params: &serde_json::Value, sink: Sink<'_>) {
        let id = self.fresh_id();
        let frame = refusal::request(id, method, params);
        self.pending.insert(id, Pending { asker, call: Call::Look, thread: None, claimed: false });
        sink(Action::ToServer { frame: Spliced::whole(&frame) });
    }

    /// Notes that a client's frame has to wait for the server, and asks for one if nobody has.
    fn wait_for_server(&mut self, client: ClientId, frame: &Bytes, sink: Sink<'_>) {
        // A copy, so that the client's whole read buffer is not kept.
        self.waiting.push_back((client, Bytes::copy_from_slice(frame)));
        self.waiting_bytes += frame.len();
        if matches!(self.server, Server::Down) {
            self.server = Server::Starting;
            sink(Action::StartServer);
        }
    }

    fn server_up(&mut self, sink: Sink<'_>) {
        match self.conventions.handshake() {
            None => self.shaken(Bytes::from_static(b"null"), sink),
            Some(handshake) => {
                self.server = Server::Shaking;
                self.ask_server(Asker::Handshake, &handshake.method, &handshake.params, sink);
            }
        }
    }

    fn shaken(&mut self, result: Bytes, sink: Sink<'_>) {
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

    fn ping(&mut self, sink: Sink<'_>) {
        if matches!(self.server, Server::Up(_))
            && let Some((method, params)) = self.conventions.ping()
        {
            self.ask_server(Asker::Router, &method, &params, sink);
        }
    }

    fn arm(&mut self, deadline: Deadline, after: Duration, sink: Sink<'_>) {
        let ticket = Ticket(self.fresh_id());
        self.deadlines.insert(ticket, deadline);
        sink(Action::Arm { ticket, after });
    }

    fn expired(&mut self, ticket: Ticket, sink: Sink<'_>) {
        match self.deadlines.remove(&ticket) {
            Some(Deadline::Queue(order)) => self.give_up_waiting(order, sink),
            Some(Deadline::Abandoned(thread, request)) if self.threads.forget_turn(&thread, request) => {
                self.pump(sink);
                self.settle(sink);
            }
            Some(Deadline::Abandoned(..)) | None => {}
        }
    }
}
