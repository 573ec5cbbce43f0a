//! Frames: any chunking gives what a split at newlines gives.

use codex_rpc::frame::{Frame, MAX_EXCERPT};

use crate::frame_model::{decode, expected};

/// Any stream. The first two bytes say how it is cut into reads, and how long a frame may be.
///
/// # Panics
/// When the codec and the model differ, or a frame is not as promised.
pub fn frames(data: &[u8]) {
    let [cut, cap, stream @ ..] = data else { return };
    let max_frame = if *cap == 0 { usize::MAX / 4 } else { usize::from(*cap) };
    let cuts = [usize::from(cut % 16) + 1, usize::from(cut / 16) + 1];
    let whole = decode(max_frame, stream, &[]);
    assert_eq!(decode(max_frame, stream, &cuts), whole);
    assert_eq!(decode(max_frame, stream, &[1]), whole);
    let mut shown = Vec::new();
    for frame in &whole {
        shown.push(match frame {
            Frame::Message(message) => {
                assert!(message.len() <= max_frame && !message.contains(&b'\n'));
                Ok(&message[..])
            }
            Frame::Noise(noise) => {
                let length = usize::try_from(noise.length()).expect("it is part of the stream");
                assert!(!noise.excerpt().is_empty() || max_frame == 0);
                assert!(noise.excerpt().len() <= length.min(MAX_EXCERPT).min(max_frame));
                Err((noise.kind(), length))
            }
        });
    }
    assert_eq!(shown, expected(max_frame, stream));
    naive(max_frame, stream, &shown.into_iter().filter_map(Result::ok).collect::<Vec<_>>());
}

/// What needs no knowledge of escape sequences: lines that are plainly messages are, whole and in their order, and of the
/// others only those with an escape or a byte order mark can hold one.
fn naive(max_frame: usize, stream: &[u8], messages: &[&[u8]]) {
    let lines = stream.split(|byte| *byte == b'\n').filter(|line| line.len() <= max_frame);
    let is_strange =
        |line: &[u8]| line.contains(&0x1b) || line.windows(3).any(|bytes| bytes == b"\xef\xbb\xbf");
    let (strange, plain): (Vec<&[u8]>, Vec<&[u8]>) =
        lines.map(<[u8]>::trim_ascii).partition(|line| is_strange(line));
    let plain: Vec<&[u8]> = plain.into_iter().filter(|line| opens(line)).collect();
    let mut rest = messages.iter();
    assert!(
        plain.iter().all(|line| rest.any(|message| message == line)),
        "a message is missing or out of order"
    );
    let decorated = messages.len() - plain.len();
    let can = |line: &&&[u8]| {
        messages.iter().any(|message| line.windows(message.len()).any(|part| part == *message))
    };
    assert!(decorated <= strange.iter().filter(can).count(), "a message that no line has");
}

/// Whether a line begins as only an object, or a list of objects, does.
fn opens(line: &[u8]) -> bool {
    let then = |first: u8| line.strip_prefix(&[first])?.trim_ascii_start().first();
    then(b'{').is_some_and(|byte| b"\"}".contains(byte))
        || then(b'[').is_some_and(|byte| b"{]".contains(byte))
}
