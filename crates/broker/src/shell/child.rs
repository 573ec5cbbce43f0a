//! The server: its start, its task and its end.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use codex_rpc::frame::{Frame, FrameCodec, Noise};
use codex_rpc::message::RpcError;
use codex_rpc::transport::{BoxReader, ChildHandle, Connection, Grace};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tokio_util::codec::Decoder;

use super::Hub;
use super::state::{Port, Server, State};
use crate::conventions::Conventions;
use crate::fingerprint::Fingerprint;
use crate::router::Event;
use crate::trace::event;

/// The size of one read from the server, in bytes.
const READ: usize = 64 * 1024;
/// The longest wait for the exit of a process after the end of its output, and for the end of the output after the exit.
const EXIT_WAIT: Duration = Duration::from_millis(300);
/// The longest wait for clients to read their last messages.
const LAST_WRITES: Duration = Duration::from_millis(500);
/// The shutdown of a server that does not respond: there is nothing to wait for.
const IMMEDIATE: Grace = Grace { stdin: Duration::ZERO, term: Duration::from_millis(50) };

impl<C: Conventions + Clone> Hub<C> {
    /// Starts a server after the previous one ended: that may hold locks that the new one needs.
    pub(super) fn start_server(self: &Arc<Self>, state: &mut State<C>) {
        let (hub, previous, epoch) = (Arc::clone(self), state.previous.take(), state.epoch);
        tokio::spawn(async move {
            if let Some(previous) = previous {
                previous.shutdown(hub.options.grace).await;
            }
            run(&hub, epoch).await;
        });
    }

    /// Removes the server and shuts it down. No request may be pending, or all must have failed.
    pub(super) fn remove_server(&self, state: &mut State<C>) {
        state.epoch += 1;
        state.stale_since = None;
        let Some(server) = state.server.take() else { return };
        // Its task sees the new epoch and closes the output.
        server.port.waker.wake_by_ref();
        if let Some(child) = server.child {
            state.previous = Some(child.clone());
            let grace = self.options.grace;
            tokio::spawn(async move { child.shutdown(grace).await });
        }
    }

    /// Ends the server while it is idle. Returns whether there was one.
    pub(super) fn retire(&self, state: &mut State<C>, why: &str) -> bool {
        if state.server.is_none() || !state.router.is_quiet() {
            return false;
        }
        self.log.write(&format!("the server is stopped: {why}"));
        event!(INFO, reason = why, "server stopped");
        self.remove_server(state);
        state.route(Event::ServerRetired);
        true
    }

    /// Ends a server that does not respond, and fails the pending requests.
    pub(super) fn abort_server(self: &Arc<Self>, state: &mut State<C>, why: &str) {
        self.log.write(&format!("the server is aborted: {why}"));
        event!(WARN, reason = why, "server aborted");
        if let Some(child) = state.server.as_ref().and_then(|server| server.child.clone()) {
            state.previous = Some(child.clone());
            tokio::spawn(async move { child.shutdown(IMMEDIATE).await });
        }
        if let Some(server) = &state.server {
            server.port.waker.wake_by_ref();
        }
        let data = json!({ "reason": "server_stopped" });
        state.lose_server(&RpcError::new(RpcError::INTERNAL_ERROR, why).with_data(data));
        self.follow_up(state);
    }

    /// Restarts the server if files that it read have changed and no turn is active.
    pub(super) fn refresh_server(&self, state: &mut State<C>) {
        let Some(server) = &state.server else { return };
        if server.files == Fingerprint::of(&self.options.watched_files) {
            return;
        }
        let since = *state.stale_since.get_or_insert_with(Instant::now);
        // A client between two turns would lose its thread. The wait for it is limited.
        let wait = state.router.others_own_threads(None) && since.elapsed() < self.options.stale_patience;
        if !wait {
            self.retire(state, "its login, configuration or program changed");
        }
    }
}

