//! Newline-delimited frames: how bytes become lines, and lines become messages or noise.
//!
//! [`FrameCodec`] is a [`tokio_util::codec`] decoder and encoder. A line that can be a JSON-RPC message comes out
//! as [`Frame::Message`]; every other line comes out as [`Frame::Noise`] and the stream goes on, because the
//! app-server shares its standard output with everything else that its process prints.
//!
//! # Rules
//!
//! - A frame ends at `\n`. The end of the stream ends the last one too.
//! - White space around a line (the `\r` of CRLF included) is cut off. An empty line is skipped in silence.
//! - A line is a message when it opens as one: `{` and then `"` or `}`, or (a batch) `[` and then `{` or `]`, with
//!   any white space between. So `[2026-11-20 10:00] started` is log text, not a broken batch.
//! - Terminal escape sequences and a byte order mark before a message, and escape sequences after it, are cut off;
//!   the message is kept and what was cut is reported as noise before it.
//! - A line over the cap is discarded as it arrives, reported once with its true length, and the next line is read.
//! - What comes out depends on the bytes alone, never on how reads cut them.
//!
//! Nothing here looks inside a message: see [`crate::message`] for that.
//!
//! # Memory
//!
//! All state between reads lives in the codec and in its caller's buffer, so a cancelled read loses nothing. The
//! codec never holds more than the cap, and a buffer that a long line made large goes out with that line's frame.
//! Frames share the read buffer: one that is kept for long keeps its neighbours alive, up to about 128 KiB, so
//! copy what you keep.

mod line;

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

pub use line::{Line, classify};

/// The longest line that [`FrameCodec::new`] accepts, in bytes without its newline: 64 MiB.
///
/// The app-server sends a model's answer as one line, twice, so this is also the longest answer that can be read.
pub const DEFAULT_MAX_FRAME: usize = 64 * 1024 * 1024;

/// The longest excerpt that a [`Noise`] carries, in bytes.
pub const MAX_EXCERPT: usize = 1024;

/// An unfinished line longer than this moves out of the caller's read buffer, which therefore stays small.
const SPILL: usize = 64 * 1024;

/// One thing that was read: a message, or something that is not one.
///
/// Exhaustive on purpose: there is no third case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A line that opens as a JSON-RPC message. Its first byte is `{` or `[`, and it holds no newline, no byte
    /// order mark before it, no surrounding white space and no surrounding escape sequences. Whether it is valid
    /// is for [`Envelope::scan`](crate::message::Envelope::scan) to say.
    Message(Bytes),
    /// Bytes that are not a message and were skipped.
    Noise(Noise),
}

/// Bytes that were skipped, and why.
///
/// The excerpt is raw: sanitise it before it reaches a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noise {
    kind: NoiseKind,
    length: u64,
    excerpt: Bytes,
}

/// Why bytes were skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoiseKind {
    /// A whole line of something else, such as log text.
    Text,
    /// A byte order mark or terminal escape sequences. If a message stood on the same line, it comes next.
    Decoration,
    /// A line over the cap.
    TooLong,
}

impl Noise {
    fn new(kind: NoiseKind, length: usize, excerpt: &[u8]) -> Self {
        // A copy, so that a few bytes of noise do not keep a whole read buffer alive.
        let excerpt = Bytes::copy_from_slice(&excerpt[..excerpt.len().min(MAX_EXCERPT)]);
        Self { kind, length: length as u64, excerpt }
    }

    /// Why the bytes were skipped.
    pub fn kind(&self) -> NoiseKind {
        self.kind
    }

    /// How many bytes were skipped; for a whole line, without its newline and the white space around it (which
    /// counts only for [`NoiseKind::TooLong`]).
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The first bytes that were skipped, unchanged: at most [`MAX_EXCERPT`], and never more than the cap.
    pub fn excerpt(&self) -> &Bytes {
        &self.excerpt
    }
}

/// Reads and writes newline-delimited frames. See the [module](self) for the rules.
///
/// As a decoder it never fails: its error type is [`io::Error`] only because the trait passes the reader's errors
/// through it. As an encoder it appends `\n`, and refuses a payload that is empty, holds a newline, or is over
/// the cap, with [`io::ErrorKind::InvalidInput`]; nothing is written then.
///
/// With a [`FramedRead`](tokio_util::codec::FramedRead), a read buffer of 64 KiB suits pipes and sockets.
#[derive(Debug)]
pub struct FrameCodec {
    max_frame: usize,
    /// How much of the caller's buffer is known to hold no newline.
    scanned: usize,
    /// The beginning of a long line, moved here out of the caller's buffer.
    spilled: Vec<u8>,
    /// The line that is being discarded.
    discarded: Option<Noise>,
    /// A message whose decoration was reported just before it.
    rescued: Option<Bytes>,
}

impl Default for FrameCodec {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameCodec {
    /// A codec with a cap of [`DEFAULT_MAX_FRAME`].
    pub fn new() -> Self {
        Self::with_max_frame(DEFAULT_MAX_FRAME)
    }

    /// A codec that accepts lines of at most `max_frame` bytes, not counting the newline.
    pub fn with_max_frame(max_frame: usize) -> Self {
        Self { max_frame, scanned: 0, spilled: Vec::new(), discarded: None, rescued: None }
    }

