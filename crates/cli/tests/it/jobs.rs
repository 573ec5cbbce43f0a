//! Jobs: recorded first, run in a session of their own, found again, ended for good.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::program::ScriptedCodex;
use serde_json::{Value, json};

use crate::support::{Bed, wait};

/// A turn that waits until a file is there.
fn held(file: &Path) -> Turn {
    Turn::new([Step::HoldUntilFile(file.to_path_buf()), Step::say("Let go.")])
}

fn start(bed: &Bed, words: &[&str]) -> String {
    let document = bed.start(words, None).finish().exits(0).json();
    assert_eq!(document["status"], "queued", "{document}");
    document["jobId"].as_str().unwrap().to_owned()
}

fn job(bed: &Bed, id: &str) -> Value {
    bed.start(&["status", id, "--json"], None).finish().exits(0).json()["job"].clone()
}

fn job_in(bed: &Bed, id: &str, status: &str) -> Value {
    let found = wait(|| Some(job(bed, id)).filter(|job| job["status"] == status));
    found.unwrap_or_else(|| panic!("job {id} is not {status}: {}", job(bed, id)))
}

fn workspace(bed: &Bed) -> PathBuf {
    let root = bed.home.path().join(".local/state/codex-companion");
    // The directories of brokers and sessions are next to it.
    let mut directories = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    directories.find(|path| path.join("jobs").is_dir()).expect("a directory of the workspace")
}

fn turns(codex: &ScriptedCodex, method: &str) -> usize {
    codex.received().iter().filter(|message| message["method"] == method).count()
}

