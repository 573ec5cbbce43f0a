//! Framing: against a bare newline scan over the same bytes, and by length.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

use std::hint::black_box;

use bytes::BytesMut;
use codex_rpc::frame::{FrameCodec, Line, classify};
use companion_benches::{NOTIFICATIONS, long_text};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio_util::codec::Decoder;

/// Decodes all that is buffered, dropping each frame at once.
fn decode_all(codec: &mut FrameCodec, buffer: &mut BytesMut) {
    while let Some(frame) = codec.decode(buffer).expect("decoding does not fail") {
        black_box(&frame);
    }
}

fn against_memchr(criterion: &mut Criterion) {
    let lines_of = |length| [long_text(length), b"\n".to_vec()].concat().repeat(1024 * 1024 / length);
    let inputs =
        [("notifications", NOTIFICATIONS.to_vec()), ("4KiB", lines_of(4096)), ("64KiB", lines_of(65536))];
    for (name, input) in inputs {
        let mut group = criterion.benchmark_group(format!("frame/{name}"));
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function("memchr", |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(&input[..]);
                while let Some(end) = memchr::memchr(b'\n', rest) {
                    black_box(&rest[..end]);
                    rest = &rest[end + 1..];
                }
            });
        });
        // All that framing does, but for making a `Bytes` of each frame.
        group.bench_function("boundaries", |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(&input[..]);
                while let Some(end) = memchr::memchr(b'\n', rest) {
                    if let Line::Message { start, end } = classify(&rest[..end]) {
                        black_box(&rest[start..end]);
                    }
                    rest = &rest[end + 1..];
                }
            });
        });
        // The least that any codec over `BytesMut` does for a frame.
        group.bench_function("bytes_floor", |bencher| {
            let split = |mut buffer: BytesMut| {
                while let Some(end) = memchr::memchr(b'\n', &buffer) {
                    black_box(buffer.split_to(end + 1).freeze());
                }
                buffer
            };
            bencher.iter_batched(|| BytesMut::from(&input[..]), split, BatchSize::LargeInput);
        });
        group.bench_function("codec", |bencher| {
            let decode = |mut buffer: BytesMut| {
                decode_all(&mut FrameCodec::new(), &mut buffer);
                buffer
            };
            bencher.iter_batched(|| BytesMut::from(&input[..]), decode, BatchSize::LargeInput);
        });
        group.finish();
    }
}

fn by_length(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame/one_line_in_64KiB_reads");
    group.sample_size(10);
    for mib in [1, 8, 64] {
        let line = [long_text(mib * 1024 * 1024 - 1), b"\n".to_vec()].concat();
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(format!("{mib}MiB")), &line, |bencher, line| {
            bencher.iter(|| {
                let (mut codec, mut buffer) = (FrameCodec::new(), BytesMut::with_capacity(64 * 1024));
                for read in line.chunks(64 * 1024) {
                    buffer.extend_from_slice(read);
                    decode_all(&mut codec, &mut buffer);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, against_memchr, by_length);
criterion_main!(benches);