    /// The longest line that is accepted, in bytes without its newline.
    pub fn max_frame(&self) -> usize {
        self.max_frame
    }

    /// Takes the line that ends after `length` more bytes of `buffer` and, unless the stream ends, a newline.
    #[cold]
    fn end_line(&mut self, buffer: &mut BytesMut, length: usize, newline: usize) -> Option<Frame> {
        self.scanned = 0;
        if self.spilled.len() + length > self.max_frame || self.discarded.is_some() {
            self.discard(&buffer[..length]);
            buffer.advance(length + newline);
            return self.discarded.take().map(Frame::Noise);
        }
        if self.spilled.is_empty() {
            let mut line = buffer.split_to(length + newline).freeze();
            line.truncate(length);
            if length > SPILL && buffer.is_empty() {
                // Someone else's large buffer: the frame takes it along.
                *buffer = BytesMut::new();
            }
            return self.finish(&line);
        }
        self.spill(&buffer[..length]);
        buffer.advance(length + newline);
        let line = std::mem::take(&mut self.spilled);
        self.finish(&line.into())
    }

    /// Makes a frame of a whole line, unless it is empty. A message with decoration around it makes two.
    fn finish(&mut self, line: &Bytes) -> Option<Frame> {
        let noise = |kind, start, end| Some(Frame::Noise(Noise::new(kind, end - start, &line[start..end])));
        match classify(line) {
            Line::Empty => None,
            Line::Text { start, end } => noise(NoiseKind::Text, start, end),
            Line::Decoration { start, end } => noise(NoiseKind::Decoration, start, end),
            Line::Message { start, end } => Some(Frame::Message(line.slice(start..end))),
            Line::Decorated { start, end } => {
                let around = [line[..start].trim_ascii(), line[end..].trim_ascii()].concat();
                self.rescued = Some(line.slice(start..end));
                Some(Frame::Noise(Noise::new(NoiseKind::Decoration, around.len(), &around)))
            }
        }
    }

    /// Counts `bytes` to the line that is being discarded, and begins to discard if need be.
    fn discard(&mut self, bytes: &[u8]) {
        if let Some(line) = &mut self.discarded {
            line.length += bytes.len() as u64;
            return;
        }
        let limit = self.max_frame.min(MAX_EXCERPT);
        let start = std::mem::take(&mut self.spilled);
        let mut excerpt = start[..start.len().min(limit)].to_vec();
        excerpt.extend_from_slice(&bytes[..bytes.len().min(limit - excerpt.len())]);
        self.discarded = Some(Noise::new(NoiseKind::TooLong, start.len() + bytes.len(), &excerpt));
    }

    /// Appends to the long line. Capacity doubles, but never past the cap.
    fn spill(&mut self, bytes: &[u8]) {
        let needed = self.spilled.len() + bytes.len();
        if needed > self.spilled.capacity() {
            let target = (2 * needed).min(self.max_frame).max(needed);
            self.spilled.reserve_exact(target - self.spilled.len());
        }
        self.spilled.extend_from_slice(bytes);
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = io::Error;

    #[inline]
    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
        if self.rescued.is_some() {
            return Ok(self.rescued.take().map(Frame::Message));
        }
        if self.scanned > buffer.len() {
            // The caller goes on with another buffer.
            self.scanned = 0;
        }
        while let Some(found) = memchr::memchr(b'\n', &buffer[self.scanned..]) {
            let length = self.scanned + found;
            let whole = self.spilled.is_empty() && self.discarded.is_none();
            if whole && length <= self.max_frame.min(SPILL) && line::is_plain(&buffer[..length]) {
                // What nearly every line is.
                self.scanned = 0;
                let mut line = buffer.split_to(length + 1);
                line.truncate(length);
                return Ok(Some(Frame::Message(line.freeze())));
            }
            let frame = self.end_line(buffer, length, 1);
            if frame.is_some() {
                return Ok(frame);
            }
        }
        self.scanned = 0;
        if self.discarded.is_some() || self.spilled.len() + buffer.len() > self.max_frame {
            self.discard(buffer);
            buffer.clear();
        } else if buffer.len() > SPILL || !self.spilled.is_empty() {
            self.spill(buffer);
            buffer.clear();
        } else {
            self.scanned = buffer.len();
        }
        Ok(None)
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
        if let Some(frame) = self.decode(buffer)? {
            return Ok(Some(frame));
        }
        let length = buffer.len();
        Ok(self.end_line(buffer, length, 0))
    }
}

impl Encoder<Bytes> for FrameCodec {
    type Error = io::Error;

    fn encode(&mut self, payload: Bytes, buffer: &mut BytesMut) -> io::Result<()> {
        let refuse = |reason: String| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        if payload.is_empty() {
            return refuse("a frame cannot be empty".into());
        }
        if payload.len() > self.max_frame {
            let (length, limit) = (payload.len(), self.max_frame);
            return refuse(format!("a frame of {length} bytes is over the limit of {limit} bytes"));
        }
        if let Some(at) = memchr::memchr(b'\n', &payload) {
            return refuse(format!("a frame cannot hold a newline (byte {at})"));
        }
        buffer.reserve(payload.len() + 1);
        buffer.put_slice(&payload);
        buffer.put_u8(b'\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests;
