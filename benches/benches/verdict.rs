//! How fast an answer is read: the time that matters for answers of tens of megabytes.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

use std::hint::black_box;

use codex_gate::Verdict;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const BYTES: usize = 50_000_000;

/// `head`, followed by `line` again and again.
fn answer(head: &str, line: &str) -> String {
    let mut text = String::with_capacity(BYTES + line.len());
    text.push_str(head);
    while text.len() < BYTES {
        text.push_str(line);
    }
    text
}

fn verdict(criterion: &mut Criterion) {
    let prose =
        "I looked at the next file as well; the walk keeps its contract with the caller, and back again.\n";
    let answers = [
        // The whole answer is searched for a line that takes the verdict back.
        ("allow, prose", answer("**ALLOW:** fine\n\n", prose)),
        (
            "allow, code",
            answer("ALLOW: fine\n", "    let block = self.blocks.get(key).ok_or(Kind::Missing)?; // k\n"),
        ),
        ("allow, one line", answer("ALLOW: ", "a very long reason, and then some, ")),
        ("allow, only k", answer("ALLOW: fine\n", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\n")),
        // The first line decides alone.
        ("block", answer("BLOCK: not fine\n", "- [high] src/a.rs:10-14: it is wrong. Fix: change it.\n")),
        ("no verdict", answer("", prose)),
        // All that is skipped before the first line.
        ("blank lines", answer("", "\n")),
        (
            "json",
            answer("{\"verdict\":\"allow\",\"reason\":\"", "a very long reason, and then some, ") + "\"}",
        ),
    ];
    let mut group = criterion.benchmark_group("verdict");
    group.sample_size(10);
    for (name, answer) in &answers {
        group.throughput(Throughput::Bytes(answer.len() as u64));
        group.bench_function(*name, |bencher| bencher.iter(|| Verdict::parse(black_box(answer))));
    }
    let (_, prose) = &answers[0];
    group.throughput(Throughput::Bytes(prose.len() as u64));
    group.bench_function("memchr", |bencher| {
        bencher.iter(|| memchr::memchr_iter(b'\n', black_box(prose.as_bytes())).count());
    });
    group.finish();
    let mut group = criterion.benchmark_group("verdict, short");
    let short = "**ALLOW:** the change is small, and its test fails without it.\n";
    group.throughput(Throughput::Bytes(short.len() as u64));
    group.bench_function("allow", |bencher| bencher.iter(|| Verdict::parse(black_box(short))));
    group.finish();
}

criterion_group!(benches, verdict);
criterion_main!(benches);
