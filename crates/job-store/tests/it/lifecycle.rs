use std::slice::from_ref;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use codex_job_store::codex::CodexFields;
use codex_job_store::testing::{Access, Locks, OsLocks, OsProcesses, Processes};
use codex_job_store::{
    CancelOutcome, ErrorKind, Filter, JobId, JobOutcome, JobUpdate, ProcessIdentity, Status, Store,
};

use crate::support::{Home, PowerCut, all, names, new_job, reap, spawn};

#[test]
fn opening_and_looking_create_nothing() {
    let home = Home::new();
    let store = home.store();
    assert!(all(&store).is_empty());
    assert!(store.snapshot(&Filter::all()).unwrap().jobs.is_empty());
    assert!(!store.config().unwrap().stop_review_gate);
    let id = "job-1".parse().unwrap();
    assert_eq!(store.recorded_job(&id).unwrap_err().kind(), ErrorKind::UnknownJob);
    assert_eq!(store.request_cancel(&id).unwrap_err().kind(), ErrorKind::UnknownJob);
    assert_eq!(store.lease(&id).unwrap_err().kind(), ErrorKind::UnknownJob);
    assert!(store.prune(&Default::default()).unwrap().is_empty());
    assert!(names(home.root.path()).is_empty());
    let relative = Store::open("state".as_ref(), "/w/app".as_ref(), home.options.clone());
    assert_eq!(relative.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_job_goes_from_queued_over_running_to_its_end() {
    let home = Home::new();
    let store = home.store();
    let mut new = new_job("Fix\nthe   test").request(&"prompt").unwrap();
    new.session_id = Some("s1".into());
    let job = store.create(new).unwrap();
    assert_eq!((job.status, job.title.as_str()), (Status::Queued, "Fix the test"));
    assert_eq!(job.pid, Some(std::process::id()));
    assert_eq!(job.workspace_root, "/w/app");
    assert_eq!(job.log_file.as_deref(), store.log_path(&job.id).to_str());

    home.clock.turn(1_000);
    let lease = store.lease(&job.id).unwrap();
    assert_eq!(lease.record().request.unwrap().get(), "\"prompt\"");
    home.clock.turn(2_000);
    let codex = CodexFields::new().thread_id("t1").turn_id("u1");
    let updated = lease.update(&JobUpdate::new().phase("editing").extension(&codex).unwrap()).unwrap();
    assert_eq!(updated.phase.as_deref(), Some("editing"));
    assert_eq!(home.store().recorded_job(&job.id).unwrap(), updated, "others see it");

    home.clock.turn(3_000);
    let outcome = JobOutcome::completed().result(&[1]).unwrap().rendered("text").summary("It\nworks.");
    let ended = lease.finish(&outcome).unwrap();
    assert_eq!((ended.status, ended.phase.as_deref(), ended.pid), (Status::Completed, Some("done"), None));
    assert_eq!((ended.summary.as_str(), ended.codex().thread_id.as_deref()), ("It works.", Some("t1")));
    assert_eq!(ended.elapsed(ended.updated_at), Duration::from_secs(5));
    let record = home.store().recorded_record(&job.id).unwrap();
    assert_eq!(record.job, ended);
    assert_eq!(record.result.unwrap().get(), "[1]");
    assert_eq!(record.rendered.as_deref(), Some("text"));
    assert_eq!(all(&home.store()), [ended]);
}

#[test]
fn only_legal_steps_are_taken() {
    /// Brings a job into a state, and says what each step answers there.
    fn check(reach: fn(&Store) -> JobId, expected: [Result<Status, ErrorKind>; 3]) {
        type Step = fn(&Store, &JobId) -> Result<Status, ErrorKind>;
        let steps: [Step; 3] = [
            |store, id| store.lease(id).map(|lease| lease.record().job.status).map_err(|error| error.kind()),
            |store, id| store.abandon(id, "why").map(|job| job.status).map_err(|error| error.kind()),
            |store, id| match store.request_cancel(id).map_err(|error| error.kind())? {
                CancelOutcome::Cancelled(job) => Ok(job.status),
                CancelOutcome::AlreadyFinished(_) => Err(ErrorKind::AlreadyFinished),
                other @ CancelOutcome::Requested(_) => panic!("{other:?}"),
            },
        ];
        for (step, expected) in steps.into_iter().zip(expected) {
            let home = Home::new();
            let store = home.store();
            let id = reach(&store);
            assert_eq!(step(&store, &id), expected);
        }
    }
    let ended = [Err(ErrorKind::AlreadyFinished); 3];
    check(
        |store| store.create(new_job("queued")).unwrap().id,
        [Ok(Status::Running), Ok(Status::Failed), Ok(Status::Cancelled)],
    );
    check(
        |store| {
            let job = store.create(new_job("its worker is dead")).unwrap();
            drop(store.lease(&job.id).unwrap());
            job.id
        },
        [Err(ErrorKind::IllegalTransition), Ok(Status::Failed), Ok(Status::Cancelled)],
    );
    for outcome in [JobOutcome::completed, || JobOutcome::failed("why"), JobOutcome::cancelled] {
        let home = Home::new();
        let store = home.store();
        let job = store.create(new_job("ended")).unwrap();
        let lease = store.lease(&job.id).unwrap();
        lease.finish(&outcome()).unwrap();
        let again = lease.finish(&JobOutcome::completed()).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyFinished);
        let late = lease.update(&JobUpdate::new().phase("editing")).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::AlreadyFinished);
    }
    check(
        |store| {
            let job = store.create(new_job("ended")).unwrap();
            store.lease(&job.id).unwrap().finish(&JobOutcome::completed()).unwrap();
            job.id
        },
        ended,
    );
}

