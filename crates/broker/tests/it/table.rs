//! A router with a simulated shell that records all actions.

use std::collections::VecDeque;

use bytes::Bytes;
use codex_broker::conventions::CodexConventions;
use codex_broker::router::{Action, ClientId, Event, Limits, Router, TimerId};
use serde_json::{Value, json};

/// What the router did, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Done {
    Client(u64, Value),
    Server(Value),
    Start,
    Stop,
    Decline(Value, String),
    Request(u64, String),
}

pub(crate) struct Table {
    pub(crate) router: Router,
    pub(crate) done: VecDeque<Done>,
    pub(crate) timers: Vec<TimerId>,
}

impl Table {
    pub(crate) fn new(limits: Limits) -> Self {
        let router = Router::new(CodexConventions::new(), limits);
        Self { router, done: VecDeque::new(), timers: Vec::new() }
    }

    pub(crate) fn event(&mut self, event: Event<'_>) {
        let Self { router, done, timers } = self;
        let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("frames are JSON");
        router.handle(event, &mut |action| match action {
            Action::ToClient { client, frame } => {
                done.push_back(Done::Client(client.number(), parse(&frame.to_vec())));
            }
            Action::ToServer { frame } => done.push_back(Done::Server(parse(&frame.to_vec()))),
            Action::StartServer => done.push_back(Done::Start),
            Action::StopServer => done.push_back(Done::Stop),
            Action::Decline { id, method, .. } => done.push_back(Done::Decline(parse(id), method.to_owned())),
            Action::BrokerRequest { client, method, .. } => {
                done.push_back(Done::Request(client.number(), method.to_owned()));
            }
            Action::StartTimer { timer, .. } => timers.push(timer),
        });
    }

    pub(crate) fn client(&mut self, client: u64, frame: &Value) {
        self.event(Event::FromClient(ClientId::new(client), &Bytes::from(frame.to_string())));
    }

    pub(crate) fn server(&mut self, frame: &Value) {
        self.event(Event::FromServer(&Bytes::from(frame.to_string())));
    }

    /// The next thing that was done.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Done {
        self.done.pop_front().expect("something was done")
    }

    #[track_caller]
    pub(crate) fn server_got(&mut self) -> Value {
        match self.next() {
            Done::Server(frame) => frame,
            other => panic!("not to the server: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn client_got(&mut self, client: u64) -> Value {
        match self.next() {
            Done::Client(to, frame) if to == client => frame,
            other => panic!("not to client {client}: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn nothing(&self) {
        assert_eq!(self.done, []);
    }

    /// A client that has shaken hands; the server is brought up for the first.
    pub(crate) fn join(&mut self, client: u64) {
        self.event(Event::ClientConnected(ClientId::new(client)));
        self.client(client, &json!({"id": "hi", "method": "initialize", "params": {"clientInfo": {}}}));
        if self.done.front() == Some(&Done::Start) {
            self.next();
            self.event(Event::ServerUp);
            let id = self.server_got()["id"].clone();
            self.server(&json!({"id": id, "result": {"userAgent": "codex"}}));
            assert_eq!(self.server_got(), json!({"method": "initialized"}));
        }
        assert_eq!(self.client_got(client), json!({"id": "hi", "result": {"userAgent": "codex"}}));
        self.client(client, &json!({"method": "initialized"}));
        self.nothing();
    }

    /// A thread of this client's.
    pub(crate) fn thread(&mut self, client: u64, thread: &str) {
        self.client(client, &json!({"id": "open", "method": "thread/start", "params": {}}));
        let id = self.server_got()["id"].clone();
        self.server(&json!({"id": id, "result": {"thread": {"id": thread}}}));
        assert_eq!(self.client_got(client)["id"], "open");
    }

    /// Sends a request for a turn. Returns its id at the server.
    pub(crate) fn ask_turn(&mut self, client: u64, thread: &str) -> Value {
        self.client(client, &json!({"id": "go", "method": "turn/start", "params": {"threadId": thread}}));
        self.server_got()["id"].clone()
    }

    /// A turn that runs.
    pub(crate) fn turn(&mut self, client: u64, thread: &str, turn: &str) {
        let id = self.ask_turn(client, thread);
        self.server(&json!({"id": id, "result": {"turn": {"id": turn}}}));
        assert_eq!(self.client_got(client)["id"], "go");
    }

    pub(crate) fn complete(&mut self, thread: &str, turn: &str) {
        let params = json!({"threadId": thread, "turn": {"id": turn, "status": "completed"}});
        self.server(&json!({"method": "turn/completed", "params": params}));
    }
}

pub(crate) fn note(thread: &str, text: &str) -> Value {
    json!({"method": "note", "params": {"threadId": thread, "text": text}})
}

pub(crate) fn limits(max_active_turns: usize) -> Limits {
    let mut limits = Limits::default();
    limits.max_active_turns = max_active_turns;
    limits
}
