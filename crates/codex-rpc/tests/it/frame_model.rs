//! What the frame codec ought to find: a split at newlines, line by line. Also for `fuzz/targets`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::BytesMut;
use codex_rpc::frame::{Frame, FrameCodec, Line, NoiseKind, classify};
use tokio_util::codec::Decoder;

/// Decodes bytes that come in pieces of these lengths, over and over.
pub(crate) fn decode(max_frame: usize, bytes: &[u8], cuts: &[usize]) -> Vec<Frame> {
    let (mut codec, mut buffer) = (FrameCodec::with_max_frame(max_frame), BytesMut::new());
    let mut frames = Vec::new();
    let (mut rest, mut cuts) = (bytes, cuts.iter().cycle());
    while !rest.is_empty() {
        let (read, later) = rest.split_at(*cuts.next().unwrap_or(&rest.len()).min(&rest.len()));
        buffer.extend_from_slice(read);
        rest = later;
        while let Some(frame) = codec.decode(&mut buffer).unwrap() {
            frames.push(frame);
        }
    }
    while let Some(frame) = codec.decode_eof(&mut buffer).unwrap() {
        frames.push(frame);
    }
    frames
}

/// What the lines of `bytes` must become: messages, and noise as its kind and length.
pub(crate) fn expected(max_frame: usize, bytes: &[u8]) -> Vec<Result<&[u8], (NoiseKind, usize)>> {
    let mut frames = Vec::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        if line.len() > max_frame {
            frames.push(Err((NoiseKind::TooLong, line.len())));
            continue;
        }
        match classify(line) {
            Line::Message { start, end } => frames.push(Ok(&line[start..end])),
            Line::Decorated { start, end } => {
                let around = line[..start].trim_ascii().len() + line[end..].trim_ascii().len();
                frames.extend([Err((NoiseKind::Decoration, around)), Ok(&line[start..end])]);
            }
            Line::Text { start, end } => frames.push(Err((NoiseKind::Text, end - start))),
            Line::Decoration { start, end } => frames.push(Err((NoiseKind::Decoration, end - start))),
            Line::Empty => {}
            other => panic!("unknown kind of line: {other:?}"),
        }
    }
    frames
}
