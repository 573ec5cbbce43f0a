//! What a router must know of the server's protocol, and what it is for the Codex app-server.

use codex_rpc::message::{Envelope, RpcError};
use codex_rpc::policy::{self, PolicyAnswer};
use codex_rpc::protocol::{
    ClientRequest, ServerRequest, ThreadId, TurnId,
    initialize::{InitializeCapabilities, InitializeParams},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a client's request or notification is to the router. Exhaustive on purpose: these are all the cases that it
/// tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// Opens a connection. The router shakes hands with the server once and gives every client that answer.
    Handshake,
    /// The notification that ends a client's handshake. It goes no further.
    HandshakeDone,
    /// Starts a turn on the thread that it names: admission bounds these, and the thread is the caller's.
    Stream,
    /// Its answer names a thread, which is the caller's from then on.
    Open,
    /// The thread that it names is the caller's from then on, unless another client has it.
    Adopt,
    /// Ends a turn. Any client may, at any time, on any thread.
    Interrupt,
    /// Reads. Any client may, on any thread.
    Look,
    /// Anything else: if it names a thread that another client has, it is refused.
    Drive,
}

/// What a notification of the server tells the router. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notice {
    /// Nothing but its thread.
    Plain,
    /// A turn began.
    TurnStarted,
    /// A turn ended.
    TurnEnded,
    /// Something went wrong; [`Conventions::fatal`] says whether a turn ended by it.
    Fault,
    /// It may name sub-agents' threads, which [`Conventions::sub_threads`] then reads out.
    Names,
    /// The thread that it names exists no more.
    ThreadGone,
}

/// The turn that a payload names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedTurn {
    /// Its id.
    pub id: Option<String>,
    /// The id of the turn for which it works: its own, or that of the turn that started this sub-agent.
    pub root: Option<String>,
}

/// How the router shakes hands with the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Handshake {
    /// The method of the request.
    pub method: String,
    /// Its parameters.
    pub params: Value,
    /// The notification that follows the answer.
    pub done: Option<String>,
}

/// What a router knows of the server's protocol. [`Codex`] is the app-server's.
///
/// Only three have no default: which methods are what, which notifications tell what, and how to shake hands. Every
/// method is a pure function of its arguments.
pub trait Conventions: Send + Sync + 'static {
    /// What a client's method is.
    fn call(&self, method: &str) -> Call;

    /// What a notification of the server tells.
    fn notice(&self, method: &str) -> Notice;

    /// How to shake hands with the server; `None` for a server that needs none.
    fn handshake(&self) -> Option<Handshake>;

    /// The thread that a message belongs to. Default: where [`Envelope::thread_id`] finds it.
    fn thread<'a>(&self, envelope: &'a Envelope<'_>) -> Option<&'a str> {
        envelope.thread_id()
    }

    /// The thread for which the message's thread works. Default: [`Envelope::parent_thread_id`].
    fn parent_thread<'a>(&self, envelope: &'a Envelope<'_>) -> Option<&'a str> {
        envelope.parent_thread_id()
    }

    /// The turn in the answer to a [`Call::Stream`], and in the parameters of [`Notice::TurnStarted`] and
    /// [`Notice::TurnEnded`]. Default: none is known, and the first end on a thread ends its turn.
    fn turn(&self, payload: &[u8]) -> NamedTurn {
        let _ = payload;
        NamedTurn::default()
    }

    /// The turn that ended by a [`Notice::Fault`], if one did. Default: none.
    fn fatal(&self, params: &[u8]) -> Option<String> {
        let _ = params;
        None
    }

    /// The threads that work for the message's thread, from a [`Notice::Names`]. Default: none.
    fn sub_threads(&self, params: &[u8]) -> Vec<String> {
        let _ = params;
        Vec::new()
    }

    /// The notifications that a client does not want, from the parameters of its [`Call::Handshake`]. Default: none.
    fn unwanted(&self, params: &[u8]) -> Vec<String> {
        let _ = params;
        Vec::new()
    }

    /// The requests that end a turn whose client went away. Default: none, and it runs on.
    fn abandon(&self, thread: &str, turns: &[&str]) -> Vec<(String, Value)> {
        let _ = (thread, turns);
        Vec::new()
    }

    /// The notification by which a turn's owner learns that the turn ended with the server. Default: none.
    fn lost(&self, thread: &str, turn: &str, reason: &str) -> Option<(String, Value)> {
        let _ = (thread, turn, reason);
        None
    }

    /// The safe answer to a server's request that nobody is there to answer. Default: an error, method not found.
    ///
    /// # Errors
    ///
    /// When an error is the answer.
    fn decline(&self, method: &str, params: Option<&[u8]>) -> Result<Value, RpcError> {
        let _ = params;
        Err(RpcError::new(RpcError::METHOD_NOT_FOUND, format!("nobody answers {method}")))
    }

    /// A request that any living server answers at once, without an effect. Default: none; then a server that is stopped
    /// is noticed only by its process.
    fn ping(&self) -> Option<(String, Value)> {
        None
    }
}

