//! The router: in any order of events it does what the model does, and whatever frames say, it keeps its books.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use codex_broker::conventions::CodexConventions;
use codex_broker::router::{Action, ClientId, Event, Router, TimerId};
use codex_rpc::message::{Envelope, EnvelopeKind, RpcError};

use crate::model::{CHOICES, STEPS, play};
use crate::table::limits;

/// What frames begin with; everything else is steps of the model.
const FRAMES: &[u8] = b"frames\n";

/// Steps for the model of `crates/broker`, three bytes each; or, behind `frames` on a line of its own, events: each line is
/// a letter for the event, a digit for the client, and a frame.
///
/// # Panics
/// When the router and the model differ; when a request is answered twice, by somebody else, under another id or not at all.
pub fn router(data: &[u8]) {
    match data.strip_prefix(FRAMES) {
        Some(lines) => frames(lines),
        None => {
            let choice = |byte: u8| usize::from(byte) % CHOICES;
            play(
                data.chunks_exact(3)
                    .take(200)
                    .map(|step| (step[0] % STEPS, choice(step[1]), choice(step[2]))),
            );
        }
    }
}

const BOUND: usize = 2;

fn frames(lines: &[u8]) {
    let bound = if lines.first() == Some(&b'1') { 1 } else { BOUND };
    let mut books = Books::new(bound);
    for line in lines.split(|byte| *byte == b'\n').take(200) {
        let [what, rest @ ..] = line else { continue };
        let (who, frame) = match rest {
            [who @ b'0'..=b'3', frame @ ..] => (usize::from(who - b'0'), Bytes::copy_from_slice(frame)),
            frame => (0, Bytes::copy_from_slice(frame)),
        };
        books.event(*what, who, &frame);
        let active = books.router.status().active_turns;
        assert!(active <= bound, "more turns than the bound allows");
        assert!(active <= books.turns.len() + books.running, "a turn counts that nobody waits for");
    }
    books.event(b'd', 0, &Bytes::new());
    assert!(books.up || books.waiting.is_empty(), "not answered: {:?}", books.waiting);
}

/// What everybody is owed, by the bytes of the ids.
struct Books {
    router: Router,
    clients: [u64; 4],
    count: u64,
    up: bool,
    /// Requests of clients without an answer.
    waiting: BTreeMap<(u64, Vec<u8>), usize>,
    /// Requests of this server without an answer.
    asked: HashMap<Vec<u8>, usize>,
    /// The ids that the router used, which must all be different.
    used: HashSet<Vec<u8>>,
    /// Requests for turns that the server has not answered.
    turns: HashSet<Vec<u8>>,
    /// Turns that may run, at most.
    running: usize,
    timers: Vec<TimerId>,
}

/// What the router did, with copies of the bytes.
enum Did {
    Client(u64, Vec<u8>),
    Server(Vec<u8>),
    Start,
    Stop,
    Declined(Vec<u8>),
    Called(u64, Vec<u8>),
}