async fn run<C: Conventions + Clone>(hub: &Arc<Hub<C>>, epoch: u64) {
    let files = Fingerprint::of(&hub.options.watched_files);
    let connection = match (hub.options.launcher.0)() {
        Ok(connection) => connection,
        Err(error) => {
            let message = format!("cannot start the server: {error}");
            hub.log.write(&message);
            event!(ERROR, error = %error, "server not started");
            let data = json!({ "reason": "server_not_started" });
            let error = RpcError::new(RpcError::INTERNAL_ERROR, message).with_data(data);
            let mut state = hub.lock();
            state.lose_server(&error);
            return hub.follow_up(&mut state);
        }
    };
    let Some((reader, child)) = install(hub, epoch, connection, files) else { return };
    let (mut reader, mut buffer) = (reader, BytesMut::with_capacity(READ));
    let mut codec = FrameCodec::with_max_frame(hub.options.max_frame);
    let serve = std::future::poll_fn(|cx| poll(hub, epoch, &mut reader, &mut buffer, &mut codec, cx));
    let exited = async {
        match &child {
            Some(child) => {
                child.wait().await;
                // Its last output is still in the pipe.
                tokio::time::sleep(EXIT_WAIT).await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = serve => {}
        () = exited => {}
    }
    if hub.lock().epoch != epoch {
        return;
    }
    let error = explain(child.as_ref()).await;
    let mut state = hub.lock();
    if state.epoch == epoch {
        hub.log.write(&error.message);
        event!(WARN, reason = %error.message, "server ended");
        state.lose_server(&error);
        hub.follow_up(&mut state);
        state.note_presence();
        drop(state);
        hub.attention.notify_one();
    }
}

fn install<C: Conventions + Clone>(
    hub: &Arc<Hub<C>>,
    epoch: u64,
    connection: Connection,
    files: Fingerprint,
) -> Option<(BoxReader, Option<ChildHandle>)> {
    let (reader, writer, child) = connection.into_parts();
    let mut state = hub.lock();
    if state.epoch != epoch {
        // The broker is ending.
        return None;
    }
    let pid = child.as_ref().map(ChildHandle::id);
    hub.log.write(&format!("the server was started, process {pid:?}"));
    event!(INFO, pid, "server started");
    let (now, port) = (Instant::now(), Port::new(writer));
    state.server = Some(Server { port, child: child.clone(), files, last_activity: now, pinged: None });
    state.stale_since = None;
    state.server_starts += 1;
    state.route(Event::ServerUp);
    hub.follow_up(&mut state);
    Some((reader, child))
}

/// Writes the queue of the server, then reads and routes. Ready when the server ended or was replaced.
fn poll<C: Conventions + Clone>(
    hub: &Arc<Hub<C>>,
    epoch: u64,
    reader: &mut BoxReader,
    buffer: &mut BytesMut,
    codec: &mut FrameCodec,
    cx: &mut Context<'_>,
) -> Poll<()> {
    {
        let mut state = hub.lock();
        let current = state.epoch == epoch;
        let Some(server) = state.server.as_mut().filter(|_| current) else { return Poll::Ready(()) };
        server.port.waker.clone_from(cx.waker());
        if server.port.out.len() > 0 {
            server.port.flush();
            // Clients may be waiting for free space in the queue.
            hub.follow_up(&mut state);
        }
    }
    loop {
        buffer.reserve(READ / 4);
        match pin!(reader.read_buf(buffer)).poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(count)) if count > 0 => {}
            // An incomplete line at the end is not a message.
            Poll::Ready(_) => return Poll::Ready(()),
        }
        let mut state = hub.lock();
        let current = state.epoch == epoch;
        let Some(server) = state.server.as_mut().filter(|_| current) else { return Poll::Ready(()) };
        server.last_activity = Instant::now();
        server.pinged = None;
        while let Ok(Some(frame)) = codec.decode(buffer) {
            match frame {
                Frame::Message(frame) => state.route(Event::FromServer(&frame)),
                Frame::Noise(noise) => log_noise(hub, &noise),
            }
        }
        hub.follow_up(&mut state);
        if !state.releases.is_empty() || state.end.is_some() || state.stale_since.is_some() {
            hub.attention.notify_one();
        }
    }
}

fn log_noise<C: Conventions + Clone>(hub: &Hub<C>, noise: &Noise) {
    let excerpt = String::from_utf8_lossy(&noise.excerpt()[..noise.excerpt().len().min(200)]).into_owned();
    hub.log.write(&format!("noise from the server, {} bytes: {}", noise.length(), excerpt.escape_debug()));
}

/// Describes the end of the server, with its exit and its last lines on stderr.
async fn explain(child: Option<&ChildHandle>) -> RpcError {
    let Some(child) = child else {
        let data = json!({ "reason": "server_exited" });
        return RpcError::new(RpcError::INTERNAL_ERROR, "the server closed the connection").with_data(data);
    };
    // A server that closed its output but still runs is of no use.
    let exit = match tokio::time::timeout(EXIT_WAIT, child.wait()).await {
        Ok(exit) => exit,
        Err(_) => child.shutdown(IMMEDIATE).await,
    };
    let tail = exit.stderr_tail.trim_end();
    let last = tail.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
    let message = format!("the server process ended ({exit}){last}");
    let data = json!({ "reason": "server_exited", "exit": exit.to_string(), "stderrTail": tail });
    RpcError::new(RpcError::INTERNAL_ERROR, message).with_data(data)
}

pub(super) async fn finish<C: Conventions + Clone>(hub: &Arc<Hub<C>>) {
    let previous = {
        let mut state = hub.lock();
        let quiet = state.router.is_quiet();
        hub.remove_server(&mut state);
        if quiet {
            state.route(Event::ServerRetired);
        } else {
            let data = json!({ "reason": "broker_stopped" });
            let error = RpcError::new(RpcError::INTERNAL_ERROR, "the broker was stopped").with_data(data);
            state.route(Event::ServerDown(&error));
        }
        state.start_server = false;
        hub.follow_up(&mut state);
        state.previous.take()
    };
    if let Some(previous) = previous {
        previous.shutdown(hub.options.grace).await;
    }
    let written = async {
        while hub.lock().ports.values().any(|port| port.out.len() > 0 && !port.failed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    drop(tokio::time::timeout(LAST_WRITES, written).await);
    let mut state = hub.lock();
    for (_, port) in state.ports.drain() {
        port.waker.wake();
    }
}