#[test]
fn a_job_has_one_worker() {
    let home = Home::with_time();
    let id = home.store().create(new_job("wanted")).unwrap().id;
    let barrier = Arc::new(Barrier::new(8));
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let (store, id, barrier) = (home.store(), id.clone(), barrier.clone());
            thread::spawn(move || {
                barrier.wait();
                store.lease(&id)
            })
        })
        .collect();
    let leases: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    assert_eq!(leases.iter().filter(|lease| lease.is_ok()).count(), 1);
    for refused in leases.iter().filter_map(|lease| lease.as_ref().err()) {
        assert_eq!(refused.kind(), ErrorKind::LeaseHeld);
    }
}

#[test]
fn nothing_new_is_not_written() {
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("quiet")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    let update = JobUpdate::new().phase("editing");
    lease.update(&update).unwrap();
    home.faults.count();
    lease.update(&update).unwrap();
    lease.update(&JobUpdate::new()).unwrap();
    assert_eq!(home.faults.disarm(), Vec::<String>::new());
}

#[test]
fn an_update_costs_one_file() {
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("cheap")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    home.faults.count();
    lease.update(&JobUpdate::new().phase("editing")).unwrap();
    let id = &job.id;
    assert_eq!(
        home.faults.disarm(),
        [
            format!("write {id}.json.tmp"),
            format!("sync {id}.json.tmp"),
            format!("rename {id}.json.tmp"),
            "sync folder jobs".to_owned()
        ]
    );
}

#[test]
fn jobs_are_found_by_id_and_by_unique_beginning() {
    let home = Home::new();
    let store = home.store();
    let one = store.create(new_job("one")).unwrap();
    home.clock.turn(60_000);
    let two = store.create(new_job("two")).unwrap();
    assert!(one.id < two.id, "ids sort by time");
    let find = |reference: &str| store.find(reference).map(|job| job.id).map_err(|error| error.kind());
    assert_eq!(find(one.id.as_str()), Ok(one.id.clone()));
    assert_eq!(find(&one.id.as_str()[..13]), Ok(one.id.clone()));
    assert_eq!(find("job-"), Err(ErrorKind::AmbiguousJob));
    assert_eq!(find("job-z"), Err(ErrorKind::UnknownJob));
    assert_eq!(find(""), Err(ErrorKind::UnknownJob));
    assert_eq!(find("../state"), Err(ErrorKind::UnknownJob));
    assert_eq!(store.find("job-").unwrap_err().candidates(), [two.id, one.id]);
}

#[test]
fn d33_lists_are_of_a_session_and_ids_reach_any() {
    let home = Home::new();
    let store = home.store();
    for (title, session) in [("a", Some("s1")), ("b", Some("s2")), ("c", None), ("d", Some("s1"))] {
        let mut new = new_job(title);
        new.session_id = session.map(str::to_owned);
        let job = store.create(new).unwrap();
        if title != "d" {
            store.lease(&job.id).unwrap().finish(&JobOutcome::completed().rendered(title)).unwrap();
        }
    }
    let titles = |filter: Filter| -> Vec<String> {
        store.recorded(&filter).unwrap().into_iter().map(|job| job.title).collect()
    };
    assert_eq!(titles(Filter::all()), ["d", "c", "b", "a"]);
    assert_eq!(titles(Filter::all().session("s1")), ["d", "a"]);
    assert_eq!(titles(Filter::all().session("s1").active(false)), ["a"]);
    assert_eq!(titles(Filter::all().active(true)), ["d"]);
    assert_eq!(titles(Filter::all().limit(2)), ["d", "c"]);
    assert_eq!(titles(Filter::all().job_class("review")), Vec::<String>::new());
    // Session s2 has ended; what it has left stays.
    let b = store.recorded(&Filter::all().session("s2")).unwrap().remove(0);
    assert_eq!(store.recorded_record(&b.id).unwrap().rendered.as_deref(), Some("b"));
}

