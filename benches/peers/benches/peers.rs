//! The same work asked of us and of other libraries, each reading what it takes.
//!
//! - **Method and params**: `jsonrpsee_types::Notification` over raw params, on messages with the `jsonrpc` member that it
//!   demands. It looks for no thread and no id; we find both besides.
//! - **A typed notification from a line**: what `codex-app-server-sdk` does with a line of its transport, which is private:
//!   a `Value`, taken apart, then its public `parse_notification`. The copy that it makes for the case of failure is
//!   left out, in its favour.
//! - **Lines from a reader**: that library's framing is tokio's `lines`; its transport cannot be had without a process.

use std::hint::black_box;

use codex_app_server_sdk::events::parse_notification;
use codex_rpc::frame::FrameCodec;
use codex_rpc::message::Envelope;
use codex_rpc::protocol::ServerNotification;
use companion_peers::{NOTIFICATIONS, notifications, with_version};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt as _;
use jsonrpsee_types::Notification;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_util::codec::FramedRead;

fn method_and_params(criterion: &mut Criterion) {
    let lines = with_version();
    let mut group = criterion.benchmark_group("peers/method and params");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("codex-rpc", |bencher| {
        bencher.iter(|| {
            for line in &lines {
                let envelope = Envelope::scan(black_box(line.as_bytes())).expect("the messages are valid");
                black_box((envelope.method(), envelope.params()));
            }
        });
    });
    group.bench_function("jsonrpsee-types", |bencher| {
        bencher.iter(|| {
            for line in &lines {
                let notification: Notification<'_, &RawValue> =
                    serde_json::from_slice(black_box(line.as_bytes())).expect("the messages are valid");
                black_box((notification.method_name(), notification.params().get()));
            }
        });
    });
    group.finish();
}

fn typed_notification(criterion: &mut Criterion) {
    let lines = notifications();
    let mut group = criterion.benchmark_group("peers/typed notification");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("codex-rpc", |bencher| {
        bencher.iter(|| {
            for line in &lines {
                let envelope = Envelope::scan(black_box(line.as_bytes())).expect("the messages are valid");
                let method = envelope.method().expect("notifications have a method");
                black_box(&ServerNotification::parse(method, envelope.params()));
            }
        });
    });
    group.bench_function("codex-app-server-sdk", |bencher| {
        bencher.iter(|| {
            for line in &lines {
                let value: Value = serde_json::from_str(black_box(line)).expect("the messages are valid");
                let Value::Object(mut message) = value else { unreachable!("messages are objects") };
                let Some(Value::String(method)) = message.remove("method") else { continue };
                black_box(&parse_notification(method, message.remove("params").unwrap_or_default()));
            }
        });
    });
    group.finish();
}

fn lines(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let mut group = criterion.benchmark_group("peers/lines");
    group.throughput(Throughput::Bytes(NOTIFICATIONS.len() as u64));
    group.bench_function("codex-rpc", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let mut frames = FramedRead::new(black_box(NOTIFICATIONS.as_bytes()), FrameCodec::new());
                while let Some(frame) = frames.next().await {
                    black_box(&frame.expect("the messages are valid"));
                }
            });
        });
    });
    group.bench_function("tokio", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let mut lines = BufReader::new(black_box(NOTIFICATIONS.as_bytes())).lines();
                while let Some(line) = lines.next_line().await.expect("the messages are UTF-8") {
                    black_box(&line);
                }
            });
        });
    });
    group.finish();
}

criterion_group!(benches, method_and_params, typed_notification, lines);
criterion_main!(benches);
