//! The protocol knowledge of the router, and its implementation for the Codex app-server.

use codex_rpc::message::{Envelope, RpcError};
use codex_rpc::policy::{self, PolicyAnswer};
use codex_rpc::protocol::{
    ClientRequest, ServerRequest, ThreadId, TurnId,
    initialize::{InitializeCapabilities, InitializeParams},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The kind of a client's request or notification. Exhaustive on purpose: these are all the cases that the router
/// distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// Opens a connection. The router does the handshake with the server once and returns that result to every client.
    Handshake,
    /// The notification that ends a client's handshake. It is not forwarded.
    HandshakeDone,
    /// Starts a turn on the thread that it names. Admission limits these requests, and the client becomes the thread's
    /// owner.
    StartTurn,
    /// Opens a thread. The client becomes the owner of the thread that the result names.
    OpenThread,
    /// Resumes a thread. The client becomes the owner of the thread that it names, unless another client is.
    AdoptThread,
    /// Ends a turn. Any client may send it, at any time, for any thread.
    Interrupt,
    /// Reads. Any client may send it, for any thread.
    Read,
    /// Any other request. It is refused if it names a thread of another client.
    Modify,
}

/// The kind of a notification of the server. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// Belongs to a thread and has no other meaning for the router.
    Plain,
    /// A turn began.
    TurnStarted,
    /// A turn ended.
    TurnEnded,
    /// An error. [`Conventions::failed_turn`] returns the turn that it ended, if any.
    Error,
    /// May name threads of sub-agents, which [`Conventions::sub_threads`] returns.
    NamesSubAgents,
    /// The thread that it names no longer exists.
    ThreadClosed,
}

/// The turn that a payload names. Exhaustive on purpose: implementations of [`Conventions`] build it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedTurn {
    /// Its id.
    pub id: Option<String>,
    /// The id of the root turn: its own, or that of the turn that started this sub-agent.
    pub root: Option<String>,
}

/// The handshake with the server. Exhaustive on purpose: implementations of [`Conventions`] build it.
#[derive(Debug, Clone, PartialEq)]
pub struct Handshake {
    /// The method of the request.
    pub method: String,
    /// Its parameters.
    pub params: Value,
    /// The notification that follows the response.
    pub done: Option<String>,
}

/// What the router must know of the server's protocol. [`CodexConventions`] implements it for the app-server.
///
/// Three methods have no default: the kinds of methods, the kinds of notifications, and the handshake. Every method is a
/// pure function of its arguments.
pub trait Conventions: Send + Sync + 'static {
    /// Returns the kind of a client's method.
    fn method_kind(&self, method: &str) -> MethodKind;

    /// Returns the kind of a notification of the server.
    fn notification_kind(&self, method: &str) -> NotificationKind;

    /// Returns the handshake with the server, or `None` for a server without one.
    fn handshake(&self) -> Option<Handshake>;

    /// Returns the thread that a message belongs to. Default: [`Envelope::thread_id`].
    fn thread<'a>(&self, envelope: &'a Envelope<'_>) -> Option<&'a str> {
        envelope.thread_id()
    }

    /// Returns the parent of the message's thread. Default: [`Envelope::parent_thread_id`].
    fn parent_thread<'a>(&self, envelope: &'a Envelope<'_>) -> Option<&'a str> {
        envelope.parent_thread_id()
    }

    /// Returns the turn in the result of a [`MethodKind::StartTurn`], or in the parameters of
    /// [`NotificationKind::TurnStarted`] and [`NotificationKind::TurnEnded`]. Default: none; the first end on a thread then
    /// ends its turn.
    fn turn(&self, payload: &[u8]) -> NamedTurn {
        let _ = payload;
        NamedTurn::default()
    }

    /// Returns the turn that a [`NotificationKind::Error`] ended, if any. Default: none.
    fn failed_turn(&self, params: &[u8]) -> Option<String> {
        let _ = params;
        None
    }

    /// Returns the threads of sub-agents that a [`NotificationKind::NamesSubAgents`] names. Default: none.
    fn sub_threads(&self, params: &[u8]) -> Vec<String> {
        let _ = params;
        Vec::new()
    }

    /// Returns the notifications that a client opted out of, from the parameters of its [`MethodKind::Handshake`]. Default:
    /// none.
    fn opted_out(&self, params: &[u8]) -> Vec<String> {
        let _ = params;
        Vec::new()
    }

    /// Returns the requests that end the turns of a client that disconnected. Default: none; the turns continue.
    fn interrupt_requests(&self, thread: &str, turns: &[&str]) -> Vec<(String, Value)> {
        let _ = (thread, turns);
        Vec::new()
    }

    /// Returns the notification to a turn's owner that the turn ended because the server ended. Default: none.
    fn turn_lost(&self, thread: &str, turn: &str, reason: &str) -> Option<(String, Value)> {
        let _ = (thread, turn, reason);
        None
    }

    /// Returns the safe response to a server request that no client can answer. Default: an error, method not found.
    ///
    /// # Errors
    ///
    /// When the response is an error.
    fn decline(&self, method: &str, params: Option<&[u8]>) -> Result<Value, RpcError> {
        let _ = params;
        Err(RpcError::new(RpcError::METHOD_NOT_FOUND, format!("no client answers {method}")))
    }

    /// Returns a request without effect that a working server answers at once. Default: none; a stopped server is then
    /// detected by the state of its process only.
    fn ping(&self) -> Option<(String, Value)> {
        None
    }
}

