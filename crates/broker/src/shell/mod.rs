//! The shell around the router: sockets, the server's process, the clock.
//!
//! The router and everything that waits to be written stand behind one lock, which is held while one read's worth of frames is
//! routed and written, and never across an await. Each connection has one task, which reads, and writes what its socket did
//! not take at once; whoever routes a frame writes it right away if it can, so that a message crosses no task on its way.
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
use crate::serve::ServeOptions;
pub(crate) use state::End;
use state::State;

/// What all tasks of a broker share.
pub(crate) struct Hub<C: Conventions> {
    pub(crate) options: ServeOptions<C>,
    state: Mutex<State<C>>,
    /// Told when the keeper must look sooner than it planned.
    pub(crate) attention: Notify,
    /// Told when it takes no new clients any more.
    closed: Notify,
    pub(crate) log: crate::log::Log,
}

impl<C: Conventions + Clone> Hub<C> {
    pub(crate) fn new(options: ServeOptions<C>, log: crate::log::Log) -> Arc<Self> {
        let state = Mutex::new(State::new(&options));
        Arc::new(Self { options, state, attention: Notify::new(), closed: Notify::new(), log })
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // A panic in one task must not take the others with it: the router's state is whole between events.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what routed events left to do: writes, the end of clients that do not read, broker calls, a new server.
    fn follow_up(self: &Arc<Self>, state: &mut State<C>) {
        loop {
            state.flush(&self.options);
            self.answer_calls(state);
            if !state.settle_doomed(&self.log) && !state.has_dirty() {
                break;
            }
        }
        if std::mem::take(&mut state.stop_server) {
            state.last_loss = Some("the server refused the handshake".to_owned());
            self.take_server_away(state);
        }
        if std::mem::take(&mut state.start_server) {
            self.start_server(state);
        }
        if std::mem::take(&mut state.armed) {
            self.attention.notify_one();
        }
    }

    /// A client connected.
    pub(crate) fn join(self: &Arc<Self>, connection: Connection) {
        client::spawn(self, connection);
    }

    /// Serves until the broker is to end.
    pub(crate) async fn keep(self: &Arc<Self>) {
        keeper::run(self).await;
    }

    fn end(&self, state: &mut State<C>, end: End) {
        state.stop(end);
        self.closed.notify_waiters();
    }

    /// Begins to end: no new clients; at once, or when what runs has ended.
    pub(crate) fn stop(&self, end: End) {
        self.end(&mut self.lock(), end);
        self.attention.notify_one();
    }

    /// Waits until it takes no new clients. Cancel safe.
    pub(crate) async fn closing(&self) {
        loop {
            let told = self.closed.notified();
            if self.lock().end.is_some() {
                return;
            }
            told.await;
        }
    }

    /// Fails what is in flight, lets the clients read that, ends the server, and hangs up.
    pub(crate) async fn finish(self: &Arc<Self>) {
        child::finish(self).await;
    }
}
