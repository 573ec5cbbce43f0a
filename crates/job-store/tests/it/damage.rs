//! Disks that are full, folders that are read-only or gone, files that are torn or of another version.

use std::fs;
use std::io;
use std::path::PathBuf;

use codex_job_store::{
    ErrorKind, Filter, Job, JobOutcome, JobUpdate, NoticeKind, Retention, Status, Store, Timestamp,
};

use crate::support::{Fault, Home, all, assert_healthy, facts, names, new_job, reap};

fn done(store: &Store, title: &str) -> Job {
    let job = store.create(new_job(title)).unwrap();
    let lease = store.lease(&job.id).unwrap();
    lease.finish(&JobOutcome::completed().rendered(title)).unwrap()
}

fn notices(store: &Store) -> Vec<NoticeKind> {
    store.take_notices().into_iter().map(|notice| notice.kind).collect()
}

/// What was moved aside in a folder.
fn aside(folder: &std::path::Path) -> Vec<String> {
    names(folder).into_iter().filter(|name| name.contains(".corrupt-")).collect()
}

#[test]
fn a_full_disk_is_told_and_the_result_can_be_recorded_later() {
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("long")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    home.faults.arm(0, Fault::FailOn(io::ErrorKind::StorageFull));
    let full = |error: codex_job_store::Error| {
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.to_string().contains("/jobs/job-"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    };
    full(store.create(new_job("next")).unwrap_err());
    full(lease.update(&JobUpdate::new().phase("editing")).unwrap_err());
    full(lease.finish(&JobOutcome::completed().rendered("an hour's work")).unwrap_err());
    home.faults.disarm();
    assert_eq!(reap(&store), [], "the lease is still held");
    lease.finish(&JobOutcome::completed().rendered("an hour's work")).unwrap();
    assert_eq!(store.recorded_record(&job.id).unwrap().rendered.as_deref(), Some("an hour's work"));
    assert_healthy(&home);
}

#[test]
fn a_read_only_folder_is_read() {
    let home = Home::new();
    let store = home.store();
    let ended = done(&store, "done");
    let lost = store.create(new_job("lost")).unwrap();
    drop(store.lease(&lost.id).unwrap());
    home.faults.arm(0, Fault::FailOn(io::ErrorKind::ReadOnlyFilesystem));
    let store = home.store();
    assert_eq!(all(&store).len(), 2);
    assert_eq!(store.recorded_record(&ended.id).unwrap().rendered.as_deref(), Some("done"));
    assert_eq!(store.find(ended.id.as_str()).unwrap(), ended);
    let look = store.snapshot(&Filter::all()).unwrap();
    assert_eq!(notices(&store), [NoticeKind::Behind]);
    assert!(look.reaped.is_empty());
    let shown = look.jobs.iter().find(|job| job.id == lost.id).unwrap();
    assert_eq!(shown.status, Status::Failed, "it is shown as it would be marked");
    assert_eq!(store.recorded_job(&lost.id).unwrap().status, Status::Running);
    assert_eq!(store.create(new_job("next")).unwrap_err().kind(), ErrorKind::NotWritable);
    assert_eq!(store.set_config(|_| ()).unwrap_err().kind(), ErrorKind::NotWritable);
    home.faults.disarm();
    assert_healthy(&home);
}

#[cfg(unix)]
#[test]
fn a_folder_without_write_permission_is_read() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    let store = home.store();
    done(&store, "done");
    let mode = |mode| {
        for folder in [home.folder(), home.jobs()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    mode(0o500);
    let created = store.create(new_job("next"));
    let read = all(&store);
    mode(0o700);
    assert_eq!(read.len(), if created.is_ok() { 2 } else { 1 });
    // The superuser may write wherever it likes.
    if let Err(error) = created {
        assert_eq!(error.kind(), ErrorKind::NotWritable);
    }
}

#[test]
fn a_folder_removed_under_a_running_job_costs_no_result() {
    let home = Home::new();
    let store = home.store();
    let other = done(&store, "other");
    let job = store.create(new_job("long").request(&"prompt").unwrap()).unwrap();
    let lease = store.lease(&job.id).unwrap();
    fs::remove_dir_all(home.root.path().join("state")).unwrap();
    let update = lease.update(&JobUpdate::new().phase("editing")).unwrap_err();
    assert_eq!(update.kind(), ErrorKind::Removed);
    assert_eq!(store.recorded_job(&job.id).unwrap_err().kind(), ErrorKind::UnknownJob);
    assert_eq!(store.log_writer(&job.id).unwrap_err().kind(), ErrorKind::Removed);
    assert!(names(home.root.path()).is_empty(), "a progress line does not bring the folder back");
    lease.finish(&JobOutcome::completed().rendered("an hour's work")).unwrap();
    let record = home.store().recorded_record(&job.id).unwrap();
    assert_eq!(record.rendered.as_deref(), Some("an hour's work"));
    assert_eq!(record.request.unwrap().get(), "\"prompt\"");
    assert_eq!(home.store().recorded_job(&other.id).unwrap_err().kind(), ErrorKind::UnknownJob);
    assert_healthy(&home);
}

#[test]
fn a_removed_lease_file_does_not_kill_a_living_worker() {
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("job")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    fs::remove_file(home.jobs().join(format!("{}.lease", job.id))).unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!(reap(&store), [], "its process lives");
        assert_eq!(store.owner(&job.id).unwrap(), None, "but nobody may be signalled on its account");
        lease.finish(&JobOutcome::completed()).unwrap();
        assert_eq!(store.recorded_job(&job.id).unwrap().status, Status::Completed);
    }
}

#[test]
fn d23_a_torn_index_is_kept_aside_rebuilt_and_told_once() {
    let home = Home::new();
    let store = home.store();
    store.set_config(|config| config.stop_review_gate = true).unwrap();
    for title in ["a", "b", "c"] {
        done(&store, title);
    }
    let index = home.folder().join("state.json");
    let whole = fs::read(&index).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 2] {
        fs::write(&index, &whole[..length]).unwrap();
        let (before, store) = (aside(&home.folder()).len(), home.store());
        let look = store.snapshot(&Filter::all()).unwrap();
        assert_eq!(look.jobs.iter().map(|job| job.title.as_str()).collect::<Vec<_>>(), ["c", "b", "a"]);
        assert!(store.config().unwrap().stop_review_gate, "the gate stays as it was set");
        assert_eq!(notices(&store), [NoticeKind::Corrupt]);
        assert_eq!(fs::read(&index).unwrap(), whole, "rebuilt as it was");
        let kept = aside(&home.folder());
        assert_eq!(kept.len(), before + 1);
        store.snapshot(&Filter::all()).unwrap();
        assert_eq!(notices(&store), [], "told once");
    }
    fs::remove_file(&index).unwrap();
    home.store().snapshot(&Filter::all()).unwrap();
    assert_eq!(fs::read(&index).unwrap(), whole, "a missing one is rebuilt as well");
}