/// A worker that has been killed leaves its Codex to see the end of its input.
fn kill(pid: &Value) {
    assert!(std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_background_task_is_recorded_run_and_found_again() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done in the background.")));
    let id = start(&bed, &["task", "--background", "--json", "do it"]);
    bed.run(&["await", &id]).exits(0);
    let done = job(&bed, &id);
    assert_eq!(
        (&done["status"], &done["phase"], &done["exitCode"]),
        (&json!("completed"), &json!("done"), &json!(0))
    );
    assert!(done["duration"].is_string() && done["elapsed"].is_null() && done["threadId"].is_string());
    let result = bed.run(&["result", &id]).exits(0);
    assert!(result.stdout.contains("Done in the background.") && result.stdout.contains("codex resume "));
    let stored = bed.run(&["result", &id, "--json"]).exits(0).json();
    assert_eq!(stored["storedJob"]["result"]["rawOutput"], "Done in the background.");
    assert_eq!(stored["storedJob"]["result"]["jobId"], json!(id));
    assert_eq!(bed.run(&["result", &id, "--raw"]).exits(0).stdout, "Done in the background.");
    // A prefix is enough, and the newest is meant when nothing is named.
    bed.run(&["result", &id[..id.len() - 2]]).exits(0);
    bed.run(&["result"]).exits(0);
    bed.run(&["result", "job-nothing"]).exits(2).says(&["job-nothing"]);
}

#[test]
fn reviews_run_in_the_background_as_well() {
    let answer = r#"{"verdict":"approve","summary":"Fine.","findings":[],"next_steps":[]}"#;
    let (bed, _codex) = Bed::scripted(Script::new().review(Turn::say("Looks fine.")).turn(Turn::say(answer)));
    let one = start(&bed, &["review", "--background", "--json"]);
    let two = start(&bed, &["adversarial-review", "--background", "--json", "look", "twice"]);
    bed.run(&["await", &one, &two]).exits(0);
    assert!(bed.run(&["result", &one]).exits(0).stdout.contains("Looks fine."));
    let result = bed.run(&["result", &two, "--json"]).exits(0).json();
    assert_eq!(result["storedJob"]["result"]["result"]["verdict"], "approve");
    // What cannot be reviewed is said at once, not by a job that fails.
    bed.run(&["review", "--background", "--base", "nowhere"]).exits(2);
}

/// d01, d37: of twenty tasks started together, twenty are recorded, run and found again.
#[test]
fn d01_d37_twenty_at_once() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let running: Vec<_> =
        (0..20).map(|n| bed.start(&["task", "--background", "--json", &format!("task {n}")], None)).collect();
    let ids: BTreeSet<String> = running
        .into_iter()
        .map(|run| run.finish().exits(0).json()["jobId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 20);
    let mut words = vec!["await"];
    words.extend(ids.iter().map(String::as_str));
    bed.run(&words).exits(0);
    let status = bed.run(&["status", "--all", "--json"]).exits(0).json();
    let recent = status["recent"].as_array().unwrap();
    let found: BTreeSet<String> = recent.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, ids);
    assert!(recent.iter().all(|job| job["status"] == "completed"));
    assert_eq!(turns(&codex, "turn/start"), 20);
    for id in &ids {
        assert!(bed.start(&["result", id], None).finish().exits(0).stdout.contains("Done."));
    }
}

/// d09: cancelling interrupts the turn, ends the worker, and the job ends cancelled whatever raced it.
#[test]
fn d09_a_cancelled_job_ends_cancelled_and_leaves_nothing() {
    let (bed, codex) =
        Bed::scripted(Script::new().turn(Turn::new([Step::Stall])).review(Turn::new([Step::Stall])));
    for words in [&["task", "--background", "--json", "x"][..], &["review", "--background", "--json"]] {
        let id = start(&bed, words);
        wait(|| job(&bed, &id)["turnId"].is_string().then_some(())).expect("the turn begins");
        let cancelled = bed.run(&["cancel", &id, "--json"]).exits(0).json();
        assert_eq!(cancelled["status"], "cancelled");
        assert_eq!(
            (&cancelled["turnInterruptAttempted"], &cancelled["turnInterrupted"]),
            (&json!(true), &json!(true))
        );
        let ended = job(&bed, &id);
        assert_eq!((&ended["status"], &ended["exitCode"]), (&json!("cancelled"), &json!(130)));
        assert_eq!(ended["errorMessage"], Value::Null);
        bed.run(&["result", &id]).exits(130).says(&["cancelled"]);
        bed.run(&["cancel", &id]).exits(2).says(&["already finished"]);
    }
    assert_eq!(turns(&codex, "turn/interrupt"), 2);
    bed.run(&["cancel"]).exits(2).says(&["no running job"]);
}

/// d09: an interrupt that takes its time is given that time: the turn is interrupted gently, and its commands are ended.
#[test]
fn d09_a_slow_interrupt_is_waited_for() {
    let script = Script::new()
        .turn(Turn::new([Step::Stall]))
        .fault("turn/interrupt", codex_testkit::app_server::Fault::late(1000));
    let (bed, codex) = Bed::scripted(script);
    let id = start(&bed, &["task", "--background", "--broker", "never", "--json", "x"]);
    wait(|| job(&bed, &id)["turnId"].is_string().then_some(())).expect("the turn begins");
    let cancelled = bed.run(&["cancel", &id, "--json"]).exits(0).json();
    assert_eq!((&cancelled["status"], &cancelled["turnInterrupted"]), (&json!("cancelled"), &json!(true)));
    assert_eq!(turns(&codex, "thread/backgroundTerminals/clean"), 1);
}

/// d08: a worker that dies is found dead at the next look; its turn ends with it.
#[test]
fn d08_a_dead_workers_job_fails_at_the_next_look() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])));
    let id = start(&bed, &["task", "--background", "--json", "x"]);
    let pid = wait(|| Some(job(&bed, &id)).filter(|job| job["turnId"].is_string())).expect("it runs")["pid"]
        .clone();
    kill(&pid);
    let dead = job_in(&bed, &id, "failed");
    assert!(dead["errorMessage"].as_str().unwrap().contains("died"), "{dead}");
    bed.nothing_left();
    bed.run(&["result", &id]).exits(1).says(&["died"]);
}

