//! Dies at, or fails, every single write, sync, rename, removal and lock of every operation, and compares what is
//! there afterwards with what had been acknowledged.

use std::fs;
use std::io;
use std::path::PathBuf;

use codex_job_store::codex::CodexFields;
use codex_job_store::{
    CancelOutcome, ErrorKind, Filter, JobId, JobOutcome, JobUpdate, Lease, NoticeKind, Result, Retention,
    Store,
};

use crate::support::{Facts, Fault, Home, PowerCut, assert_healthy, facts, new_job};

/// What an operation finds: a store with some jobs, and the leases that this process holds.
struct Scene {
    store: Store,
    queued: JobId,
    running: Lease,
    /// Finished jobs, oldest first.
    finished: Vec<JobId>,
    reference: PathBuf,
}

struct Operation {
    name: &'static str,
    prepare: fn(&Home, &mut Scene),
    act: fn(&Scene) -> Result<()>,
    /// The scene has a corrupt file, of which the first look may tell.
    corrupt: bool,
    /// What the operation removes may linger.
    lingers: bool,
    /// A look: it answers even if it could not write, and so acknowledges nothing.
    looks: bool,
}

fn scene(home: &Home) -> Scene {
    let store = home.store();
    store.set_config(|config| config.stop_review_gate = true).unwrap();
    let mut finished = Vec::new();
    for title in ["old 1", "old 2", "old 3"] {
        let job = store.create(new_job(title)).unwrap();
        let lease = store.lease(&job.id).unwrap();
        store.log_writer(&job.id).unwrap().line("done").unwrap();
        lease.finish(&JobOutcome::completed().rendered(format!("result of {title}"))).unwrap();
        finished.push(job.id);
    }
    let running = store.create(new_job("running").request(&"do it").unwrap()).unwrap();
    let running = store.lease(&running.id).unwrap();
    let queued = store.create(new_job("queued").request(&"do it too").unwrap()).unwrap().id;

    let reference = home.root.path().join("reference");
    fs::create_dir_all(reference.join("jobs")).unwrap();
    fs::write(reference.join("state.json"), r#"{"version":1,"config":{"stopReviewGate":true},"jobs":[]}"#)
        .unwrap();
    for id in ["task-a-1", "task-b-2"] {
        let job =
            format!(r#"{{"id":"{id}","title":"imported {id}","status":"completed","rendered":"text"}}"#);
        fs::write(reference.join(format!("jobs/{id}.json")), job).unwrap();
        fs::write(reference.join(format!("jobs/{id}.log")), "[2026-01-31T12:34:56.789Z] Starting.\n")
            .unwrap();
    }
    Scene { store, queued, running, finished, reference }
}

fn nothing(_: &Home, _: &mut Scene) {}

const PLAIN: Operation =
    Operation { name: "", prepare: nothing, act: |_| Ok(()), corrupt: false, lingers: false, looks: false };

fn operations() -> Vec<Operation> {
    let op = |name, act| Operation { name, act, ..PLAIN };
    vec![
        op("create", |scene| scene.store.create(new_job("new").request(&"the prompt")?).map(drop)),
        op("lease", |scene| scene.store.lease(&scene.queued).map(drop)),
        op("hand over", |scene| scene.store.hand_over(&scene.queued, std::process::id())),
        op("abandon", |scene| scene.store.abandon(&scene.queued, "no such program").map(drop)),
        op("update", |scene| {
            let codex = CodexFields::new().thread_id("thread-1");
            let update = JobUpdate::new().phase("editing").summary("half way").extension(&codex)?;
            scene.running.update(&update).map(drop)
        }),
        op("finish", |scene| {
            let outcome = JobOutcome::completed().rendered("x".repeat(100_000)).result(&[1, 2, 3])?;
            scene.running.finish(&outcome).map(drop)
        }),
        op("fail", |scene| scene.running.finish(&JobOutcome::failed("why")).map(drop)),
        Operation {
            name: "finish with more than is kept",
            prepare: |home, scene| {
                scene.store = home.store_with(home.options.clone().retention(Retention::new().count(2)));
                // The lease of a store that keeps few.
                let job = scene.store.create(new_job("second")).unwrap();
                scene.running = scene.store.lease(&job.id).unwrap();
            },
            act: |scene| scene.running.finish(&JobOutcome::completed()).map(drop),
            lingers: true,
            ..PLAIN
        },
        op("cancel a queued job", |scene| scene.store.request_cancel(&scene.queued).map(drop)),
        op("cancel a running job", |scene| scene.store.request_cancel(scene.running.id()).map(drop)),
        Operation {
            name: "finish after a request to cancel",
            prepare: |_, scene| {
                let cancel = scene.store.request_cancel(scene.running.id()).unwrap();
                assert!(matches!(cancel, CancelOutcome::Requested(_)));
            },
            act: |scene| scene.running.finish(&JobOutcome::completed()).map(drop),
            ..PLAIN
        },
        Operation {
            name: "reap",
            prepare: |_, scene| {
                let lost = scene.store.create(new_job("lost")).unwrap();
                drop(scene.store.lease(&lost.id).unwrap());
            },
            act: |scene| scene.store.snapshot(&Filter::all().limit(0)).map(drop),
            looks: true,
            ..PLAIN
        },
        op("configure", |scene| scene.store.set_config(|config| config.stop_review_gate = false).map(drop)),
        op("prune", |scene| scene.store.prune(&Retention::new().count(1)).map(drop)),
        op("import", |scene| scene.store.import_reference(&scene.reference).map(drop)),
        Operation {
            name: "mend the index",
            prepare: |home, _| {
                let path = home.folder().join("state.json");
                let content = fs::read(&path).unwrap();
                fs::write(path, &content[..content.len() / 2]).unwrap();
            },
            act: |scene| scene.store.snapshot(&Filter::all()).map(drop),
            looks: true,
            corrupt: true,
            ..PLAIN
        },
        Operation {
            name: "mend the settings",
            prepare: |home, _| fs::write(home.folder().join("config.json"), "{\"version\":2,\"st").unwrap(),
            act: |scene| scene.store.config().map(drop),
            looks: true,
            corrupt: true,
            ..PLAIN
        },
        Operation {
            name: "create beside a torn index",
            prepare: |home, _| fs::write(home.folder().join("state.json"), "\0\0\0\0").unwrap(),
            act: |scene| scene.store.create(new_job("new")).map(drop),
            corrupt: true,
            ..PLAIN
        },
    ]
}

/// The scene, its facts, and the facts after the operation went well; and how many calls it made.
fn rehearse(operation: &Operation) -> (Facts, Facts, Vec<String>) {
    let home = Home::new();
    let mut scene = scene(&home);
    let mut before = facts(&home.store());
    (operation.prepare)(&home, &mut scene);
    if !operation.corrupt {
        before = facts(&home.store());
    }
    home.faults.count();
    (operation.act)(&scene).unwrap();
    let calls = home.faults.disarm();
    let after = facts(&home.store());
    drop(scene);
    assert_healthy(&home);
    (before, after, calls)
}

/// Each job is as it was before or as it is after; nothing else is there.
fn assert_whole(
    found: &Facts,
    before: &Facts,
    after: &Facts,
    acknowledged: bool,
    lingers: bool,
    context: &str,
) {
    if acknowledged {
        let mut found = found.clone();
        if lingers {
            found
                .jobs
                .retain(|title, job| after.jobs.contains_key(title) || before.jobs.get(title) != Some(&*job));
        }
        assert_eq!(found, *after, "{context}: what was acknowledged is there");
        return;
    }
    for (title, job) in &found.jobs {
        let whole = before.jobs.get(title) == Some(job) || after.jobs.get(title) == Some(job);
        assert!(whole, "{context}: {title} is half written: {job:?}");
    }
    for title in before.jobs.keys().filter(|title| after.jobs.contains_key(*title)) {
        assert!(found.jobs.contains_key(title), "{context}: {title} is lost");
    }
    assert!(found.gate == before.gate || found.gate == after.gate, "{context}: the setting");
}

#[test]
fn a_crash_at_any_point_loses_nothing_and_leaves_nothing_half_done() {
    let mut points = 0;
    for operation in operations() {
        let (before, after, calls) = rehearse(&operation);
        assert!(!calls.is_empty(), "{} does something", operation.name);
        for cut in [PowerCut::No, PowerCut::LosesNames, PowerCut::LosesContents] {
            for (call, point) in calls.iter().enumerate() {
                points += 1;
                let context = format!("{} dies at {call} ({}), {cut:?}", operation.name, point);
                let home = Home::new();
                let mut scene = scene(&home);
                (operation.prepare)(&home, &mut scene);
                home.faults.arm(call, Fault::Die);
                let acknowledged = (operation.act)(&scene).is_ok() && !operation.looks;
                home.faults.disarm();
                drop(scene);
                home.faults.cut_power(cut);

                let store = home.store();
                let found = facts(&store);
                assert_whole(&found, &before, &after, acknowledged, operation.lingers, &context);
                store.snapshot(&Filter::all()).unwrap();
                let corrupt = store.take_notices().iter().any(|notice| notice.kind == NoticeKind::Corrupt);
                assert!(operation.corrupt || !corrupt, "{context}: a file was torn");
                assert_healthy(&home);
            }
        }
    }
    assert!(points > 500, "{points}");
}

#[test]
fn an_error_at_any_point_is_told_and_the_operation_can_be_repeated() {
    let kinds = [
        Fault::FailOnce(io::ErrorKind::StorageFull),
        Fault::FailOn(io::ErrorKind::StorageFull),
        Fault::FailOn(io::ErrorKind::ReadOnlyFilesystem),
    ];
    for operation in operations() {
        let (before, after, calls) = rehearse(&operation);
        for fault in kinds {
            for (call, point) in calls.iter().enumerate() {
                let context = format!("{} with {fault:?} at {call} ({})", operation.name, point);
                let home = Home::new();
                let mut scene = scene(&home);
                (operation.prepare)(&home, &mut scene);
                home.faults.arm(call, fault);
                let outcome = (operation.act)(&scene);
                home.faults.disarm();
                let found = facts(&home.store());
                match outcome {
                    Ok(()) => {
                        let acknowledged = !operation.looks;
                        assert_whole(&found, &before, &after, acknowledged, operation.lingers, &context);
                    }
                    Err(error) => {
                        let expected = match fault {
                            Fault::FailOn(io::ErrorKind::ReadOnlyFilesystem) => ErrorKind::NotWritable,
                            _ => ErrorKind::StorageFull,
                        };
                        assert_eq!(error.kind(), expected, "{context}: {error}");
                        assert_whole(&found, &before, &after, false, operation.lingers, &context);
                    }
                }
                // With room again, it works, or has worked.
                match (operation.act)(&scene) {
                    Ok(()) => {}
                    Err(error) => assert!(
                        matches!(
                            error.kind(),
                            ErrorKind::AlreadyFinished | ErrorKind::LeaseHeld | ErrorKind::IllegalTransition
                        ),
                        "{context}: {error}"
                    ),
                }
                drop(scene);
                assert_healthy(&home);
            }
        }
    }
}

#[test]
fn the_first_job_makes_folders_that_survive() {
    let home = Home::new();
    home.faults.count();
    home.store().create(new_job("first")).unwrap();
    let calls = home.faults.disarm();
    for cut in [PowerCut::No, PowerCut::LosesNames, PowerCut::LosesContents] {
        for call in 0..=calls.len() {
            let home = Home::new();
            home.faults.arm(call, Fault::Die);
            let created = home.store().create(new_job("first"));
            home.faults.disarm();
            home.faults.cut_power(cut);
            let found = facts(&home.store());
            assert!(found.jobs.len() <= 1);
            assert!(created.is_err() || found.jobs.len() == 1, "died at {call}, {cut:?}");
            assert_healthy(&home);
        }
    }
}

#[test]
fn a_prune_that_dies_half_way_leaves_no_orphan() {
    let prepared = || {
        let home = Home::new();
        let scene = scene(&home);
        (home, scene)
    };
    let (home, scene) = prepared();
    home.faults.count();
    assert_eq!(scene.store.prune(&Retention::new().count(0)).unwrap().len(), 3);
    let calls = home.faults.disarm();
    for (call, point) in calls.iter().enumerate() {
        let (home, scene) = prepared();
        home.faults.arm(call, Fault::Die);
        let _ = scene.store.prune(&Retention::new().count(0));
        home.faults.disarm();
        // A job is there with all its files, or is not there; which files are left then is nobody's concern.
        let store = home.store();
        for id in &scene.finished {
            if store.recorded_job(id).is_ok() {
                assert!(store.log_path(id).exists(), "{id} has lost its log at {call} ({point})");
                assert!(store.recorded_record(id).unwrap().rendered.is_some());
            }
        }
        assert_healthy(&home);
    }
}