#[test]
fn d23_the_gate_stays_as_it_was_set_when_its_file_is_torn() {
    let home = Home::new();
    let store = home.store();
    store
        .set_config(|config| {
            config.stop_review_gate = true;
            config.extra.insert("rounds".into(), 2.into());
        })
        .unwrap();
    let path = home.folder().join("config.json");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, "{").unwrap();
    let config = home.store().config().unwrap();
    assert!(config.stop_review_gate);
    assert_eq!(config.extra["rounds"], 2);
    assert_eq!(fs::read(&path).unwrap(), whole, "restored from the copy");
    assert_eq!(aside(&home.folder()).len(), 1);
    fs::remove_file(&path).unwrap();
    assert!(home.store().config().unwrap().stop_review_gate, "a lost file as well");
}

#[test]
fn an_older_index_does_not_hide_what_came_later() {
    let home = Home::new();
    let store = home.store();
    let running = store.create(new_job("running")).unwrap();
    let lease = store.lease(&running.id).unwrap();
    done(&store, "before");
    let index = home.folder().join("state.json");
    let old = fs::read(&index).unwrap();
    lease.finish(&JobOutcome::completed()).unwrap();
    done(&store, "after");
    let before = store.recorded(&Filter::all()).unwrap();
    fs::write(&index, old).unwrap();
    assert_eq!(all(&store), before);
    store.snapshot(&Filter::all()).unwrap();
    let rebuilt = fs::read_to_string(&index).unwrap();
    assert!(rebuilt.contains("\"after\"") && !rebuilt.contains("\"status\":\"running\""));
    assert_eq!(notices(&store), []);
}