/// d02: what kills a foreground run is in its record as well.
#[test]
fn d02_a_failed_run_is_recorded_with_its_reason() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([Step::die(101, "panicked at boom")])));
    let report = bed.run(&["task", "--json", "x"]).exits(1).json();
    let failed = job(&bed, report["jobId"].as_str().unwrap());
    assert_eq!((&failed["status"], &failed["exitCode"]), (&json!("failed"), &json!(1)));
    assert!(failed["errorMessage"].as_str().unwrap().contains("boom"), "{failed}");
}

#[test]
fn a_foreground_run_can_be_cancelled_from_elsewhere_and_by_ctrl_c() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])));
    let foreground = || {
        let running = bed.start(&["task", "x"], None);
        let begun = || {
            let status = bed.start(&["status", "--json"], None).finish().json();
            let job = status["running"].get(0)?.clone();
            job["turnId"].is_string().then(|| job["id"].as_str().unwrap().to_owned())
        };
        (wait(begun).expect("the turn begins"), running)
    };
    let (id, running) = foreground();
    bed.start(&["cancel", &id], None).finish().exits(0);
    running.finish().exits(130);
    assert_eq!(job(&bed, &id)["status"], "cancelled");

    let (id, running) = foreground();
    running.signal("INT");
    running.finish().exits(130);
    assert_eq!(job(&bed, &id)["status"], "cancelled");
    bed.nothing_left();
}

/// d07, d17: what is in view is this session's; another session's job is reached by its id only.
#[test]
fn d07_sessions_do_not_mix() {
    let hold = tempfile::tempdir().unwrap();
    let file = hold.path().join("go");
    let (bed, _codex) = Bed::scripted(Script::new().turn(held(&file)));
    let bed = bed.env("CODEX_COMPANION_SESSION_ID", "a");
    let id = start(&bed, &["task", "--background", "--json", "x"]);
    job_in(&bed, &id, "running");
    let bed = bed.env("CODEX_COMPANION_SESSION_ID", "b");
    let status = bed.start(&["status", "--json"], None).finish().exits(0).json();
    assert_eq!(status["running"], json!([]));
    bed.start(&["cancel"], None).finish().exits(2);
    bed.start(&["cancel", "--all"], None).finish().exits(0);
    let all = bed.start(&["status", "--all", "--json"], None).finish().exits(0).json();
    assert_eq!(all["running"][0]["id"], json!(id));
    std::fs::write(&file, "").unwrap();
    bed.run(&["await", &id]).exits(0);
}

#[test]
fn waiting_ends_and_the_job_goes_on() {
    let hold = tempfile::tempdir().unwrap();
    let file = hold.path().join("go");
    let (bed, _codex) = Bed::scripted(Script::new().turn(held(&file)));
    let id = start(&bed, &["task", "--background", "--json", "x"]);
    bed.start(&["await", &id, "--timeout-ms", "200"], None).finish().exits(3);
    let waited =
        bed.start(&["status", &id, "--wait", "--timeout-ms", "200", "--json"], None).finish().exits(3).json();
    assert_eq!((&waited["waitTimedOut"], &waited["timeoutMs"]), (&json!(true), &json!(200)));
    bed.start(&["result", &id], None).finish().exits(3).says(&["still runs"]);
    bed.start(&["resume", &id], None).finish().exits(3);
    let attached = bed.start(&["attach", &id], None);
    let watched = bed.start(&["status", "--watch"], None);
    std::fs::write(&file, "").unwrap();
    let log = attached.finish().exits(0).stdout;
    assert!(log.contains("starting") && log.contains("| Let go."), "{log}");
    assert!(log.lines().all(|line| line.starts_with('[') || line.starts_with("| ")), "{log}");
    assert!(watched.finish().exits(0).stdout.contains(&id));
    bed.run(&["status", "--wait", "--json"]).exits(0);
}

