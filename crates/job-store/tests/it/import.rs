use std::fs;

use codex_job_store::{ErrorKind, Filter, JobOutcome, LogLine, LogReader, Retention, Status};

use crate::support::{Home, all, assert_healthy, new_job};

/// A state folder as the Node plugin leaves one.
fn reference(home: &Home) -> std::path::PathBuf {
    let folder = home.root.path().join("reference");
    let jobs = folder.join("jobs");
    fs::create_dir_all(&jobs).unwrap();
    let write = |name: &str, content: String| fs::write(jobs.join(name), content).unwrap();
    let job = |id: &str, status: &str, more: &str| {
        format!(
            r#"{{"id":"{id}","kind":"task","kindLabel":"rescue","title":"Codex Task","workspaceRoot":"/old","jobClass":
            "task","summary":"do\nit","write":true,"createdAt":"2026-01-01T00:00:00.000Z","sessionId":"s1","status":
            "{status}","phase":"done","pid":null,"logFile":"/old/{id}.log"{more}}}"#
        )
    };
    let finished = job(
        "task-mbx1k2-abc123",
        "completed",
        r#","updatedAt":"2026-01-01T00:01:00.000Z","completedAt":"2026-01-01T00:01:00.000Z","threadId":"t1",
        "request":{"prompt":"do\nit"},"result":{"rawOutput":"done"},"rendered":"done\n""#,
    );
    write("task-mbx1k2-abc123.json", finished);
    write(
        "task-mbx1k2-abc123.log",
        "[2026-01-01T00:00:01.000Z] Starting.\n\n[2026-01-01T00:01:00.000Z] Final output\ndone\n".into(),
    );
    write(
        "review-mbx1k3-def456.json",
        job("review-mbx1k3-def456", "success", r#","updatedAt":"2026-01-02T00:00:00Z""#),
    );
    // Its worker died long ago, and its number was never used again.
    write(
        "task-mbx1k4-dead00.json",
        job("task-mbx1k4-dead00", "running", r#","pid":4194305"#).replacen("\"pid\":null,", "", 1),
    );
    let own = format!(r#","pid":{}"#, std::process::id());
    write(
        "task-mbx1k5-live00.json",
        job("task-mbx1k5-live00", "running", &own).replacen("\"pid\":null,", "", 1),
    );
    write("task-mbx1k6-torn00.json", "{\"id\":\"task-mbx".into());
    write("Odd Name.json", job("Odd Name", "completed", ""));
    // The worker wrote this file before the job was cancelled in the index.
    write("task-mbx1k7-canc00.json", job("task-mbx1k7-canc00", "running", ""));
    let index = format!(
        r#"{{"version":1,"config":{{"stopReviewGate":true}},"jobs":[{},{}]}}"#,
        job("task-mbx1k7-canc00", "cancelled", ""),
        job("task-mbx1k8-only00", "failed", r#","errorMessage":"why""#),
    );
    fs::write(folder.join("state.json"), index).unwrap();
    folder
}

#[test]
fn the_jobs_of_the_node_plugin_are_taken_over() {
    let home = Home::new();
    let store = home.store();
    let ours = store.create(new_job("ours")).unwrap();
    store.lease(&ours.id).unwrap().finish(&JobOutcome::completed()).unwrap();
    let folder = reference(&home);

    let report = store.import_reference(&folder).unwrap();
    assert!(report.config && store.config().unwrap().stop_review_gate);
    let mut skipped: Vec<&str> = report.skipped.iter().map(|(name, _)| name.as_str()).collect();
    skipped.sort_unstable();
    // Elsewhere nothing can be told of a process by its number.
    skipped.retain(|name| cfg!(target_os = "linux") || *name != "task-mbx1k4-dead00");
    assert_eq!(skipped, ["Odd Name", "task-mbx1k5-live00", "task-mbx1k6-torn00.json"]);

    let jobs = all(&store);
    assert_eq!(jobs[0].id, ours.id, "imported jobs are older than all others");
    let status = |id: &str| store.find(id).unwrap().status;
    assert_eq!(status("task-mbx1k2-abc123"), Status::Completed);
    assert_eq!(status("review-mbx1k3-def456"), Status::Completed);
    assert_eq!(status("task-mbx1k7-canc00"), Status::Cancelled);
    assert_eq!(status("task-mbx1k8-only00"), Status::Failed);
    if cfg!(target_os = "linux") {
        assert_eq!(status("task-mbx1k4-dead00"), Status::Failed);
    }

    let job = store.find("task-mbx1k2").unwrap();
    assert_eq!((job.summary.as_str(), job.workspace_root.as_str()), ("do it", "/w/app"));
    assert_eq!((job.codex().thread_id.as_deref(), job.session_id.as_deref()), (Some("t1"), Some("s1")));
    let record = store.recorded_record(&job.id).unwrap();
    assert_eq!(record.rendered.as_deref(), Some("done\n"));
    assert_eq!(record.request.unwrap().get(), r#"{"prompt":"do\nit"}"#);
    assert_eq!(record.result.unwrap().get(), r#"{"rawOutput":"done"}"#);
    let log: Vec<LogLine> = LogReader::open(&store.log_path(&job.id)).unwrap().map(Result::unwrap).collect();
    assert_eq!(log.iter().map(LogLine::text).collect::<Vec<_>>(), ["Starting.", "Final output", "done"]);
    assert_eq!(log[2], LogLine::Body("done".into()));

    // Again: nothing happens twice.
    let again = store.import_reference(&folder).unwrap();
    assert!(again.imported.is_empty() && !again.config);
    assert_eq!(all(&store), jobs);
    assert_eq!(store.prune(&Retention::new().count(1)).unwrap().len(), jobs.len() - 1);
    assert_eq!(all(&store)[0].id, ours.id);
    assert_healthy(&home);
}

#[test]
fn a_job_that_is_too_large_does_not_stop_the_import() {
    let home = Home::new();
    let store = home.store();
    let folder = reference(&home);
    let large = "x".repeat(70_000);
    for (id, member) in [("task-unknown", "notOurs"), ("task-extra", "extra")] {
        let value = if member == "extra" { format!(r#"{{"x":"{large}"}}"#) } else { format!("\"{large}\"") };
        let job = format!(r#"{{"id":"{id}","status":"completed","threadId":"t1","{member}":{value}}}"#);
        fs::write(folder.join("jobs").join(format!("{id}.json")), job).unwrap();
    }
    let report = store.import_reference(&folder).unwrap();
    let skipped = report.skipped.iter().find(|(name, _)| name == "task-extra").unwrap();
    assert!(skipped.1.contains("65536"), "{}", skipped.1);
    let unknown = store.find("task-unknown").unwrap();
    assert_eq!(
        unknown.codex().thread_id.as_deref(),
        Some("t1"),
        "only what no program of ours reads is left out"
    );
    assert_eq!(store.find("task-extra").unwrap_err().kind(), ErrorKind::UnknownJob);
    assert_eq!(store.find("task-mbx1k2-abc123").unwrap().status, Status::Completed);
    assert_healthy(&home);
}

#[test]
fn settings_that_are_there_stay() {
    let home = Home::new();
    let store = home.store();
    store.set_config(|config| config.stop_review_gate = false).unwrap();
    assert!(!store.import_reference(&reference(&home)).unwrap().config);
    assert!(!store.config().unwrap().stop_review_gate);
}

#[test]
fn where_there_is_nothing_to_import_it_says_so() {
    let home = Home::new();
    let error = home.store().import_reference(&home.root.path().join("nowhere")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Removed);
    assert!(home.names().is_empty());
}

#[test]
fn a_folder_of_the_first_version_is_read_in_place() {
    let home = Home::new();
    let store = home.store();
    fs::create_dir_all(home.root.path().join("state")).unwrap();
    fs::rename(reference(&home), store.folder()).unwrap();
    fs::remove_file(home.jobs().join("task-mbx1k6-torn00.json")).unwrap();
    assert!(store.config().unwrap().stop_review_gate);
    assert_eq!(store.find("task-mbx1k2").unwrap().status, Status::Completed);
    let look = store.snapshot(&Filter::all()).unwrap();
    assert_eq!(look.jobs.len(), 5);
    store.create(new_job("new")).unwrap();
    assert!(store.config().unwrap().stop_review_gate);
    assert_eq!(all(&store).len(), 6);
}
