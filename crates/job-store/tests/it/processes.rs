//! Real processes on one store: the test binary runs itself again as the child.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use codex_job_store::testing::{Disk, Storage};
use codex_job_store::{
    CancelOutcome, Filter, JobId, JobOutcome, JobUpdate, Lease, NoticeKind, Retention, Status, Store,
    StoreOptions,
};

use crate::support::{all, new_job, spawn};

const ROOT: &str = "JOB_STORE_TEST_ROOT";
const NUMBER: &str = "JOB_STORE_TEST_NUMBER";
const ROUNDS: &str = "JOB_STORE_TEST_ROUNDS";

fn open(root: &Path) -> Store {
    let options = StoreOptions::new()
        .retention(Retention::new().count(100_000))
        .lock_deadline(Duration::from_secs(120));
    Store::open(&root.join("state"), Path::new("/w/app"), options).unwrap()
}

fn child(root: &Path, number: usize, rounds: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "processes::as_child", "--ignored", "--test-threads=1"])
        .env(ROOT, root)
        .env(NUMBER, number.to_string())
        .env(ROUNDS, rounds.to_string())
        .stdout(Stdio::null());
    command
}

/// What a child has been told by the store, written down before it does anything else.
struct Acknowledged(fs::File);

impl Acknowledged {
    fn path(root: &Path, number: usize) -> PathBuf {
        root.join(format!("acknowledged-{number}"))
    }

    fn note(&mut self, what: &str, id: &str, more: &str) {
        self.0.write_all(format!("{what} {id} {more}\n").as_bytes()).unwrap();
    }
}