/// The conventions of the Codex app-server (observed with 0.169.0).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Codex {
    /// What the broker says of itself in the handshake. Default: `codex-broker` and its version, experimental methods on.
    pub initialize: InitializeParams,
}

impl Codex {
    /// The defaults.
    pub fn new() -> Self {
        let mut initialize = InitializeParams::new("codex-broker", env!("CARGO_PKG_VERSION"));
        let mut capabilities = InitializeCapabilities::new();
        // `thread/backgroundTerminals/clean` is one, and clients share this handshake.
        capabilities.experimental_api = true;
        initialize.capabilities = Some(capabilities);
        Self { initialize }
    }
}

impl Default for Codex {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Deserialize)]
struct TurnPayload {
    #[serde(default)]
    turn: Option<TurnMembers>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TurnMembers {
    id: Option<String>,
    root_turn_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FaultPayload {
    turn_id: Option<String>,
    #[serde(default)]
    will_retry: bool,
}

#[derive(Deserialize)]
struct ItemPayload {
    item: ItemMembers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemMembers {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    receiver_thread_ids: Vec<String>,
    agent_thread_id: Option<String>,
}

#[derive(Deserialize)]
struct HandshakePayload {
    capabilities: Option<CapabilityMembers>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CapabilityMembers {
    #[serde(default)]
    opt_out_notification_methods: Option<Vec<String>>,
}

impl Conventions for Codex {
    fn call(&self, method: &str) -> Call {
        match method {
            "initialize" => Call::Handshake,
            "initialized" => Call::HandshakeDone,
            "turn/start" | "review/start" | "thread/compact/start" => Call::Stream,
            "thread/start" | "thread/fork" => Call::Open,
            "thread/resume" => Call::Adopt,
            // The second belongs to the first: an interrupted turn leaves its running commands behind.
            "turn/interrupt" | "thread/backgroundTerminals/clean" => Call::Interrupt,
            _ if method.ends_with("/read") || method.ends_with("/list") => Call::Look,
            _ => Call::Drive,
        }
    }

    fn notice(&self, method: &str) -> Notice {
        match method {
            "turn/started" => Notice::TurnStarted,
            "turn/completed" => Notice::TurnEnded,
            "error" => Notice::Fault,
            "item/started" | "item/completed" => Notice::Names,
            "thread/closed" | "thread/deleted" => Notice::ThreadGone,
            _ => Notice::Plain,
        }
    }

    fn handshake(&self) -> Option<Handshake> {
        let params = serde_json::to_value(&self.initialize).unwrap_or_default();
        let method = <InitializeParams as ClientRequest>::METHOD.to_owned();
        Some(Handshake { method, params, done: Some("initialized".to_owned()) })
    }

    fn turn(&self, payload: &[u8]) -> NamedTurn {
        let turn = serde_json::from_slice::<TurnPayload>(payload).ok().and_then(|payload| payload.turn);
        turn.map(|turn| NamedTurn { id: turn.id, root: turn.root_turn_id }).unwrap_or_default()
    }

    fn fatal(&self, params: &[u8]) -> Option<String> {
        let fault: FaultPayload = serde_json::from_slice(params).ok()?;
        fault.turn_id.filter(|_| !fault.will_retry)
    }

    fn sub_threads(&self, params: &[u8]) -> Vec<String> {
        // A message may be megabytes long; nearly none names a thread.
        let named = |name: &[u8]| memchr::memmem::find(params, name).is_some();
        if !named(b"\"receiverThreadIds\"") && !named(b"\"agentThreadId\"") {
            return Vec::new();
        }
        let Ok(ItemPayload { item }) = serde_json::from_slice(params) else { return Vec::new() };
        match item.kind.as_str() {
            "collabAgentToolCall" => item.receiver_thread_ids,
            "subAgentActivity" => item.agent_thread_id.into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn unwanted(&self, params: &[u8]) -> Vec<String> {
        let payload = serde_json::from_slice::<HandshakePayload>(params).ok();
        payload.and_then(|payload| payload.capabilities?.opt_out_notification_methods).unwrap_or_default()
    }

    fn abandon(&self, thread: &str, turns: &[&str]) -> Vec<(String, Value)> {
        let interrupts = turns
            .iter()
            .map(|turn| ("turn/interrupt".to_owned(), json!({ "threadId": thread, "turnId": turn })));
        let clean = ("thread/backgroundTerminals/clean".to_owned(), json!({ "threadId": thread }));
        interrupts.chain([clean]).collect()
    }

    fn lost(&self, thread: &str, turn: &str, reason: &str) -> Option<(String, Value)> {
        let (thread, turn) = (ThreadId::from(thread.to_owned()), TurnId::from(turn.to_owned()));
        let error = json!({ "message": reason, "codexErrorInfo": null, "additionalDetails": null });
        let params = json!({ "threadId": thread, "turnId": turn, "willRetry": false, "error": error });
        Some(("error".to_owned(), params))
    }

    fn decline(&self, method: &str, params: Option<&[u8]>) -> Result<Value, RpcError> {
        let request = ServerRequest::parse(method, params)
            .map_err(|error| RpcError::new(RpcError::INVALID_PARAMS, error.to_string()))?;
        match policy::decline(&request) {
            PolicyAnswer::Result(result) => Ok(result),
            PolicyAnswer::Error(error) => Err(error),
        }
    }

    fn ping(&self) -> Option<(String, Value)> {
        Some(("thread/loaded/list".to_owned(), json!({})))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_what_they_are() {
        let check =
            |method: &str, expected: Call| assert_eq!(Codex::new().call(method), expected, "{method}");
        check("initialize", Call::Handshake);
        check("turn/start", Call::Stream);
        check("review/start", Call::Stream);
        check("thread/compact/start", Call::Stream);
        check("turn/interrupt", Call::Interrupt);
        check("turn/steer", Call::Drive);
        check("thread/start", Call::Open);
        check("thread/resume", Call::Adopt);
        check("thread/read", Call::Look);
        check("thread/loaded/list", Call::Look);
        check("thread/archive", Call::Drive);
    }

    #[test]
    fn sub_threads_are_read_from_items_alone() {
        let codex = Codex::new();
        let check = |params: Value, expected: &[&str]| {
            assert_eq!(codex.sub_threads(params.to_string().as_bytes()), expected, "{params}");
        };
        check(json!({"item": {"type": "collabAgentToolCall", "receiverThreadIds": ["a", "b"]}}), &["a", "b"]);
        check(json!({"item": {"type": "subAgentActivity", "agentThreadId": "c"}}), &["c"]);
        check(
            json!({"item": {"type": "agentMessage", "text": "\"agentThreadId\"", "agentThreadId": "c"}}),
            &[],
        );
        check(json!({"item": {"type": "agentMessage", "text": "x"}}), &[]);
    }

    #[test]
    fn turns_and_faults_are_read() {
        let codex = Codex::new();
        let turn = codex.turn(br#"{"threadId":"t","turn":{"id":"u","rootTurnId":"r"}}"#);
        assert_eq!(turn, NamedTurn { id: Some("u".into()), root: Some("r".into()) });
        assert_eq!(codex.turn(b"{}"), NamedTurn::default());
        assert_eq!(codex.fatal(br#"{"turnId":"u","willRetry":false}"#), Some("u".into()));
        assert_eq!(codex.fatal(br#"{"turnId":"u","willRetry":true}"#), None);
        let unwanted = codex.unwanted(br#"{"capabilities":{"optOutNotificationMethods":["a"]}}"#);
        assert_eq!(unwanted, ["a"]);
    }
}
