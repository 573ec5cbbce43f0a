//! The shell around the router: sockets, the server's process, the clock.
//!
//! One lock protects the router and the queues of bytes to write. It is held while the frames of one read are routed and
//! written, and never across an await. Each connection has one task, which reads, and writes what its socket did not accept at
//! once. The task that routes a frame writes it at once if possible, so that a message normally crosses no other task.
//!
//! ```text
//!  client task ─► lock: decode, route, write ─► server's stdin
//!  client task ◄─ lock: decode, route, write ◄─ server task ◄─ server's stdout
//!  keeper      ─► lock: deadlines, slow clients, silence, idleness
//! ```

mod child;
mod client;
mod keeper;
mod requests;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codex_rpc::transport::Connection;
use tokio::sync::Notify;

use crate::conventions::Conventions;
use crate::options::ServeOptions;
pub(crate) use state::End;
use state::State;

/// The state that all tasks of a broker share.
pub(crate) struct Hub<C: Conventions> {
    pub(crate) options: ServeOptions<C>,
    state: Mutex<State<C>>,
    /// Notified when the keeper must run sooner than planned.
    pub(crate) attention: Notify,
    /// Notified when the broker stops accepting clients.
    closed: Notify,
    pub(crate) log: crate::log::Log,
}

impl<C: Conventions + Clone> Hub<C> {
    pub(crate) fn new(options: ServeOptions<C>, log: crate::log::Log) -> Arc<Self> {
        let state = Mutex::new(State::new(&options));
        Arc::new(Self { options, state, attention: Notify::new(), closed: Notify::new(), log })
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // A panic in one task must not affect the others: the router's state is consistent between events.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the work that routed events requested: writes, disconnections of clients that do not read, broker requests, a new
    /// server.
    fn follow_up(self: &Arc<Self>, state: &mut State<C>) {
        loop {
            state.flush(&self.options);
            self.answer_requests(state);
            if !state.disconnect_slow_clients(&self.log) && !state.has_dirty() {
                break;
            }
        }
        if std::mem::take(&mut state.stop_server) {
            state.last_loss = Some("the server refused the handshake".to_owned());
            self.remove_server(state);
        }
        if std::mem::take(&mut state.start_server) {
            self.start_server(state);
        }
        if std::mem::take(&mut state.timer_started) {
            self.attention.notify_one();
        }
    }

    /// Adds a client.
    pub(crate) fn join(self: &Arc<Self>, connection: Connection) {
        client::spawn(self, connection);
    }

    /// Serves until the broker must end.
    pub(crate) async fn keep(self: &Arc<Self>) {
        keeper::run(self).await;
    }

    fn end(&self, state: &mut State<C>, end: End) {
        state.stop(end);
        self.closed.notify_waiters();
    }

    /// Starts the end of the broker: no new clients, and the end at once or when the active turns have ended.
    pub(crate) fn stop(&self, end: End) {
        self.end(&mut self.lock(), end);
        self.attention.notify_one();
    }

    /// Waits until the broker accepts no new clients. Cancel safe.
    pub(crate) async fn closing(&self) {
        loop {
            let notified = self.closed.notified();
            if self.lock().end.is_some() {
                return;
            }
            notified.await;
        }
    }

    /// Fails the pending requests, lets the clients read the errors, ends the server, and disconnects the clients.
    pub(crate) async fn finish(self: &Arc<Self>) {
        child::finish(self).await;
    }
}
