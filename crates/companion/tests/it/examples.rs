//! The programs under `examples/`, run as their readers would.

use std::process::Command;
use std::time::Duration;

use codex_companion_core::{Companion, Status, view};
use codex_testkit::app_server::{Script, Turn};
use codex_testkit::git::Repo;
use codex_testkit::process::LeakCheck;
use codex_testkit::program::{ScriptedCodex, example};
use serde_json::{Value, json};

/// The reader is public, and the whole way needs no private part of the program.
#[test]
fn e64_an_embedder_reviews_a_change_and_records_it() {
    let leaks = LeakCheck::new();
    let repository = Repo::with_commit();
    repository.write("a.txt", "one\ntwo\n");
    let root = repository.path().canonicalize().unwrap();
    let state = tempfile::tempdir().unwrap();
    let answer = json!({
        "findings": [{
            "title": "Off by one", "body": "The last line is lost.", "confidence_score": 0.9, "priority": 1,
            "code_location": {
                "absolute_file_path": root.join("a.txt"), "line_range": {"start": 2, "end": 2},
            },
        }],
        "overall_correctness": "patch is incorrect",
        "overall_explanation": "A line is lost.",
        "overall_confidence_score": 0.9,
    });
    let codex = ScriptedCodex::new(Script::new().review(Turn::say(answer.to_string())));
    let (name, value) = codex.env();

    let mut review = leaks.mark(Command::new(example(env!("CARGO_MANIFEST_DIR"), "review")));
    review.arg(&root).arg(codex.program()).arg(state.path()).env(name, value);
    let output = review.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("1 finding(s), recorded as job-"), "{stderr}");
    leaks.assert_none(Duration::from_secs(10));

    let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a.txt");
    let jobs = Companion::new().state_dir(state.path()).jobs(&root).unwrap();
    let job = jobs.choose(None, "job", |_| true).unwrap();
    assert_eq!(job.status, Status::Completed);
    let record = jobs.record(&job).unwrap();
    let text = view::result_text(&job, &record, false);
    assert!(text.contains("Off by one") && text.contains("a.txt:2"), "{text}");
}