/// Numbers that look random, the same in every run of the same child.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[test]
#[ignore = "the other tests run this as a child process"]
fn as_child() {
    let Ok(root) = std::env::var(ROOT) else { return };
    let root = PathBuf::from(root);
    let number: usize = std::env::var(NUMBER).unwrap().parse().unwrap();
    let rounds: usize = std::env::var(ROUNDS).unwrap().parse().unwrap();
    let store = open(&root);
    let mut told = Acknowledged(Disk.open_append(&Acknowledged::path(&root, number)).unwrap());
    let mut dice = Dice(number as u64 + 1);
    let mut mine: Vec<Lease> = Vec::new();
    for round in 0..rounds {
        // A hundred operations, of which few make jobs: an index of thousands is another test.
        let choice = if round % 16 == 0 { 0 } else { 1 + dice.roll(9) };
        match choice {
            0 => {
                let job = store.create(new_job(&format!("job {number}.{round}"))).unwrap();
                told.note("created", job.id.as_str(), "");
                if let Ok(lease) = store.lease(&job.id) {
                    told.note("leased", job.id.as_str(), "");
                    mine.push(lease);
                }
            }
            1 => {
                // Somebody else's job, if it is still free.
                let jobs = store.recorded(&Filter::all().active(true)).unwrap();
                if let Some(job) = jobs.iter().find(|job| job.status == Status::Queued)
                    && let Ok(lease) = store.lease(&job.id)
                {
                    told.note("leased", job.id.as_str(), "");
                    mine.push(lease);
                }
            }
            2 => {
                let jobs = store.recorded(&Filter::all().active(true)).unwrap();
                if !jobs.is_empty() {
                    let job = &jobs[dice.roll(jobs.len())];
                    match store.request_cancel(&job.id) {
                        Ok(CancelOutcome::Cancelled(_)) => told.note("cancelled", job.id.as_str(), ""),
                        Ok(CancelOutcome::Requested(_)) => told.note("asked", job.id.as_str(), ""),
                        Ok(CancelOutcome::AlreadyFinished(job)) => {
                            told.note("ended", job.id.as_str(), job.status.as_str());
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            3 => {
                let key = format!("{number}.{round}");
                store.set_config(|config| drop(config.extra.insert(key.clone(), true.into()))).unwrap();
                told.note("set", &key, "");
            }
            4..=7 if !mine.is_empty() => {
                let lease = &mine[dice.roll(mine.len())];
                let phase = format!("{number}.{round}");
                lease.update(&JobUpdate::new().phase(&phase)).unwrap();
                told.note("updated", lease.id().as_str(), &phase);
            }
            _ if !mine.is_empty() => {
                let lease = mine.swap_remove(dice.roll(mine.len()));
                let outcome = JobOutcome::completed().rendered(lease.id().as_str().repeat(50));
                let job = lease.finish(&outcome).unwrap();
                told.note("ended", job.id.as_str(), job.status.as_str());
            }
            _ => drop(store.snapshot(&Filter::all()).unwrap()),
        }
    }
    told.note("done", "", "");
    // What is left in `mine` was never finished: its worker is gone.
}

/// Compares what all children were told with what is there; every job has ended by now.
fn judge(root: &Path, children: usize) {
    let store = open(root);
    let look = store.snapshot(&Filter::all()).unwrap();
    assert!(!store.take_notices().iter().any(|notice| notice.kind == NoticeKind::Corrupt));
    let jobs: BTreeMap<JobId, _> = look.jobs.iter().map(|job| (job.id.clone(), job)).collect();
    assert_eq!(jobs.len(), look.jobs.len(), "nothing is doubled");
    let sequences: BTreeSet<u64> = look.jobs.iter().map(|job| job.sequence).collect();
    assert_eq!(sequences.len(), jobs.len(), "every end has a number of its own");
    let config = store.config().unwrap();
    let (mut leased, mut created) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..children {
        let acknowledged = fs::read_to_string(Acknowledged::path(root, number)).unwrap_or_default();
        for line in acknowledged.lines() {
            let mut words = line.split(' ');
            let (what, name) = (words.next().unwrap(), words.next().unwrap());
            let more = words.next().unwrap_or_default();
            if matches!(what, "done" | "set") {
                assert!(what == "done" || config.extra.contains_key(name), "setting {name} is lost");
                continue;
            }
            let id: JobId = name.parse().unwrap();
            let job = jobs.get(&id).unwrap_or_else(|| panic!("{id} is lost after {line:?}"));
            match what {
                "created" => assert!(created.insert(id.clone()), "{id} was given out twice"),
                "leased" => assert!(leased.insert(id.clone()), "{id} was worked at twice"),
                "cancelled" | "asked" => assert_eq!(job.status, Status::Cancelled, "{id}"),
                "ended" => {
                    assert_eq!(job.status.as_str(), more, "{id}");
                    if job.status == Status::Completed {
                        assert_eq!(
                            store.recorded_record(&id).unwrap().rendered,
                            Some(id.as_str().repeat(50))
                        );
                    }
                }
                "updated" => assert!(leased.contains(&id), "{id}"),
                _ => panic!("{line}"),
            }
        }
    }
    assert!(jobs.keys().filter(|id| !created.contains(*id)).count() <= children, "one each may be untold");
    for job in look.jobs.iter().filter(|job| leased.contains(&job.id)) {
        assert!(job.status.is_final(), "{} is {}", job.id, job.status);
        assert!(job.status != Status::Failed || job.error_message.is_some(), "a failure has a reason");
    }
}

#[test]
fn thirty_two_processes_of_a_hundred_operations_lose_and_double_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mut children: Vec<_> = (0..32).map(|number| spawn(&mut child(root.path(), number, 100))).collect();
    // A reader beside them sees whole files only.
    let store = open(root.path());
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        all(&store);
        // The processors are for the children.
        std::thread::sleep(Duration::from_millis(20)); // sleep: between two looks
    }
    assert!(store.take_notices().is_empty());
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    judge(root.path(), 32);
}

#[test]
fn processes_killed_at_random_moments_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    let rounds = 50;
    for number in 0..rounds {
        let mut child = spawn(&mut child(root.path(), number, 1_000_000));
        // Until it is at work; then a little longer each time, so that it dies in the middle of different things.
        let begun = Acknowledged::path(root.path(), number);
        let deadline = Instant::now() + Duration::from_secs(60);
        while fs::metadata(&begun).map_or(0, |file| file.len()) < 20 + number as u64 * 9 {
            assert!(Instant::now() < deadline, "the child does nothing");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if number % 4 == 0 {
            open(root.path()).snapshot(&Filter::all()).unwrap();
        }
    }
    judge(root.path(), rounds);
    // Every file belongs to a job: what was half done was undone or completed.
    let store = open(root.path());
    store.prune(&Retention::new().count(100_000)).unwrap();
    let ids: BTreeSet<String> = all(&store).into_iter().map(|job| job.id.to_string()).collect();
    for name in crate::support::names(&store.folder().join("jobs")) {
        let (id, extension) = name.split_once('.').unwrap();
        assert!(ids.contains(id) && !extension.ends_with("removed"), "{name} is left over");
    }
}

#[cfg(unix)]
#[test]
fn d08_a_killed_worker_is_known_to_be_dead_at_the_next_look() {
    let root = tempfile::tempdir().unwrap();
    let mut child = spawn(&mut child(root.path(), 0, 1_000_000));
    let store = open(root.path());
    let deadline = Instant::now() + Duration::from_secs(60);
    let running = loop {
        assert!(Instant::now() < deadline, "the child does nothing");
        let jobs = store.recorded(&Filter::all().active(true)).unwrap();
        // It may end this one before it is killed: then the next round has another.
        if let Some(job) = jobs.into_iter().find(|job| job.status == Status::Running) {
            break job;
        }
    };
    assert_eq!(running.pid, Some(child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    let look = store.snapshot(&Filter::all()).unwrap();
    assert!(look.jobs.iter().all(|job| job.status != Status::Running));
    for job in look.reaped.iter().filter(|job| job.status == Status::Failed) {
        let reason = job.error_message.as_deref().unwrap();
        assert!(reason.starts_with(&format!("worker died: process {}", child.id())), "{reason}");
    }
    assert!(look.jobs.iter().any(|job| job.id == running.id), "nothing is lost");
}
