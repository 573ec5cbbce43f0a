//! The commands over the real Codex and a scripted model endpoint.

use std::time::Duration;

use codex_testkit::home::{CodexHome, HomeConfig};
use codex_testkit::model::{Finding, ModelEndpoint, Reply, Scenario};
use codex_testkit::{LIMIT, require_real_codex};
use serde_json::{Value, json};

use crate::support::{Bed, wait};

/// A home for this endpoint, and the bed with it.
macro_rules! real {
    ($scenario:expr) => {{
        let codex = require_real_codex!();
        let endpoint = ModelEndpoint::start($scenario).unwrap();
        let home = CodexHome::new(endpoint.base_url()).unwrap();
        let bed = Bed::real(&codex, &home);
        (bed, endpoint, home)
    }};
}

#[test]
fn a_task_is_done_and_can_be_resumed() {
    let (bed, endpoint, _home) = real!(Reply::message("Hello from the model."));
    let report = bed.run(&["task", "--json", "Say", "hello."]).exits(0).json();
    assert_eq!((&report["status"], &report["rawOutput"]), (&json!(0), &json!("Hello from the model.")));
    assert_eq!(endpoint.requests()[0].prompt(), "Say hello.");
    let thread = report["threadId"].as_str().unwrap().to_owned();
    let again = bed.run(&["task", "--json", "--thread", &thread, "And again."]).exits(0).json();
    assert_eq!(again["threadId"].as_str(), Some(thread.as_str()));
    let text = bed.run(&["task", "Once more."]).exits(0).stdout;
    assert!(text.contains("codex resume "), "{text}");
    let last = bed.run(&["task", "--resume-last", "--json", "And the last."]).exits(0).json();
    assert_ne!(last["threadId"].as_str(), Some(thread.as_str()));
    assert!(text.contains(last["threadId"].as_str().unwrap()), "{text} {last}");
    bed.run(&["task", "--thread", "01a1f6e7-f8b0-7790-9668-04274af79c1c", "x"])
        .exits(2)
        .says(&["cannot be resumed"]);
}

#[test]
fn a_review_finds_what_the_model_finds() {
    let codex = require_real_codex!();
    // The finding names a path that is only known once the repository is there.
    let bed = Bed::new();
    let finding =
        Finding::new("[P1] Off by one", "It reads past the end.", bed.repo.path().join("a.txt"), 2..=2);
    let endpoint = ModelEndpoint::start(Reply::review("One bug.", &[finding])).unwrap();
    let home = CodexHome::new(endpoint.base_url()).unwrap();
    let bed = home.env().iter().fold(bed, |bed, (name, value)| bed.env(name, value));
    let bed = bed.env("CODEX_COMPANION_CODEX", &codex);
    let report = bed.run(&["review", "--json"]).exits(0).json();
    let found = &report["result"]["findings"][0];
    assert_eq!(
        (&found["file"], &found["line_start"], &found["severity"]),
        (&json!("a.txt"), &json!(2), &json!("high"))
    );
    let text = bed.run(&["review"]).exits(0).stdout;
    assert!(text.contains("a.txt:2") && !text.contains("codex resume"), "{text}");

    bed.repo.commit("two").branch("feature").write("b.txt", "new\n").commit("three");
    bed.run(&["review", "--base", "main"]).exits(0);
    bed.run(&["review", "--base", "HEAD~1"]).exits(0);
    bed.run(&["review", "--commit", "HEAD"]).exits(0);
    let asked: Vec<String> = endpoint.requests().iter().map(|request| request.body.to_string()).collect();
    assert!(asked[2].contains(&bed.repo.output(&["merge-base", "main", "HEAD"])), "{}", asked[2]);
    assert!(asked.last().unwrap().contains(&bed.repo.head()));
}

#[test]
fn an_adversarial_review_is_asked_for_with_a_schema() {
    let answer = json!({"verdict": "approve", "summary": "Fine.", "findings": [], "next_steps": []});
    let (bed, endpoint, _home) = real!(Reply::json(&answer));
    let report = bed.run(&["adversarial-review", "--json", "look at the locks"]).exits(0).json();
    assert_eq!(report["result"]["verdict"], "approve");
    let request = &endpoint.requests()[0];
    assert!(request.output_schema().is_some() && request.prompt().contains("look at the locks"));
}

