//! Messages of the server.

use bytes::Bytes;
use codex_rpc::message::{Envelope, EnvelopeError, EnvelopeKind, RequestId, RpcError};

use super::client_side::reply_error;
use super::{Action, ActionSink, Asked, Asker, ClientId, Pending, Router, refusal};
use crate::conventions::{Conventions, MethodKind, NotificationKind};
use crate::splice::{Decimal, Spliced, number};

impl<C: Conventions> Router<C> {
    pub(super) fn server_frame(&mut self, frame: &Bytes, sink: ActionSink<'_>) {
        let envelope = match Envelope::scan(frame) {
            Ok(envelope) => envelope,
            Err(error) => return self.malformed(&error, sink),
        };
        match envelope.kind() {
            EnvelopeKind::Notification => self.notification(frame, &envelope, sink),
            EnvelopeKind::Request => self.server_request(frame, &envelope, sink),
            EnvelopeKind::Response | EnvelopeKind::ErrorResponse => self.answer(frame, &envelope, sink),
        }
    }

    fn notification(&mut self, frame: &Bytes, envelope: &Envelope<'_>, sink: ActionSink<'_>) {
        let Some(method) = envelope.method() else { return };
        let Some(thread) = self.conventions.thread(envelope) else {
            return self.broadcast(frame, method, sink);
        };
        let kind = self.conventions.notification_kind(method);
        let Some(entry) = self.threads.get(thread) else {
            return self.unknown_thread(frame, envelope, thread, kind, sink);
        };
        let opted_out = |client: &ClientId| {
            self.any_opted_out
                && self
                    .clients
                    .get(client)
                    .is_some_and(|entry| entry.opted_out.iter().any(|name| name == method))
        };
        let mut delivered = 0;
        let watchers = entry.watchers.iter().copied().filter(|watcher| Some(*watcher) != entry.owner);
        for client in entry.owner.into_iter().chain(watchers).filter(|client| !opted_out(client)) {
            sink(Action::ToClient { client, frame: Spliced::whole(frame) });
            delivered += 1;
        }
        self.counters.notifications += delivered;
        self.counters.unowned += u64::from(entry.owner.is_none());
        if kind != NotificationKind::Plain {
            self.update_thread(kind, envelope, thread, sink);
        }
    }

    fn broadcast(&mut self, frame: &Bytes, method: &str, sink: ActionSink<'_>) {
        for (client, entry) in &self.clients {
            if entry.ready && !entry.opted_out.iter().any(|name| name == method) {
                sink(Action::ToClient { client: *client, frame: Spliced::whole(frame) });
                self.counters.notifications += 1;
            }
        }
    }

    /// Updates the state of a known thread by a delivered notification.
    fn update_thread(
        &mut self,
        kind: NotificationKind,
        envelope: &Envelope<'_>,
        thread: &str,
        sink: ActionSink<'_>,
    ) {
        let params = envelope.params().unwrap_or_default();
        let ended = match kind {
            NotificationKind::Plain => return,
            NotificationKind::NamesSubAgents => {
                for sub in self.conventions.sub_threads(params) {
                    if self.threads.attribute(&sub, thread) {
                        self.claim_early(&sub, sink);
                    }
                }
                return;
            }
            NotificationKind::TurnStarted => {
                let turn = self.conventions.turn(params);
                return self.threads.turn_started(thread, &turn);
            }
            NotificationKind::TurnEnded => {
                let turn = self.conventions.turn(params);
                self.threads.turn_ended(thread, turn.id.as_deref())
            }
            NotificationKind::Error => match self.conventions.failed_turn(params) {
                Some(turn) => self.threads.turn_ended(thread, Some(&turn)),
                None => return,
            },
            NotificationKind::ThreadClosed => self.threads.closed(thread),
        };
        if let Some(client) = ended {
            self.turn_ended(client);
            self.pump(sink);
        }
        self.settle(sink);
    }

