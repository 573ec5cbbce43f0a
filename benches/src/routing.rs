//! The router with everything around it played here: one client that owns a thread.

use std::collections::HashMap;

use bytes::Bytes;
use codex_broker::conventions::CodexConventions;
use codex_broker::router::{Action, ClientId, Event, Limits, Router};
use codex_rpc::message::Envelope;
use serde_json::{Value, json};

/// The thread that the client owns.
pub const THREAD: &str = "01a1f73e-edff-7ed1-8a13-244b332d23b5";

/// A piece of an answer, as the app-server streams it: 200 bytes.
pub fn delta() -> Bytes {
    let params = json!({"threadId": THREAD, "turnId": "u", "itemId": "i", "delta": ""});
    let mut text = json!({"method": "item/agentMessage/delta", "params": params}).to_string();
    let at = text.find(r#""delta":"""#).expect("it was just written") + r#""delta":""#.len();
    text.insert_str(at, &"x".repeat(200_usize.saturating_sub(text.len())));
    Bytes::from(text)
}

/// A request of the client.
pub fn request() -> Bytes {
    Bytes::from(json!({"id": 7, "method": "thread/read", "params": {"threadId": THREAD}}).to_string())
}

/// The router under test.
#[derive(Debug)]
pub struct Desk {
    router: Router,
    client: ClientId,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// One client has shaken hands and started a thread.
    ///
    /// # Panics
    /// When the router does not let it.
    pub fn new() -> Self {
        let mut desk = Self {
            router: Router::new(CodexConventions::new(), Limits::default()),
            client: ClientId::new(1),
        };
        let client = desk.client;
        desk.event(Event::ClientConnected(client));
        let info = json!({"clientInfo": {"name": "bench", "title": "bench", "version": "0"}});
        desk.event(from(client, &json!({"id": 1, "method": "initialize", "params": info})));
        let asked = desk.event(Event::ServerUp).expect("the router shakes hands");
        desk.event(Event::FromServer(&answer(&asked, r#"{"userAgent":"bench"}"#)));
        desk.event(from(client, &json!({"method": "initialized"})));
        let asked = desk.event(from(client, &json!({"id": 2, "method": "thread/start", "params": {}})));
        let started = json!({"thread": {"id": THREAD}}).to_string();
        desk.event(Event::FromServer(&answer(&asked.expect("a thread is asked for"), &started)));
        assert!(desk.deliver(&delta()) > 0, "the client has its thread");
        desk
    }

    /// What goes to the server because of an event, the last of it.
    fn event(&mut self, event: Event<'_>) -> Option<Vec<u8>> {
        let mut sent = None;
        self.router.handle(event, &mut |action| {
            if let Action::ToServer { frame } = action {
                sent = Some(frame.to_vec());
            }
        });
        sent
    }

    /// A message of the server goes to whom it belongs: how many bytes go.
    pub fn deliver(&mut self, frame: &Bytes) -> usize {
        let mut bytes = 0;
        self.router.handle(Event::FromServer(frame), &mut |action| {
            if let Action::ToClient { frame, .. } = action {
                bytes += frame.length();
            }
        });
        bytes
    }

    /// A request goes up and its answer comes down: how many bytes come.
    ///
    /// # Panics
    /// When the router keeps the request.
    pub fn ask(&mut self, request: &Bytes) -> usize {
        let asked = self.event(Event::FromClient(self.client, request)).expect("the request goes up");
        self.deliver(&answer(&asked, "{}"))
    }
}

fn from(client: ClientId, message: &Value) -> Event<'static> {
    // A few messages before any measuring.
    let frame: &'static Bytes = Box::leak(Box::new(Bytes::from(message.to_string())));
    Event::FromClient(client, frame)
}

/// The answer to a request, with its id.
fn answer(request: &[u8], result: &str) -> Bytes {
    let envelope = Envelope::scan(request).expect("the router writes messages");
    let id = envelope.id_span().map_or(&b"0"[..], |span| &request[span]);
    let mut text = Vec::with_capacity(32 + result.len());
    text.extend_from_slice(b"{\"id\":");
    text.extend_from_slice(id);
    text.extend_from_slice(b",\"result\":");
    text.extend_from_slice(result.as_bytes());
    text.push(b'}');
    Bytes::from(text)
}

/// The router that one writes first: every message becomes a tree, and is written anew.
#[derive(Debug)]
pub struct ByValue {
    owners: HashMap<String, u64>,
    asked: HashMap<u64, Value>,
    next: u64,
}

impl Default for ByValue {
    fn default() -> Self {
        Self { owners: HashMap::from([(THREAD.to_owned(), 1)]), asked: HashMap::new(), next: 0 }
    }
}

impl ByValue {
    /// As [`Desk::deliver`].
    pub fn deliver(&mut self, frame: &[u8]) -> usize {
        let Ok(mut message) = serde_json::from_slice::<Value>(frame) else { return 0 };
        if message.get("method").is_none() {
            let id = message["id"].as_u64().and_then(|id| self.asked.remove(&id));
            let Some(id) = id else { return 0 };
            message["id"] = id;
            return message.to_string().len();
        }
        let owner = message["params"]["threadId"].as_str().and_then(|thread| self.owners.get(thread));
        owner.map_or(0, |_| message.to_string().len())
    }

    /// As [`Desk::ask`].
    pub fn ask(&mut self, request: &[u8]) -> usize {
        let Ok(mut message) = serde_json::from_slice::<Value>(request) else { return 0 };
        self.next += 1;
        let id = std::mem::replace(&mut message["id"], self.next.into());
        self.asked.insert(self.next, id);
        let asked = message.to_string();
        self.deliver(&answer(asked.as_bytes(), "{}"))
    }
}