impl Books {
    fn new(bound: usize) -> Self {
        let mut books = Self {
            router: Router::new(CodexConventions::new(), limits(bound)),
            clients: [0; 4],
            count: 0,
            up: false,
            waiting: BTreeMap::new(),
            asked: HashMap::new(),
            used: HashSet::new(),
            turns: HashSet::new(),
            running: 0,
            timers: Vec::new(),
        };
        for who in 0..2 {
            books.event(b'j', who, &Bytes::new());
            books.event(b'c', who, &Bytes::from_static(br#"{"id":0,"method":"initialize","params":{}}"#));
        }
        books
    }

    fn event(&mut self, what: u8, who: usize, frame: &Bytes) {
        let client = self.clients[who];
        match what {
            b'j' if client == 0 => {
                self.count += 1;
                self.clients[who] = self.count;
                self.handle(Event::ClientConnected(ClientId::new(self.count)));
            }
            b'l' if client != 0 => {
                self.clients[who] = 0;
                self.waiting.retain(|(of, _), _| *of != client);
                self.handle(Event::ClientDisconnected(ClientId::new(client)));
            }
            b'c' if client != 0 => {
                match Envelope::scan(frame) {
                    Ok(envelope) if envelope.kind() == EnvelopeKind::Request => {
                        let id = frame[envelope.id_span().expect("a request has one")].to_vec();
                        *self.waiting.entry((client, id)).or_default() += 1;
                    }
                    Err(error) if !error.is_response() => {
                        let id = serde_json::to_vec(&error.id()).expect("an id is JSON");
                        *self.waiting.entry((client, id)).or_default() += 1;
                    }
                    _ => {}
                }
                self.handle(Event::FromClient(ClientId::new(client), frame));
            }
            b's' if self.up => {
                self.says(frame);
                self.handle(Event::FromServer(frame));
            }
            b'd' if self.up => {
                self.up = false;
                self.asked.clear();
                self.turns.clear();
                self.running = 0;
                self.handle(Event::ServerDown(&RpcError::new(-32603, "gone")));
                assert!(
                    self.up || self.waiting.is_empty(),
                    "not answered at the server's death: {:?}",
                    self.waiting
                );
            }
            b'x' if !self.timers.is_empty() => {
                let timer = self.timers.remove(who % self.timers.len());
                self.handle(Event::TimerExpired(timer));
            }
            b'p' => self.handle(Event::Ping),
            _ => {}
        }
    }

    /// What the server's frame means for the books.
    fn says(&mut self, frame: &Bytes) {
        match Envelope::scan(frame) {
            Ok(envelope) => {
                let id = envelope.id_span().map(|span| frame[span].to_vec());
                match (envelope.kind(), id) {
                    (EnvelopeKind::Request, Some(id)) => *self.asked.entry(id).or_default() += 1,
                    (EnvelopeKind::Response, Some(id)) => self.running += usize::from(self.turns.remove(&id)),
                    (EnvelopeKind::ErrorResponse, Some(id)) => drop(self.turns.remove(&id)),
                    _ => self.running += usize::from(envelope.method() == Some("turn/started")),
                }
            }
            // What is no message is answered when it can be told to be a request, and taken for a refusal when it can be
            // told to be an answer.
            Err(error) => match error.id().and_then(|id| serde_json::to_vec(id).ok()) {
                Some(id) if error.is_response() => drop(self.turns.remove(&id)),
                Some(id) => *self.asked.entry(id).or_default() += 1,
                None => {}
            },
        }
    }

    fn handle(&mut self, event: Event<'_>) {
        let Self { router, timers, .. } = self;
        let mut done = Vec::new();
        router.handle(event, &mut |action| match action {
            Action::ToClient { client, frame } => {
                assert_eq!(frame.length(), frame.to_vec().len());
                done.push(Did::Client(client.number(), frame.to_vec()));
            }
            Action::ToServer { frame } => done.push(Did::Server(frame.to_vec())),
            Action::StartServer => done.push(Did::Start),
            Action::StopServer => done.push(Did::Stop),
            Action::Decline { id, .. } => done.push(Did::Declined(id.to_vec())),
            Action::BrokerRequest { client, id, .. } => done.push(Did::Called(client.number(), id.to_vec())),
            Action::StartTimer { timer, .. } => timers.push(timer),
        });
        done.into_iter().for_each(|did| self.enter(did));
    }

    fn enter(&mut self, did: Did) {
        match did {
            Did::Client(client, frame) => {
                assert!(self.clients.contains(&client), "said to a client that is gone");
                let envelope = Envelope::scan(&frame).expect("only messages are passed on");
                if let (EnvelopeKind::Response | EnvelopeKind::ErrorResponse, Some(span)) =
                    (envelope.kind(), envelope.id_span())
                {
                    settle(&mut self.waiting, &(client, frame[span].to_vec()));
                }
            }
            Did::Called(client, id) => settle(&mut self.waiting, &(client, id)),
            Did::Server(frame) => {
                assert!(self.up, "said to no server");
                let envelope = Envelope::scan(&frame).expect("only messages are passed on");
                let id = envelope.id_span().map(|span| frame[span].to_vec());
                match (envelope.kind(), id) {
                    (EnvelopeKind::Request, Some(id)) => {
                        assert!(self.used.insert(id.clone()), "an id is used twice");
                        if matches!(
                            envelope.method(),
                            Some("turn/start" | "review/start" | "thread/compact/start")
                        ) {
                            self.turns.insert(id.clone());
                        }
                        if envelope.method() == Some("initialize") {
                            let answer = [br#"{"result":{},"id":"#, &id[..], b"}"].concat();
                            self.handle(Event::FromServer(&answer.into()));
                        }
                    }
                    (EnvelopeKind::Response | EnvelopeKind::ErrorResponse, Some(id)) => self.answered(&id),
                    _ => {}
                }
            }
            Did::Declined(id) => self.answered(&id),
            Did::Start => {
                assert!(!self.up, "a second server");
                self.up = true;
                self.handle(Event::ServerUp);
            }
            Did::Stop => self.up = false,
        }
    }

    /// A request of the server was answered.
    fn answered(&mut self, id: &[u8]) {
        let count = self.asked.get_mut(id).filter(|count| **count > 0);
        *count.expect("the server's request is answered once, under its own id") -= 1;
    }
}

fn settle(waiting: &mut BTreeMap<(u64, Vec<u8>), usize>, key: &(u64, Vec<u8>)) {
    let Some(count) = waiting.get_mut(key) else {
        panic!("an answer that nobody waits for: {} of {}", String::from_utf8_lossy(&key.1), key.0)
    };
    *count -= 1;
    if *count == 0 {
        waiting.remove(key);
    }
}
