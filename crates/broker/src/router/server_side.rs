//! What the server sends.

use bytes::Bytes;
use codex_rpc::message::{Envelope, EnvelopeError, EnvelopeKind, RequestId, RpcError};

use super::client_side::reply_error;
use super::{Action, Asked, Asker, ClientId, Pending, Router, Sink, refusal};
use crate::conventions::{Call, Conventions, Notice};
use crate::splice::{Decimal, Spliced, number};

impl<C: Conventions> Router<C> {
    pub(super) fn server_frame(&mut self, frame: &Bytes, sink: Sink<'_>) {
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

    fn notification(&mut self, frame: &Bytes, envelope: &Envelope<'_>, sink: Sink<'_>) {
        let Some(method) = envelope.method() else { return };
        let Some(thread) = self.conventions.thread(envelope) else {
            return self.broadcast(frame, method, sink);
        };
        let notice = self.conventions.notice(method);
        let Some(entry) = self.threads.get(thread) else {
            return self.unknown_thread(frame, envelope, thread, notice, sink);
        };
        let unwanted = |client: &ClientId| {
            self.any_unwanted
                && self
                    .clients
                    .get(client)
                    .is_some_and(|entry| entry.unwanted.iter().any(|name| name == method))
        };
        let mut delivered = 0;
        let watchers = entry.watchers.iter().copied().filter(|watcher| Some(*watcher) != entry.owner);
        for client in entry.owner.into_iter().chain(watchers).filter(|client| !unwanted(client)) {
            sink(Action::ToClient { client, frame: Spliced::whole(frame) });
            delivered += 1;
        }
        self.counters.notifications += delivered;
        self.counters.unowned += u64::from(entry.owner.is_none());
        if notice != Notice::Plain {
            self.notice(notice, envelope, thread, sink);
        }
    }

    fn broadcast(&mut self, frame: &Bytes, method: &str, sink: Sink<'_>) {
        for (client, entry) in &self.clients {
            if entry.ready && !entry.unwanted.iter().any(|name| name == method) {
                sink(Action::ToClient { client: *client, frame: Spliced::whole(frame) });
                self.counters.notifications += 1;
            }
        }
    }

    /// What a notification tells about a thread that is known. It has been delivered.
    fn notice(&mut self, notice: Notice, envelope: &Envelope<'_>, thread: &str, sink: Sink<'_>) {
        let params = envelope.params().unwrap_or_default();
        let over = match notice {
            Notice::Plain => return,
            Notice::Names => {
                for sub in self.conventions.sub_threads(params) {
                    if self.threads.attribute(&sub, thread) {
                        self.claim_early(&sub, sink);
                    }
                }
                return;
            }
            Notice::TurnStarted => {
                let turn = self.conventions.turn(params);
                return self.threads.turn_started(thread, &turn);
            }
            Notice::TurnEnded => {
                let turn = self.conventions.turn(params);
                self.threads.turn_ended(thread, turn.id.as_deref())
            }
            Notice::Fault => match self.conventions.fatal(params) {
                Some(turn) => self.threads.turn_ended(thread, Some(&turn)),
                None => return,
            },
            Notice::ThreadGone => self.threads.gone(thread),
        };
        if let Some(client) = over {
            self.turn_over(client);
            self.pump(sink);
        }
        self.settle(sink);
    }

    /// A notification about a thread that nobody is known to own: it may say itself for which thread it works.
    fn unknown_thread(
        &mut self,
        frame: &Bytes,
        envelope: &Envelope<'_>,
        thread: &str,
        notice: Notice,
        sink: Sink<'_>,
    ) {
        let parent = match self.conventions.parent_thread(envelope) {
            Some(parent) => Some(parent.into()),
            None if notice == Notice::TurnStarted => {
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
        if notice == Notice::ThreadGone {
            let gone = self.early.take(&thread);
            return self.drop_early(gone, sink);
        }
        if self.can_be_claimed() {
            let gone = self.early.push(&thread, frame);
            self.drop_early(gone, sink);
        } else {
            self.counters.unowned += 1;
        }
    }

    /// Whether anything may still say whose an unknown thread is: an answer that names it, or a turn that works through it.
    fn can_be_claimed(&self) -> bool {
        let names = |pending: &Pending| {
            matches!(pending.call, Call::Open | Call::Adopt | Call::Stream)
                && !matches!(pending.asker, Asker::Router)
        };
        self.threads.any_running() || self.pending.values().any(names)
    }

    /// Drops what is held when nothing can claim it any more.
    pub(super) fn settle(&mut self, sink: Sink<'_>) {
        if self.early.len() > 0 && !self.can_be_claimed() {
            let gone = self.early.clear();
            self.drop_early(gone, sink);
        }
    }

    /// Delivers what was held for a thread that has just become known.
    pub(super) fn claim_early(&mut self, thread: &str, sink: Sink<'_>) {
        for frame in self.early.take(thread) {
            self.server_frame(&frame, sink);
        }
    }

    fn drop_early(&mut self, gone: Vec<Bytes>, sink: Sink<'_>) {
        for frame in gone {
            self.counters.early_dropped += 1;
            if let Ok(envelope) = Envelope::scan(&frame)
                && envelope.kind() == EnvelopeKind::Request
            {
                self.decline(&frame, &envelope, sink);
            }
        }
    }

    /// A request of the server goes to the owner of its thread; if there is none, it gets the safe answer.
    fn server_request(&mut self, frame: &Bytes, envelope: &Envelope<'_>, sink: Sink<'_>) {
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
                let gone = self.early.push(thread, frame);
                self.drop_early(gone, sink);
            }
            Some(None) | None => self.decline(frame, envelope, sink),
        }
    }

    fn decline(&mut self, frame: &Bytes, envelope: &Envelope<'_>, sink: Sink<'_>) {
        if let (Some(span), Some(method)) = (envelope.id_span(), envelope.method()) {
            self.counters.declined += 1;
            sink(Action::Decline { id: &frame[span], method, params: envelope.params() });
        }
    }

    fn answer(&mut self, frame: &Bytes, envelope: &Envelope<'_>, sink: Sink<'_>) {
        let span = envelope.id_span().unwrap_or_default();
        let id = number(&frame[span.clone()]);
        let Some((id, pending)) = id.and_then(|id| Some((id, self.pending.remove(&id)?))) else {
            self.counters.stray += 1;
            return;
        };
        match &pending.asker {
            Asker::Router => {}
            Asker::Handshake => match envelope.result() {
                Some(result) => self.shaken(Bytes::copy_from_slice(result), sink),
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
                if let (false, Call::Stream, Some(thread)) = (leave, pending.call, &pending.thread) {
                    self.abandon_thread(thread, sink);
                }
            }
        }
        self.settle(sink);
    }

    /// What an answer tells, after it was delivered.
    fn answered(
        &mut self,
        id: u64,
        pending: &Pending,
        client: Option<ClientId>,
        envelope: &Envelope<'_>,
        sink: Sink<'_>,
    ) {
        let Some(result) = envelope.result() else { return self.refused(id, pending, sink) };
        if let (Call::Stream, Some(thread)) = (pending.call, &pending.thread) {
            let turn = self.conventions.turn(result);
            self.threads.answered(thread, id, turn.id);
        }
        let named = self.conventions.thread(envelope);
        // A fork names its source and answers with the new thread; a resumed thread may have lost its owner meanwhile.
        let named = named.or(pending.thread.as_deref().filter(|_| pending.call != Call::Open));
        if let (Call::Open | Call::Adopt | Call::Stream, Some(thread)) = (pending.call, named)
            // What another has stays theirs, whatever an answer names.
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

    fn refused(&mut self, id: u64, pending: &Pending, sink: Sink<'_>) {
        let Some(thread) = &pending.thread else { return };
        let over = self.threads.refused(thread, id);
        if let (true, Asker::Client(client, _)) = (pending.claimed, &pending.asker)
            && self
                .threads
                .get(thread)
                .is_some_and(|entry| entry.owner == Some(*client) && entry.turns().is_empty())
        {
            self.threads.disown(thread);
        }
        if let Some(client) = over {
            self.turn_over(client);
            self.pump(sink);
        }
    }

    /// A broken answer fails its request, a broken request is answered; the rest is only counted.
    fn malformed(&mut self, error: &EnvelopeError, sink: Sink<'_>) {
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
            let error =
                RpcError::new(RpcError::INTERNAL_ERROR, format!("the server's answer is malformed: {error}"));
            reply_error(*client, own_id, &error, sink);
        }
        self.refused(id, &pending, sink);
        self.settle(sink);
    }
}
