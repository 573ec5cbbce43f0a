use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use codex_job_store::testing::{Access, HeldLock, Locks, OsLocks};
use codex_job_store::{
    FollowFrom, Followed, Job, JobId, JobOutcome, Lease, LogLine, LogReader, Status, Store,
};

use crate::support::{Home, new_job};

const LONG: Duration = Duration::from_secs(60);

fn running(store: &Store) -> (JobId, Lease) {
    let job = store.create(new_job("job")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    (job.id, lease)
}

fn texts(store: &Store, id: &JobId) -> Vec<String> {
    let reader = LogReader::open(&store.log_path(id)).unwrap();
    reader.map(|line| line.unwrap().text().to_owned()).collect()
}

/// Follows to the end of the job.
fn follow(store: &Store, id: &JobId, from: FollowFrom) -> (Vec<String>, usize, Job) {
    let mut follow = store.follow(id, from).unwrap();
    let (mut lines, mut lost) = (Vec::new(), 0);
    loop {
        match follow.next(LONG).unwrap() {
            Followed::Line(line) => lines.push(line.text().to_owned()),
            Followed::Lost => lost += 1,
            Followed::Finished(job) => return (lines, lost, *job),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn lines_and_blocks_are_written_and_read() {
    let home = Home::new();
    let store = home.store();
    let (id, _lease) = running(&store);
    let log = store.log_writer(&id).unwrap();
    log.line("Turn started.").unwrap();
    log.block("Final output", "one\n[2026-01-31T12:34:56.789Z] Turn completed.\n\u{1b}[2Jthree").unwrap();
    log.line("two\nlines").unwrap();
    let written = fs::read_to_string(log.path()).unwrap();
    assert_eq!(
        written,
        "[2026-01-31T12:34:56.789Z] Turn started.\n\
         [2026-01-31T12:34:56.789Z] Final output\n\
         | one\n\
         | [2026-01-31T12:34:56.789Z] Turn completed.\n\
         | ␛[2Jthree\n\
         [2026-01-31T12:34:56.789Z] two␊lines\n"
    );
    let lines: Vec<LogLine> = LogReader::open(log.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(lines.iter().filter(|line| matches!(line, LogLine::Message { .. })).count(), 3);
    let progress: Vec<String> =
        store.progress(&id, 4).unwrap().iter().map(|line| line.text().to_owned()).collect();
    assert_eq!(progress, ["Turn started.", "two␊lines"], "a block's title is no progress");
    assert_eq!(store.progress(&id, 1).unwrap().len(), 1);
    assert!(store.progress(&"job-none".parse().unwrap(), 4).unwrap().is_empty());
}

#[test]
fn progress_reads_only_the_end_of_a_large_log() {
    let home = Home::new();
    let store = home.store();
    let (id, _lease) = running(&store);
    let log = store.log_writer(&id).unwrap();
    for number in 0..3000 {
        log.line(&format!("line {number} {}", "x".repeat(100))).unwrap();
    }
    let progress = store.progress(&id, 2).unwrap();
    assert!(progress[0].text().starts_with("line 2998 ") && progress[1].text().starts_with("line 2999 "));
    let all = store.progress(&id, usize::MAX).unwrap();
    assert!(all.len() < 1000 && all.iter().all(|line| line.text().starts_with("line ")), "{}", all.len());
}

#[test]
fn a_line_cut_by_a_crash_does_not_swallow_the_next() {
    let home = Home::new();
    let store = home.store();
    let (id, _lease) = running(&store);
    store.log_writer(&id).unwrap().block("Output", "body").unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(store.log_path(&id)).unwrap();
    file.write_all(b"| cut in the mid").unwrap();
    assert_eq!(texts(&store, &id), ["Output", "body"], "what has no end is still being written");
    store.log_writer(&id).unwrap().line("next").unwrap();
    assert_eq!(texts(&store, &id), ["Output", "body", "cut in the mid", "next"]);
}

#[test]
fn a_log_is_rotated_at_its_cap() {
    let mut home = Home::new();
    home.options = home.options.log_cap(1000);
    let store = home.store();
    let (id, _lease) = running(&store);
    let log = store.log_writer(&id).unwrap();
    for number in 0..100 {
        log.line(&format!("line {number}")).unwrap();
    }
    let old = home.jobs().join(format!("{id}.log.1"));
    assert!(fs::metadata(log.path()).unwrap().len() <= 1000);
    assert!(fs::metadata(&old).unwrap().len() <= 1000);
    let mut kept: Vec<String> =
        LogReader::open(&old).unwrap().map(|line| line.unwrap().text().to_owned()).collect();
    kept.extend(texts(&store, &id));
    let first = 100 - kept.len();
    let expected: Vec<String> = (first..100).map(|number| format!("line {number}")).collect();
    assert_eq!(kept, expected, "no line is missing between the two");
    log.block("Large", &"y".repeat(10_000)).unwrap();
    assert!(texts(&store, &id).last().unwrap().ends_with("9500 more bytes left out)"));
}

#[test]
fn following_sees_every_line_and_the_end() {
    let home = Home::with_time();
    let store = home.store();
    let (id, lease) = running(&store);
    let log = store.log_writer(&id).unwrap();
    log.line("before").unwrap();
    let worker = {
        thread::spawn(move || {
            for number in 0..200 {
                log.line(&format!("line {number}")).unwrap();
                if number % 20 == 0 {
                    thread::yield_now();
                }
            }
            lease.finish(&JobOutcome::completed()).unwrap();
        })
    };
    let (lines, lost, job) = follow(&store, &id, FollowFrom::Start);
    worker.join().unwrap();
    let expected: Vec<String> =
        std::iter::once("before".to_owned()).chain((0..200).map(|number| format!("line {number}"))).collect();
    assert_eq!((lines, lost, job.status), (expected, 0, Status::Completed));
}

#[test]
fn following_goes_on_over_a_rotation() {
    let mut home = Home::new();
    home.options = home.options.log_cap(2000);
    let store = home.store();
    let (id, lease) = running(&store);
    let log = store.log_writer(&id).unwrap();
    let mut follow = store.follow(&id, FollowFrom::Start).unwrap();
    for number in 0..200 {
        log.line(&format!("line {number}")).unwrap();
        assert_eq!(
            match follow.next(LONG).unwrap() {
                Followed::Line(line) => line.text().to_owned(),
                other => panic!("{other:?}"),
            },
            format!("line {number}")
        );
    }
    assert!(home.jobs().join(format!("{id}.log.1")).exists());
    // Now it is left behind by more than one rotation.
    for number in 200..500 {
        log.line(&format!("line {number}")).unwrap();
    }
    lease.finish(&JobOutcome::completed()).unwrap();
    let (mut numbers, mut lost) = (Vec::new(), 0);
    loop {
        match follow.next(LONG).unwrap() {
            Followed::Line(line) => numbers.push(line.text()["line ".len()..].parse::<u32>().unwrap()),
            Followed::Lost => lost += 1,
            Followed::Finished(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(lost, if cfg!(unix) { 1 } else { 0 });
    assert_eq!(numbers.last(), Some(&499));
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[test]
fn following_starts_where_it_is_told() {
    let mut home = Home::new();
    home.options = home.options.log_cap(1000);
    let store = home.store();
    let (id, lease) = running(&store);
    let log = store.log_writer(&id).unwrap();
    for number in 0..50 {
        log.line(&format!("line {number}")).unwrap();
    }
    lease.finish(&JobOutcome::completed()).unwrap();
    let (lines, _, _) = follow(&store, &id, FollowFrom::Start);
    assert!(lines.len() > texts(&store, &id).len(), "the older part is read as well");
    assert_eq!(lines.last().map(String::as_str), Some("line 49"));
    let (lines, _, _) = follow(&store, &id, FollowFrom::Last(100));
    assert_eq!(lines, ["line 48", "line 49"]);
    let (lines, _, _) = follow(&store, &id, FollowFrom::End);
    assert_eq!(lines, Vec::<String>::new());
}

#[test]
fn following_ends_when_the_worker_dies_and_times_out_when_nothing_happens() {
    let home = Home::with_time();
    let store = home.store();
    let (id, lease) = running(&store);
    let mut follow = store.follow(&id, FollowFrom::End).unwrap();
    assert_eq!(follow.next(Duration::ZERO).unwrap(), Followed::TimedOut);
    let waiting = {
        let (store, id) = (home.store(), id.clone());
        thread::spawn(move || store.wait(&[id], LONG).unwrap())
    };
    drop(lease);
    let Followed::Finished(job) = follow.next(LONG).unwrap() else { panic!("it has ended") };
    assert_eq!(job.status, Status::Failed);
    assert_eq!(waiting.join().unwrap(), [*job]);
}

/// Looking at a lease must not wake those who wait for it, ourselves included.
#[test]
fn a_wait_sleeps_and_so_do_those_beside_it() {
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);
    impl Locks for Counting {
        fn try_lock(&self, path: &Path, access: Access) -> io::Result<Option<Box<dyn HeldLock>>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            OsLocks.try_lock(path, access)
        }
    }
    let mut home = Home::with_time();
    let (id, _lease) = running(&home.store());
    let looks = Arc::new(Counting::default());
    home.platform = home.platform.locks(looks.clone());
    let enough = Duration::from_millis(300);
    let beside = {
        let (store, id) = (home.store(), id.clone());
        thread::spawn(move || store.follow(&id, FollowFrom::End).unwrap().next(enough).unwrap())
    };
    home.store().wait(&[id], enough).unwrap();
    assert_eq!(beside.join().unwrap(), Followed::TimedOut);
    // One look each as they begin, as they end, and for each second.
    let looks = looks.0.load(Ordering::Relaxed);
    assert!((2..=12).contains(&looks), "{looks} looks");
}

#[test]
fn waiting_is_for_all_of_them_and_not_for_ever() {
    let home = Home::with_time();
    let store = home.store();
    let (one, first) = running(&store);
    let (two, second) = running(&store);
    let ids = [one, two];
    first.finish(&JobOutcome::completed()).unwrap();
    let jobs = store.wait(&ids, Duration::ZERO).unwrap();
    assert_eq!(jobs.iter().map(|job| job.status).collect::<Vec<_>>(), [Status::Completed, Status::Running]);
    let waiting = {
        let (store, ids) = (home.store(), ids.clone());
        thread::spawn(move || store.wait(&ids, LONG).unwrap())
    };
    second.finish(&JobOutcome::failed("why")).unwrap();
    let jobs = waiting.join().unwrap();
    assert_eq!(jobs.iter().map(|job| job.status).collect::<Vec<_>>(), [Status::Completed, Status::Failed]);
}
