use std::collections::BTreeSet;
use std::time::Duration;

use codex_job_store::{JobId, JobOutcome, Retention, Status, Store};

use crate::support::{Home, all, assert_healthy, new_job};

fn done(store: &Store, title: &str) -> JobId {
    let job = store.create(new_job(title)).unwrap();
    let lease = store.lease(&job.id).unwrap();
    store.log_writer(&job.id).unwrap().line("done").unwrap();
    lease.finish(&JobOutcome::completed()).unwrap();
    job.id
}

fn titles(store: &Store) -> Vec<String> {
    all(store).into_iter().map(|job| job.title).collect()
}

#[test]
fn d12_active_jobs_are_never_pruned() {
    let home = Home::new();
    let store = home.store();
    let running = store.create(new_job("running")).unwrap();
    let lease = store.lease(&running.id).unwrap();
    let queued = store.create(new_job("queued")).unwrap();
    for number in 0..60 {
        done(&store, &format!("newer {number}"));
    }
    assert_eq!(store.recorded_job(&running.id).unwrap().status, Status::Running);
    assert_eq!(store.recorded_job(&queued.id).unwrap().status, Status::Queued);
    assert_eq!(all(&store).len(), 52);
    assert_eq!(store.prune(&Retention::new().count(0)).unwrap().len(), 50);
    assert_eq!(titles(&store), ["queued", "running"]);
    lease.finish(&JobOutcome::completed()).unwrap();
    assert_eq!(store.recorded_job(&running.id).unwrap().status, Status::Completed);
}

#[test]
fn a_long_job_that_ends_last_is_kept_longest() {
    let mut home = Home::new();
    home.options = home.options.retention(Retention::new().count(3));
    let store = home.store();
    let long = store.create(new_job("long")).unwrap();
    let lease = store.lease(&long.id).unwrap();
    for number in 0..5 {
        done(&store, &format!("short {number}"));
    }
    lease.finish(&JobOutcome::completed()).unwrap();
    assert_eq!(titles(&store), ["long", "short 4", "short 3"]);
}

#[test]
fn a_clock_that_goes_back_changes_neither_order_nor_retention() {
    let mut home = Home::new();
    home.options = home.options.retention(Retention::new().count(3).age(Duration::from_secs(3600)));
    let store = home.store();
    for number in 0..3 {
        done(&store, &format!("before {number}"));
    }
    let running = store.create(new_job("running")).unwrap();
    let lease = store.lease(&running.id).unwrap();
    home.clock.turn(-86_400_000);
    done(&store, "after");
    assert_eq!(titles(&store), ["after", "running", "before 2", "before 1"]);
    let ended = lease.finish(&JobOutcome::completed()).unwrap();
    assert!(ended.created_at <= ended.started_at.unwrap());
    assert!(ended.started_at <= ended.completed_at, "the times of a job do not decrease");
    assert_eq!(titles(&store), ["running", "after", "before 2"]);
    assert_healthy(&home);
}

#[test]
fn old_jobs_go_by_age() {
    let home = Home::new();
    let store = home.store();
    done(&store, "old");
    home.clock.turn(7_200_000);
    done(&store, "young");
    let retention = Retention::default().age(Duration::from_secs(3600));
    assert_eq!(store.prune(&retention).unwrap().len(), 1);
    assert_eq!(titles(&store), ["young"]);
}

#[test]
fn a_removed_job_leaves_no_file() {
    let home = Home::new();
    let store = home.store();
    let gone = done(&store, "gone");
    std::fs::write(home.jobs().join(format!("{gone}.log.1")), "older").unwrap();
    std::fs::write(home.jobs().join(format!("{gone}.json.corrupt-20260131T123456789Z")), "?").unwrap();
    std::fs::write(home.jobs().join("notes.txt"), "not ours").unwrap();
    assert_eq!(store.prune(&Retention::new().count(0)).unwrap(), [gone]);
    assert_eq!(home.names(), BTreeSet::from(["notes.txt".to_owned()]));
    assert_eq!(store.prune(&Retention::new().count(0)).unwrap(), []);
}
