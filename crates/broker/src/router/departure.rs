//! The disconnection of a client, and the end of the server.

use bytes::Bytes;
use codex_rpc::message::RpcError;

use super::admission::id_span;
use super::client_side::reply_error;
use super::{Action, ActionSink, Asker, ClientId, Deadline, Router, Server, refusal};
use crate::conventions::Conventions;
use crate::splice::Spliced;

impl<C: Conventions> Router<C> {
    pub(super) fn disconnected(&mut self, client: ClientId, sink: ActionSink<'_>) {
        let Some(entry) = self.clients.remove(&client) else { return };
        self.leave_queue(client);
        self.waiting.retain(|(from, _)| *from != client);
        self.waiting_bytes = self.waiting.iter().map(|(_, frame)| frame.len()).sum();
        for pending in self.pending.values_mut() {
            if matches!(pending.asker, Asker::Client(from, _) if from == client) {
                pending.asker = Asker::Gone(entry.leave_running);
            }
        }
        let mut open: Vec<u64> =
            self.asked.iter().filter(|(_, asked)| asked.client == client).map(|(id, _)| *id).collect();
        open.sort_unstable();
        for id in open {
            if let Some(asked) = self.asked.remove(&id) {
                self.counters.declined += 1;
                let (id, method, params) = (&*asked.server_id, &*asked.method, asked.params.as_deref());
                sink(Action::Decline { id, method, params });
            }
        }
        let (owned, watched) = self.threads.of_client(client);
        for thread in watched {
            self.threads.watch(&thread, client, false);
        }
        for thread in &owned {
            self.threads.disown(thread);
        }
        if !entry.leave_running {
            for thread in &owned {
                self.abandon_thread(thread, sink);
            }
        }
        self.settle(sink);
    }

    /// Interrupts the turns on a thread without an owner, and ensures that they do not count toward the limit for ever.
    pub(super) fn abandon_thread(&mut self, thread: &str, sink: ActionSink<'_>) {
        let Some(entry) = self.threads.get(thread).filter(|entry| entry.owner.is_none()) else { return };
        let turns = entry.turns();
        let request = entry.stream.as_ref().map(|stream| stream.request);
        if turns.is_empty() && request.is_none() {
            return;
        }
        // A turn without an id yet is interrupted when the response names it, which calls this method again.
        let requests =
            if turns.is_empty() { Vec::new() } else { self.conventions.interrupt_requests(thread, &turns) };
        self.counters.abandoned += u64::from(!requests.is_empty());
        for (method, params) in requests {
            self.ask_server(Asker::Router, &method, &params, sink);
        }
        self.start_timer(Deadline::Abandoned(thread.into(), request), self.limits.abandon_grace, sink);
    }

    pub(super) fn server_down(&mut self, error: &RpcError, sink: ActionSink<'_>) {
        self.server = Server::Down;
        self.counters.server_losses += 1;
        let mut pending: Vec<_> = self.pending.drain().collect();
        pending.sort_unstable_by_key(|(id, _)| *id);
        for (_, pending) in pending {
            if let Asker::Client(client, id) = pending.asker {
                reply_error(client, &id, error, sink);
            }
        }
        let waiting: Vec<(ClientId, Bytes)> = self.waiting.drain(..).collect();
        self.waiting_bytes = 0;
        for (client, frame) in waiting {
            if let Some(span) = id_span(&frame) {
                reply_error(client, &frame[span], error, sink);
            }
        }
        self.fail_queue(error, sink);
        let mut lost: Vec<(ClientId, Bytes)> = Vec::new();
        for (id, thread) in self.threads.iter() {
            let Some(turn) = thread.turns().first().copied() else { continue };
            let Some((method, params)) = self.conventions.turn_lost(id, turn, &error.message) else {
                continue;
            };
            let frame = refusal::notification(&method, Some(&params));
            lost.extend(thread.owner.iter().chain(&thread.watchers).map(|client| (*client, frame.clone())));
        }
        lost.sort_unstable();
        lost.dedup();
        for (client, frame) in lost {
            sink(Action::ToClient { client, frame: Spliced::whole(&frame) });
        }
        self.forget_server();
    }

    pub(super) fn server_retired(&mut self, sink: ActionSink<'_>) {
        self.server = Server::Down;
        self.pending.clear();
        self.forget_server();
        if !self.waiting.is_empty() {
            self.server = Server::Starting;
            sink(Action::StartServer);
        }
    }

    /// Forgets the threads and the requests of a server that ended.
    fn forget_server(&mut self) {
        self.threads = super::Threads::default();
        self.asked.clear();
        self.deadlines.clear();
        self.counters.early_dropped += self.early.clear().len() as u64;
        for client in self.clients.values_mut() {
            client.active = 0;
        }
    }
}
