//! The job store: what durability costs beside the syncs that it needs, and what looking costs.
//!
//! The last lines of the output are ratios, measured in turns within one run: a shared machine slows both sides alike.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may panic, and reports to its reader")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use codex_job_store::{Filter, JobUpdate, Lease, NewJob, Outcome, Store, StoreOptions};
use criterion::Criterion;
use tempfile::TempDir;

fn open(root: &Path) -> Store {
    Store::open(&root.join("state"), Path::new("/w/app"), StoreOptions::default()).unwrap()
}

fn new_job(number: usize) -> NewJob {
    let mut new =
        NewJob::new("task", "task", format!("Task {number}: make the flaky test of the parser stable"));
    new.summary =
        "Find out why the test fails once in a hundred runs, and mend the cause, not the test.".into();
    new.session_id = Some("0193b0c4-5c1e-7000-8000-000000000001".into());
    new
}

fn running(store: &Store, number: usize) -> Lease {
    store.lease(&store.create(new_job(number)).unwrap().id).unwrap()
}

/// A store with 50 finished jobs, and the folder that it is in.
fn full() -> (TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    for number in 0..50 {
        let lease = running(&store, number);
        store.finish(&lease, &Outcome::completed().with_rendered("It was the clock.".repeat(100))).unwrap();
    }
    (root, store)
}

/// What one durable replacement of a file costs at least: temp file, sync, rename, sync of the folder.
struct Floor {
    folder: File,
    root: TempDir,
}

impl Floor {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Floor { folder: File::open(root.path()).unwrap(), root }
    }

    fn replace(&self, content: &[u8]) {
        let temp = self.root.path().join("file.tmp");
        let mut file = File::create(&temp).unwrap();
        file.write_all(content).unwrap();
        file.sync_all().unwrap();
        fs::rename(&temp, self.root.path().join("file")).unwrap();
        self.folder.sync_all().unwrap();
    }
}

fn durable(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("job-store");
    let floor = Floor::new();
    group
        .bench_function("floor: replace 1 KiB durably", |bencher| bencher.iter(|| floor.replace(&[7; 1024])));
    let (_root, store) = full();
    let lease = running(&store, 50);
    let mut phase = 0_u64;
    group.bench_function("update", |bencher| {
        bencher.iter(|| {
            phase += 1;
            store.update(&lease, &JobUpdate::new().phase(phase.to_string())).unwrap()
        });
    });
    group.bench_function("create, lease and finish beside 50", |bencher| {
        bencher.iter(|| store.finish(&running(&store, 51), &Outcome::completed()).unwrap());
    });
    group.finish();
}

fn looking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("job-store");
    let empty = tempfile::tempdir().unwrap();
    group.bench_function("open and look, empty", |bencher| {
        bencher.iter(|| open(empty.path()).look(black_box(&Filter::all())).unwrap());
    });
    let (root, store) = full();
    group
        .bench_function("list 50", |bencher| bencher.iter(|| store.list(black_box(&Filter::all())).unwrap()));
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
            let store = open(root.path());
            let look = store.look(black_box(&Filter::all())).unwrap();
            let active = look.jobs.iter().filter(|job| job.is_active());
            active.map(|job| store.progress(&job.id, 4).unwrap().len()).sum::<usize>()
        });
    });
    group.finish();
}

/// The median of many turns, in which each side has its go.
fn ratios() {
    const TURNS: usize = 300;
    let floor = Floor::new();
    let (_root, store) = full();
    let lease = running(&store, 50);
    let record = fs::read(store.folder().join(format!("jobs/{}.json", lease.id()))).unwrap();
    let index = fs::read(store.folder().join("state.json")).unwrap();
    let mut times: [Vec<Duration>; 6] = Default::default();
    for turn in 0..TURNS {
        let mut measure = |side: usize, act: &mut dyn FnMut()| {
            let start = Instant::now();
            act();
            times[side].push(start.elapsed());
        };
        measure(0, &mut || floor.replace(&record));
        measure(1, &mut || drop(store.update(&lease, &JobUpdate::new().phase(turn.to_string())).unwrap()));
        // A birth or an end writes the record and the index.
        measure(2, &mut || {
            floor.replace(&record);
            floor.replace(&index);
        });
        let mut id = None;
        measure(3, &mut || id = Some(store.create(new_job(turn)).unwrap().id));
        let worker = store.lease(&id.unwrap()).unwrap();
        measure(4, &mut || drop(store.finish(&worker, &Outcome::completed()).unwrap()));
        measure(5, &mut || drop(store.list(&Filter::all()).unwrap()));
    }
    let median = |side: usize| {
        let mut sorted = times[side].clone();
        sorted.sort();
        sorted[TURNS / 2].as_secs_f64() * 1e6
    };
    println!("floor: 1 file {:.0} µs, 2 files {:.0} µs", median(0), median(2));
    println!("update: {:.0} µs = {:.2} × the floor of its 1 file", median(1), median(1) / median(0));
    println!("create: {:.0} µs = {:.2} × the floor of its 2 files", median(3), median(3) / median(2));
    println!(
        "finish, and the oldest of 50 removed: {:.0} µs = {:.2} × the floor of 2 files",
        median(4),
        median(4) / median(2)
    );
    println!("list 51: {:.0} µs (goal 1000)", median(5));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    durable(&mut criterion);
    looking(&mut criterion);
    criterion.final_summary();
    if std::env::args().any(|argument| argument == "--bench") {
        ratios();
    }
}
