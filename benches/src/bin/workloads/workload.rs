//! Small fixed workloads, each with another side where there is one: to count the instructions of a go, and to let both
//! sides take turns.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use codex_gate::Verdict;
use codex_job_store::{Filter, JobOutcome, JobUpdate};
use codex_rpc::frame::{FrameCodec, Line, classify};
use codex_rpc::message::Envelope;
use codex_rpc::protocol::ServerNotification;
use serde_json::Value;
use tokio_util::codec::Decoder;

use companion_benches::routing::{ByValue, Desk, delta, request};
use companion_benches::storing::{full, open, running};
use companion_benches::{NOTIFICATIONS, long_text, notifications};

use crate::look::{BRANCH, WORK_TREE, lstat, size, tracked};
use crate::repositories::{self, git};

/// Does the work once and tells how long the part that counts took.
pub(crate) type Go = Box<dyn FnMut() -> Duration>;

/// A workload that is ready to run.
pub(crate) struct Pair {
    /// Our way.
    pub(crate) ours: Go,
    /// The peer's or the floor's.
    pub(crate) beside: Option<Go>,
}

/// A workload's name and how it is made ready.
pub(crate) struct Workload {
    /// What it does; with another side, what that is behind a colon.
    pub(crate) name: &'static str,
    /// Whether it does the same instructions again and again.
    pub(crate) counted: bool,
    /// How often both sides take turns.
    pub(crate) turns: u32,
    /// Makes it ready.
    pub(crate) make: fn() -> Pair,
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    black_box(work());
    began.elapsed()
}

fn go<T>(mut work: impl FnMut() -> T + 'static) -> Go {
    Box::new(move || timed(&mut work))
}

fn pair(ours: Go, beside: Go) -> Pair {
    Pair { ours, beside: Some(beside) }
}

/// For what waits for a disk, whose moods are no ratio to hold anything against: its instructions are.
fn alone(ours: Go) -> Pair {
    Pair { ours, beside: None }
}

const fn small(name: &'static str, make: fn() -> Pair) -> Workload {
    Workload { name, counted: true, turns: 400, make }
}

/// All of them.
pub(crate) const WORKLOADS: &[Workload] = &[
    small("scan : Value", || pair(go(scan), go(value))),
    small("scan and look : Value", || pair(go(scan_and_look), go(value_and_look))),
    small("typed notifications : Value", || pair(go(typed), go(value))),
    small("frame boundaries : memchr", || pair(go(boundaries), go(newlines))),
    small("frame codec : split and freeze", || pair(codec(), split_and_freeze())),
    small("scan 1 MiB of text : memchr", || {
        let text = long_text(1 << 20);
        let twin = text.clone();
        pair(
            go(move || Envelope::scan(black_box(&text)).is_ok_and(|envelope| envelope.thread_id().is_some())),
            go(move || memchr::memchr_iter(b'\\', black_box(&twin)).count()),
        )
    }),
    small("router, 100 deltas : by Value", || {
        let (mut desk, mut naive, frame) = (Desk::new(), ByValue::default(), delta());
        let twin = frame.clone();
        pair(
            go(move || (0..100).map(|_| desk.deliver(black_box(&frame))).sum::<usize>()),
            go(move || (0..100).map(|_| naive.deliver(black_box(&twin))).sum::<usize>()),
        )
    }),
    small("router, 100 requests : by Value", || {
        let (mut desk, mut naive, frame) = (Desk::new(), ByValue::default(), request());
        let twin = frame.clone();
        pair(
            go(move || (0..100).map(|_| desk.ask(black_box(&frame))).sum::<usize>()),
            go(move || (0..100).map(|_| naive.ask(black_box(&twin))).sum::<usize>()),
        )
    }),
    small("verdict, 1 MB of prose : memchr", || {
        let text = format!(
            "**ALLOW:** fine\n\n{}",
            "I looked at the next file as well; the walk keeps its contract with the caller, and back again.\n"
                .repeat(10_000)
        );
        let twin = text.clone();
        pair(
            go(move || Verdict::parse(black_box(&text))),
            go(move || memchr::memchr_iter(b'\n', black_box(twin.as_bytes())).count()),
        )
    }),
    small("job store, 10 updates", || {
        let root = tempfile::tempdir().expect("there is a place for temporary files");
        let store = open(root.path(), Path::new("/w/app"));
        let lease = running(&store, 0);
        let mut phase = 0_u64;
        alone(go(move || {
            let _kept = &root;
            for _ in 0..10 {
                phase += 1;
                lease.update(&JobUpdate::new().phase(phase.to_string())).expect("it is ours");
            }
        }))
    }),
    small("job store, a whole job beside 50", || {
        let (root, store) = full();
        let mut number = 50;
        alone(go(move || {
            let _kept = &root;
            number += 1;
            running(&store, number).finish(&JobOutcome::completed()).expect("it is ours").id
        }))
    }),
    small("job store, list of 50, 20 times", || {
        let (root, store) = full();
        alone(go(move || {
            let _kept = &root;
            (0..20)
                .map(|_| store.snapshot(black_box(&Filter::all())).expect("it can be read").jobs.len())
                .sum::<usize>()
        }))
    }),
    Workload {
        name: "sizing 20 files : git",
        counted: true,
        turns: 60,
        make: || beside_git(&repositories::small(), WORK_TREE),
    },
    Workload {
        name: "sizing 50,000 files : git",
        counted: false,
        turns: 12,
        make: || beside_git(&repositories::large(), WORK_TREE),
    },
    Workload {
        name: "sizing 50,000 files : lstat of each",
        counted: false,
        turns: 20,
        make: || {
            let folder = repositories::large();
            let (files, twin) = (tracked(&folder), folder.clone());
            pair(go(move || size(&folder)), go(move || lstat(&twin, &files)))
        },
    },
    Workload {
        name: "sizing 10,000 untracked files : git",
        counted: false,
        turns: 20,
        make: || beside_git(&repositories::untracked(), WORK_TREE),
    },
    Workload {
        name: "sizing a branch of 5,000 commits : git",
        counted: false,
        turns: 15,
        make: || beside_git(&repositories::branch(), BRANCH),
    },
];

