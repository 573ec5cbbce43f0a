//! What stands behind the lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use codex_rpc::message::RpcError;
use codex_rpc::transport::{BoxWriter, ChildHandle};
use tokio::time::Instant;

use crate::conventions::Conventions;
use crate::fingerprint::Fingerprint;
use crate::log::Log;
use crate::queue::OutQueue;
use crate::router::{Action, ClientId, Event, Router, Ticket};
use crate::serve::ServeOptions;
use crate::splice::Spliced;
use crate::status::Departure;

/// Clients are not read while more than this waits for the server, in bytes.
const BACKLOG: usize = 1024 * 1024;
/// How many departures are remembered.
const DEPARTURES: usize = 16;

/// The writing half of a connection, and what waits for it.
pub(super) struct Port {
    pub(super) out: OutQueue,
    pub(super) writer: BoxWriter,
    /// Wakes the connection's task.
    pub(super) waker: Waker,
    /// Since when the other side has taken nothing of what waits.
    pub(super) blocked: Option<Instant>,
    pub(super) failed: bool,
}

impl Port {
    pub(super) fn new(writer: BoxWriter) -> Self {
        Self { out: OutQueue::default(), writer, waker: Waker::noop().clone(), blocked: None, failed: false }
    }

    /// Writes what the other side takes. The connection's own task is woken when it takes more.
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

/// The server that runs.
pub(super) struct Server {
    pub(super) port: Port,
    pub(super) child: Option<ChildHandle>,
    pub(super) files: Fingerprint,
    /// When it last gave a sign of life.
    pub(super) heard: Instant,
    /// When it was last asked for one.
    pub(super) pinged: Option<Instant>,
}

/// A `broker/…` request that is to be answered.
pub(super) struct PendingCall {
    pub(super) client: ClientId,
    pub(super) id: Vec<u8>,
    pub(super) method: String,
    pub(super) params: Option<Vec<u8>>,
}

/// How the broker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// When nothing runs, or at this time.
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
    /// The router's, for what the shell answers in its stead.
    conventions: C,
    pub(super) router: Router<C>,
    pub(super) ports: HashMap<ClientId, Port>,
    pub(super) server: Option<Server>,
    /// Counts servers: a task whose server is another by now has nothing to say.
    pub(super) epoch: u64,
    /// The process that was the server before, until it is known to be gone.
    pub(super) previous: Option<ChildHandle>,
    pub(super) timers: BTreeMap<(Instant, Ticket), ()>,
    dirty: Vec<ClientId>,
    server_dirty: bool,
    doomed: Vec<(ClientId, String)>,
    pub(super) calls: VecDeque<PendingCall>,
    pub(super) releases: Vec<Release>,
    pub(super) start_server: bool,
    pub(super) stop_server: bool,
    pub(super) armed: bool,
    /// Clients' tasks that do not read because the server is behind.
    held_back: Vec<Waker>,
    pub(super) next_client: u64,
    pub(super) begun: Instant,
    /// Since when there is no client; and none that has shaken hands.
    pub(super) alone_since: Option<Instant>,
    pub(super) idle_since: Option<Instant>,
    /// Since when the server's files are others than it read.
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
            doomed: Vec::new(),
            calls: VecDeque::new(),
            releases: Vec::new(),
            start_server: false,
            stop_server: false,
            armed: false,
            held_back: Vec::new(),
            next_client: 1,
            begun: now,
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
        // Never back from "at once".
        if self.end != Some(End::Now) {
            self.end = Some(end);
        }
    }

    /// Routes an event: what is to be sent is queued, what is to be done is noted.
    pub(super) fn route(&mut self, event: Event<'_>) {
        let Self {
            conventions,
            router,
            ports,
            server,
            timers,
            dirty,
            server_dirty,
            calls,
            start_server,
            stop_server,
            armed,
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
            Action::Call { client, id, method, params } => calls.push_back(PendingCall {
                client,
                id: id.to_vec(),
                method: method.to_owned(),
                params: params.map(<[u8]>::to_vec),
            }),
            Action::Arm { ticket, after } => {
                timers.insert((crate::deadline::due(after), ticket), ());
                *armed = true;
            }
        });
    }

    /// Queues an answer of the broker's own.
    pub(super) fn send(&mut self, client: ClientId, frame: &bytes::Bytes) {
        if let Some(port) = self.ports.get_mut(&client) {
            port.out.push(&Spliced::whole(frame));
            self.dirty.push(client);
        }
    }

    pub(super) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty() || self.server_dirty
    }

    /// Writes what was queued, where the other side takes it at once.
    pub(super) fn flush(&mut self, options: &ServeOptions<C>) {
        for client in std::mem::take(&mut self.dirty) {
            let Some(port) = self.ports.get_mut(&client) else { continue };
            // A blocked port is its own task's to write.
            if port.blocked.is_none() {
                port.flush();
            }
            if port.out.len() > options.max_unread {
                self.doomed.push((client, format!("left {} bytes unread", port.out.len())));
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

    /// How many bytes of the clients wait for the server.
    fn backlog(&self) -> usize {
        self.router.waiting_bytes() + self.server.as_ref().map_or(0, |server| server.port.out.len())
    }

    /// Whether a client may be read now. If not, its task is woken when it may.
    pub(super) fn may_read(&mut self, waker: &Waker) -> bool {
        let open = self.backlog() <= BACKLOG;
        if !open {
            self.held_back.push(waker.clone());
        }
        open
    }

    /// Disconnects those that do not read. True if there was one.
    pub(super) fn settle_doomed(&mut self, log: &Log) -> bool {
        let doomed = std::mem::take(&mut self.doomed);
        for (client, reason) in &doomed {
            log.say(&format!("client {} was disconnected: it {reason}", client.number()));
            self.remember(*client, reason);
            self.leave(*client);
        }
        !doomed.is_empty()
    }

    pub(super) fn doom(&mut self, client: ClientId, reason: String) {
        self.doomed.push((client, reason));
    }

    fn remember(&mut self, client: ClientId, reason: &str) {
        let at_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.departures.push_front(Departure { client: client.number(), reason: reason.to_owned(), at_ms });
        self.departures.truncate(DEPARTURES);
    }

    /// A client is gone, or has to go: its task ends when it finds its port missing.
    pub(super) fn leave(&mut self, client: ClientId) {
        if let Some(port) = self.ports.remove(&client) {
            port.waker.wake();
            self.releases.retain(|release| release.client != client);
            self.route(Event::Left(client));
        }
        self.note_presence();
    }

    /// Notes since when nobody is there.
    pub(super) fn note_presence(&mut self) {
        let now = Instant::now();
        let keep = |since: &mut Option<Instant>, nobody: bool| {
            *since = if nobody { since.or(Some(now)) } else { None };
        };
        keep(&mut self.alone_since, self.ports.is_empty());
        let idle = self.router.status_clients() == 0 && self.router.is_quiet();
        keep(&mut self.idle_since, idle);
    }

    /// Notes that the server is gone: what is in flight gets this error.
    pub(super) fn lose_server(&mut self, error: &RpcError) {
        self.last_loss = Some(error.message.clone());
        self.server = None;
        self.epoch += 1;
        self.route(Event::ServerDown(error));
        for waker in self.held_back.drain(..) {
            waker.wake();
        }
    }

    /// The next moment at which the keeper has something to do.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.keys().next().map(|(at, _)| *at)
    }

    /// How long the server has been silent although something is waited for.
    pub(super) fn silence(&self) -> Option<Duration> {
        let server = self.server.as_ref().filter(|_| self.router.is_waiting())?;
        Some(server.heard.elapsed())
    }
}
