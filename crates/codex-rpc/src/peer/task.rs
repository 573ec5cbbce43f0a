//! The task that owns a connection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::codec::FramedRead;

use super::handler::Reply;
use super::{
    CloseReason, Handler, Notification, Pending, RequestError, Responder, ServerCall, Waiting, lock,
};
use crate::frame::{Frame, FrameCodec};
use crate::message::{self, Dialect, EnvelopeError, Message, RequestId, RpcError};
use crate::trace::event;
use crate::transport::{BoxReader, BoxWriter, ChildHandle, Grace};

/// Requests are taken from the queue only while less than this waits to be written, in bytes.
const HIGH_WATER: usize = 1024 * 1024;
/// How long what is unsent may take to go when the connection is closed.
const FLUSH: Duration = Duration::from_millis(200);
/// How long the exit of a process is waited for after its output ended, and its output after its exit.
const EXIT_WAIT: Duration = Duration::from_millis(500);

pub(super) struct Task {
    pub(super) reader: FramedRead<BoxReader, FrameCodec>,
    pub(super) writer: BoxWriter,
    pub(super) child: Option<ChildHandle>,
    pub(super) commands: mpsc::Receiver<Bytes>,
    pub(super) close_asked: watch::Receiver<bool>,
    pub(super) reply_queue: mpsc::Receiver<Reply>,
    pub(super) replies: mpsc::Sender<Reply>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) ending: Ending,
    pub(super) handler: Box<dyn Handler>,
    pub(super) dialect: Dialect,
    pub(super) max_unsent: usize,
}

impl Task {
    pub(super) async fn run(mut self) {
        let reason = self.serve().await;
        // Standard input closes here: Codex takes that as the request to end.
        self.writer = Box::new(tokio::io::sink());
        let reason = name_the_exit(self.child.as_ref(), reason).await;
        self.ending.close(&reason);
        self.handler.closed(&reason);
    }

