//! What `codex-review-target` takes, beside what the git commands take that a caller would otherwise run.
//!
//! `cargo bench -p companion-benches --bench review_target`; the repositories are made at the first run.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

#[path = "../src/bin/workloads/look.rs"]
mod look;
#[path = "../src/bin/workloads/repositories.rs"]
mod repositories;

use std::path::Path;

use codex_review_target::{CollectOptions, ConfigScope, ResolveOptions, collect, resolve};
use criterion::{Criterion, criterion_group, criterion_main};

use look::{BRANCH, WORK_TREE, size};

fn context(folder: &Path) {
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    let target = resolve(folder, &options).expect("there is something to review");
    let context = collect(&target, &CollectOptions::new()).expect("it can be collected");
    assert!(context.text.len() <= 1 << 20);
}

fn all(folder: &Path, commands: &[&[&str]]) {
    for arguments in commands {
        repositories::git(folder, arguments);
    }
}

fn beside_git(criterion: &mut Criterion, name: &str, folder: &Path, commands: &[&[&str]]) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.bench_function("ours", |bencher| bencher.iter(|| size(folder)));
    group.bench_function("git", |bencher| bencher.iter(|| all(folder, commands)));
    group.bench_function("git status alone", |bencher| bencher.iter(|| all(folder, &commands[..1])));
    // What no look at the work tree can do without, on as many threads as there are cores.
    let files = look::tracked(folder);
    group.bench_function("lstat", |bencher| bencher.iter(|| look::lstat(folder, &files)));
    group.finish();
}

fn sizes(criterion: &mut Criterion) {
    beside_git(criterion, "20 files, 2 changed", &repositories::small(), WORK_TREE);
    beside_git(criterion, "50,000 files, 3 changed, 200 untracked", &repositories::large(), WORK_TREE);
    beside_git(criterion, "200 MB of diff in 2,000 files", &repositories::big_diff(), WORK_TREE);
    beside_git(criterion, "one changed file of 200 MB", &repositories::big_file(), WORK_TREE);
    beside_git(criterion, "10,000 untracked files", &repositories::untracked(), WORK_TREE);
    beside_git(criterion, "branch of 5,000 commits, 300 files", &repositories::branch(), BRANCH);
}

fn contexts(criterion: &mut Criterion) {
    let folder = repositories::untracked();
    let mut group = criterion.benchmark_group("10,000 untracked files, the whole context");
    group.sample_size(10);
    group.bench_function("ours", |bencher| bencher.iter(|| context(&folder)));
    group.finish();
}

criterion_group!(benches, sizes, contexts);
criterion_main!(benches);
