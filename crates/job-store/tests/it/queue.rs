//! Jobs as a queue: taken one after another, tried again, and cancelled while their worker waits.

use std::thread;
use std::time::Duration;

use codex_job_store::codex::CodexFields;
use codex_job_store::{CancelOutcome, ErrorKind, Filter, JobOutcome, NewJob, Status};

use crate::support::{Home, all, new_job};

#[test]
fn jobs_are_claimed_oldest_first() {
    let home = Home::new();
    let store = home.store();
    let create = |title: &str| store.create(new_job(title)).unwrap().id;
    let (first, handed_over, cancelled, last) = (create("a"), create("b"), create("c"), create("d"));
    let other = store.create(NewJob::new("review", "review", "e")).unwrap().id;
    store.hand_over(&handed_over, std::process::id()).unwrap();
    assert!(matches!(store.request_cancel(&cancelled).unwrap(), CancelOutcome::Cancelled(_)));

    let tasks = Filter::all().job_class("task");
    let one = store.claim_next(&tasks).unwrap().unwrap();
    assert_eq!((one.id(), one.record().job.status), (&first, Status::Running));
    let two = home.store().claim_next(&tasks).unwrap().unwrap();
    assert_eq!(two.id(), &last, "a job that was handed over is left to its worker");
    assert!(store.claim_next(&tasks).unwrap().is_none());
    assert_eq!(store.claim_next(&Filter::all()).unwrap().unwrap().id(), &other);
    assert_eq!(store.recorded_job(&handed_over).unwrap().status, Status::Queued);
}

#[test]
fn each_job_is_claimed_by_one_worker() {
    let home = Home::with_time();
    let store = home.store();
    let mut created: Vec<_> = (0..20).map(|n| store.create(new_job(&n.to_string())).unwrap().id).collect();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let store = home.store();
            thread::spawn(move || {
                let mut claimed = Vec::new();
                while let Some(lease) = store.claim_next(&Filter::all()).unwrap() {
                    lease.finish(&JobOutcome::completed()).unwrap();
                    claimed.push(lease.id().clone());
                }
                claimed
            })
        })
        .collect();
    let mut claimed: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    claimed.sort();
    created.sort();
    assert_eq!(claimed, created);
}

#[test]
fn a_failed_job_is_tried_again_as_a_job_of_its_own() {
    let home = Home::new();
    let store = home.store();
    let codex = CodexFields::new().kind_label("rescue").model("m").effort("high").write(true);
    let new = new_job("flaky").summary("do it").session_id("s1");
    let job = store.create(new.request(&"the prompt").unwrap().extension(&codex).unwrap()).unwrap();
    let refused = |id| assert_eq!(store.retry(id).unwrap_err().kind(), ErrorKind::IllegalTransition);
    refused(&job.id);
    let lease = store.lease(&job.id).unwrap();
    refused(&job.id);
    let ids = CodexFields::new().thread_id("t1").turn_id("u1");
    let first = lease.finish(&JobOutcome::failed("why").extension(&ids).unwrap()).unwrap();
    assert_eq!((first.attempt, &first.retry_of), (1, &None));

    let second = store.retry(&job.id).unwrap();
    assert_eq!((second.status, second.attempt, &second.retry_of), (Status::Queued, 2, &Some(job.id.clone())));
    assert_eq!((second.title.as_str(), second.session_id.as_deref()), ("flaky", Some("s1")));
    assert_eq!(second.error_message, None);
    assert_eq!(second.codex(), codex, "thread and turn belong to the first attempt");
    let record = store.recorded_record(&second.id).unwrap();
    assert_eq!(record.request.unwrap().get(), "\"the prompt\"");
    assert_eq!(store.recorded_job(&job.id).unwrap(), first, "the first attempt keeps its record");

    store.request_cancel(&second.id).unwrap();
    let third = store.retry(&second.id).unwrap();
    assert_eq!((third.attempt, &third.retry_of), (3, &Some(second.id)));
    store.lease(&third.id).unwrap().finish(&JobOutcome::completed()).unwrap();
    refused(&third.id);
    assert_eq!(all(&store).len(), 3);
}

#[test]
fn a_worker_waits_for_a_cancel() {
    let home = Home::with_time();
    let store = home.store();
    let job = store.create(new_job("long")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    assert!(!lease.wait_for_cancel(Duration::ZERO));
    assert!(!lease.wait_for_cancel(Duration::from_millis(20)));
    let waiting = thread::spawn(move || lease.wait_for_cancel(Duration::from_secs(600)));
    assert!(matches!(store.request_cancel(&job.id).unwrap(), CancelOutcome::Requested(_)));
    assert!(waiting.join().unwrap());
}
