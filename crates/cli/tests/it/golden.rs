//! Records of release 0.1.0 are still shown, rendered, run and resumed, and records of a newer release are refused whole.

use std::fs;
use std::path::{Path, PathBuf};

use codex_job_store::{Store, StoreOptions};
use codex_testkit::app_server::{Script, Turn};
use codex_testkit::program::ScriptedCodex;
use serde_json::{Value, json};

use crate::support::{Bed, Run};

const TASK: &str = "job-1m8kqj0xr-41j9qa";
const REVIEW: &str = "job-1m8kqj2ek-hyne9q";
const ADVERSARIAL: &str = "job-1m8kqj3zw-nd905z";
const FAILED: &str = "job-1m8kqj5hy-vz63q6";
const IN_SESSION: &str = "job-1m8kqj5pa-61fa3x";
const QUEUED_TASK: &str = "job-1m8kqjgzq-b7za4e";
const QUEUED_REVIEW: &str = "job-1m8kqjj0m-bjnxst";
const THREAD_IN_SESSION: &str = "01a22779-173b-7000-8000-0000000033eb";

/// The state of release 0.1.0 in the workspace of a repository with its change.
struct Golden {
    bed: Bed,
    codex: ScriptedCodex,
    state: PathBuf,
    directory: PathBuf,
}

impl Golden {
    fn new(script: Script) -> Self {
        let (bed, codex) = Bed::scripted(script);
        bed.repo.write("src/lib.rs", "pub fn add(a: u8, b: u8) -> u8 {\n    a + b\n}\n").commit("add");
        bed.repo.write("src/lib.rs", "pub fn add(a: u8, b: u8) -> u8 {\n    a - b\n}\n");
        let state = bed.home.path().canonicalize().unwrap().join("state");
        let bed = bed.env("CODEX_COMPANION_STATE_DIR", &state);
        let root = bed.repo.path().canonicalize().unwrap();
        let store = Store::open(&state, &root, StoreOptions::default()).unwrap();
        let golden = Self { codex, state, directory: store.folder().to_path_buf(), bed };
        let key = golden.directory.file_name().unwrap().to_str().unwrap().to_owned();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-0.1.0");
        for file in ["", "jobs"].iter().flat_map(|name| fs::read_dir(fixture.join(name)).unwrap()) {
            let source = file.unwrap().path();
            if source.is_dir() {
                continue;
            }
            let target = golden.directory.join(source.strip_prefix(&fixture).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            let text = fs::read_to_string(&source).unwrap();
            let text = text
                .replace("@STATE@", golden.state.to_str().unwrap())
                .replace("@KEY@", &key)
                .replace("@WORKSPACE@", root.to_str().unwrap());
            fs::write(target, text).unwrap();
        }
        golden
    }

    fn record_path(&self, id: &str) -> PathBuf {
        self.directory.join("jobs").join(format!("{id}.json"))
    }

    fn record(&self, id: &str) -> Value {
        serde_json::from_slice(&fs::read(self.record_path(id)).unwrap()).unwrap()
    }

    /// Runs a queued job, as its starter would.
    fn work(&self, id: &str) -> Run {
        let root = self.bed.repo.path().canonicalize().unwrap();
        self.bed.run(&["job-worker", self.state.to_str().unwrap(), root.to_str().unwrap(), id])
    }
}

#[test]
fn finished_jobs_are_listed_and_shown() {
    let golden = Golden::new(Script::new());
    let list = golden.bed.run(&["status", "--all", "--json"]).exits(0).json();
    let ids: Vec<&str> =
        list["recent"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
    for id in [TASK, REVIEW, ADVERSARIAL, FAILED, IN_SESSION] {
        assert!(ids.contains(&id), "{id} is not in {ids:?}");
        golden.bed.run(&["status", id, "--json"]).exits(0);
    }
}

/// `result` renders from the structured result; it prints what 0.1.0 printed.
#[test]
fn results_are_rendered_from_their_structure() {
    let golden = Golden::new(Script::new());
    for (id, code) in [(TASK, 0), (REVIEW, 0), (ADVERSARIAL, 0), (FAILED, 1), (IN_SESSION, 0)] {
        let printed = golden.bed.run(&["result", id]).exits(code).stdout;
        let stored = golden.record(id)["rendered"].as_str().unwrap().to_owned();
        assert_eq!(printed, stored, "{id}");
        let document = golden.bed.run(&["result", id, "--json"]).exits(code).json();
        assert_eq!(document["storedJob"]["result"], golden.record(id)["result"], "{id}");
    }
}

#[test]
fn queued_jobs_are_run() {
    let golden = Golden::new(Script::new().turn(Turn::say("Done.")).review(Turn::say("No findings here.")));
    golden.work(QUEUED_TASK).exits(0);
    golden.work(QUEUED_REVIEW).exits(0);
    for id in [QUEUED_TASK, QUEUED_REVIEW] {
        assert_eq!(golden.record(id)["status"], "completed", "{id}");
    }
    assert!(golden.bed.run(&["result", QUEUED_TASK]).exits(0).stdout.starts_with("Done.\n"));
}

#[test]
fn a_task_of_a_session_is_resumed() {
    let golden = Golden::new(Script::new().turn(Turn::say("More.")));
    let mut command = golden.bed.command(&["task", "--resume-last", "go on"]);
    let output = command.env("CODEX_COMPANION_SESSION_ID", "golden-session").output().unwrap();
    let resumed = golden.codex.received().iter().any(|message| {
        message["method"] == "thread/resume" && message["params"]["threadId"] == THREAD_IN_SESSION
    });
    assert!(resumed, "{}", String::from_utf8_lossy(&output.stderr));
}

/// The refusal is clear, and the request stays in the record for a newer program.
#[test]
fn a_request_of_a_newer_version_is_refused_and_kept() {
    let golden = Golden::new(Script::new());
    let mut record = golden.record(QUEUED_TASK);
    record["request"] = json!({"version": 3, "what": {"command": "plan", "depth": 7}});
    fs::write(golden.record_path(QUEUED_TASK), record.to_string()).unwrap();
    golden.work(QUEUED_TASK).exits(1);
    let after = golden.record(QUEUED_TASK);
    assert_eq!((&after["status"], &after["request"]), (&json!("failed"), &record["request"]));
    let shown = golden.bed.run(&["result", QUEUED_TASK]).exits(1);
    assert!(shown.stderr.contains("has version 3; this program reads versions up to 2"), "{}", shown.stderr);
    assert!(golden.codex.received().is_empty());
}