/// d10: the thread of a finished task is free, and `resume` hands it to Codex.
#[test]
fn d10_a_finished_task_can_be_resumed_in_codex_itself() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let report = bed.run(&["task", "--json", "x"]).exits(0).json();
    let thread = report["threadId"].as_str().unwrap();
    assert_eq!(bed.run(&["resume"]).exits(0).stdout.trim(), format!("resumed {thread}"));
    let candidate = bed.run(&["task-resume-candidate", "--json"]).exits(0).json();
    assert_eq!(
        (&candidate["available"], candidate["candidate"]["threadId"].as_str()),
        (&json!(true), Some(thread))
    );
    bed.run(&["task", "--resume-last", "--json", "go on"]);
    // A review's thread is forgotten.
    let (bed, _codex) = Bed::scripted(Script::new().review(Turn::say("Fine.")));
    let report = bed.run(&["review", "--json"]).exits(0).json();
    let review = report["jobId"].as_str().unwrap();
    bed.run(&["resume", review]).exits(2);
    assert!(!bed.run(&["result", review]).exits(0).stdout.contains("codex resume"));
}

/// d21: an answer of 8 MB is stored whole and shown in a line.
#[test]
fn d21_a_huge_answer_does_not_flood_status() {
    let (bed, _codex) =
        Bed::scripted(Script::new().turn(Turn::say("many words \u{1b}[31m ".repeat(500_000))));
    let report = bed.run(&["task", "--json", "x"]).exits(0).json();
    let id = report["jobId"].as_str().unwrap();
    for words in [&["status"][..], &["status", id], &["status", "--json"]] {
        let run = bed.run(words).exits(0);
        assert!(run.stdout.len() < 10_000, "{words:?}: {} bytes", run.stdout.len());
        assert!(!run.stdout.contains('\u{1b}'));
    }
    let index = std::fs::metadata(workspace(&bed).join("state.json")).unwrap().len();
    assert!(index < 10_000, "{index}");
    assert!(bed.run(&["result", id, "--raw"]).exits(0).stdout.len() > 8_000_000);
}

/// d23: a torn index is made anew from the jobs, and told.
#[test]
fn d23_a_torn_index_loses_nothing() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let report = bed.run(&["task", "--json", "x"]).exits(0).json();
    let index = workspace(&bed).join("state.json");
    let text = std::fs::read(&index).unwrap();
    std::fs::write(&index, &text[..text.len() / 2]).unwrap();
    let status = bed.run(&["status", "--json"]).exits(0).says(&["state.json"]).json();
    assert_eq!(status["latestFinished"]["id"], report["jobId"]);
    assert!(!bed.run(&["status"]).exits(0).stderr.contains("state.json"), "told once");
}

/// d26: nobody else may read what was asked and answered.
#[test]
fn d26_records_are_private() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    bed.run(&["task", "x"]).exits(0);
    let mut folders = vec![bed.home.path().join(".local/state/codex-companion")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{folder:?}");
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
            }
        }
    }
    assert!(files >= 3);
}