/// The real Codex with a model that it knows: only such have `apply_patch` (0.169.0).
fn patching(codex: &std::path::Path, then: &str) -> (Bed, ModelEndpoint, CodexHome) {
    let patch = "*** Begin Patch\n*** Add File: made.txt\n+by codex\n*** End Patch";
    let endpoint =
        ModelEndpoint::start(Scenario::in_turn([Reply::patch(patch), Reply::message(then)])).unwrap();
    let config = HomeConfig::new(endpoint.base_url()).setting("model", "\"gpt-5.5\"");
    let home = CodexHome::with(&config).unwrap();
    (Bed::real(codex, &home), endpoint, home)
}

/// d25: a task that may write writes, and the user's configuration is as it was.
#[test]
fn d25_a_write_task_changes_no_configuration() {
    let codex = require_real_codex!();
    let (bed, _endpoint, home) = patching(&codex, "Made it.");
    let before = home.config().unwrap();
    let report = bed.run(&["task", "--write", "--json", "make a file"]).exits(0).json();
    assert_eq!(report["touchedFiles"], json!(["made.txt"]));
    assert_eq!(std::fs::read_to_string(bed.repo.path().join("made.txt")).unwrap(), "by codex\n");
    assert_eq!(home.config().unwrap(), before);

    let (bed, _endpoint, home) = patching(&codex, "Could not.");
    let before = home.config().unwrap();
    bed.run(&["task", "make a file"]).exits(0);
    assert!(!bed.repo.path().join("made.txt").exists(), "a task without --write only reads");
    assert_eq!(home.config().unwrap(), before);
}

/// d05: Codex retries a refused connection for ever; the idle deadline ends it, with the cause.
#[test]
fn d05_a_refusing_endpoint_ends_by_the_deadline() {
    let codex = require_real_codex!();
    let endpoint = ModelEndpoint::refusing().unwrap();
    let home = CodexHome::new(endpoint.base_url()).unwrap();
    let bed = Bed::real(&codex, &home).env("CODEX_COMPANION_IDLE_TIMEOUT_MS", "2500");
    for words in [&["task", "go"][..], &["review"]] {
        bed.run(words).exits(3).says(&["no activity", "econnecting"]);
    }
}

#[test]
fn d05_a_stalling_endpoint_ends_by_the_deadline() {
    let (bed, _endpoint, _home) = real!(Reply::hang());
    bed.run(&["task", "--timeout-ms", "1500", "go"]).exits(3).says(&["took too long"]);
}

/// d24: what the endpoint said is the cause that is shown.
#[test]
fn d24_the_endpoints_words_are_shown() {
    let check = |reply: Reply, code: i32, words: &[&str]| {
        let (bed, _endpoint, _home) = real!(reply);
        bed.run(&["task", "go"]).exits(code).says(words);
    };
    check(Reply::error(500, "the model is on fire"), 1, &["high demand"]);
    check(Reply::error(400, "no such model as mock"), 1, &["no such model as mock"]);
    check(Reply::error(401, "who are you?"), 5, &["codex login"]);
    check(Reply::new(), 1, &["without an answer"]);
    check(Reply::malformed(), 1, &[]);
    check(Reply::message("half").dropped(), 1, &[]);
    check(Reply::message("half").without_completed(), 1, &[]);
}

/// d24: a failed review says why, not "Reviewer failed to output a response."
#[test]
fn d24_a_failed_review_has_its_cause() {
    let (bed, _endpoint, _home) = real!(Reply::error(400, "the reviewer's model is gone"));
    let run = bed.run(&["review"]).exits(1).says(&["the reviewer's model is gone"]);
    assert!(!run.stderr.contains("Reviewer failed") && run.stdout.is_empty(), "{run:?}");
}

/// d15: the tool call behind a `final_answer` is waited for.
#[test]
fn d15_work_behind_a_final_answer_is_waited_for() {
    let first = Reply::new().final_answer("Done, I think.").run("echo late");
    let (bed, endpoint, _home) =
        real!(Scenario::in_turn([first, Reply::new().final_answer("Now it is done.")]));
    let run = bed.run(&["task", "go"]).exits(0);
    assert!(run.stdout.contains("Now it is done."), "{run:?}");
    assert_eq!(endpoint.requests().len(), 2);
}

/// A command that runs outlives the interrupt of its turn; it must not outlive ours.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_commands_as_well() {
    for signal in ["INT", "KILL"] {
        let (bed, _endpoint, _home) = real!(Scenario::in_turn([Reply::command("touch begun; sleep 1000")]));
        let running = bed.start(&["task", "--write", "go"], None);
        wait(|| bed.repo.path().join("begun").exists().then_some(())).expect("the command runs");
        running.signal(signal);
        let run = running.finish();
        assert_eq!(run.code, if signal == "INT" { Some(130) } else { None }, "{run:?}");
        bed.nothing_left();
    }
}

