//! A pair of byte streams as a transport. It never waits for a client that does not read.

use std::io::{self, Cursor, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, GetMeta as _, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot};
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;

/// The longest message that is read. A prompt of the most characters that Codex takes, all of them escaped, fits.
const LONGEST: usize = 32 * 1024 * 1024;
/// How many messages may wait for a client that does not read; then the connection ends.
const UNREAD: usize = 1024;
/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// What comes from standard input, in pieces.
type Incoming = Pin<Box<dyn futures::Stream<Item = io::Result<Cursor<Vec<u8>>>> + Send>>;

/// Returns the transport, and a receiver that reports when the last byte was written. `closing` is cancelled when the client
/// is gone.
pub(crate) fn open(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    closing: &CancellationToken,
) -> (Stdio, oneshot::Receiver<()>) {
    let (from_thread, mut chunks) = mpsc::channel(4);
    std::thread::spawn(move || read(input, &from_thread));
    let (outgoing, to_thread) = mpsc::channel(UNREAD);
    let (done, written) = oneshot::channel();
    let gone = closing.clone();
    std::thread::spawn(move || {
        write(output, to_thread, &gone);
        let _ = done.send(());
    });
    let incoming: Incoming = Box::pin(futures::stream::poll_fn(move |context| chunks.poll_recv(context)));
    let outgoing = Outgoing { messages: outgoing, closing: closing.clone() };
    let inner =
        AsyncRwTransport::new_server(StreamReader::new(incoming), outgoing).with_max_line_length(LONGEST);
    (Stdio { inner, closing: closing.clone(), begun: false }, written)
}

fn read(mut input: impl Read, chunks: &mpsc::Sender<io::Result<Cursor<Vec<u8>>>>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => return,
            read => read.map(|count| Cursor::new(buffer[..count].to_vec())),
        };
        let failed = read.is_err();
        if chunks.blocking_send(read).is_err() || failed {
            return;
        }
    }
}

fn write(mut output: impl Write, mut messages: mpsc::Receiver<Vec<u8>>, closing: &CancellationToken) {
    while let Some(message) = messages.blocking_recv() {
        if output.write_all(&message).and_then(|()| output.flush()).is_err() {
            closing.cancel();
            return;
        }
    }
}

/// Accepts a message at once or not at all. The codec before it writes each message whole.
struct Outgoing {
    messages: mpsc::Sender<Vec<u8>>,
    closing: CancellationToken,
}

impl AsyncWrite for Outgoing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.messages.try_send(bytes.to_vec()).is_ok() {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.closing.cancel();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client does not read")))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The transport.
pub(crate) struct Stdio {
    inner: AsyncRwTransport<RoleServer, StreamReader<Incoming, Cursor<Vec<u8>>>, Outgoing>,
    closing: CancellationToken,
    /// Whether the client has introduced itself.
    begun: bool,
}

/// Whether a message introduces the client: by the greeting, or by saying in every request who it is.
fn begins(message: &ClientJsonRpcMessage) -> bool {
    match message {
        JsonRpcMessage::Request(request) => match &request.request {
            ClientRequest::InitializeRequest(_) => true,
            ClientRequest::DiscoverRequest(_) => false,
            other => other.get_meta().protocol_version().is_some(),
        },
        _ => false,
    }
}

impl Transport<RoleServer> for Stdio {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            match self.inner.receive().await {
                None => {
                    // The calls are cancelled before their answers are waited for.
                    self.closing.cancel();
                    return None;
                }
                Some(message) => {
                    self.begun |= begins(&message);
                    // The greeting waits for requests alone, and would end at anything else.
                    let request = matches!(message, JsonRpcMessage::Request(_));
                    if self.begun || request {
                        return Some(message);
                    }
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.inner.close().await
    }
}