#[test]
fn a_job_file_of_random_bytes_is_kept_aside_and_the_job_stays_in_sight() {
    let garbage: Vec<u8> = (0..4096_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    let contents: [&[u8]; 5] =
        [&garbage, b"", b"null", b"{\"version\":2,\"id\":\"job-other\",\"status\":\"queued\"}", b"[[["];
    for content in contents {
        // Known to the index as ended; as active; not known at all.
        let home = Home::new();
        let store = home.store();
        let ended = done(&store, "ended");
        let lost = store.create(new_job("lost")).unwrap();
        drop(store.lease(&lost.id).unwrap());
        let record = |id: &dyn std::fmt::Display| home.jobs().join(format!("{id}.json"));
        for path in [record(&ended.id), record(&lost.id), record(&"job-unknown")] {
            fs::write(path, content).unwrap();
        }
        assert_eq!(all(&store).len(), 3);
        let look = store.snapshot(&Filter::all()).unwrap();
        assert_eq!(
            notices(&store),
            [NoticeKind::Corrupt; 2],
            "what the index knows to have ended is not read"
        );
        let of = |id: &str| look.jobs.iter().find(|job| job.id.as_str() == id).unwrap();
        assert_eq!(of(ended.id.as_str()), &ended);
        for id in [lost.id.as_str(), "job-unknown"] {
            assert_eq!(of(id).status, Status::Failed);
            assert!(
                of(id).error_message.as_ref().unwrap().contains(".corrupt-"),
                "it says where the bytes are"
            );
        }
        assert_eq!(of(lost.id.as_str()).title, "lost");

        let error = store.recorded_record(&ended.id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let kept: Vec<PathBuf> = aside(&home.jobs()).into_iter().map(|name| home.jobs().join(name)).collect();
        assert_eq!(kept.len(), 2, "{kept:?}");
        assert!(kept.iter().all(|path| fs::read(path).unwrap() == content), "every byte is kept");
        store.prune(&Retention::new().count(2)).unwrap();
        assert!(all(&store).iter().any(|job| job.id.as_str() == "job-unknown"), "it is not the first to go");
        fs::remove_file(record(&ended.id)).ok();
        assert_healthy(&home);
    }
}

#[test]
fn a_living_worker_mends_its_own_record() {
    let home = Home::new();
    let store = home.store();
    let job = store.create(new_job("job")).unwrap();
    let lease = store.lease(&job.id).unwrap();
    let path = home.jobs().join(format!("{}.json", job.id));
    fs::write(&path, "\0\0\0").unwrap();
    assert_eq!(home.store().snapshot(&Filter::all()).unwrap().jobs[0].status, Status::Running);
    assert_eq!(aside(&home.jobs()), Vec::<String>::new());
    lease.update(&JobUpdate::new().phase("editing")).unwrap();
    assert_eq!(store.recorded_job(&job.id).unwrap().phase.as_deref(), Some("editing"));
}

#[test]
fn a_newer_version_is_read_and_never_written() {
    let home = Home::new();
    let store = home.store();
    store.set_config(|config| config.stop_review_gate = true).unwrap();
    done(&store, "done");
    let running = store.create(new_job("running")).unwrap();
    let lease = store.lease(&running.id).unwrap();
    let waiting = store.create(new_job("waiting")).unwrap();

    // A newer program has come and has changed its formats, in ways that can be read here.
    let index = home.folder().join("state.json");
    let raise = |path: &std::path::Path| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, text.replacen("\"version\":2", "\"version\":3", 1).replacen('{', "{\"new\":[1],", 1))
            .unwrap();
        fs::read(path).unwrap()
    };
    let raised = raise(&index);
    let theirs = home.jobs().join("job-theirs.json");
    fs::write(&theirs, r#"{"version":3,"id":"job-theirs","status":"queued","title":"theirs","createdAt":"2026-01-01T00:00:00Z"}"#).unwrap();
    let strange = home.jobs().join("job-strange.json");
    fs::write(&strange, r#"{"version":3,"id":"job-strange","status":{"is":"paused"}}"#).unwrap();

    let look = store.snapshot(&Filter::all()).unwrap();
    let mut titles: Vec<&str> = look.jobs.iter().map(|job| job.title.as_str()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["done", "running", "theirs", "waiting"], "all that can be read");
    assert_eq!(notices(&store), [NoticeKind::Newer]);
    assert!(store.config().unwrap().stop_review_gate);
    let refused = |kind: Option<ErrorKind>| assert_eq!(kind, Some(ErrorKind::NewerFormat));
    refused(store.create(new_job("next")).err().map(|error| error.kind()));
    refused(store.set_config(|_| ()).err().map(|error| error.kind()));
    refused(store.prune(&Retention::new().count(0)).err().map(|error| error.kind()));
    let reference = home.root.path().join("reference");
    fs::create_dir_all(reference.join("jobs")).unwrap();
    refused(store.import_reference(&reference).err().map(|error| error.kind()));
    for id in ["job-theirs", "job-strange"] {
        let id = id.parse().unwrap();
        refused(store.request_cancel(&id).err().map(|error| error.kind()));
    }
    // What this program has begun it may still end: a newer one reads older records.
    lease.finish(&JobOutcome::completed().rendered("an hour's work")).unwrap();
    assert_eq!(store.recorded_record(&running.id).unwrap().rendered.as_deref(), Some("an hour's work"));
    store.abandon(&waiting.id, "the newer program is in charge now").unwrap();
    assert_eq!(fs::read(&index).unwrap(), raised, "the index is theirs");

    let config = home.folder().join("config.json");
    let raised = raise(&config);
    assert!(store.config().unwrap().stop_review_gate);
    refused(store.set_config(|_| ()).err().map(|error| error.kind()));
    assert_eq!(fs::read(&config).unwrap(), raised);
}

#[test]
fn an_index_that_only_a_newer_version_understands_is_left_alone() {
    let home = Home::new();
    let store = home.store();
    done(&store, "done");
    let index = home.folder().join("state.json");
    fs::write(&index, r#"{"version":3,"jobs":{"by":"id"}}"#).unwrap();
    assert_eq!(store.snapshot(&Filter::all()).unwrap().jobs[0].title, "done", "read from its own file");
    assert_eq!(store.create(new_job("next")).unwrap_err().kind(), ErrorKind::NewerFormat);
    assert_eq!(fs::read_to_string(&index).unwrap(), r#"{"version":3,"jobs":{"by":"id"}}"#);
    assert_eq!(aside(&home.folder()), Vec::<String>::new());
}

#[test]
fn an_index_that_counts_to_the_end_is_no_panic_and_no_reason_to_forget() {
    let home = Home::new();
    let store = home.store();
    let before = done(&store, "before");
    let index = home.folder().join("state.json");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replacen("\"sequence\":2", &format!("\"sequence\":{}", u64::MAX), 1)).unwrap();
    home.clock.turn(1000);
    let after = done(&store, "after");
    let jobs = all(&store);
    assert_eq!([&jobs[0].id, &jobs[1].id], [&after.id, &before.id], "the newest is first");
    store.prune(&Retention::new().count(1)).unwrap();
    assert_eq!(all(&store)[0].id, after.id, "and the last to go");
    assert_healthy(&home);
}

#[test]
fn ten_thousand_jobs() {
    let home = Home::new();
    let store = home.store();
    let template = done(&store, "template");
    let record = fs::read_to_string(home.jobs().join(format!("{}.json", template.id))).unwrap();
    for number in 0..10_000 {
        let id = format!("job-many-{number:05}");
        let text = record.replace(template.id.as_str(), &id).replacen(
            "\"sequence\":2",
            &format!("\"sequence\":{}", number + 10),
            1,
        );
        fs::write(home.jobs().join(format!("{id}.json")), text).unwrap();
    }
    assert_eq!(store.find("job-many-00042").unwrap().id.as_str(), "job-many-00042");
    let look = store.snapshot(&Filter::all().limit(8)).unwrap();
    assert_eq!(look.jobs.len(), 8);
    assert_eq!(look.jobs[0].id.as_str(), "job-many-09999");
    assert_eq!(all(&store).len(), 10_001);
    // The next job that ends makes the store what it should be.
    let last = done(&store, "last");
    let left = all(&store);
    assert_eq!(left.len(), 50);
    assert_eq!(left[0].id, last.id);
    assert_eq!(left[1].id.as_str(), "job-many-09999");
    assert_eq!(home.names().len(), 50);
}

#[test]
fn a_clock_that_goes_back_loses_and_reaps_nothing() {
    let home = Home::new();
    let store = home.store();
    let running = store.create(new_job("running")).unwrap();
    let lease = store.lease(&running.id).unwrap();
    let queued = store.create(new_job("queued")).unwrap();
    home.clock.turn(-3_600_000);
    let later = done(&store, "later");
    assert!(later.id < running.id, "ids have the time that the clock had");
    assert_eq!(reap(&store), []);
    let updated = lease.update(&JobUpdate::new().phase("editing")).unwrap();
    assert_eq!(updated.updated_at, running.updated_at, "and a job's own times do not decrease");
    assert_eq!(updated.elapsed(later.updated_at).as_secs(), 0);
    lease.finish(&JobOutcome::completed()).unwrap();
    store.abandon(&queued.id, "no such program").unwrap();
    assert_eq!(facts(&store).jobs.len(), 3);
    assert!(Timestamp::from_millis(0) < updated.updated_at);
}
