//! The frame codec on any bytes, cut in any way.

use bytes::{Bytes, BytesMut};
use codex_rpc::frame::{Frame, FrameCodec};
use proptest::prelude::*;
use tokio_util::codec::Encoder;

use crate::frame_model::{decode, expected};

/// Bytes as a noisy stream has them: whole messages, pieces of them, noise, and line ends of both kinds.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"{\"method\":\"m\"}".to_vec()),
        1 => Just(b"[{\"id\":1}]".to_vec()),
        1 => Just(b"{\"a\":\"".to_vec()),
        1 => Just(b"[2026-11-20] up".to_vec()),
        2 => Just(b"\x1b[31m".to_vec()),
        1 => Just(b"\x1b]0;title\x07".to_vec()),
        1 => Just(b"\xef\xbb\xbf".to_vec()),
        3 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(prop::sample::select(b"{}[]\" \x1b\n".as_slice()), 0..10),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_way_of_cutting_gives_the_same_frames(
        bytes in stream(),
        cuts in prop::collection::vec(1_usize..30, 1..8),
        max_frame in prop_oneof![Just(usize::MAX / 4), 0_usize..60],
    ) {
        let whole = decode(max_frame, &bytes, &[]);
        prop_assert_eq!(&decode(max_frame, &bytes, &cuts), &whole);
        prop_assert_eq!(&decode(max_frame, &bytes, &[1]), &whole);
        let shown: Vec<_> = whole.iter().map(|frame| match frame {
            Frame::Message(message) => Ok(&message[..]),
            Frame::Noise(noise) => Err((noise.kind(), usize::try_from(noise.length()).unwrap())),
        }).collect();
        prop_assert_eq!(shown, expected(max_frame, &bytes));
    }

    #[test]
    fn frames_are_as_promised(bytes in stream()) {
        for frame in decode(64, &bytes, &[7]) {
            match frame {
                Frame::Message(message) => {
                    let opens = matches!(message[0], b'{' | b'[');
                    prop_assert!(opens);
                    prop_assert!(!message.contains(&b'\n') && message.trim_ascii_end() == message);
                }
                Frame::Noise(noise) => {
                    prop_assert!(noise.excerpt().len() as u64 <= noise.length().min(64));
                    prop_assert!(!noise.excerpt().is_empty());
                }
            }
        }
    }

    #[test]
    fn what_is_encoded_is_decoded(texts in prop::collection::vec("[^\n]{0,40}", 0..10)) {
        let (mut codec, mut buffer) = (FrameCodec::new(), BytesMut::new());
        let messages: Vec<Bytes> =
            texts.iter().map(|text| Bytes::from(serde_json::json!({ "method": text }).to_string())).collect();
        for message in &messages {
            codec.encode(message.clone(), &mut buffer).unwrap();
        }
        let expected: Vec<Frame> = messages.into_iter().map(Frame::Message).collect();
        prop_assert_eq!(decode(usize::MAX / 4, &buffer, &[11, 3]), expected);
    }
}
