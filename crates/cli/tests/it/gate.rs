//! The review gate: hooks that always say a decision, and `gate` for everyone else.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::home::CodexHome;
use codex_testkit::model::{ModelEndpoint, Reply};
use codex_testkit::program::ScriptedCodex;
use codex_testkit::require_real_codex;
use serde_json::{Value, json};

use crate::support::{Bed, Run, wait};

const BLOCK: &str = "BLOCK: a test is a stub\n- [high] a.txt:2: asserts nothing. Fix: assert something.";

/// A place with the gate on, and a Codex that answers so.
fn on(script: Script) -> (Bed, ScriptedCodex) {
    let (bed, codex) = Bed::scripted(script);
    let setup = bed.run(&["setup", "--enable-review-gate", "--json"]).json();
    assert_eq!(setup["reviewGateEnabled"], true, "{setup}");
    (bed, codex)
}

fn saying(answer: &str) -> Script {
    Script::new().turn(Turn::say(answer))
}

fn input(bed: &Bed, more: &Value) -> Vec<u8> {
    let mut input = json!({
        "session_id": "one", "transcript_path": "/t.jsonl", "cwd": bed.repo.path(), "hook_event_name": "Stop",
        "stop_hook_active": false, "last_assistant_message": "Done.",
    });
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    input.to_string().into_bytes()
}

#[track_caller]
fn stop_with(bed: &Bed, more: &Value) -> Run {
    bed.run_with(&["hook", "stop"], Some(&input(bed, more))).exits(0)
}

#[track_caller]
fn stop(bed: &Bed) -> Value {
    stop_with(bed, &json!({})).json()
}

#[track_caller]
fn again(bed: &Bed) -> Value {
    stop_with(bed, &json!({"stop_hook_active": true})).json()
}

fn prompt(bed: &Bed, session: &str, text: &str) {
    let input = json!({"session_id": session, "cwd": bed.repo.path(), "prompt": text}).to_string();
    let run = bed.run_with(&["hook", "prompt-submit"], Some(input.as_bytes())).exits(0);
    assert_eq!(run.stdout, "");
}

#[track_caller]
fn message<'a>(document: &'a Value, words: &[&str]) -> &'a str {
    let message = document["systemMessage"].as_str().unwrap_or_else(|| panic!("no message in {document}"));
    for word in words {
        assert!(message.contains(word), "no {word:?} in {message}");
    }
    assert!(document["hookSpecificOutput"].is_null() && document["decision"].is_null(), "{document}");
    message
}