/// d02: the app-server is killed in the middle. The command ends at once, with the reason.
#[cfg(target_os = "linux")]
#[test]
fn d02_a_killed_app_server_fails_the_command() {
    let (bed, endpoint, _home) = real!(Reply::hang());
    let running = bed.start(&["review", "--json"], None);
    assert!(endpoint.requested_within(1, LIMIT));
    let native = wait(|| bed.processes().into_iter().find(|process| process.1.contains("/vendor/")))
        .expect("codex runs");
    let killed = std::time::Instant::now();
    assert!(
        std::process::Command::new("kill").args(["-KILL", &native.0.to_string()]).status().unwrap().success()
    );
    let report = running.finish().exits(1).json();
    // The figure; the run takes a fraction of it.
    assert!(killed.elapsed() < Duration::from_secs(20), "{:?}", killed.elapsed());
    assert_eq!((&report["result"], &report["error"]["kind"]), (&Value::Null, &json!("codex-broken")));
    bed.nothing_left();
}

/// d21: escapes of the real path, from the endpoint to our streams.
#[test]
fn d21_hostile_text_is_made_safe() {
    let (bed, _endpoint, _home) = real!(Reply::hostile());
    for words in [&["task", "go"][..], &["review"]] {
        let run = bed.run(words).exits(0);
        let bad = |text: &str| text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
        assert!(!bad(&run.stdout) && !bad(&run.stderr), "{run:?}");
    }
}

/// d29: an MCP tool that needs approval runs when the settings name it, and does not when they do not.
#[test]
fn d29_mcp_tools_run_by_the_allow_list() {
    let codex = require_real_codex!();
    for (allowed, expected) in [("tools/*", true), ("other/*", false)] {
        let scenario = Scenario::in_turn([
            Reply::new().call_mcp("tools", "write", &json!({})),
            Reply::message("Called it."),
        ]);
        let endpoint = ModelEndpoint::start(scenario).unwrap();
        let mcp = codex_testkit::program::scripted_mcp();
        let config =
            HomeConfig::new(endpoint.base_url()).tables(&format!("[mcp_servers.tools]\ncommand = {mcp:?}\n"));
        let home = CodexHome::with(&config).unwrap();
        let settings = home.home().join(".config/codex-companion");
        std::fs::create_dir_all(&settings).unwrap();
        std::fs::write(settings.join("config.toml"), format!("[approvals]\nmcp = [{allowed:?}]\n")).unwrap();
        let bed = Bed::real(&codex, &home);
        bed.run(&["task", "--approvals", "on-request", "go"]).exits(0);
        let output = endpoint.requests()[1].tool_output().expect("the tool's output").to_string();
        assert_eq!(output.contains("ran write"), expected, "{output}");
    }
}

#[test]
fn setup_says_that_it_is_ready() {
    let (bed, endpoint, _home) = real!(Reply::message("never asked"));
    let report = bed.run(&["setup", "--json"]).exits(0).json();
    assert_eq!((&report["ready"], &report["auth"]["provider"]), (&json!(true), &json!("mock")));
    assert!(endpoint.requests().is_empty());
}

