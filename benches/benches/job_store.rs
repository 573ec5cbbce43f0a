//! The job store: what durability costs beside the syncs that it needs, and what looking costs.

#![expect(clippy::unwrap_used, reason = "a bench may panic")]
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use codex_job_store::{Filter, JobOutcome, JobUpdate, Lease, Store};
use companion_benches::storing::{Floor, full, new_job, open, running};
use criterion::{Criterion, criterion_group, criterion_main};

fn opened(root: &Path) -> Store {
    open(&root.join("state"), Path::new("/w/app"))
}

fn durable(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("job-store");
    let floor = Floor::new();
    let (_root, store) = full();
    let lease = running(&store, 50);
    let record = fs::read(store.folder().join(format!("jobs/{}.json", lease.id()))).unwrap();
    let index = fs::read(store.folder().join("state.json")).unwrap();
    group.bench_function("floor, 1 file", |bencher| bencher.iter(|| floor.replace(&record)));
    let mut phase = 0_u64;
    group.bench_function("update", |bencher| {
        bencher.iter(|| {
            phase += 1;
            lease.update(&JobUpdate::new().phase(phase.to_string())).unwrap()
        });
    });
    // A birth or an end writes the record and the index.
    group.bench_function("floor, 2 files", |bencher| {
        bencher.iter(|| {
            floor.replace(&record);
            floor.replace(&index);
        });
    });
    // Each job that begins here ends too, and the oldest of 50 goes for it.
    let lives = |count: u64, timed: fn(&Store, &mut Duration)| {
        let mut total = Duration::ZERO;
        for _ in 0..count {
            timed(&store, &mut total);
        }
        total
    };
    group.bench_function("create", |bencher| {
        bencher.iter_custom(|count| {
            lives(count, |store, total| {
                let began = Instant::now();
                let job = store.create(new_job(51)).unwrap();
                *total += began.elapsed();
                store.lease(&job.id).unwrap().finish(&JobOutcome::completed()).unwrap();
            })
        });
    });
    group.bench_function("finish", |bencher| {
        bencher.iter_custom(|count| {
            lives(count, |store, total| {
                let lease = running(store, 51);
                let began = Instant::now();
                lease.finish(&JobOutcome::completed()).unwrap();
                *total += began.elapsed();
            })
        });
    });
    group.finish();
}

fn looking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("job-store");
    let empty = tempfile::tempdir().unwrap();
    group.bench_function("open and look, empty", |bencher| {
        bencher.iter(|| opened(empty.path()).snapshot(black_box(&Filter::all())).unwrap());
    });
    let (root, store) = full();
    group.bench_function("list 50", |bencher| {
        bencher.iter(|| store.snapshot(black_box(&Filter::all())).unwrap());
    });
    let leases: Vec<Lease> = (50..60).map(|number| running(&store, number)).collect();
    for lease in &leases {
        let log = store.log_writer(lease.id()).unwrap();
        let line = "Running command: cargo test --workspace --all-features, for the third time".repeat(10);
        for _ in 0..5 * 1024 * 1024 / line.len() {
            log.line(&line).unwrap();
        }
    }
    group.bench_function("open, look at 50 and 10 running with 50 MB of logs", |bencher| {
        bencher.iter(|| {
            let store = opened(root.path());
            let look = store.snapshot(black_box(&Filter::all())).unwrap();
            let active = look.jobs.iter().filter(|job| job.is_active());
            active.map(|job| store.progress(&job.id, 4).unwrap().len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, durable, looking);
criterion_main!(benches);