#[track_caller]
fn feedback(document: &Value, words: &[&str]) {
    assert_eq!(document["hookSpecificOutput"]["hookEventName"], "Stop", "{document}");
    let text = document["hookSpecificOutput"]["additionalContext"].as_str().unwrap();
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

/// How many turns Codex ran; `setup` starts it as well.
fn turns(codex: &ScriptedCodex) -> usize {
    codex.received().iter().filter(|message| message["method"] == "turn/start").count()
}

fn workspace(bed: &Bed) -> PathBuf {
    let root = bed.home.path().join(".local/state/codex-companion");
    let mut folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    folders
        .find(|folder| !folder.ends_with("sessions") && !folder.ends_with("brokers"))
        .expect("a folder of the workspace")
}

#[test]
fn an_allow_lets_the_turn_end_and_is_remembered() {
    let (bed, codex) = on(saying("ALLOW: it is fine"));
    message(&stop(&bed), &["allowed", "it is fine"]);
    let asked = codex.received();
    let thread = asked.iter().find(|message| message["method"] == "thread/start").unwrap();
    assert_eq!(
        (&thread["params"]["ephemeral"], &thread["params"]["sandbox"]),
        (&json!(true), &json!("read-only"))
    );
    let turn = asked.iter().find(|message| message["method"] == "turn/start").unwrap().to_string();
    assert!(turn.contains("Done.") && turn.contains("+two"), "{turn}");
    // The same work costs no second turn, in this session or another.
    message(&stop(&bed), &["skipped"]);
    message(&stop_with(&bed, &json!({"session_id": "two"})).json(), &["skipped"]);
    assert_eq!(turns(&codex), 1);
    // It is no job, and is in the log.
    assert_eq!(bed.run(&["status", "--all", "--json"]).json()["recent"], json!([]));
    let log = fs::read_to_string(workspace(&bed).join("gate.log")).unwrap();
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!((&first["outcome"], &first["session"]), (&json!("allow"), &json!("one")));
    #[cfg(unix)]
    for file in ["gate.json", "gate.log"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(workspace(&bed).join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn d22_blocks_are_bounded_cached_and_then_let_pass() {
    let (bed, codex) = on(saying(BLOCK));
    feedback(&stop(&bed), &["a.txt:2", "asserts nothing", "round 1 of 3"]);
    // Nothing was changed: the verdict stands, without asking again.
    feedback(&again(&bed), &["round 2 of 3"]);
    assert_eq!(turns(&codex), 1);
    bed.repo.write("a.txt", "one\nthree\n");
    feedback(&again(&bed), &["round 3 of 3"]);
    assert_eq!(turns(&codex), 2);
    message(&again(&bed), &["UNRESOLVED", "a test is a stub"]);
    assert_eq!(turns(&codex), 2);
}

/// Hidden characters in a reviewer's answer reach neither the agent through the hook, nor a reader of `result`.
#[test]
fn e23_hidden_characters_of_a_reviewer_are_removed() {
    let hidden = ['\u{e0041}', '\u{200b}'];
    let clean = |what: &str, output: &str| {
        let escaped = ["\\udb40", "\\u200b", "\\u200B"];
        assert!(
            !output.contains(hidden) && !escaped.iter().any(|form| output.contains(form)),
            "{what}: {output}"
        );
    };
    let (bed, _codex) = on(Script::new()
        .turn(Turn::say(
            "BLOCK: a test\u{e0041} is a stub\u{200b}\n- [high] a.txt:2: asserts\u{e0041} nothing\u{200b}.",
        ))
        .when("is it well?", Turn::say("All\u{e0041} is\u{200b} well.")));
    let run = stop_with(&bed, &json!({}));
    clean("hook", &run.stdout);
    feedback(&run.json(), &["a test is a stub", "asserts nothing"]);

    let answer = bed.run(&["task", "--json", "is it well?"]).exits(0).json();
    assert!(answer["rawOutput"].as_str().unwrap().contains(hidden), "the answer has them: {answer}");
    let result = bed.run(&["result"]).exits(0);
    clean("result", &result.stdout);
    assert!(result.stdout.starts_with("All is well.\n"), "{}", result.stdout);
}

#[test]
fn d22_what_is_no_verdict_blocks_once_and_then_warns() {
    for answer in ["I could not decide.", "stream error: 503"] {
        let (bed, _codex) = on(saying(answer));
        feedback(&stop(&bed), &["It is the gate that failed", "setup --disable-review-gate"]);
        message(&again(&bed), &["NOT REVIEWED"]);
    }
    let (bed, _codex) = on(saying("**ALLOW:** fine"));
    message(&stop(&bed), &["allowed"]);
}

#[test]
fn every_way_to_fail_is_told_as_what_it_is() {
    let quota = Turn::new([Step::Fail { message: "limit".into(), info: json!("usageLimitExceeded") }]);
    let table = [
        (Script::not_signed_in(), "not signed in"),
        (Script::new().turn(quota), "quota"),
        (Script::new().turn(Turn::new([Step::die(101, "boom")])), "the review failed"),
    ];
    for (script, words) in table {
        let (bed, _codex) = on(script);
        feedback(&stop(&bed), &[words]);
        message(&again(&bed), &["NOT REVIEWED", words]);
    }
    let (bed, _codex) = on(Script::new());
    let bed = bed.env("CODEX_COMPANION_CODEX", "/nowhere/codex");
    feedback(&stop(&bed), &["could not be started"]);
}

#[test]
fn d22_nothing_changed_costs_no_turn() {
    let (bed, codex) = on(saying(BLOCK));
    // As the user left it.
    prompt(&bed, "one", "look at it");
    message(&stop(&bed), &["skipped"]);
    // A clean tree, where the session began.
    bed.repo.stage().commit("two");
    let start = json!({"session_id": "new", "cwd": bed.repo.path(), "source": "startup"}).to_string();
    bed.run_with(&["hook", "session-start"], Some(start.as_bytes())).exits(0);
    message(&stop_with(&bed, &json!({"session_id": "new"})).json(), &["skipped"]);
    assert_eq!(turns(&codex), 0);
    // What was committed within the turn is no less the turn's work.
    feedback(&stop(&bed), &["round 1 of 3"]);
    assert_eq!(turns(&codex), 1);
    // What the host wrote itself begins no turn.
    prompt(&bed, "one", "<task-notification>\nit ended</task-notification>");
    feedback(&again(&bed), &["round 2 of 3"]);
}

/// A clean tree proves nothing where nobody knows what the turn began with.
#[test]
fn what_was_committed_is_reviewed_where_the_beginning_is_unknown() {
    let (bed, codex) = on(saying(BLOCK));
    bed.repo.stage().commit("two");
    feedback(&stop(&bed), &["round 1 of 3"]);

    // Lost with a corrupt state, which is told.
    let (bed, other) = on(saying(BLOCK));
    prompt(&bed, "one", "go");
    bed.repo.stage().commit("two");
    fs::write(workspace(&bed).join("gate.json"), "{x").unwrap();
    let document = stop(&bed);
    feedback(&document, &["round 1 of 3"]);
    assert!(document["systemMessage"].as_str().unwrap().contains("corrupt"), "{document}");
    assert_eq!((turns(&codex), turns(&other)), (1, 1));
}

#[test]
fn a_turn_that_began_before_the_first_commit_is_reviewed() {
    let (bed, codex) = on(saying(BLOCK));
    fs::remove_dir_all(bed.repo.path().join(".git")).unwrap();
    bed.repo.run(&["init", "-q"]);
    prompt(&bed, "one", "go");
    bed.repo.stage().commit("first");
    bed.repo.write("b.txt", "b\n").stage().commit("second");
    feedback(&stop(&bed), &["round 1 of 3"]);
    assert_eq!(turns(&codex), 1);
    for round in 0..20 {
        bed.repo.write("b.txt", format!("{round}\n")).stage().commit("more");
    }
    feedback(&again(&bed), &["too many"]);
}

/// A member that is null is one that is missing, and takes no other one with it.
#[test]
fn a_null_in_a_hooks_input_is_nothing() {
    let (bed, codex) = on(saying(BLOCK));
    let input = json!({"session_id": "one", "cwd": bed.repo.path(), "transcript_path": null, "prompt": "x"});
    let input = format!("\u{feff}{input}");
    bed.run_with(&["hook", "prompt-submit"], Some(input.as_bytes())).exits(0);
    message(&stop(&bed), &["skipped"]);
    assert_eq!(turns(&codex), 0);
    let nobody = json!({"cwd": bed.repo.path(), "prompt": "x"}).to_string();
    let run = bed.run_with(&["hook", "prompt-submit"], Some(nobody.as_bytes())).exits(0);
    message(&run.json(), &["names no session"]);
}

/// What the user's settings say holds in spite of a mistake beside it, or of a missing place for state.
#[test]
fn settings_with_mistakes_neither_turn_the_gate_off_nor_on() {
    let (bed, _codex) = Bed::scripted(saying("ALLOW: fine"));
    let settings = bed.home.path().join(".config/codex-companion/config.toml");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    for off in ["review_gate = false\nmodle = 'x'", "# review_gate = true\nmodle = 'x'"] {
        fs::write(&settings, off).unwrap();
        assert_eq!(stop_with(&bed, &json!({})).stdout, "");
    }
    fs::write(&settings, b"review_gate = true\n# \xff").unwrap();
    feedback(&stop(&bed), &["failed"]);

    let (bed, _codex) = Bed::scripted(saying("ALLOW: fine"));
    let bed = bed.env("CODEX_COMPANION_STATE_DIR", "relative");
    assert_eq!(stop_with(&bed, &json!({})).stdout, "");
    bed.repo.write(".codex-companion.toml", "review_gate = true\n");
    feedback(&stop(&bed), &["failed"]);
}

/// Whoever ends the gate wants no decision, whatever failures are to become.
#[cfg(unix)]
#[test]
fn a_gate_that_is_ended_says_so_by_its_exit_code() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (bed, codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])));
        let running = bed.start(&["gate", "--on-error", "allow"], None);
        wait(|| (turns(&codex) > 0).then_some(())).unwrap();
        running.signal(signal);
        running.finish().exits(code);
    }
}

