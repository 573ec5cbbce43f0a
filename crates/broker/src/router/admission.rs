//! Admission: which requests start a turn now, which wait, and which are refused.

use bytes::Bytes;
use codex_rpc::message::Envelope;

use super::client_side::reply_error;
use super::{Action, ActionSink, ClientId, Deadline, Router, refusal};
use crate::conventions::{Conventions, MethodKind};
use crate::trace::event;

/// A queued request for a turn.
#[derive(Debug)]
pub(super) struct Queued {
    client: ClientId,
    frame: Bytes,
    thread: Option<Box<str>>,
    /// The position in the order of arrival, which also identifies the entry.
    order: u64,
}

impl<C: Conventions> Router<C> {
    pub(super) fn admit(
        &mut self,
        client: ClientId,
        frame: &Bytes,
        envelope: &Envelope<'_>,
        sink: ActionSink<'_>,
    ) {
        let thread = self.conventions.thread(envelope);
        if self.may_start(thread) {
            return self.start(client, frame, envelope, sink);
        }
        let wait = self.clients.get(&client).and_then(|client| client.queue_for);
        match wait {
            Some(wait) if self.has_room_for(frame) => {
                self.counters.queued += 1;
                event!(DEBUG, client = client.number(), thread, queued = self.queue.len() + 1, "turn queued");
                let order = self.fresh_id();
                let thread = thread.map(Into::into);
                self.queue.push_back(Queued { client, frame: Bytes::copy_from_slice(frame), thread, order });
                self.start_timer(Deadline::Queue(order), wait, sink);
            }
            _ => {
                let span = envelope.id_span().unwrap_or_default();
                self.refuse_busy(client, &frame[span], sink);
            }
        }
    }

    /// Whether the queue has room for one more request.
    fn has_room_for(&self, frame: &Bytes) -> bool {
        let bytes: usize = self.queue.iter().map(|entry| entry.frame.len()).sum();
        self.queue.len() < self.limits.max_queued && bytes + frame.len() <= self.limits.max_queued_bytes
    }

    /// Whether a turn may start: the limit is not reached, and the thread is not busy.
    fn may_start(&self, thread: Option<&str>) -> bool {
        let busy = thread.and_then(|thread| self.threads.get(thread)).is_some_and(|t| t.stream.is_some());
        !busy && self.threads.active() < self.limits.max_active_turns
    }

    fn start(&mut self, client: ClientId, frame: &Bytes, envelope: &Envelope<'_>, sink: ActionSink<'_>) {
        let request = self.forward(client, frame, envelope, MethodKind::StartTurn, sink);
        if let Some(thread) = self.conventions.thread(envelope) {
            event!(
                DEBUG,
                client = client.number(),
                thread,
                active = self.threads.active() + 1,
                "turn admitted"
            );
            self.threads.begin(thread, client, request);
            self.counters.turns += 1;
            if let Some(entry) = self.clients.get_mut(&client) {
                entry.active += 1;
            }
        }
    }

    /// A turn of this client no longer counts.
    pub(super) fn turn_ended(&mut self, client: ClientId) {
        if let Some(entry) = self.clients.get_mut(&client) {
            entry.active = entry.active.saturating_sub(1);
        }
    }

    /// Starts what waits, as long as there is place: for the client with the fewest running turns, then in order.
    pub(super) fn pump(&mut self, sink: ActionSink<'_>) {
        loop {
            let startable =
                self.queue.iter().enumerate().filter(|(_, entry)| self.may_start(entry.thread.as_deref()));
            let key = |entry: &Queued| {
                (self.clients.get(&entry.client).map_or(0, |client| client.active), entry.order)
            };
            let Some((at, _)) = startable.min_by_key(|(_, entry)| key(entry)) else { return };
            let Some(entry) = self.queue.remove(at) else { return };
            // The timer of its deadline will find no entry.
            let Ok(envelope) = Envelope::scan(&entry.frame) else { continue };
            let foreign = entry.thread.filter(|thread| self.threads.is_foreign(thread, entry.client));
            match foreign {
                Some(thread) => {
                    let span = envelope.id_span().unwrap_or_default();
                    reply_error(entry.client, &entry.frame[span], &refusal::owned(&thread), sink);
                }
                None => self.start(entry.client, &entry.frame, &envelope, sink),
            }
        }
    }

    pub(super) fn queue_deadline(&mut self, order: u64, sink: ActionSink<'_>) {
        if let Some(at) = self.queue.iter().position(|entry| entry.order == order)
            && let Some(entry) = self.queue.remove(at)
            && let Some(span) = id_span(&entry.frame)
        {
            self.refuse_busy(entry.client, &entry.frame[span], sink);
        }
    }

    /// Removes a disconnected client's requests from the queue.
    pub(super) fn leave_queue(&mut self, client: ClientId) {
        self.queue.retain(|entry| entry.client != client);
    }

    /// Refuses all queued requests with this error.
    pub(super) fn fail_queue(&mut self, error: &codex_rpc::message::RpcError, sink: ActionSink<'_>) {
        for entry in std::mem::take(&mut self.queue) {
            if let Some(span) = id_span(&entry.frame) {
                let frame = refusal::error(&entry.frame[span], error);
                let frame = crate::splice::Spliced::whole(&frame);
                sink(Action::ToClient { client: entry.client, frame });
            }
        }
    }
}

pub(super) fn id_span(frame: &[u8]) -> Option<std::ops::Range<usize>> {
    Envelope::scan(frame).ok()?.id_span()
}