    /// Handles a notification about an unknown thread. It can name the thread's parent itself.
    fn unknown_thread(
        &mut self,
        frame: &Bytes,
        envelope: &Envelope<'_>,
        thread: &str,
        kind: NotificationKind,
        sink: ActionSink<'_>,
    ) {
        let parent = match self.conventions.parent_thread(envelope) {
            Some(parent) => Some(parent.into()),
            None if kind == NotificationKind::TurnStarted => {
                let root = self.conventions.turn(envelope.params().unwrap_or_default()).root;
                root.and_then(|root| self.threads.of_turn(&root))
            }
            None => None,
        };
        let thread = thread.to_owned();
        if parent.is_some_and(|parent| self.threads.attribute(&thread, &parent)) {
            self.claim_early(&thread, sink);
            return self.server_frame(frame, sink);
        }
        if kind == NotificationKind::ThreadClosed {
            let dropped = self.early.take(&thread);
            return self.drop_early(dropped, sink);
        }
        if self.can_be_claimed() {
            let dropped = self.early.push(&thread, frame);
            self.drop_early(dropped, sink);
        } else {
            self.counters.unowned += 1;
        }
    }

    /// Whether the owner of an unknown thread can still become known: from a pending response, or from an active turn.
    fn can_be_claimed(&self) -> bool {
        let names = |pending: &Pending| {
            matches!(pending.kind, MethodKind::OpenThread | MethodKind::AdoptThread | MethodKind::StartTurn)
                && !matches!(pending.asker, Asker::Router)
        };
        self.threads.any_running() || self.pending.values().any(names)
    }

    /// Drops the held messages when no owner can become known any more.
    pub(super) fn settle(&mut self, sink: ActionSink<'_>) {
        if self.early.len() > 0 && !self.can_be_claimed() {
            let dropped = self.early.clear();
            self.drop_early(dropped, sink);
        }
    }

    /// Delivers the held messages of a thread whose owner became known.
    pub(super) fn claim_early(&mut self, thread: &str, sink: ActionSink<'_>) {
        for frame in self.early.take(thread) {
            self.server_frame(&frame, sink);
        }
    }

    fn drop_early(&mut self, dropped: Vec<Bytes>, sink: ActionSink<'_>) {
        for frame in dropped {
            self.counters.early_dropped += 1;
            if let Ok(envelope) = Envelope::scan(&frame)
                && envelope.kind() == EnvelopeKind::Request
            {
                self.decline(&frame, &envelope, sink);
            }
        }
    }

    /// Sends a server request to the owner of its thread, or the safe response to the server if there is no owner.
    fn server_request(&mut self, frame: &Bytes, envelope: &Envelope<'_>, sink: ActionSink<'_>) {
        let (Some(span), Some(method)) = (envelope.id_span(), envelope.method()) else { return };
        let Some(thread) = self.conventions.thread(envelope) else {
            return self.decline(frame, envelope, sink);
        };
        match self.threads.get(thread).map(|entry| entry.owner) {
            Some(Some(client)) => {
                let params = envelope.params().map(Bytes::copy_from_slice);
                let server_id = frame[span.clone()].into();
                let id = self.fresh_id();
                self.asked.insert(id, Asked { client, server_id, method: method.into(), params });
                let frame = Spliced::with_id(frame, span, Decimal::new(id).text()).to_vec().into();
                sink(Action::ToClient { client, frame: Spliced::whole(&frame) });
            }
            None if self.can_be_claimed() => {
                let dropped = self.early.push(thread, frame);
                self.drop_early(dropped, sink);
            }
            Some(None) | None => self.decline(frame, envelope, sink),
        }
    }

    fn decline(&mut self, frame: &Bytes, envelope: &Envelope<'_>, sink: ActionSink<'_>) {
        if let (Some(span), Some(method)) = (envelope.id_span(), envelope.method()) {
            self.counters.declined += 1;
            sink(Action::Decline { id: &frame[span], method, params: envelope.params() });
        }
    }