#[test]
fn the_demo_runs_with_and_without_codex() {
    let codex = require_real_codex!();
    for bed in [
        Bed::new().env("CODEX_COMPANION_CODEX", &codex),
        Bed::new().env("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ] {
        let run = bed.run(&["demo"]).exits(0).says(&["SCRIPTED"]);
        assert!(run.stdout.contains("src/cart.rs:8-10") && run.stdout.contains("[high]"), "{run:?}");
    }
}

/// d14: a task that no record of ours knows of is found by asking Codex.
#[test]
fn d14_the_last_task_is_found_without_a_record() {
    let (bed, _endpoint, _home) = real!(Reply::message("Hello."));
    let first = bed.run(&["task", "--json", "one"]).exits(0).json();
    let elsewhere = tempfile::tempdir().unwrap();
    let bed = bed.env("CODEX_COMPANION_STATE_DIR", elsewhere.path());
    let again = bed.run(&["task", "--resume-last", "--json", "two"]).exits(0).json();
    assert_eq!(again["threadId"], first["threadId"]);
}

/// d10: what `task` prints works as printed, once the task is done.
#[test]
fn d10_the_thread_of_a_finished_task_is_free() {
    let (bed, _endpoint, _home) = real!(Reply::message("Hello."));
    let id = bed.run(&["task", "--background", "--json", "one"]).exits(0).json()["jobId"].clone();
    bed.run(&["await", id.as_str().unwrap()]).exits(0);
    let status = bed.run(&["status", id.as_str().unwrap(), "--json"]).exits(0).json();
    let thread = status["job"]["threadId"].as_str().unwrap().to_owned();
    // Another process takes the thread over, as `codex resume` would.
    let again = bed.run(&["task", "--thread", &thread, "--json", "two"]).exits(0).json();
    assert_eq!(again["threadId"].as_str(), Some(thread.as_str()));
}

/// A Claude Code session becomes a thread that can be resumed.
#[test]
fn a_session_is_transferred() {
    let (bed, _endpoint, home) = real!(Reply::message("Hello."));
    let cwd = bed.repo.path().to_string_lossy().into_owned();
    let line = |role: &str, parent: Value, id: &str, content: Value| {
        json!({"parentUuid": parent, "isSidechain": false, "userType": "external", "cwd": cwd, "type": role, "uuid": id,
            "sessionId": "0d3a1b9e-0000-4000-8000-000000000001", "version": "2.1.197",
            "timestamp": "2026-11-20T05:00:00.000Z", "message": {"role": role, "content": content}})
        .to_string()
    };
    let transcript = [
        line("user", Value::Null, "u1", json!("How does the cart work?")),
        line("assistant", json!("u1"), "u2", json!([{"type": "text", "text": "It sums the items."}])),
    ];
    let folder = home.home().join(".claude/projects/-repo");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("0d3a1b9e-0000-4000-8000-000000000001.jsonl");
    std::fs::write(&file, transcript.join("\n") + "\n").unwrap();
    let report = bed.run(&["transfer", "--source", file.to_str().unwrap(), "--json"]).exits(0).json();
    let thread = report["threadId"].as_str().unwrap();
    assert_eq!(report["resumeCommand"], format!("codex resume {thread}"));
    bed.run(&["task", "--thread", thread, "go on"]).exits(0);
    // What is no transcript is told as such.
    let junk = bed.repo.path().join("a.txt");
    bed.run(&["transfer", "--source", junk.to_str().unwrap()]).exits(1).says(&["~/.claude/projects"]);
    bed.run(&["transfer"]).exits(2).says(&["--source"]);
}

/// Ten workers of three seconds each take about as long as one: the model is what is waited for.
#[test]
fn ten_workers_wait_side_by_side() {
    let reply = Reply::new().pause(Duration::from_secs(3)).say("Slept well.");
    let (bed, endpoint, _home) = real!(Scenario::always(reply));
    let bed = bed.env("CODEX_COMPANION_HANDSHAKE_TIMEOUT_MS", "30000");
    let words = ["task", "--background", "--broker", "never", "--json", "x"];
    let running: Vec<_> = (0..10).map(|_| bed.start(&words, None)).collect();

    let ids: Vec<String> = running
        .into_iter()
        .map(|run| run.finish().exits(0).json()["jobId"].as_str().unwrap().to_owned())
        .collect();
    // All ten are at the model at the same time: nobody waits for anybody.
    assert!(wait(|| (endpoint.active() == 10).then_some(())).is_some(), "{} at once", endpoint.active());
    let mut words = vec!["await"];
    words.extend(ids.iter().map(String::as_str));
    bed.run(&words).exits(0);
}

/// d29: leave to write is leave to write in the work tree. A patch that goes elsewhere is declined, however it is asked for.
#[test]
fn d29_patches_outside_of_the_work_tree_are_declined() {
    let codex = require_real_codex!();
    let elsewhere = tempfile::Builder::new().prefix("elsewhere-").tempdir_in("/var/tmp").unwrap();
    let file = elsewhere.path().canonicalize().unwrap().join("owned.txt");
    let patch = format!("*** Begin Patch\n*** Add File: {}\n+owned\n*** End Patch", file.display());
    let endpoint =
        ModelEndpoint::start(Scenario::in_turn([Reply::patch(patch), Reply::message("Tried.")])).unwrap();
    let config = HomeConfig::new(endpoint.base_url()).setting("model", "\"gpt-5.5\"");
    let home = CodexHome::with(&config).unwrap();
    let bed = Bed::real(&codex, &home);
    bed.run(&["task", "--write", "--approvals", "on-request", "go"]).exits(0).says(&["decline"]);
    assert!(!file.exists());
}
