//! The state that the lock protects.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use codex_rpc::message::RpcError;
use codex_rpc::transport::{BoxWriter, ChildHandle};
use tokio::time::Instant;

use crate::conventions::Conventions;
use crate::fingerprint::Fingerprint;
use crate::log::Log;
use crate::options::ServeOptions;
use crate::queue::WriteQueue;
use crate::router::{Action, ClientId, Event, Router, TimerId};
use crate::splice::Spliced;
use crate::status::Departure;
use crate::trace::event;

/// Clients are not read while more than this many bytes wait for the server.
const BACKLOG: usize = 1024 * 1024;
/// The number of remembered disconnections.
const DEPARTURES: usize = 16;

/// The writing half of a connection, and its queue.
pub(super) struct Port {
    pub(super) out: WriteQueue,
    pub(super) writer: BoxWriter,
    /// Wakes the connection's task.
    pub(super) waker: Waker,
    /// The time since when the other side has read nothing of the queue.
    pub(super) blocked: Option<Instant>,
    pub(super) failed: bool,
}

impl Port {
    pub(super) fn new(writer: BoxWriter) -> Self {
        Self {
            out: WriteQueue::default(),
            writer,
            waker: Waker::noop().clone(),
            blocked: None,
            failed: false,
        }
    }

    /// Writes as much as the other side accepts. The connection's own task is woken when it accepts more.
    pub(super) fn flush(&mut self) {
        let waker = self.waker.clone();
        let mut progress = false;
        match self.out.poll_write(&mut self.writer, &mut Context::from_waker(&waker), &mut progress) {
            Poll::Ready(Ok(())) => self.blocked = None,
            Poll::Ready(Err(_)) => {
                self.failed = true;
                self.waker.wake_by_ref();
            }
            Poll::Pending if progress || self.blocked.is_none() => self.blocked = Some(Instant::now()),
            Poll::Pending => {}
        }
    }
}

/// The running server.
pub(super) struct Server {
    pub(super) port: Port,
    pub(super) child: Option<ChildHandle>,
    pub(super) files: Fingerprint,
    /// The time of its last activity.
    pub(super) last_activity: Instant,
    /// The time when it was asked for activity, if that is pending.
    pub(super) pinged: Option<Instant>,
}

/// A pending `broker/…` request.
pub(super) struct BrokerRequest {
    pub(super) client: ClientId,
    pub(super) id: Vec<u8>,
    pub(super) method: String,
    pub(super) params: Option<Vec<u8>>,
}

/// When the broker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// When no turn is active, or at this time at the latest.
    Drained(Instant),
    /// At once.
    Now,
}

/// A client that waits for the server to be released.
pub(super) struct Release {
    pub(super) client: ClientId,
    pub(super) id: Vec<u8>,
    pub(super) due: Instant,
}

pub(super) struct State<C: Conventions> {
    /// A copy of the router's conventions, for responses of the shell.
    conventions: C,
    pub(super) router: Router<C>,
    pub(super) ports: HashMap<ClientId, Port>,
    pub(super) server: Option<Server>,
    /// Counts servers. The task of a previous server sees a new epoch and ends.
    pub(super) epoch: u64,
    /// The process of the previous server, until it is known to have ended.
    pub(super) previous: Option<ChildHandle>,
    pub(super) timers: BTreeMap<(Instant, TimerId), ()>,
    dirty: Vec<ClientId>,
    server_dirty: bool,
    slow_clients: Vec<(ClientId, String)>,
    pub(super) requests: VecDeque<BrokerRequest>,
    pub(super) releases: Vec<Release>,
    pub(super) start_server: bool,
    pub(super) stop_server: bool,
    pub(super) timer_started: bool,
    /// The tasks of clients that do not read because too many bytes wait for the server.
    held_back: Vec<Waker>,
    pub(super) next_client: u64,
    pub(super) started: Instant,
    /// The time since when there is no client; and none that completed the handshake.
    pub(super) alone_since: Option<Instant>,
    pub(super) idle_since: Option<Instant>,
    /// The time since when the server's files differ from those that it read.
    pub(super) stale_since: Option<Instant>,
    pub(super) end: Option<End>,
    pub(super) departures: VecDeque<Departure>,
    pub(super) server_starts: u64,
    pub(super) last_loss: Option<String>,
}

impl<C: Conventions + Clone> State<C> {
    pub(super) fn new(options: &ServeOptions<C>) -> Self {
        let now = Instant::now();
        Self {
            conventions: options.conventions.clone(),
            router: Router::new(options.conventions.clone(), options.limits.clone()),
            ports: HashMap::new(),
            server: None,
            epoch: 0,
            previous: None,
            timers: BTreeMap::new(),
            dirty: Vec::new(),
            server_dirty: false,
            slow_clients: Vec::new(),
            requests: VecDeque::new(),
            releases: Vec::new(),
            start_server: false,
            stop_server: false,
            timer_started: false,
            held_back: Vec::new(),
            next_client: 1,
            started: now,
            alone_since: Some(now),
            idle_since: Some(now),
            stale_since: None,
            end: None,
            departures: VecDeque::new(),
            server_starts: 0,
            last_loss: None,
        }
    }

    pub(super) fn stop(&mut self, end: End) {
        // An immediate end is final.
        if self.end != Some(End::Now) {
            self.end = Some(end);
        }
    }