/// Whoever started a worker may be killed with everything around it.
#[test]
fn a_worker_outlives_its_starter_and_its_group() {
    use std::os::unix::process::CommandExt;
    let hold = tempfile::tempdir().unwrap();
    let file = hold.path().join("go");
    let (bed, _codex) = Bed::scripted(Script::new().turn(held(&file)));
    // A shell of its own group that starts the job and then waits to be killed, as a host's tool call is.
    let program = env!("CARGO_BIN_EXE_codex-companion");
    let mut shell = bed.command(&[]);
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", &format!("'{program}' task --background --json x; exec sleep 1000")]);
    command.current_dir(bed.repo.path()).env_clear().process_group(0);
    for (name, value) in shell.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let _ = &mut shell;
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let id = wait(|| {
        let status = bed.start(&["status", "--json"], None).finish().json();
        Some(status["running"].get(0)?["id"].as_str()?.to_owned())
    });
    let id = id.expect("the job is recorded");
    job_in(&bed, &id, "running");
    let group = format!("-{}", child.id());
    assert!(std::process::Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
    child.wait().unwrap();
    std::fs::write(&file, "").unwrap();
    bed.run(&["await", &id]).exits(0);
}

/// The jobs of the Node plugin that people come from are taken over when that is asked for.
#[test]
fn the_references_jobs_are_imported_on_request() {
    let (bed, _codex) = Bed::scripted(Script::new());
    let old = tempfile::tempdir().unwrap();
    std::fs::create_dir(old.path().join("jobs")).unwrap();
    let summary = json!({"id": "task-abc-123", "kind": "task", "jobClass": "task", "title": "Codex Task", "summary": "old work",
        "status": "completed", "phase": "done", "createdAt": "2026-01-02T03:04:05.000Z",
        "updatedAt": "2026-01-02T03:05:05.000Z", "completedAt": "2026-01-02T03:05:05.000Z", "threadId": "t-1"});
    let mut whole = summary.clone();
    whole["rendered"] = json!("What it said then.\n");
    let state = json!({"version": 1, "config": {"stopReviewGate": true}, "jobs": [summary]});
    std::fs::write(old.path().join("state.json"), state.to_string()).unwrap();
    std::fs::write(old.path().join("jobs/task-abc-123.json"), whole.to_string()).unwrap();
    let folder = old.path().to_str().unwrap();
    let report = bed.run(&["setup", "--import-jobs", folder, "--json"]).exits(0).json();
    assert_eq!(report["actionsTaken"], json!(["imported 1 job of codex-plugin-cc"]));
    assert_eq!(report["reviewGateEnabled"], true);
    assert!(bed.run(&["result", "task-abc-123"]).exits(0).stdout.contains("What it said then."));
    bed.run(&["setup", "--import-jobs", folder]).exits(0);
    assert_eq!(bed.run(&["status", "--json"]).exits(0).json()["recent"].as_array().unwrap().len(), 1);
}

/// Where jobs cannot be kept, a run in the foreground runs and says so; one in the background cannot be.
#[cfg(target_os = "linux")]
#[test]
fn without_a_place_for_jobs_only_the_foreground_works() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let bed = bed.env("CODEX_COMPANION_STATE_DIR", "/proc/nowhere");
    let run = bed.run(&["task", "--json", "x"]).exits(0).says(&["not recorded"]);
    assert_eq!(run.json()["jobId"], Value::Null);
    bed.run(&["task", "--background", "x"]).exits(1).says(&["CODEX_COMPANION_STATE_DIR"]);
    assert_eq!(codex.starts().len(), 1);
}

/// `--resume-last` is this session's last task, and never another session's.
#[test]
fn the_last_task_is_this_sessions() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let bed = bed.env("CODEX_COMPANION_SESSION_ID", "a");
    bed.run(&["task", "x"]).exits(0);
    let bed = bed.env("CODEX_COMPANION_SESSION_ID", "b");
    let candidate = bed.run(&["task-resume-candidate", "--json"]).exits(0).json();
    assert_eq!(candidate["available"], false);
    bed.run(&["task", "--resume-last", "y"]).exits(2).says(&["this session"]);
    assert_eq!(codex.starts().len(), 1);
}

/// The worker runs what was checked: its request names commits by their ids, however the caller named them.
#[test]
fn the_record_of_a_review_pins_its_commits() {
    let (bed, codex) = Bed::scripted(Script::new().review(Turn::say("Fine.")));
    let (head, base) = (bed.repo.head(), bed.repo.output(&["rev-parse", "--abbrev-ref", "HEAD"]));
    bed.repo.branch("topic").commit("topic");
    let id = start(&bed, &["review", "--base", base.trim(), "--background", "--json"]);
    bed.run(&["await", &id]).exits(0);
    let record = std::fs::read(workspace(&bed).join("jobs").join(format!("{id}.json"))).unwrap();
    let request = serde_json::from_slice::<Value>(&record).unwrap()["request"].clone();
    assert_eq!((&request["version"], &request["pinned"]["head"]), (&json!(2), &json!(bed.repo.head())));
    assert_eq!(
        request["pinned"]["kind"],
        json!({"mode": "branch", "baseRef": base.trim(), "baseCommit": head, "mergeBase": head})
    );
    let review = codex.received().into_iter().find(|message| message["method"] == "review/start").unwrap();
    assert_eq!(review["params"]["target"], json!({"type": "baseBranch", "branch": head}));
}