/// A first push, another kind of reference, and input that is none: nothing goes unseen.
#[test]
fn pushes_of_what_no_remote_has_are_reviewed() {
    let (bed, codex) = Bed::scripted(saying(BLOCK));
    let push = |line: &str| bed.run_with(&["gate", "--git-hook", "pre-push"], Some(line.as_bytes()));
    let zero = "0".repeat(40);
    bed.repo.stage().commit("two");
    let head = bed.repo.output(&["rev-parse", "HEAD"]);
    let head = head.trim();
    for there in ["refs/heads/main", "refs/for/main", "refs/tags/v1"] {
        push(&format!("HEAD {head} {there} {zero}\n")).exits(4).says(&["asserts nothing"]);
    }
    assert_eq!(turns(&codex), 1);
    // Once a remote has it, a tag brings nothing.
    bed.repo.run(&["update-ref", "refs/remotes/origin/main", head]);
    push(&format!("v1 {head} refs/tags/v1 {zero}\n")).exits(0);
}

/// A host that cuts a prompt within an emoji writes half of it; the turn begins all the same.
#[test]
fn half_a_character_is_no_reason_to_miss_a_turns_beginning() {
    let (bed, codex) = on(saying(BLOCK));
    let cwd = bed.repo.path().to_str().unwrap();
    let input = format!(r#"{{"session_id":"one","cwd":"{cwd}","prompt":"look \\ud83d"}}"#);
    bed.run_with(&["hook", "prompt-submit"], Some(input.as_bytes())).exits(0);
    message(&stop(&bed), &["skipped"]);
    assert_eq!(turns(&codex), 0);
}

#[test]
fn a_session_that_began_here_is_compared_with_where_it_began() {
    let (bed, codex) = on(saying("ALLOW: fine"));
    bed.repo.stage().commit("two");
    let start = json!({"session_id": "one", "cwd": bed.repo.path(), "source": "startup"}).to_string();
    bed.run_with(&["hook", "session-start"], Some(start.as_bytes())).exits(0);
    message(&stop(&bed), &["skipped"]);
    bed.repo.write("b.txt", "new\n").stage().commit("three");
    message(&stop(&bed), &["allowed"]);
    assert_eq!(turns(&codex), 1);
}

#[test]
fn two_sessions_do_not_mix() {
    let (bed, _codex) = on(saying("no verdict"));
    feedback(&stop(&bed), &["failed"]);
    feedback(&stop_with(&bed, &json!({"session_id": "two"})).json(), &["failed"]);
    message(&again(&bed), &["NOT REVIEWED"]);
    let end = json!({"session_id": "one", "cwd": bed.repo.path(), "reason": "other"}).to_string();
    bed.run_with(&["hook", "session-end"], Some(end.as_bytes())).exits(0);
    let state: Value = serde_json::from_slice(&fs::read(workspace(&bed).join("gate.json")).unwrap()).unwrap();
    assert!(state["sessions"]["one"].is_null() && state["sessions"]["two"].is_object(), "{state}");
}

#[test]
fn a_gate_that_is_off_says_and_does_nothing() {
    let (bed, codex) = Bed::scripted(saying(BLOCK));
    for event in ["stop", "prompt-submit", "prompt-expansion", "session-start", "session-end"] {
        for bytes in [&b"{"[..], b"", &input(&bed, &json!({}))] {
            let run = bed.run_with(&["hook", event], Some(bytes)).exits(0);
            assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{event}");
        }
    }
    assert!(codex.starts().is_empty());
    assert!(!bed.home.path().join(".local").exists(), "nothing is written");
}

/// d06: the input comes late, in pieces, and is more than a pipe holds.
#[test]
fn d06_late_and_long_input_is_read_to_its_end() {
    let (bed, _codex) = on(saying("ALLOW: read"));
    let bytes = input(&bed, &json!({"last_assistant_message": "x".repeat(300_000)}));
    let mut child =
        bed.command(&["hook", "stop"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    for part in bytes.chunks(100_000) {
        pipe.write_all(part).unwrap();
        std::thread::park_timeout(Duration::from_millis(50));
    }
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    message(&serde_json::from_slice(&output.stdout).unwrap(), &["allowed", "read"]);
}

#[test]
fn broken_input_blocks_once_and_then_warns() {
    let (bed, codex) = on(saying("ALLOW: fine"));
    let broken = |bytes: &[u8]| bed.run_with(&["hook", "stop"], Some(bytes)).exits(0).json();
    feedback(&broken(b"{\"session_id\":"), &["input could not be read"]);
    message(&broken(b""), &["NOT REVIEWED"]);
    assert_eq!(turns(&codex), 0);
}

/// A host that has had enough sends SIGTERM, and gets a decision.
#[cfg(unix)]
#[test]
fn sigterm_gets_a_decision() {
    let (bed, codex) = on(Script::new().turn(Turn::new([Step::Stall])));
    let running = bed.start(&["hook", "stop"], Some(&input(&bed, &json!({}))));
    wait(|| (turns(&codex) == 1).then_some(())).expect("the turn begins");
    running.signal("TERM");
    feedback(&running.finish().exits(0).json(), &["cancelled"]);
    bed.nothing_left();
}

/// Whenever the hook is ended, it has said nothing or a whole decision.
#[cfg(unix)]
#[test]
fn a_hook_that_is_ended_at_any_moment_says_nothing_or_a_whole_decision() {
    let (bed, _codex) = on(saying("no verdict"));
    for moment in 0..24 {
        let name = if moment % 4 == 0 { "KILL" } else { "TERM" };
        let running =
            bed.start(&["hook", "stop"], Some(&input(&bed, &json!({"session_id": moment.to_string()}))));
        std::thread::park_timeout(Duration::from_millis(moment * 8));
        running.signal(name);
        let run = running.finish();
        if !run.stdout.is_empty() {
            assert!(run.json().is_object() && run.code.is_none_or(|code| code == 0), "{run:?}");
        }
        bed.nothing_left();
    }
    // Whatever they left, the gate goes on.
    feedback(&stop(&bed), &["failed"]);
}

#[test]
fn the_real_codex_reviews() {
    let codex = require_real_codex!();
    let table = [
        (Reply::new().say("ALLOW: it is fine"), "it is fine"),
        (Reply::usage_limit(Duration::from_secs(7)), "quota"),
    ];
    for (reply, words) in table {
        let endpoint = ModelEndpoint::start(reply).unwrap();
        let home = CodexHome::new(endpoint.base_url()).unwrap();
        let bed = Bed::real(&codex, &home).env("CODEX_COMPANION_HANDSHAKE_TIMEOUT_MS", "30000");
        bed.run(&["setup", "--enable-review-gate"]);
        let document = stop(&bed);
        assert!(document.to_string().contains(words), "{document}");
    }
}

/// d35: the inner deadline ends first, with a decision.
#[test]
fn d35_the_inner_deadline_ends_with_a_decision() {
    let (bed, codex) = on(Script::new().turn(Turn::new([Step::Stall])));
    let bed = bed.env("CODEX_COMPANION_GATE_TIMEOUT_MS", "1500");
    feedback(&stop(&bed), &["did not answer in time"]);
    message(&again(&bed), &["NOT REVIEWED", "did not answer in time"]);
    assert_eq!(turns(&codex), 2);
}

/// d23: what cannot be read is put aside and told, and neither turns the gate off nor opens it.
#[test]
fn d23_a_corrupt_state_is_told_and_the_gate_stays_on() {
    let (bed, _codex) = on(saying(BLOCK));
    feedback(&stop(&bed), &["round 1 of 3"]);
    let folder = workspace(&bed);
    fs::write(folder.join("gate.json"), "{\"version\":1,").unwrap();
    fs::write(folder.join("state.json"), "{\"ver").unwrap();
    let document = again(&bed);
    feedback(&document, &["round 1 of 3"]);
    assert!(document["systemMessage"].as_str().unwrap().contains("corrupt"), "{document}");
    let aside = |name: &str| {
        let mut entries = fs::read_dir(&folder).unwrap();
        entries.any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(name))
    };
    assert!(aside("gate.json.corrupt-"));
    assert_eq!(bed.run(&["status", "--json"]).json()["config"]["stopReviewGate"], true);
    // The setting's own file, too.
    fs::write(folder.join("config.json"), "{\"stop").unwrap();
    feedback(&again(&bed), &["round 2 of 3"]);
}

#[cfg(unix)]
#[test]
fn a_state_that_cannot_be_written_gets_a_decision_that_cannot_loop() {
    let (bed, _codex) = on(saying(BLOCK));
    // A folder is in the way, which stops root as well.
    fs::create_dir(workspace(&bed).join("gate.json.tmp")).unwrap();
    feedback(&stop(&bed), &["not reviewed", "gate.json"]);
    message(&again(&bed), &["NOT REVIEWED", "gate.json"]);
}

/// d34: the setting is found from wherever it is asked for.
#[test]
fn d34_the_setting_holds_for_the_workspace() {
    let (bed, codex) = Bed::scripted(saying("ALLOW: fine"));
    let bed = bed.env("CLAUDE_PLUGIN_DATA", bed_elsewhere());
    bed.repo.write("deep/er/x.txt", "x\n");
    let deep = bed.repo.path().join("deep/er");
    let deep = deep.to_str().unwrap();
    let setup = bed.run(&["-C", deep, "setup", "--enable-review-gate", "--json"]).exits(0).json();
    assert!(setup["actionsTaken"][0].as_str().unwrap().contains("turned the review gate on"));
    assert!(bed.run(&["status"]).exits(0).stdout.contains("review gate is on"));
    // The hook's process is elsewhere; its input says where the work is.
    let run = bed.run_with(&["-C", "/", "hook", "stop"], Some(&input(&bed, &json!({"cwd": deep})))).exits(0);
    message(&run.json(), &["allowed"]);
    assert_eq!(turns(&codex), 1);
    let setup = bed.run(&["setup", "--disable-review-gate", "--json"]).exits(0).json();
    assert_eq!(setup["reviewGateEnabled"], false);
    assert_eq!(stop_with(&bed, &json!({"cwd": deep})).stdout, "");
}

fn bed_elsewhere() -> &'static str {
    "/nowhere/plugin-data"
}

/// A project can turn the gate on; what `setup` said wins.
#[test]
fn a_project_can_turn_the_gate_on() {
    let (bed, _codex) = Bed::scripted(saying("ALLOW: fine"));
    bed.repo.write(".codex-companion.toml", "review_gate = true\n");
    message(&stop(&bed), &["allowed"]);
    bed.repo.write(".codex-companion.toml", "review_gate = true\nreviw = 1\n");
    feedback(&stop(&bed), &["reviw"]);
    bed.run(&["setup", "--disable-review-gate"]);
    assert_eq!(stop_with(&bed, &json!({})).stdout, "");
}

/// Something that is no file in a project's settings is not waited for.
#[test]
fn a_projects_settings_cannot_hang_a_hook() {
    let (bed, codex) = on(saying("ALLOW: fine"));
    let pipe = bed.repo.path().join(".codex-companion.toml");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    feedback(&stop(&bed), &["regular file"]);
    let (elsewhere, _) = Bed::scripted(saying("ALLOW: fine"));
    let pipe = elsewhere.repo.path().join(".codex-companion.toml");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    assert_eq!(stop_with(&elsewhere, &json!({})).stdout, "");
    assert_eq!(turns(&codex), 0);
}

/// `gate_reviewer` has another program review, whatever becomes of it; only the user can name it.
#[test]
fn any_program_can_be_the_reviewer() {
    let (bed, codex) = on(saying("ALLOW: Codex says so"));
    let settings = bed.home.path().join(".config/codex-companion/config.toml");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let asks =
        |script: &str| fs::write(&settings, format!("gate_reviewer = [\"sh\", \"-c\", {script:?}]")).unwrap();

    asks("grep -q a.txt && pwd > .git/where && echo 'ALLOW: sh says so'");
    message(&stop(&bed), &["sh says so"]);
    let place = fs::read_to_string(bed.repo.path().join(".git/where")).unwrap();
    assert_eq!(fs::canonicalize(place.trim()).unwrap(), fs::canonicalize(bed.repo.path()).unwrap());

    bed.repo.write("a.txt", "one\nmore\n");
    asks("cat > /dev/null; echo 'BLOCK: not at all'");
    feedback(&stop(&bed), &["not at all"]);
    // What one reviewer blocked, another is asked about.
    asks("echo 'ALLOW: yes'; echo broke >&2; exit 3");
    feedback(&stop(&bed), &["broke"]);
    fs::write(&settings, "gate_reviewer = [\"no-such-program-here\"]").unwrap();
    bed.run(&["gate", "--json"]).exits(6);
    fs::write(&settings, "gate_reviewer = []").unwrap();
    bed.run(&["gate"]).exits(2).says(&["a program and its arguments"]);

    fs::remove_file(&settings).unwrap();
    bed.repo.write(".codex-companion.toml", "gate_reviewer = [\"sh\"]\n");
    bed.run(&["gate"]).exits(2).says(&["a project cannot set `gate_reviewer`"]);
    assert_eq!(turns(&codex), 0);
}

#[test]
fn the_gate_command_has_an_exit_code_for_each_outcome() {
    let (bed, _codex) = Bed::scripted(saying("ALLOW: fine"));
    let report = bed.run(&["gate", "--json"]).exits(0).json();
    assert_eq!((&report["outcome"], &report["reason"]), (&json!("allow"), &json!("fine")));
    assert_eq!(bed.run(&["gate", "--json"]).exits(0).json()["outcome"], "skipped");
    bed.repo.stage().commit("two");
    assert_eq!(bed.run(&["gate", "--scope", "working-tree", "--json"]).exits(0).json()["outcome"], "skipped");
    bed.run(&["gate", "--base", "nowhere"]).exits(2);

    let (bed, codex) = Bed::scripted(saying(BLOCK));
    let blocked = bed.run(&["gate"]).exits(4).says(&["blocked"]);
    assert!(blocked.stdout.contains("asserts nothing") && !blocked.stdout.contains("round"), "{blocked:?}");
    let report = bed.run(&["gate", "--json"]).exits(4).json();
    assert_eq!((&report["cached"], &report["findings"][0]["file"]), (&json!(true), &json!("a.txt")));
    let sarif = bed.run(&["gate", "--format", "sarif"]).exits(4).json();
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "error");
    assert!(bed.run(&["gate", "--format", "github"]).exits(4).stdout.contains("::error file=a.txt,line=2"));
    assert!(bed.run(&["gate", "--format", "markdown"]).exits(4).stdout.contains("asserts nothing"));
    assert_eq!(turns(&codex), 1);

    let (bed, _codex) = Bed::scripted(saying("who knows"));
    assert_eq!(bed.run(&["gate", "--json"]).exits(6).json()["outcome"], "not-reviewed");
    bed.run(&["gate"]).exits(6);
    bed.run(&["gate", "--on-error", "allow"]).exits(0).says(&["NOT REVIEWED"]);
    // Where nothing can be kept, each try stands alone.
    let (nowhere, _codex) = Bed::scripted(saying("ALLOW: fine"));
    let nowhere = nowhere.env("CODEX_COMPANION_STATE_DIR", "/dev/null/state");
    assert_eq!(nowhere.run(&["gate", "--json"]).exits(0).json()["outcome"], "allow");
    let sarif = bed.run(&["gate", "--format", "sarif"]).exits(6).json();
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[cfg(unix)]
#[test]
fn git_hooks_are_installed_work_and_are_removed_and_others_are_left_alone() {
    let (bed, codex) = Bed::scripted(saying(BLOCK));
    for hook in ["git-pre-push", "git-pre-commit"] {
        bed.run(&["gate", "install", hook]).exits(0);
        bed.run(&["gate", "install", hook]).exits(0);
    }
    let git = |words: &[&str]| {
        let mut git = bed.command(&[]);
        let mut command = codex_testkit::git::command(bed.repo.path());
        command.args(words).envs(git.args(["x"]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.output().unwrap()
    };
    bed.repo.stage();
    let refused = git(&["commit", "-m", "x"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("asserts nothing"), "{said}");
    bed.run(&["gate", "uninstall", "git-pre-commit"]).exits(0);
    bed.run(&["gate", "uninstall", "git-pre-commit"]).exits(0);
    bed.repo.commit("two");

    let remote = tempfile::tempdir().unwrap();
    codex_testkit::git::command(remote.path()).args(["init", "--bare", "-q"]).output().unwrap();
    let remote = remote.path().to_str().unwrap();
    bed.repo.run(&["push", "--no-verify", "-q", remote, "HEAD~1:refs/heads/main"]);
    let before = turns(&codex);
    let refused = git(&["push", remote, "HEAD:refs/heads/main"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("asserts nothing"), "{said}");
    assert_eq!(turns(&codex), before + 1);
    // Nothing new is sent.
    assert!(git(&["push", remote, ":refs/heads/gone"]).status.code().is_some());
    bed.run(&["gate", "uninstall", "git-pre-push"]).exits(0);

    // One that somebody added to is theirs.
    let hook = bed.repo.path().join(".git/hooks/pre-push");
    bed.run(&["gate", "install", "git-pre-push"]).exits(0);
    let more = fs::read_to_string(&hook).unwrap() + "make test\n";
    fs::write(&hook, &more).unwrap();
    bed.run(&["gate", "install", "git-pre-push"]).exits(2);
    bed.run(&["gate", "uninstall", "git-pre-push"]).exits(2);
    assert_eq!(fs::read_to_string(&hook).unwrap(), more);

    fs::write(&hook, "#!/bin/sh\n").unwrap();
    bed.run(&["gate", "install", "git-pre-push"]).exits(2).says(&["already"]);
    bed.run(&["gate", "uninstall", "git-pre-push"]).exits(2).says(&["not ours"]);
    assert_eq!(fs::read_to_string(&hook).unwrap(), "#!/bin/sh\n");
    bed.repo.run(&["config", "core.hooksPath", ".husky"]);
    bed.run(&["gate", "install", "git-pre-commit"]).exits(2).says(&[".husky"]);
}

#[test]
fn a_session_start_exports_and_tells_of_jobs() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])));
    let file = bed.home.path().join("env");
    let bed = bed.env("CLAUDE_ENV_FILE", &file);
    let start =
        json!({"session_id": "it's", "transcript_path": "/t.jsonl", "cwd": bed.repo.path()}).to_string();
    let start = || bed.start(&["hook", "session-start"], Some(start.as_bytes())).finish().exits(0);
    assert_eq!(start().stdout, "");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "export CODEX_COMPANION_SESSION_ID='it'\\''s'\nexport CODEX_COMPANION_TRANSCRIPT_PATH='/t.jsonl'\n"
    );
    let job = bed.start(&["task", "--background", "--json", "x"], None).finish().exits(0).json();
    let told = start().json();
    let told = told["hookSpecificOutput"]["additionalContext"].as_str().unwrap().to_owned();
    assert!(told.contains(job["jobId"].as_str().unwrap()) && told.lines().count() == 1, "{told}");
    bed.run(&["cancel", job["jobId"].as_str().unwrap()]).exits(0);
}