    /// Routes an event. Frames are queued, and other actions are noted for `follow_up`.
    pub(super) fn route(&mut self, event: Event<'_>) {
        let Self {
            conventions,
            router,
            ports,
            server,
            timers,
            dirty,
            server_dirty,
            requests,
            start_server,
            stop_server,
            timer_started,
            ..
        } = self;
        router.handle(event, &mut |action| match action {
            Action::ToClient { client, frame } => {
                if let Some(port) = ports.get_mut(&client) {
                    port.out.push(&frame);
                    if dirty.last() != Some(&client) {
                        dirty.push(client);
                    }
                }
            }
            Action::ToServer { frame } => {
                if let Some(server) = server {
                    server.port.out.push(&frame);
                    *server_dirty = true;
                }
            }
            Action::StartServer => *start_server = true,
            Action::StopServer => *stop_server = true,
            Action::Decline { id, method, params } => {
                let frame = match conventions.decline(method, params) {
                    Ok(result) => crate::router::answer(id, "result", result.to_string().as_bytes()),
                    Err(error) => crate::router::error(id, &error),
                };
                if let Some(server) = server {
                    server.port.out.push(&Spliced::whole(&frame));
                    *server_dirty = true;
                }
            }
            Action::BrokerRequest { client, id, method, params } => requests.push_back(BrokerRequest {
                client,
                id: id.to_vec(),
                method: method.to_owned(),
                params: params.map(<[u8]>::to_vec),
            }),
            Action::StartTimer { timer, after } => {
                timers.insert((crate::deadline::due(after), timer), ());
                *timer_started = true;
            }
        });
    }

    /// Queues a response of the broker itself.
    pub(super) fn send(&mut self, client: ClientId, frame: &bytes::Bytes) {
        if let Some(port) = self.ports.get_mut(&client) {
            port.out.push(&Spliced::whole(frame));
            self.dirty.push(client);
        }
    }

    pub(super) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty() || self.server_dirty
    }

    /// Writes the queued bytes that the other sides accept at once.
    pub(super) fn flush(&mut self, options: &ServeOptions<C>) {
        for client in std::mem::take(&mut self.dirty) {
            let Some(port) = self.ports.get_mut(&client) else { continue };
            // The own task of a blocked port writes it.
            if port.blocked.is_none() {
                port.flush();
            }
            if port.out.len() > options.max_unread {
                self.slow_clients.push((client, format!("left {} bytes unread", port.out.len())));
            }
        }
        self.server_dirty = false;
        if let Some(server) = &mut self.server
            && server.port.blocked.is_none()
        {
            server.port.flush();
        }
        if !self.held_back.is_empty() && self.backlog() < BACKLOG / 2 {
            for waker in self.held_back.drain(..) {
                waker.wake();
            }
        }
    }

    /// The bytes of clients that wait for the server.
    fn backlog(&self) -> usize {
        self.router.waiting_bytes() + self.server.as_ref().map_or(0, |server| server.port.out.len())
    }

    /// Whether a client may be read now. If not, its task is woken later.
    pub(super) fn may_read(&mut self, waker: &Waker) -> bool {
        let open = self.backlog() <= BACKLOG;
        if !open {
            self.held_back.push(waker.clone());
        }
        open
    }

    /// Disconnects the clients that do not read. Returns whether there was one.
    pub(super) fn disconnect_slow_clients(&mut self, log: &Log) -> bool {
        let slow_clients = std::mem::take(&mut self.slow_clients);
        for (client, reason) in &slow_clients {
            log.write(&format!("client {} was disconnected: it {reason}", client.number()));
            event!(WARN, client = client.number(), reason = %reason, "client disconnected");
            self.remember(*client, reason);
            self.leave(*client);
        }
        !slow_clients.is_empty()
    }

    pub(super) fn note_slow_client(&mut self, client: ClientId, reason: String) {
        self.slow_clients.push((client, reason));
    }

    fn remember(&mut self, client: ClientId, reason: &str) {
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.departures.push_front(Departure { client: client.number(), reason: reason.to_owned(), at_ms });
        self.departures.truncate(DEPARTURES);
    }

    /// Removes a client. Its task ends when it finds its port missing.
    pub(super) fn leave(&mut self, client: ClientId) {
        if let Some(port) = self.ports.remove(&client) {
            port.waker.wake();
            self.releases.retain(|release| release.client != client);
            self.route(Event::ClientDisconnected(client));
        }
        self.note_presence();
    }

    /// Updates the times since when there are no clients.
    pub(super) fn note_presence(&mut self) {
        let now = Instant::now();
        let keep = |since: &mut Option<Instant>, idle: bool| {
            *since = if idle { since.or(Some(now)) } else { None };
        };
        keep(&mut self.alone_since, self.ports.is_empty());
        let idle = self.router.status_clients() == 0 && self.router.is_quiet();
        keep(&mut self.idle_since, idle);
    }

    /// Removes a server that ended. The pending requests fail with this error.
    pub(super) fn lose_server(&mut self, error: &RpcError) {
        self.last_loss = Some(error.message.clone());
        self.server = None;
        self.epoch += 1;
        self.route(Event::ServerDown(error));
        for waker in self.held_back.drain(..) {
            waker.wake();
        }
    }

    /// The time of the next timer.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.keys().next().map(|(at, _)| *at)
    }

    /// The time since the server's last activity, if a request or a turn is pending.
    pub(super) fn silence(&self) -> Option<Duration> {
        let server = self.server.as_ref().filter(|_| self.router.is_waiting())?;
        Some(server.last_activity.elapsed())
    }
}
