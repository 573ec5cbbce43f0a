//! Messages of clients.

use std::time::Duration;

use bytes::Bytes;
use codex_rpc::message::{Envelope, EnvelopeKind, RequestId, RpcError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Action, ActionSink, Asker, ClientId, Pending, Router, Server, refusal};
use crate::conventions::{Conventions, MethodKind};
use crate::splice::{Decimal, Spliced, number};
use crate::trace::event;

/// The parameters of `broker/hello`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hello {
    #[serde(default)]
    on_disconnect: OnDisconnect,
    #[serde(default)]
    queue: Option<Queue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
enum OnDisconnect {
    #[default]
    Interrupt,
    Leave,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Queue {
    deadline_ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfThread {
    thread_id: String,
}

impl<C: Conventions> Router<C> {
    pub(super) fn client_frame(&mut self, client: ClientId, frame: &Bytes, sink: ActionSink<'_>) {
        if !self.clients.contains_key(&client) {
            return;
        }
        let envelope = match Envelope::scan(frame) {
            Ok(envelope) => envelope,
            Err(error) => {
                self.counters.stray += 1;
                if !error.is_response() {
                    let id = error.id().map_or_else(|| b"null".to_vec(), id_text);
                    reply_error(client, &id, &error.to_rpc_error(), sink);
                }
                return;
            }
        };
        match envelope.kind() {
            EnvelopeKind::Request => self.request(client, frame, &envelope, sink),
            EnvelopeKind::Notification => self.client_notification(client, frame, &envelope, sink),
            EnvelopeKind::Response | EnvelopeKind::ErrorResponse => {
                self.client_answer(client, frame, &envelope, sink);
            }
        }
    }

    fn request(&mut self, client: ClientId, frame: &Bytes, envelope: &Envelope<'_>, sink: ActionSink<'_>) {
        let (Some(method), Some(span)) = (envelope.method(), envelope.id_span()) else { return };
        let id = &frame[span];
        if method.starts_with("broker/") {
            return self.broker_request(client, id, method, envelope.params(), sink);
        }
        let kind = self.conventions.method_kind(method);
        let ready = self.is_ready(client);
        if !ready && kind != MethodKind::Handshake {
            let error = RpcError::new(RpcError::INVALID_REQUEST, "Not initialized");
            return reply_error(client, id, &error, sink);
        }
        let Server::Up(handshake) = &self.server else { return self.wait_for_server(client, frame, sink) };
        if kind == MethodKind::Handshake {
            if ready {
                let error = RpcError::new(RpcError::INVALID_REQUEST, "Already initialized");
                return reply_error(client, id, &error, sink);
            }
            let answer = refusal::answer(id, "result", handshake);
            let opted_out = envelope.params().map(|params| self.conventions.opted_out(params));
            if let Some(entry) = self.clients.get_mut(&client) {
                entry.ready = true;
                entry.opted_out = opted_out.unwrap_or_default();
                self.any_opted_out |= !entry.opted_out.is_empty();
            }
            return sink(Action::ToClient { client, frame: Spliced::whole(&answer) });
        }
        if self.is_exclusive_to_another(client) && kind != MethodKind::Interrupt {
            if kind == MethodKind::StartTurn {
                return self.admit(client, frame, envelope, sink);
            }
            return self.refuse_busy(client, id, sink);
        }
        let thread = self.conventions.thread(envelope);
        let foreign = thread.filter(|thread| self.threads.is_foreign(thread, client));
        match (kind, foreign) {
            (MethodKind::StartTurn | MethodKind::AdoptThread | MethodKind::Modify, Some(thread)) => {
                reply_error(client, id, &refusal::owned(thread), sink);
            }
            (MethodKind::StartTurn, None) => self.admit(client, frame, envelope, sink),
            _ => {
                self.forward(client, frame, envelope, kind, sink);
            }
        }
    }

    /// Whether the limit is 1 and another client's turn is active.
    fn is_exclusive_to_another(&self, client: ClientId) -> bool {
        self.limits.max_active_turns == 1
            && self.threads.active() > 0
            && self.clients.get(&client).is_some_and(|entry| entry.active == 0)
    }

    pub(super) fn refuse_busy(&mut self, client: ClientId, id: &[u8], sink: ActionSink<'_>) {
        self.counters.refused += 1;
        event!(DEBUG, client = client.number(), active = self.threads.active(), "request refused: busy");
        let error = refusal::busy(&self.limits, self.threads.active());
        reply_error(client, id, &error, sink);
    }

    /// Sends a client's request to the server with an id of the router. Returns the id.
    pub(super) fn forward(
        &mut self,
        client: ClientId,
        frame: &Bytes,
        envelope: &Envelope<'_>,
        kind: MethodKind,
        sink: ActionSink<'_>,
    ) -> u64 {
        let span = envelope.id_span().unwrap_or_default();
        let thread = self.conventions.thread(envelope);
        let claimed = match (kind, thread) {
            (MethodKind::StartTurn | MethodKind::AdoptThread, Some(thread)) => {
                self.threads.own(thread, client)
            }
            _ => false,
        };
        let id = self.fresh_id();
        let asker = Asker::Client(client, frame[span.clone()].into());
        self.pending.insert(id, Pending { asker, kind, thread: thread.map(Into::into), claimed });
        self.counters.requests += 1;
        sink(Action::ToServer { frame: Spliced::with_id(frame, span, Decimal::new(id).text()) });
        if let (true, Some(thread)) = (claimed, thread) {
            // Messages that arrived while it had no owner.
            self.claim_early(thread, sink);
        }
        id
    }

    fn client_notification(
        &mut self,
        client: ClientId,
        frame: &Bytes,
        envelope: &Envelope<'_>,
        sink: ActionSink<'_>,
    ) {
        let Some(method) = envelope.method() else { return };
        if self.conventions.method_kind(method) == MethodKind::HandshakeDone || method.starts_with("broker/")
        {
            return;
        }
        let thread = self.conventions.thread(envelope);
        if !self.is_ready(client) || thread.is_some_and(|thread| self.threads.is_foreign(thread, client)) {
            self.counters.stray += 1;
            return;
        }
        if matches!(self.server, Server::Up(_)) {
            sink(Action::ToServer { frame: Spliced::whole(frame) });
        } else {
            self.wait_for_server(client, frame, sink);
        }
    }

    /// Forwards the response to a server request, if this client was asked and has not responded before.
    fn client_answer(
        &mut self,
        client: ClientId,
        frame: &Bytes,
        envelope: &Envelope<'_>,
        sink: ActionSink<'_>,
    ) {
        let span = envelope.id_span().unwrap_or_default();
        let id = number(&frame[span.clone()])
            .filter(|id| self.asked.get(id).is_some_and(|asked| asked.client == client));
        match id.and_then(|id| self.asked.remove(&id)) {
            Some(asked) => {
                sink(Action::ToServer { frame: Spliced::with_id(frame, span, &asked.server_id) });
            }
            None => self.counters.stray += 1,
        }
    }

    fn broker_request(
        &mut self,
        client: ClientId,
        id: &[u8],
        method: &str,
        params: Option<&[u8]>,
        sink: ActionSink<'_>,
    ) {
        match method {
            "broker/hello" => match read::<Hello>(params) {
                Ok(hello) => {
                    if let Some(entry) = self.clients.get_mut(&client) {
                        entry.leave_running = matches!(hello.on_disconnect, OnDisconnect::Leave);
                        entry.queue_for = hello.queue.map(|queue| Duration::from_millis(queue.deadline_ms));
                    }
                    let limit = self.limits.max_active_turns;
                    reply(client, id, &json!({ "maxActiveTurns": limit }), sink);
                }
                Err(error) => reply_error(client, id, &error, sink),
            },
            "broker/watch" | "broker/unwatch" => match read::<OfThread>(params) {
                Ok(OfThread { thread_id }) => {
                    if self.threads.watch(&thread_id, client, method == "broker/watch") {
                        reply(client, id, &json!({}), sink);
                    } else {
                        let message = format!("the broker does not know the thread {thread_id}");
                        reply_error(client, id, &RpcError::new(RpcError::INVALID_REQUEST, message), sink);
                    }
                }
                Err(error) => reply_error(client, id, &error, sink),
            },
            "broker/status" | "broker/shutdown" | "broker/release" => {
                sink(Action::BrokerRequest { client, id, method, params });
            }
            _ => {
                let error = RpcError::new(RpcError::METHOD_NOT_FOUND, format!("unknown method {method}"));
                reply_error(client, id, &error, sink);
            }
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(params: Option<&[u8]>) -> Result<T, RpcError> {
    serde_json::from_slice(params.unwrap_or(b"{}"))
        .map_err(|error| RpcError::new(RpcError::INVALID_PARAMS, error.to_string()))
}

/// Returns the id as JSON.
fn id_text(id: &RequestId) -> Vec<u8> {
    serde_json::to_vec(id).unwrap_or_else(|_| b"null".to_vec())
}

pub(super) fn reply(client: ClientId, id: &[u8], result: &Value, sink: ActionSink<'_>) {
    let frame = refusal::answer(id, "result", result.to_string().as_bytes());
    sink(Action::ToClient { client, frame: Spliced::whole(&frame) });
}

pub(super) fn reply_error(client: ClientId, id: &[u8], error: &RpcError, sink: ActionSink<'_>) {
    let frame = refusal::error(id, error);
    sink(Action::ToClient { client, frame: Spliced::whole(&frame) });
}