    async fn serve(&mut self) -> CloseReason {
        let mut out = BytesMut::new();
        let mut unflushed = false;
        let child = self.child.clone();
        let exit = async {
            match child {
                Some(child) => {
                    child.wait().await;
                    // What it wrote before its end is still in the pipe and is read first, if that does not take long.
                    tokio::time::sleep(EXIT_WAIT).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::pin!(exit);
        loop {
            tokio::select! {
                frame = self.reader.next() => match frame {
                    Some(Ok(frame)) => self.incoming(frame, &mut out),
                    Some(Err(error)) => return CloseReason::Io(error.to_string()),
                    None => return CloseReason::EndOfStream,
                },
                reply = self.reply_queue.recv() => {
                    if let Some(reply) = reply {
                        push(&mut out, &reply.frame);
                    }
                }
                frame = self.commands.recv(), if out.len() < HIGH_WATER => match frame {
                    Some(frame) => push(&mut out, &frame),
                    // The last handle is gone.
                    None => return self.flush(out).await,
                },
                () = asked(&mut self.close_asked) => {
                    while let Ok(frame) = self.commands.try_recv() {
                        push(&mut out, &frame);
                    }
                    return self.flush(out).await;
                }
                sent = send(&mut self.writer, &mut out), if unflushed || !out.is_empty() => match sent {
                    Ok(Sent::Nothing) => return CloseReason::EndOfStream,
                    Ok(Sent::Bytes) => unflushed = true,
                    Ok(Sent::All) => unflushed = false,
                    // The reader knows more: what the server said last, and how it ended.
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return self.drain().await,
                    Err(error) => return CloseReason::Io(error.to_string()),
                },
                () = &mut exit => return CloseReason::EndOfStream,
            }
            if out.len() > self.max_unsent {
                return CloseReason::NotReading(out.len());
            }
        }
    }

    /// Sends what was promised before the end, for a short time: the server may not read any more.
    async fn flush(&mut self, mut out: BytesMut) -> CloseReason {
        let sent = async {
            self.writer.write_all_buf(&mut out).await?;
            self.writer.flush().await
        };
        let _ = tokio::time::timeout(FLUSH, sent).await;
        CloseReason::Shutdown
    }

    /// Reads what is left after the server closed its input.
    async fn drain(&mut self) -> CloseReason {
        let mut unsent = BytesMut::new();
        let rest = async {
            while let Some(Ok(frame)) = self.reader.next().await {
                self.incoming(frame, &mut unsent);
                unsent.clear();
            }
        };
        drop(tokio::time::timeout(EXIT_WAIT, rest).await);
        CloseReason::EndOfStream
    }

    fn incoming(&mut self, frame: Frame, out: &mut BytesMut) {
        let bytes = match frame {
            Frame::Message(bytes) => bytes,
            Frame::Noise(noise) => {
                event!(DEBUG, kind = ?noise.kind(), bytes = noise.length(), "output that is not a message");
                return self.handler.noise(&noise);
            }
        };
        match Message::parse(bytes) {
            Ok(Message::Notification { method, params }) => {
                self.handler.notification(Notification { method, params });
            }
            Ok(Message::Request { id, method, params }) => self.server_request(id, method, params, out),
            Ok(Message::Response { id, result }) => self.response(id.as_ref(), result),
            Err(error) => self.malformed(&error, out),
        }
    }

    fn server_request(&mut self, id: RequestId, method: String, params: Option<Bytes>, out: &mut BytesMut) {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            let responder = Responder::new(id, self.dialect, self.replies.clone(), permit);
            return self.handler.request(ServerCall { method, params, responder });
        }
        let busy = RpcError::new(RpcError::SERVER_BUSY, "the client has too many unanswered requests");
        if let Ok(frame) = message::encode_error(self.dialect, Some(&id), &busy) {
            push(out, &frame);
        }
    }

    /// A broken answer fails its request, a broken request is answered; what is neither is only reported.
    fn malformed(&mut self, error: &EnvelopeError, out: &mut BytesMut) {
        event!(WARN, %error, "frame refused");
        match error.id() {
            Some(id) if error.is_response() => {
                if let Some((method, answer)) = self.take(Some(id)) {
                    let problem = error.clone();
                    return drop(answer.send(Err(RequestError::Malformed { method, problem })));
                }
            }
            Some(id) => {
                if let Ok(frame) = message::encode_error(self.dialect, Some(id), &error.to_rpc_error()) {
                    push(out, &frame);
                }
            }
            None => {}
        }
        self.handler.stray(&error.to_string());
    }

    fn take(&self, id: Option<&RequestId>) -> Option<Waiting> {
        match id {
            Some(RequestId::Number(number)) => lock(&self.ending.pending).waiting.remove(&number.as_u64()?),
            _ => None,
        }
    }

    fn response(&mut self, id: Option<&RequestId>, result: Result<Bytes, RpcError>) {
        match (self.take(id), id) {
            (Some((method, answer)), _) => {
                drop(answer.send(result.map_err(|error| RequestError::Rpc { method, error })));
            }
            (None, Some(id)) => {
                self.handler.stray(&format!("an answer to request {id}, which does not wait"));
            }
            (None, None) => match result {
                Ok(_) => self.handler.stray("an answer without an id"),
                Err(error) => {
                    self.handler.stray(&format!("an error without an id: {} {}", error.code, error.message));
                }
            },
        }
    }
}

/// Waits for a request to close. That the last handle was dropped shows in the queue.
async fn asked(close: &mut watch::Receiver<bool>) {
    if close.wait_for(|asked| *asked).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What one step of sending did.
enum Sent {
    Nothing,
    Bytes,
    All,
}

/// One step of sending: what can be written is, and when nothing is left, it is flushed. Cancel safe, as its parts are.
async fn send(writer: &mut BoxWriter, out: &mut BytesMut) -> std::io::Result<Sent> {
    if out.is_empty() {
        return writer.flush().await.map(|()| Sent::All);
    }
    writer.write_buf(out).await.map(|count| if count == 0 { Sent::Nothing } else { Sent::Bytes })
}

/// When the connection has a process, its exit is the better reason.
async fn name_the_exit(child: Option<&ChildHandle>, reason: CloseReason) -> CloseReason {
    let Some(child) = child.filter(|_| reason != CloseReason::Shutdown) else { return reason };
    if let Ok(exit) = tokio::time::timeout(EXIT_WAIT, child.wait()).await {
        return CloseReason::Exited(exit);
    }
    // It closed its output and lives on: of no use to anybody.
    CloseReason::Exited(child.shutdown(Grace::default()).await)
}

/// Fails what waits, once: with the reason, or, when the task is dropped before it has one (the handler panicked, the
/// runtime was shut down), without.
pub(super) struct Ending {
    pub(super) pending: Arc<Mutex<Pending>>,
    pub(super) closed: watch::Sender<Option<CloseReason>>,
}

impl Ending {
    fn close(&self, reason: &CloseReason) {
        let waiting = {
            let mut pending = lock(&self.pending);
            pending.closed.get_or_insert_with(|| reason.clone());
            std::mem::take(&mut pending.waiting)
        };
        self.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            closed.get_or_insert_with(|| reason.clone());
            first
        });
        for (_, (_, answer)) in waiting {
            drop(answer.send(Err(RequestError::Closed(reason.clone()))));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.close(&CloseReason::Io("the task of the connection was ended".to_owned()));
    }
}

fn push(out: &mut BytesMut, frame: &[u8]) {
    out.reserve(frame.len() + 1);
    out.extend_from_slice(frame);
    out.extend_from_slice(b"\n");
}
