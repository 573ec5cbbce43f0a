//! A queue of bytes to write.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use codex_rpc::transport::BoxWriter;
use tokio::io::AsyncWrite;

use crate::splice::Spliced;

/// Frames of at least this length are queued as slices of the read buffer, without a copy. Shorter frames are joined into
/// chunks of about this length.
const CHUNK: usize = 64 * 1024;

/// Frames that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct WriteQueue {
    chunks: VecDeque<Bytes>,
    tail: BytesMut,
    length: usize,
}

impl WriteQueue {
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Queues a frame and its newline.
    pub(crate) fn push(&mut self, frame: &Spliced<'_>) {
        let length = frame.length() + 1;
        self.length += length;
        if length >= CHUNK {
            self.seal();
            self.chunks.extend(frame.pieces().into_iter().filter(|piece| !piece.is_empty()));
        } else {
            self.tail.reserve(length);
            for part in frame.parts() {
                self.tail.put_slice(part);
            }
        }
        self.tail.put_u8(b'\n');
        if self.tail.len() >= CHUNK {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(self.tail.split().freeze());
        }
    }

    /// Writes as much as the writer accepts. Ready when the queue is empty, or with the writer's error. Sets `progress` if
    /// anything was written.
    pub(crate) fn poll_write(
        &mut self,
        writer: &mut BoxWriter,
        cx: &mut Context<'_>,
        progress: &mut bool,
    ) -> Poll<io::Result<()>> {
        while self.length > 0 {
            let front = self.chunks.front().map_or(&self.tail[..], |chunk| &chunk[..]);
            let written = match Pin::new(&mut *writer).poll_write(cx, front) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            };
            *progress = true;
            self.length -= written;
            match self.chunks.front_mut() {
                Some(chunk) => {
                    chunk.advance(written);
                    if chunk.is_empty() {
                        self.chunks.pop_front();
                    }
                }
                None => self.tail.advance(written),
            }
        }
        self.tail.clear();
        Pin::new(writer).poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn frames_are_written_whole_and_in_order_to_a_slow_pipe() {
        let (ours, mut theirs) = tokio::io::duplex(1000);
        let mut writer: BoxWriter = Box::new(ours);
        let (mut queue, mut expected) = (WriteQueue::default(), Vec::new());
        for size in [1, 100, CHUNK - 1, CHUNK, 3 * CHUNK, 5, 0, 70] {
            let frame = Bytes::from(vec![b'x'; size]);
            let spliced = Spliced::with_id(&frame, 0..size.min(1), b"123");
            expected.extend(spliced.to_vec());
            expected.push(b'\n');
            queue.push(&spliced);
        }
        assert_eq!(queue.len(), expected.len());
        let mut got = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        while queue.len() > 0 {
            let mut progress = false;
            drop(queue.poll_write(&mut writer, &mut cx, &mut progress));
            if !progress {
                // Not caused by the pipe: tokio's cooperative budget yields to other tasks.
                tokio::task::yield_now().await;
                continue;
            }
            let mut buffer = [0; 1000];
            let count = theirs.read(&mut buffer).await.unwrap();
            got.extend_from_slice(&buffer[..count]);
        }
        drop(writer);
        theirs.read_to_end(&mut got).await.unwrap();
        assert!(got == expected);
    }
}