#[test]
fn d37_the_record_is_durable_before_anybody_can_work_at_it() {
    let home = Home::new();
    let job = home.store().create(new_job("first").request(&"prompt").unwrap()).unwrap();
    home.faults.cut_power(PowerCut::LosesNames);
    let lease = home.store().lease(&job.id).unwrap();
    assert_eq!(lease.record().request.unwrap().get(), "\"prompt\"");
}

#[test]
fn d01_twenty_jobs_and_a_setting_at_once() {
    let home = Home::with_time();
    let barrier = Arc::new(Barrier::new(21));
    let workers: Vec<_> = (0..21)
        .map(|number| {
            let (store, barrier) = (home.store(), barrier.clone());
            thread::spawn(move || {
                barrier.wait();
                if number == 20 {
                    store.set_config(|config| config.stop_review_gate = true).unwrap();
                    return;
                }
                let job = store.create(new_job(&format!("job {number}"))).unwrap();
                let lease = store.lease(&job.id).unwrap();
                lease.update(&JobUpdate::new().phase("running")).unwrap();
                lease.finish(&JobOutcome::completed().rendered(number.to_string())).unwrap();
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    let store = home.store();
    assert!(store.config().unwrap().stop_review_gate);
    let jobs = all(&store);
    assert_eq!(jobs.len(), 20);
    for job in jobs {
        assert_eq!(job.status, Status::Completed);
        let number = job.title.trim_start_matches("job ").to_owned();
        assert_eq!(store.recorded_record(&job.id).unwrap().rendered, Some(number));
    }
    let index = std::fs::read_to_string(home.folder().join("state.json")).unwrap();
    assert!(index.contains("\"stopReviewGate\":true"), "the copy follows");
    assert!(store.take_notices().is_empty());
}

#[test]
fn d09_a_cancelled_job_ends_cancelled_whatever_raced_it() {
    for round in 0..100 {
        let home = Home::with_time();
        let store = home.store();
        let job = store.create(new_job("raced")).unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let worker = {
            let (store, id, barrier) = (home.store(), job.id.clone(), barrier.clone());
            thread::spawn(move || {
                if round % 2 == 0 {
                    barrier.wait();
                }
                let lease = match store.lease(&id) {
                    Ok(lease) => lease,
                    Err(error) => return assert_eq!(error.kind(), ErrorKind::AlreadyFinished),
                };
                if round % 2 == 1 {
                    barrier.wait();
                }
                lease.finish(&JobOutcome::completed().rendered("all of it")).unwrap();
            })
        };
        barrier.wait();
        let cancel = store.request_cancel(&job.id).unwrap();
        worker.join().unwrap();
        let end = store.recorded_job(&job.id).unwrap();
        match cancel {
            CancelOutcome::AlreadyFinished(seen) => {
                assert_eq!(seen.status, Status::Completed);
                assert_eq!(end, seen);
            }
            CancelOutcome::Cancelled(seen) => assert_eq!(end, seen),
            CancelOutcome::Requested(_) => assert_eq!(end.status, Status::Cancelled, "round {round}"),
        }
    }
}

#[test]
fn d09_the_worker_can_ask_and_the_result_so_far_is_kept() {
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("asked")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    assert!(!lease.cancel_requested());
    assert!(matches!(home.store().request_cancel(&job.id).unwrap(), CancelOutcome::Requested(_)));
    assert!(
        matches!(home.store().request_cancel(&job.id).unwrap(), CancelOutcome::Requested(_)),
        "twice is fine"
    );
    assert!(lease.cancel_requested());
    let mut outcome = JobOutcome::completed().rendered("half of it");
    outcome.exit_code = Some(0);
    let ended = lease.finish(&outcome).unwrap();
    assert_eq!((ended.status, ended.phase.as_deref()), (Status::Cancelled, Some("cancelled")));
    assert_eq!(ended.exit_code, None, "it would contradict");
    assert_eq!(ended.cancel_requested_at, Some(ended.updated_at));
    assert_eq!(store.recorded_record(&job.id).unwrap().rendered.as_deref(), Some("half of it"));
    assert!(!home.names().iter().any(|name| name.ends_with(".cancel") || name.ends_with(".lease")));
}

#[test]
fn d08_a_job_whose_lease_is_free_is_failed_at_the_next_look() {
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("lost")).unwrap();
    drop(store.lease(&job.id).unwrap());
    assert_eq!(store.recorded_job(&job.id).unwrap().status, Status::Running, "a list alone changes nothing");
    assert_eq!(reap(&home.store()), from_ref(&job.id));
    assert_eq!(reap(&home.store()), []);
    let failed = store.recorded_job(&job.id).unwrap();
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.error_message.unwrap().starts_with("worker gave up"));
}

#[test]
fn a_dead_worker_that_was_to_cancel_leaves_a_cancelled_job() {
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("lost")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    store.request_cancel(&job.id).unwrap();
    drop(lease);
    let look = store.snapshot(&Filter::all()).unwrap();
    assert_eq!(look.jobs[0].status, Status::Cancelled);
    assert_eq!(look.reaped, look.jobs);
}

/// A process that does nothing for long. To be called before there is a [`Home`].
fn idler() -> std::process::Child {
    spawn(std::process::Command::new("sleep").arg("600"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_queued_job_lives_as_long_as_its_owner() {
    let mut worker = idler();
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("queued")).unwrap();
    home.clock.turn(1_000_000);
    assert_eq!(reap(&store), [], "its starter lives");

    store.hand_over(&job.id, worker.id()).unwrap();
    assert_eq!(reap(&store), [], "its worker is on its way");
    assert_eq!(store.recorded_job(&job.id).unwrap().pid, Some(worker.id()));
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(reap(&store), from_ref(&job.id), "its worker is dead");
    let failed = store.recorded_job(&job.id).unwrap();
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.error_message.unwrap().starts_with("worker died"));
    assert_eq!(store.hand_over(&job.id, worker.id()).unwrap_err().kind(), ErrorKind::AlreadyFinished);
}

/// Nothing can be told of any process, as on systems without /proc.
#[derive(Debug)]
struct Unknown;

impl Processes for Unknown {
    fn identify(&self, pid: u32) -> ProcessIdentity {
        ProcessIdentity::new(pid, None)
    }

    fn is_alive(&self, _: &ProcessIdentity) -> Option<bool> {
        None
    }
}

#[test]
fn where_processes_are_unknown_the_grace_and_the_lease_decide() {
    let mut home = Home::new();
    home.platform = home.platform.processes(Arc::new(Unknown));
    let store = home.store();
    let queued = store.create(new_job("queued")).unwrap();
    let running = store.create(new_job("running")).unwrap();
    let lease = store.lease(&running.id).unwrap();
    assert_eq!(store.owner(&running.id).unwrap().unwrap().pid, std::process::id());
    home.clock.turn(29_000);
    assert_eq!(reap(&store), []);
    home.clock.turn(2_000);
    assert_eq!(reap(&store), [queued.id]);
    drop(lease);
    assert_eq!(reap(&store), [running.id]);
}

#[cfg(target_os = "linux")]
#[test]
fn d17_a_stranger_with_the_number_of_the_worker_is_no_owner() {
    // Start times have the resolution of the kernel's clock ticks, and this process may have started in the same one.
    let mut stranger = idler();
    while OsProcesses.identify(stranger.id()).start == OsProcesses.current().start {
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        stranger = idler();
    }
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("job")).unwrap();
    assert_eq!(store.owner(&job.id).unwrap(), None, "a queued job has no worker");
    let lease = store.lease(&job.id).unwrap();
    assert_eq!(store.owner(&job.id).unwrap(), Some(OsProcesses.current()));

    // The number now belongs to somebody else: first while the lease is held by another worker, then free.
    let path = home.jobs().join(format!("{}.json", job.id));
    let record = std::fs::read_to_string(&path).unwrap();
    let me = format!("\"pid\":{}", std::process::id());
    std::fs::write(&path, record.replace(&me, &format!("\"pid\":{}", stranger.id()))).unwrap();
    assert_eq!(store.recorded_job(&job.id).unwrap().pid, Some(stranger.id()));
    assert_eq!(store.owner(&job.id).unwrap(), None, "the start time is another one");
    drop(lease);
    assert_eq!(store.owner(&job.id).unwrap(), None, "nobody holds the lease");
    assert_eq!(reap(&store), [job.id], "and a living stranger keeps no job alive");
    assert!(stranger.try_wait().unwrap().is_none(), "it was left alone");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn readers_do_not_wait_and_writers_do_not_wait_for_ever() {
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("job")).unwrap();
    let stuck = OsLocks.try_lock(&home.folder().join("state.lock"), Access::Existing).unwrap().unwrap();
    home.faults.count();
    assert_eq!(all(&store).len(), 1);
    assert_eq!(store.snapshot(&Filter::all()).unwrap().jobs.len(), 1);
    assert_eq!(store.recorded_record(&job.id).unwrap().job, job);
    assert_eq!(home.faults.disarm(), Vec::<String>::new(), "no lock was even tried");
    assert_eq!(store.create(new_job("next")).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(store.lease(&job.id).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(store.request_cancel(&job.id).unwrap_err().kind(), ErrorKind::Busy);
    drop(stuck);
    store.create(new_job("next")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    // A worker that cannot record its result now can do so later.
    let stuck = OsLocks.try_lock(&home.folder().join("state.lock"), Access::Existing).unwrap().unwrap();
    assert_eq!(lease.finish(&JobOutcome::completed()).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(reap(&store), [], "the lease is kept meanwhile");
    drop(stuck);
    lease.finish(&JobOutcome::completed()).unwrap();
}

#[test]
fn d21_a_large_answer_stays_in_its_file_and_summaries_are_short() {
    let home = Home::new();
    let store = home.store();
    let nasty = format!("\u{1b}]0;title\u{7}\u{202e}{}\nmore", "x".repeat(8 << 20));
    let job = store.create(new_job(&nasty).request(&nasty).unwrap()).unwrap();
    let lease = store.lease(&job.id).unwrap();
    let outcome = JobOutcome::failed(&nasty).rendered(&nasty).summary(&nasty).result(&nasty).unwrap();
    let ended = lease.finish(&outcome).unwrap();
    for line in [&ended.title, &ended.summary] {
        assert_eq!(line.chars().count(), 200);
        assert!(!line.chars().any(char::is_control) && !line.contains('\u{202e}'));
    }
    assert_eq!(ended.error_message.as_ref().unwrap().chars().count(), 4096);
    assert!(std::fs::metadata(home.folder().join("state.json")).unwrap().len() < 16 * 1024);
    assert_eq!(store.recorded_record(&job.id).unwrap().rendered, Some(nasty));
    assert_eq!(all(&store), [ended]);
}

#[test]
fn what_is_too_large_for_the_index_is_refused() {
    let home = Home::new();
    let store = home.store();
    let mut new = new_job("large");
    new.extra.insert("notes".into(), "x".repeat(70_000).into());
    assert_eq!(store.create(new).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(home.names().is_empty(), "{:?}", home.names());
    let job = store.create(new_job("small")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    let mut update = JobUpdate::new().phase("editing");
    update.extra.insert("notes".into(), "x".repeat(70_000).into());
    assert_eq!(lease.update(&update).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(lease.record().job.phase.as_deref(), Some("starting"), "nothing of it is kept");
    lease.finish(&JobOutcome::completed()).unwrap();
}

#[test]
fn extra_values_are_merged() {
    let home = Home::new();
    let store = home.store();
    let mut new = new_job("extra");
    new.extra.insert("a".into(), 1.into());
    new.extra.insert("b".into(), 2.into());
    let job = store.create(new).unwrap();
    let lease = store.lease(&job.id).unwrap();
    let mut update = JobUpdate::new();
    update.extra.insert("a".into(), serde_json::Value::Null);
    update.extra.insert("c".into(), 3.into());
    lease.update(&update).unwrap();
    let extra = store.recorded_job(&job.id).unwrap().extra;
    assert_eq!(serde_json::Value::Object(extra), serde_json::json!({"b": 2, "c": 3}));
}

#[cfg(unix)]
#[test]
fn d26_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    let store = home.store();
    store.set_config(|config| config.stop_review_gate = true).unwrap();
    let job = store.create(new_job("private")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    store.log_writer(&job.id).unwrap().line("a line").unwrap();
    store.request_cancel(&job.id).unwrap();
    let mut left = vec![home.root.path().join("state")];
    let mut seen = 0;
    while let Some(path) = left.pop() {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let folder = path.is_dir();
        assert_eq!(mode, if folder { 0o700 } else { 0o600 }, "{}", path.display());
        if folder {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
    drop(lease);
}