    fn answer(&mut self, frame: &Bytes, envelope: &Envelope<'_>, sink: ActionSink<'_>) {
        let span = envelope.id_span().unwrap_or_default();
        let id = number(&frame[span.clone()]);
        let Some((id, pending)) = id.and_then(|id| Some((id, self.pending.remove(&id)?))) else {
            self.counters.stray += 1;
            return;
        };
        match &pending.asker {
            Asker::Router => {}
            Asker::Handshake => match envelope.result() {
                Some(result) => self.handshake_done(Bytes::copy_from_slice(result), sink),
                None => {
                    let said = String::from_utf8_lossy(envelope.error().unwrap_or_default()).into_owned();
                    let message = format!("the server refused the handshake: {said}");
                    sink(Action::StopServer);
                    self.server_down(&RpcError::new(RpcError::INTERNAL_ERROR, message), sink);
                }
            },
            Asker::Client(client, own_id) => {
                sink(Action::ToClient { client: *client, frame: Spliced::with_id(frame, span, own_id) });
                self.answered(id, &pending, Some(*client), envelope, sink);
            }
            Asker::Gone(leave) => {
                let leave = *leave;
                self.answered(id, &pending, None, envelope, sink);
                if let (false, MethodKind::StartTurn, Some(thread)) = (leave, pending.kind, &pending.thread) {
                    self.abandon_thread(thread, sink);
                }
            }
        }
        self.settle(sink);
    }

    /// Updates the state by a delivered response.
    fn answered(
        &mut self,
        id: u64,
        pending: &Pending,
        client: Option<ClientId>,
        envelope: &Envelope<'_>,
        sink: ActionSink<'_>,
    ) {
        let Some(result) = envelope.result() else { return self.refused(id, pending, sink) };
        if let (MethodKind::StartTurn, Some(thread)) = (pending.kind, &pending.thread) {
            let turn = self.conventions.turn(result);
            self.threads.answered(thread, id, turn.id);
        }
        let named = self.conventions.thread(envelope);
        // The request of a fork names the source, its result the new thread. A resumed thread may have lost its owner
        // since the request.
        let named = named.or(pending.thread.as_deref().filter(|_| pending.kind != MethodKind::OpenThread));
        if let (MethodKind::OpenThread | MethodKind::AdoptThread | MethodKind::StartTurn, Some(thread)) = (pending.kind, named)
            // A response never takes a thread from its owner.
            && self.threads.get(thread).is_none_or(|entry| entry.owner.is_none())
        {
            let thread = thread.to_owned();
            match client {
                Some(client) => drop(self.threads.own(&thread, client)),
                None => self.threads.unowned(&thread),
            }
            self.claim_early(&thread, sink);
        }
    }

    fn refused(&mut self, id: u64, pending: &Pending, sink: ActionSink<'_>) {
        let Some(thread) = &pending.thread else { return };
        let ended = self.threads.refused(thread, id);
        if let (true, Asker::Client(client, _)) = (pending.claimed, &pending.asker)
            && self
                .threads
                .get(thread)
                .is_some_and(|entry| entry.owner == Some(*client) && entry.turns().is_empty())
        {
            self.threads.disown(thread);
        }
        if let Some(client) = ended {
            self.turn_ended(client);
            self.pump(sink);
        }
    }

    /// A malformed response fails its request, a malformed request gets an error; anything else is only counted.
    fn malformed(&mut self, error: &EnvelopeError, sink: ActionSink<'_>) {
        self.counters.stray += 1;
        let Some(id) = error.id() else { return };
        if !error.is_response() {
            let id = serde_json::to_vec(id).unwrap_or_else(|_| b"null".to_vec());
            let frame = refusal::error(&id, &error.to_rpc_error());
            return sink(Action::ToServer { frame: Spliced::whole(&frame) });
        }
        let RequestId::Number(number) = id else { return };
        let Some((id, pending)) = number.as_u64().and_then(|id| Some((id, self.pending.remove(&id)?))) else {
            return;
        };
        if let Asker::Client(client, own_id) = &pending.asker {
            let error = RpcError::new(
                RpcError::INTERNAL_ERROR,
                format!("the server's response is malformed: {error}"),
            );
            reply_error(*client, own_id, &error, sink);
        }
        self.refused(id, &pending, sink);
        self.settle(sink);
    }
}
