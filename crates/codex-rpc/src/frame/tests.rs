use super::*;

/// Decodes the pieces as so many reads, then the end of the stream.
fn decode(max_frame: usize, pieces: &[&[u8]]) -> Vec<Frame> {
    let (mut codec, mut buffer) = (FrameCodec::with_max_frame(max_frame), BytesMut::new());
    let mut frames = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(frame) = codec.decode(&mut buffer).unwrap() {
            frames.push(frame);
        }
    }
    while let Some(frame) = codec.decode_eof(&mut buffer).unwrap() {
        frames.push(frame);
    }
    frames
}

/// One line per frame: `message`, or `KIND LENGTH:excerpt`.
fn check(input: &[u8], expected: &[&str]) {
    let shown: Vec<String> = decode(DEFAULT_MAX_FRAME, &[input]).iter().map(show).collect();
    assert_eq!(shown, expected, "{:?}", String::from_utf8_lossy(input));
}

fn show(frame: &Frame) -> String {
    match frame {
        Frame::Message(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Frame::Noise(noise) => {
            let excerpt = noise.excerpt().escape_ascii().to_string().replace("\\\"", "\"");
            format!("{:?} {}:{excerpt}", noise.kind(), noise.length())
        }
    }
}

#[test]
fn lines_become_frames() {
    check(b"", &[]);
    check(b"{\"id\":1}\n{\"id\":2}\n", &["{\"id\":1}", "{\"id\":2}"]);
    check(b"{\"id\":1}\r\n\r\n \t\n\n{}\r\n", &["{\"id\":1}", "{}"]);
    check(b"  { \"id\" : 1 }  \n", &["{ \"id\" : 1 }"]);
    check(b"{\"id\":1}", &["{\"id\":1}"]);
    check(b"{\"id\":1}\n{\"id\":", &["{\"id\":1}", "{\"id\":"]);
    check(b"[{\"id\":1}]\n[]\n[ {} ]\n", &["[{\"id\":1}]", "[]", "[ {} ]"]);
}

#[test]
fn d32_noise_is_skipped_and_reported() {
    check(b"warming up\n{\"id\":1}\n", &["Text 10:warming up", "{\"id\":1}"]);
    check(b" [2026-11-20] INFO up \n{}\n", &["Text 20:[2026-11-20] INFO up", "{}"]);
    check(b"{oops}\n{\n", &["Text 6:{oops}", "Text 1:{"]);
    check(b"INFO got {\"id\":1}\n", &["Text 17:INFO got {\"id\":1}"]);
    check("пуск\n".as_bytes(), &["Text 8:\\xd0\\xbf\\xd1\\x83\\xd1\\x81\\xd0\\xba"]);
    check(b"\xff\xfe{\0\n{}\n", &["Text 4:\\xff\\xfe{\\x00", "{}"]);
}

#[test]
fn d32_decoration_is_cut_off() {
    check(b"\xef\xbb\xbf{\"id\":1}\n", &["Decoration 3:\\xef\\xbb\\xbf", "{\"id\":1}"]);
    check(b"\x1b[0m{\"id\":1}\n{}\n", &["Decoration 4:\\x1b[0m", "{\"id\":1}", "{}"]);
    check(
        b"\x1b[38;5;1m \x1b[2K{\"id\":1}\x1b[0m\r\n",
        &["Decoration 18:\\x1b[38;5;1m \\x1b[2K\\x1b[0m", "{\"id\":1}"],
    );
    check(b"\x1b]0;title\x07{}\n", &["Decoration 10:\\x1b]0;title\\x07", "{}"]);
    check(b"\x1b]8;;x\x1b\\{}\n", &["Decoration 8:\\x1b]8;;x\\x1b\\\\", "{}"]);
    check(b"\x1b(B\x1b[m{}\n", &["Decoration 6:\\x1b(B\\x1b[m", "{}"]);
    check(b"\x1b[?25l\n", &["Decoration 6:\\x1b[?25l"]);
    check(b"\x1b[{}\n\x1b{}\n", &["Decoration 2:\\x1b[", "{}", "Decoration 1:\\x1b", "{}"]);
    check(b"\x1b]unended{}\n{}\n", &["Decoration 11:\\x1b]unended{}", "{}"]);
    check(b"\x1b[31mERROR\x1b[0m\n", &["Text 14:\\x1b[31mERROR\\x1b[0m"]);
    check(b"{\"a\":1} \x1b[0m text\n", &["{\"a\":1} \x1b[0m text"]);
}

#[test]
fn an_overlong_line_is_discarded_and_the_next_is_read() {
    let input = b"{\"a\":\"12345678\"}\n{\"a\":1}\n{\"a\":\"123456789\"}";
    let expected = ["TooLong 16:{\"a\":\"1234", "{\"a\":1}", "TooLong 17:{\"a\":\"1234"];
    for size in 1..=input.len() {
        let pieces: Vec<&[u8]> = input.chunks(size).collect();
        let shown: Vec<String> = decode(10, &pieces).iter().map(show).collect();
        assert_eq!(shown, expected, "in reads of {size}");
    }
}

#[test]
fn the_cap_counts_the_line_without_its_newline() {
    assert_eq!(decode(4, &[b"{  }\n"]), [Frame::Message(Bytes::from_static(b"{  }"))]);
    assert_eq!(decode(4, &[b"{  }\r\n"]).iter().map(show).collect::<Vec<_>>(), ["TooLong 5:{  }"]);
    assert_eq!(decode(0, &[b"\n\n{}\n"]).iter().map(show).collect::<Vec<_>>(), ["TooLong 2:"]);
}

#[test]
fn memory_stays_under_the_cap_and_is_given_back() {
    let cap = 1024 * 1024;
    let (mut codec, mut buffer) = (FrameCodec::with_max_frame(cap), BytesMut::with_capacity(8192));
    let read = vec![b'x'; 8192];
    // Four times the cap without a newline, then a frame just under the cap.
    for _ in 0..4 * cap / read.len() {
        buffer.extend_from_slice(&read);
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        assert!(codec.spilled.capacity() <= cap && buffer.capacity() <= 4 * SPILL);
    }
    assert_eq!(codec.spilled.capacity(), 0, "nothing is kept of a line that is being discarded");
    buffer.extend_from_slice(b"\n{\"a\":\"");
    let Some(Frame::Noise(noise)) = codec.decode(&mut buffer).unwrap() else { panic!("no noise") };
    assert_eq!((noise.kind(), noise.length()), (NoiseKind::TooLong, 4 * cap as u64));
    for _ in 0..cap / read.len() - 1 {
        buffer.extend_from_slice(&read);
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        assert!(codec.spilled.capacity() <= cap && buffer.capacity() <= 4 * SPILL);
    }
    buffer.extend_from_slice(b"\"}\n");
    let Some(Frame::Message(message)) = codec.decode(&mut buffer).unwrap() else { panic!("no message") };
    assert_eq!(message.len(), 8 + cap - read.len());
    assert!(
        codec.spilled.capacity() == 0 && buffer.capacity() <= 4 * SPILL,
        "the frame took its buffer along"
    );
}

#[test]
fn every_byte_is_searched_once() {
    // What makes a long line linear: after a read without a newline, nothing that was read is searched again.
    let (mut codec, mut buffer) = (FrameCodec::new(), BytesMut::new());
    for _ in 0..64 {
        buffer.extend_from_slice(&[b'x'; 1500]);
        codec.decode(&mut buffer).unwrap();
        assert_eq!(codec.scanned, buffer.len());
    }
}

#[test]
fn another_buffer_is_survived() {
    let mut codec = FrameCodec::new();
    assert_eq!(codec.decode(&mut BytesMut::from(&b"{\"id\":"[..])).unwrap(), None);
    let frame = codec.decode(&mut BytesMut::from(&b"{}\n"[..])).unwrap();
    assert_eq!(frame, Some(Frame::Message(Bytes::from_static(b"{}"))));
}

#[test]
fn the_encoder_writes_a_line_or_nothing() {
    let encode = |payload: &'static [u8]| {
        let mut buffer = BytesMut::new();
        let result = FrameCodec::with_max_frame(8).encode(Bytes::from_static(payload), &mut buffer);
        result.map(|()| buffer.to_vec()).map_err(|error| (error.kind(), error.to_string(), buffer.len()))
    };
    assert_eq!(encode(b"{\"a\":12}").unwrap(), b"{\"a\":12}\n");
    for bad in [b"{\"a\":123}".as_slice(), b"{\n}", b""] {
        let (kind, message, written) = encode(bad).unwrap_err();
        assert_eq!((kind, written), (io::ErrorKind::InvalidInput, 0), "{message}");
    }
}
