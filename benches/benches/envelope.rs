//! Scanning envelopes: against a whole parse, and by length.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

use std::hint::black_box;

use codex_rpc::message::Envelope;
use companion_benches::{long_text, many_objects};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;

fn notifications(criterion: &mut Criterion) {
    let lines = companion_benches::notifications();
    let mut group = criterion.benchmark_group("envelope/notifications");
    group.throughput(Throughput::Bytes(lines.iter().map(|line| line.len() as u64).sum()));
    group.bench_function("scan", |bencher| {
        bencher.iter(|| {
            for line in lines {
                black_box(&Envelope::scan(black_box(line)));
            }
        });
    });
    group.bench_function("serde_json_value", |bencher| {
        bencher.iter(|| {
            for line in lines {
                black_box(&serde_json::from_slice::<Value>(black_box(line)));
            }
        });
    });
    // The same with a look at what a router needs.
    group.bench_function("scan_and_look", |bencher| {
        bencher.iter(|| {
            for line in lines {
                let envelope = Envelope::scan(black_box(line)).expect("the recorded messages are valid");
                black_box((envelope.kind(), envelope.method(), envelope.thread_id(), envelope.params()));
            }
        });
    });
    group.bench_function("serde_json_value_and_look", |bencher| {
        bencher.iter(|| {
            for line in lines {
                let value: Value =
                    serde_json::from_slice(black_box(line)).expect("the recorded messages are valid");
                let (id, params) = (value.get("id"), value.get("params"));
                let thread = params.and_then(|params| {
                    let thread = || params.get("thread").and_then(|thread| thread.get("id"));
                    params.get("threadId").or_else(thread).and_then(Value::as_str)
                });
                black_box((id, value.get("method").and_then(Value::as_str), thread, params));
            }
        });
    });
    group.finish();
}

fn by_length(criterion: &mut Criterion) {
    for name in ["text", "objects"] {
        let make = if name == "text" { long_text } else { many_objects };
        let mut group = criterion.benchmark_group(format!("envelope/{name}"));
        group.sample_size(10);
        for kib in [4, 64, 1024, 8 * 1024, 64 * 1024] {
            let frame = make(kib * 1024);
            group.throughput(Throughput::Bytes(frame.len() as u64));
            group.bench_with_input(
                BenchmarkId::from_parameter(format!("{kib}KiB")),
                &frame,
                |bencher, frame| {
                    bencher.iter(|| {
                        black_box(Envelope::scan(black_box(frame)).expect("valid").thread_id().is_some())
                    });
                },
            );
        }
        group.finish();
    }
}

criterion_group!(benches, notifications, by_length);
criterion_main!(benches);