/// The conventions of the Codex app-server (tested with 0.169.0).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CodexConventions {
    /// The parameters of the broker's handshake. Default: `codex-broker` and its version, experimental methods on.
    pub initialize: InitializeParams,
}

impl CodexConventions {
    /// The defaults.
    pub fn new() -> Self {
        let mut initialize = InitializeParams::new("codex-broker", env!("CARGO_PKG_VERSION"));
        let mut capabilities = InitializeCapabilities::new();
        // `thread/backgroundTerminals/clean` is an experimental method, and clients share this handshake.
        capabilities.experimental_api = true;
        initialize.capabilities = Some(capabilities);
        Self { initialize }
    }
}

impl Default for CodexConventions {
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
struct ErrorPayload {
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

impl Conventions for CodexConventions {
    fn method_kind(&self, method: &str) -> MethodKind {
        match method {
            "initialize" => MethodKind::Handshake,
            "initialized" => MethodKind::HandshakeDone,
            "turn/start" | "review/start" | "thread/compact/start" => MethodKind::StartTurn,
            "thread/start" | "thread/fork" => MethodKind::OpenThread,
            "thread/resume" => MethodKind::AdoptThread,
            // An interrupted turn leaves its commands running: the second method ends them.
            "turn/interrupt" | "thread/backgroundTerminals/clean" => MethodKind::Interrupt,
            _ if method.ends_with("/read") || method.ends_with("/list") => MethodKind::Read,
            _ => MethodKind::Modify,
        }
    }

    fn notification_kind(&self, method: &str) -> NotificationKind {
        match method {
            "turn/started" => NotificationKind::TurnStarted,
            "turn/completed" => NotificationKind::TurnEnded,
            "error" => NotificationKind::Error,
            "item/started" | "item/completed" => NotificationKind::NamesSubAgents,
            "thread/closed" | "thread/deleted" => NotificationKind::ThreadClosed,
            _ => NotificationKind::Plain,
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

    fn failed_turn(&self, params: &[u8]) -> Option<String> {
        let error: ErrorPayload = serde_json::from_slice(params).ok()?;
        error.turn_id.filter(|_| !error.will_retry)
    }

    fn sub_threads(&self, params: &[u8]) -> Vec<String> {
        // A message can have megabytes, and few name a thread: search before parsing.
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

    fn opted_out(&self, params: &[u8]) -> Vec<String> {
        let payload = serde_json::from_slice::<HandshakePayload>(params).ok();
        payload.and_then(|payload| payload.capabilities?.opt_out_notification_methods).unwrap_or_default()
    }

    fn interrupt_requests(&self, thread: &str, turns: &[&str]) -> Vec<(String, Value)> {
        let interrupts = turns
            .iter()
            .map(|turn| ("turn/interrupt".to_owned(), json!({ "threadId": thread, "turnId": turn })));
        let clean = ("thread/backgroundTerminals/clean".to_owned(), json!({ "threadId": thread }));
        interrupts.chain([clean]).collect()
    }

    fn turn_lost(&self, thread: &str, turn: &str, reason: &str) -> Option<(String, Value)> {
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
    fn methods_have_the_right_kind() {
        let check = |method: &str, expected: MethodKind| {
            assert_eq!(CodexConventions::new().method_kind(method), expected, "{method}");
        };
        check("initialize", MethodKind::Handshake);
        check("turn/start", MethodKind::StartTurn);
        check("review/start", MethodKind::StartTurn);
        check("thread/compact/start", MethodKind::StartTurn);
        check("turn/interrupt", MethodKind::Interrupt);
        check("turn/steer", MethodKind::Modify);
        check("thread/start", MethodKind::OpenThread);
        check("thread/resume", MethodKind::AdoptThread);
        check("thread/read", MethodKind::Read);
        check("thread/loaded/list", MethodKind::Read);
        check("thread/archive", MethodKind::Modify);
    }

    #[test]
    fn sub_threads_are_read_from_items_only() {
        let codex = CodexConventions::new();
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
    fn turns_and_errors_are_read() {
        let codex = CodexConventions::new();
        let turn = codex.turn(br#"{"threadId":"t","turn":{"id":"u","rootTurnId":"r"}}"#);
        assert_eq!(turn, NamedTurn { id: Some("u".into()), root: Some("r".into()) });
        assert_eq!(codex.turn(b"{}"), NamedTurn::default());
        assert_eq!(codex.failed_turn(br#"{"turnId":"u","willRetry":false}"#), Some("u".into()));
        assert_eq!(codex.failed_turn(br#"{"turnId":"u","willRetry":true}"#), None);
        let opted_out = codex.opted_out(br#"{"capabilities":{"optOutNotificationMethods":["a"]}}"#);
        assert_eq!(opted_out, ["a"]);
    }
}