/// d07: the end of a session touches its own jobs only, and those only when it is asked to.
#[cfg(unix)]
#[test]
fn d07_a_session_end_cancels_its_own_jobs_when_it_is_to() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])));
    let settings = bed.home.path().join(".config/codex-companion/config.toml");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let begin = |bed: &Bed| {
        let job = bed.start(&["task", "--background", "--json", "x"], None).finish().exits(0).json();
        let id = job["jobId"].as_str().unwrap().to_owned();
        let running = || Some(status(bed, &id)).filter(|job| job["turnId"].is_string());
        wait(running).expect("the turn begins");
        id
    };
    let bed = bed.env("CODEX_COMPANION_SESSION_ID", "a");
    let mine = begin(&bed);
    let bed = bed.env("CODEX_COMPANION_SESSION_ID", "b");
    let theirs = begin(&bed);
    let end = json!({"session_id": "a", "cwd": bed.repo.path(), "reason": "other"}).to_string();
    let end = || bed.start(&["hook", "session-end"], Some(end.as_bytes())).finish().exits(0);
    end();
    assert_eq!(status(&bed, &mine)["status"], "running");
    fs::write(&settings, "session_end = \"cancel\"\n").unwrap();
    end();
    wait(|| (status(&bed, &mine)["status"] == "cancelled").then_some(())).expect("it is cancelled");
    assert_eq!(status(&bed, &theirs)["status"], "running");
    bed.run(&["cancel", &theirs]).exits(0);
}

