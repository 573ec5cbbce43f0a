//! The task of one client.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use codex_rpc::frame::{Frame, FrameCodec, NoiseKind};
use codex_rpc::message::RpcError;
use codex_rpc::transport::{BoxReader, Connection};
use tokio::io::AsyncReadExt;
use tokio_util::codec::Decoder;

use super::Hub;
use super::state::Port;
use crate::conventions::Conventions;
use crate::router::{ClientId, Event};

/// The size of one read from a client, in bytes.
const READ: usize = 16 * 1024;

pub(super) fn spawn<C: Conventions + Clone>(hub: &Arc<Hub<C>>, connection: Connection) {
    let (reader, writer, _) = connection.into_parts();
    let client = {
        let mut state = hub.lock();
        let client = ClientId::new(state.next_client);
        state.next_client += 1;
        state.ports.insert(client, Port::new(writer));
        state.route(Event::ClientConnected(client));
        state.note_presence();
        hub.refresh_server(&mut state);
        hub.follow_up(&mut state);
        client
    };
    let mut task = Task {
        hub: Arc::clone(hub),
        client,
        reader,
        buffer: BytesMut::new(),
        codec: FrameCodec::with_max_frame(hub.options.max_frame),
    };
    tokio::spawn(async move { std::future::poll_fn(|cx| task.poll(cx)).await });
}

struct Task<C: Conventions + Clone> {
    hub: Arc<Hub<C>>,
    client: ClientId,
    reader: BoxReader,
    buffer: BytesMut,
    codec: FrameCodec,
}

impl<C: Conventions + Clone> Task<C> {
    /// Writes the queue, then reads and routes. Ready when the client is disconnected.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let hub = Arc::clone(&self.hub);
        let failed = {
            let mut state = hub.lock();
            let Some(port) = state.ports.get_mut(&self.client) else { return Poll::Ready(()) };
            port.waker.clone_from(cx.waker());
            if port.out.len() > 0 {
                port.flush();
            }
            port.failed
        };
        if failed {
            return self.leave();
        }
        loop {
            if !hub.lock().may_read(cx.waker()) {
                return Poll::Pending;
            }
            self.buffer.reserve(READ);
            match pin!(self.reader.read_buf(&mut self.buffer)).poll(cx) {
                Poll::Pending => {
                    if self.buffer.is_empty() {
                        // Many clients are idle most of the time: free the buffer.
                        self.buffer = BytesMut::new();
                    }
                    return Poll::Pending;
                }
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return self.leave(),
            }
            let mut state = hub.lock();
            while let Ok(Some(frame)) = self.codec.decode(&mut self.buffer) {
                match frame {
                    Frame::Message(frame) => state.route(Event::FromClient(self.client, &frame)),
                    Frame::Noise(noise) => {
                        let frame = refuse(noise.kind(), self.codec.max_frame());
                        state.send(self.client, &frame);
                    }
                }
            }
            hub.follow_up(&mut state);
            state.note_presence();
            if !state.ports.contains_key(&self.client) {
                return Poll::Ready(());
            }
        }
    }

    fn leave(&self) -> Poll<()> {
        let mut state = self.hub.lock();
        state.leave(self.client);
        self.hub.follow_up(&mut state);
        drop(state);
        self.hub.attention.notify_one();
        Poll::Ready(())
    }
}

/// Creates the error for a line that is not a message.
fn refuse(kind: NoiseKind, limit: usize) -> Bytes {
    let message = match kind {
        NoiseKind::TooLong => format!("a frame is over the limit of {limit} bytes"),
        _ => "a line is not a JSON-RPC message".to_owned(),
    };
    crate::router::error(b"null", &RpcError::new(RpcError::PARSE_ERROR, message))
}