fn beside_git(folder: &Path, commands: &'static [&'static [&'static str]]) -> Pair {
    let (ours, theirs) = (folder.to_path_buf(), folder.to_path_buf());
    pair(
        go(move || size(&ours)),
        go(move || commands.iter().map(|command| git(&theirs, command).len()).sum::<usize>()),
    )
}

fn scan() -> usize {
    notifications().iter().filter(|line| black_box(Envelope::scan(black_box(line))).is_ok()).count()
}

fn value() -> usize {
    let lines = notifications().iter();
    lines.filter(|line| black_box(serde_json::from_slice::<Value>(black_box(line))).is_ok()).count()
}

fn scan_and_look() -> usize {
    let look = |line: &&[u8]| {
        let envelope = Envelope::scan(black_box(line)).expect("the recorded messages are valid");
        black_box((envelope.kind(), envelope.method(), envelope.params()));
        black_box(envelope.thread_id()).is_some()
    };
    notifications().iter().filter(|line| look(line)).count()
}

fn value_and_look() -> usize {
    let look = |line: &&[u8]| {
        let value: Value = serde_json::from_slice(black_box(line)).expect("the recorded messages are valid");
        let (id, params) = (value.get("id"), value.get("params"));
        let thread = params.and_then(|params| {
            let thread = || params.get("thread").and_then(|thread| thread.get("id"));
            params.get("threadId").or_else(thread).and_then(Value::as_str)
        });
        black_box((id, value.get("method").and_then(Value::as_str), params));
        black_box(thread).is_some()
    };
    notifications().iter().filter(|line| look(line)).count()
}

fn typed() -> usize {
    let parse = |line: &&[u8]| {
        let envelope = Envelope::scan(black_box(line)).expect("the recorded messages are valid");
        let method = envelope.method().expect("notifications have a method");
        ServerNotification::parse(method, envelope.params()).is_ok()
    };
    notifications().iter().filter(|line| parse(line)).count()
}

fn boundaries() -> usize {
    let (mut rest, mut messages) = (black_box(NOTIFICATIONS), 0);
    while let Some(end) = memchr::memchr(b'\n', rest) {
        if let Line::Message { start, end } = classify(&rest[..end]) {
            black_box(&rest[start..end]);
            messages += 1;
        }
        rest = &rest[end + 1..];
    }
    messages
}

fn newlines() -> usize {
    let (mut rest, mut lines) = (black_box(NOTIFICATIONS), 0);
    while let Some(end) = memchr::memchr(b'\n', rest) {
        black_box(&rest[..end]);
        lines += 1;
        rest = &rest[end + 1..];
    }
    lines
}

fn codec() -> Go {
    Box::new(|| {
        let mut buffer = BytesMut::from(NOTIFICATIONS);
        timed(|| {
            let mut codec = FrameCodec::new();
            while let Some(frame) = codec.decode(&mut buffer).expect("decoding does not fail") {
                black_box(&frame);
            }
        })
    })
}

fn split_and_freeze() -> Go {
    Box::new(|| {
        let mut buffer = BytesMut::from(NOTIFICATIONS);
        timed(|| {
            while let Some(end) = memchr::memchr(b'\n', &buffer) {
                black_box(buffer.split_to(end + 1).freeze());
            }
        })
    })
}

/// The quickest of each side's turns.
pub(crate) fn quickest(ours: &mut Go, beside: &mut Go, turns: u32) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for turn in 0..=turns {
        let taken = (ours(), beside());
        // The first turn fills the caches.
        if turn > 0 {
            best = (best.0.min(taken.0), best.1.min(taken.1));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_stands_beside() {
        for workload in WORKLOADS {
            let both = workload.name.contains(" : ");
            // The generated repositories are too large for a test.
            if workload.turns >= 400 {
                assert_eq!(both, (workload.make)().beside.is_some(), "{}", workload.name);
            }
        }
    }

    #[test]
    fn both_sides_take_turns_and_the_quickest_counts() {
        let mut times = [9, 3, 5].into_iter().cycle();
        let mut ours: Go = Box::new(move || Duration::from_millis(times.next().unwrap_or(0)));
        let mut beside: Go = Box::new(|| Duration::from_millis(7));
        let best = quickest(&mut ours, &mut beside, 2);
        assert_eq!(best, (Duration::from_millis(3), Duration::from_millis(7)));
    }

    #[test]
    fn the_sides_see_the_same_messages() {
        let all = notifications().len();
        assert_eq!([scan(), value(), typed(), boundaries(), newlines()], [all; 5]);
        assert_eq!(scan_and_look(), value_and_look());
    }
}