/// A foreground job whose process is gone is failed as its session ends.
#[cfg(unix)]
#[test]
fn a_session_end_fails_what_has_no_owner_any_more() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])));
    let bed = bed.env("CODEX_COMPANION_SESSION_ID", "a");
    let running = bed.start(&["task", "x"], None);
    wait(|| (turns(&codex) == 1).then_some(())).expect("the turn begins");
    running.signal("KILL");
    running.finish();
    let record = || {
        let mut jobs = fs::read_dir(workspace(&bed).join("jobs")).unwrap().map(|entry| entry.unwrap().path());
        let file = jobs.find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
        serde_json::from_slice::<Value>(&fs::read(file).unwrap()).unwrap()
    };
    let before = record();
    let end = json!({"session_id": "a", "cwd": bed.repo.path()}).to_string();
    bed.run_with(&["hook", "session-end"], Some(end.as_bytes())).exits(0);
    let after = record();
    let status = |record: &Value| record["status"].as_str().map(str::to_owned);
    assert_eq!((status(&before), status(&after)), (Some("running".into()), Some("failed".into())), "{after}");
}

fn status(bed: &Bed, id: &str) -> Value {
    bed.start(&["status", id, "--json"], None).finish().exits(0).json()["job"].clone()
}

/// Whatever becomes of the input, the end of a session is over soon.
#[test]
fn a_session_end_does_not_wait_for_its_input() {
    let bed = Bed::new();
    let mut child = bed.command(&["hook", "session-end"]).stdin(Stdio::piped()).spawn().unwrap();
    let held = child.stdin.take();
    let ended = wait(|| child.try_wait().unwrap()).expect("it ends with its input open");
    assert!(ended.success());
    drop(held);
}
