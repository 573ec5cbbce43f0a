//! The broker's router alone, without sockets: a message to its owner, and a request with its answer; beside the router
//! that makes a tree of every message.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

use std::hint::black_box;

use codex_rpc::message::Envelope;
use companion_benches::routing::{ByValue, Desk, delta, request};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn router(criterion: &mut Criterion) {
    let (delta, request) = (delta(), request());
    let (mut desk, mut naive) = (Desk::new(), ByValue::default());

    let mut group = criterion.benchmark_group("router/delta");
    group.throughput(Throughput::Elements(1));
    group.bench_function("ours", |bencher| bencher.iter(|| desk.deliver(black_box(&delta))));
    group.bench_function("value", |bencher| bencher.iter(|| naive.deliver(black_box(&delta))));
    group.bench_function("scan", |bencher| {
        bencher
            .iter(|| Envelope::scan(black_box(&delta)).is_ok_and(|envelope| envelope.thread_id().is_some()));
    });
    group.finish();

    let mut group = criterion.benchmark_group("router/request");
    group.throughput(Throughput::Elements(1));
    group.bench_function("ours", |bencher| bencher.iter(|| desk.ask(black_box(&request))));
    group.bench_function("value", |bencher| bencher.iter(|| naive.ask(black_box(&request))));
    group.finish();
}

criterion_group!(benches, router);
criterion_main!(benches);
