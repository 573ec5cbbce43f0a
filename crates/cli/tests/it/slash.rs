//! Slash commands: arguments that come through as they were typed, and answers that always come.

use std::fs;

use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::program::ScriptedCodex;
use serde_json::{Value, json};

use crate::support::{Bed, Run, wait};

const REVIEW: &str = "The loop ends one too late.";

/// A session in which Codex answers so.
fn session(script: Script) -> (Bed, ScriptedCodex) {
    let (bed, codex) = Bed::scripted(script);
    (bed.env("CLAUDE_CODE_SESSION_ID", "one"), codex)
}

fn hook(bed: &Bed, event: &str, more: &Value) -> Run {
    let mut input = json!({"session_id": "one", "transcript_path": "/t.jsonl", "cwd": bed.repo.path()});
    for (key, value) in more.as_object().unwrap() {
        input[key] = value.clone();
    }
    bed.start(&["hook", event], Some(input.to_string().as_bytes())).finish().exits(0)
}

fn expand(bed: &Bed, command: &str, arguments: &str) -> Run {
    hook(
        bed,
        "prompt-expansion",
        &json!({
            "hook_event_name": "UserPromptExpansion", "expansion_type": "slash_command",
            "command_name": format!("codex:{command}"), "command_args": arguments,
        }),
    )
}

/// What a command that the hook answers shows.
#[track_caller]
fn shown(bed: &Bed, command: &str, arguments: &str) -> String {
    let document = expand(bed, command, arguments).json();
    assert_eq!(document["decision"], "block", "{document}");
    document["reason"].as_str().unwrap().to_owned()
}

/// What a command that goes on to `slash` shows.
#[track_caller]
fn slash(bed: &Bed, command: &str, arguments: &str) -> String {
    assert_eq!(expand(bed, command, arguments).stdout, "");
    bed.start(&["slash", command], None).finish().exits(0).stdout
}

/// The prompts of the turns that Codex was asked for.
fn prompts(codex: &ScriptedCodex) -> Vec<String> {
    let turns = codex.received().into_iter().filter(|message| message["method"] == "turn/start");
    turns.map(|turn| turn["params"]["input"][0]["text"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

fn job_in(text: &str) -> String {
    let at = text.find("job-").unwrap_or_else(|| panic!("no job in {text}"));
    text[at..]
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .next()
        .unwrap()
        .to_owned()
}

/// Waits for the end of a job without seeing how it went.
fn ended(bed: &Bed, job: &str) {
    let over = |jobs: &Value| jobs.as_array().unwrap().iter().any(|known| known["id"] == job);
    let look =
        || over(&bed.start(&["status", "--all", "--json"], None).finish().json()["recent"]).then_some(());
    wait(look).expect("the job ends");
}

#[test]
fn d16_arguments_come_through_byte_for_byte() {
    let (bed, codex) = session(Script::new().turn(Turn::say("done")));
    let nasty = [
        "say \"hi\" & it's 'fine' \\n \\ `date` $(date) ${HOME} ${CLAUDE_PLUGIN_ROOT} $ARGUMENTS $0 $99 !x !`y`",
        "```\nthree backticks\n```\nEOF\nCODEX_REQUEST_END\n\ttabs  and two spaces",
        "do it --write --model other -- and --json, please",
        "größer 世界 \u{1f600} e\u{301}",
        "<task-notification> &amp; {\"decision\":\"block\"}",
    ];
    for prompt in nasty {
        has(&slash(&bed, "rescue", prompt), &["done"]);
        assert_eq!(prompts(&codex).last().map(String::as_str), Some(prompt));
    }
    let long = "0123456789 \"'`$\n".repeat(20_000);
    let long = long.trim_end();
    has(&slash(&bed, "rescue", &format!("--effort high --model m {long}")), &["done"]);
    assert_eq!(prompts(&codex).last().map(String::as_str), Some(long));
    let turn = codex.received().into_iter().rfind(|message| message["method"] == "turn/start").unwrap();
    assert_eq!((&turn["params"]["model"], &turn["params"]["effort"]), (&json!("m"), &json!("high")));
    bed.nothing_left();
}

#[test]
fn rescue_may_write_unless_told_not_to_and_continues_its_thread() {
    let (bed, codex) = session(Script::new().turn(Turn::say("done")));
    let sandbox = || {
        let turn = codex.received().into_iter().rfind(|message| message["method"] == "turn/start").unwrap();
        turn["params"]["sandboxPolicy"]["type"].clone()
    };
    slash(&bed, "rescue", "one");
    assert_eq!(sandbox(), "workspaceWrite");
    slash(&bed, "rescue", "--read-only two");
    assert_ne!(sandbox(), "workspaceWrite");
    slash(&bed, "rescue", "--resume three");
    assert!(codex.received().iter().any(|message| message["method"] == "thread/resume"));
    bed.nothing_left();
}

#[test]
fn what_only_the_user_wants_is_answered_without_the_model_and_mentioned_at_the_next_prompt() {
    let (bed, _codex) = session(Script::new().review(Turn::say(REVIEW)));
    has(&shown(&bed, "status", ""), &["No jobs yet"]);
    has(&slash(&bed, "review", ""), &[REVIEW, "Waited for: 1 file and 1 changed line"]);
    let status = shown(&bed, "status", "");
    has(&status, &["completed"]);
    let job = job_in(&status);
    has(&shown(&bed, "result", &job), &[REVIEW]);
    has(&shown(&bed, "setup", ""), &["Codex"]);
    has(&shown(&bed, "attach", &job), &["done: The loop"]);
    has(&shown(&bed, "cancel", &job), &["error", "already finished"]);
    let next = hook(&bed, "prompt-submit", &json!({"prompt": "fix the first"})).json();
    let context = next["hookSpecificOutput"]["additionalContext"].as_str().unwrap();
    has(context, &[&format!("`/codex:result {job}`"), "which you have not"]);
    assert!(next["systemMessage"].is_null(), "{next}");
    // Once.
    assert_eq!(hook(&bed, "prompt-submit", &json!({"prompt": "go on"})).stdout, "");
    // A host that runs the command's file all the same gets the same.
    expand(&bed, "result", &job);
    has(&bed.run(&["slash", "result"]).exits(0).stdout, &[REVIEW]);
}

#[test]
fn every_mistake_is_an_answer() {
    let (bed, _codex) = session(Script::new().turn(Turn::new([Step::fail("the model is down")])));
    has(&slash(&bed, "review", "--bse main"), &["error", "--bse", "--base"]);
    has(&slash(&bed, "review", "--base nowhere"), &["error", "nowhere"]);
    has(&slash(&bed, "review", "check the locks"), &["adversarial-review"]);
    has(&slash(&bed, "review", "--json"), &["prints text for people"]);
    has(&shown(&bed, "result", "--raw"), &["prints text for people"]);
    has(&shown(&bed, "status", "--json"), &["prints text for people"]);
    has(&slash(&bed, "rescue", "-C / x"), &["where its session does"]);
    has(&slash(&bed, "rescue", ""), &["there is no prompt"]);
    has(&slash(&bed, "rescue", "--prompt-file - x"), &["error"]);
    has(&slash(&bed, "rescue", "--prompt-file -"), &["no standard input"]);
    has(&slash(&bed, "rescue", "--model 'x"), &["quote"]);
    has(&slash(&bed, "rescue", "please"), &["the model is down"]);
    has(&shown(&bed, "status", "--help"), &["Usage"]);
    has(&shown(&bed, "result", "job-nope"), &["error", "job-nope"]);
    has(&bed.run(&["slash", "bogus"]).exits(0).stdout, &["no slash command \"bogus\"", "rescue"]);
    // Nothing stored: not guessed.
    has(&bed.run(&["slash", "review"]).exits(0).stdout, &["did not reach", "UserPromptExpansion"]);
    assert_eq!(expand(&bed, "unknown", "x").stdout, "");
    assert_eq!(bed.run_with(&["hook", "prompt-expansion"], Some(b"no json")).exits(0).stdout, "");
    let nobody = Bed::new();
    has(&nobody.run(&["slash", "review"]).exits(0).stdout, &["names no session"]);
}

#[test]
fn a_failed_store_is_told_and_nothing_old_is_run() {
    let (bed, codex) = session(Script::new());
    let folder = bed.home.path().join(".local/state/codex-companion/sessions");
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::write(&folder, "in the way").unwrap();
    has(expand(&bed, "review", "").json()["systemMessage"].as_str().unwrap(), &["could not be kept"]);
    has(&bed.run(&["slash", "review"]).exits(0).stdout, &["did not reach"]);
    assert!(codex.received().is_empty());
}

#[test]
fn small_changes_are_waited_for_and_large_ones_go_to_the_background() {
    let (bed, _codex) = session(Script::new().review(Turn::say(REVIEW)));
    for file in ["b.txt", "c.txt", "d.txt"] {
        bed.repo.write(file, "new\n");
    }
    let text = slash(&bed, "review", "");
    has(&text, &["runs in the background", "4 files and 4 changed lines", "--wait", "/codex:result job-"]);
    bed.run(&["await", &job_in(&text)]).exits(0);
    has(&slash(&bed, "review", "--wait"), &[REVIEW]);
    let text = slash(&bed, "adversarial-review", "--background is it safe?");
    has(&text, &["runs in the background"]);
    assert!(!text.contains("may take a while"), "{text}");
    bed.start(&["await", &job_in(&text)], None).finish();
    bed.nothing_left();
}

#[test]
fn what_takes_too_long_goes_on_and_is_told_by_its_id() {
    let hold = tempfile::tempdir().unwrap();
    let file = hold.path().join("go");
    let turn = Turn::new([Step::HoldUntilFile(file.clone()), Step::say("Let go.")]);
    let (bed, _codex) = session(Script::new().turn(turn));
    let bed = bed.env("CODEX_COMPANION_SLASH_WAIT_MS", "300");
    let text = slash(&bed, "rescue", "take your time");
    has(&text, &["still runs", "continues in the background", "/codex:cancel job-"]);
    let job = job_in(&text);
    has(&shown(&bed, "attach", &job), &["still runs, and continues"]);
    has(&shown(&bed, "status", "--wait"), &["Running", &job]);
    fs::write(&file, "").unwrap();
    bed.run(&["await", &job]).exits(0);
    has(&shown(&bed, "result", ""), &["Let go."]);
}

/// Esc in the host: the wait ends, the work does not.
#[test]
fn an_ended_wait_ends_no_work() {
    let hold = tempfile::tempdir().unwrap();
    let file = hold.path().join("go");
    let turn = Turn::new([Step::HoldUntilFile(file.clone()), Step::say("Let go.")]);
    let (bed, codex) = session(Script::new().turn(turn));
    expand(&bed, "rescue", "take your time");
    let running = bed.start(&["slash", "rescue"], None);
    wait(|| (!prompts(&codex).is_empty()).then_some(())).expect("the turn begins");
    // The host ends a command with all its descendants: the worker must be none of them.
    #[cfg(target_os = "linux")]
    for (pid, command) in bed.processes().iter().filter(|(_, command)| !command.contains(" slash ")) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:\t")?.parse().ok());
        assert_ne!(parent, Some(running.id()), "{command}");
    }
    running.signal("TERM");
    assert_eq!(running.finish().code, None);
    fs::write(&file, "").unwrap();
    let job = bed.start(&["status", "--json"], None).finish().json();
    let job = job["running"][0]["id"].as_str().or(job["recent"][0]["id"].as_str()).unwrap().to_owned();
    bed.run(&["await", &job]).exits(0);
    has(&bed.run(&["result", &job]).exits(0).stdout, &["Let go."]);
}

#[test]
fn what_ended_in_the_background_is_told_once() {
    let (bed, _codex) = session(Script::new().turn(Turn::say("All of it is done.")));
    let begin = |session: &str| {
        let start = hook(&bed, "session-start", &json!({"session_id": session, "source": "startup"}));
        if start.stdout.is_empty() { Value::Null } else { start.json() }
    };
    let stop =
        |session: &str| hook(&bed, "stop", &json!({"session_id": session, "stop_hook_active": false})).stdout;
    let start = |prompt: &str| {
        let job = job_in(&slash(&bed, "rescue", &format!("--background {prompt}")));
        ended(&bed, &job);
        job
    };
    // The session's own next turn end, and not another's.
    let job = start("one");
    assert_eq!(stop("two"), "");
    let told: Value = serde_json::from_str(&stop("one")).unwrap();
    has(told["systemMessage"].as_str().unwrap(), &[&job, "is done", "/codex:result"]);
    assert_eq!((stop("one"), begin("two")), (String::new(), Value::Null));
    // The next session that begins, and still the job's own.
    let job = start("two");
    let told = begin("two");
    has(told["systemMessage"].as_str().unwrap(), &[&job]);
    has(told["hookSpecificOutput"]["additionalContext"].as_str().unwrap(), &[&job]);
    assert_eq!(begin("three"), Value::Null);
    let told = hook(&bed, "prompt-submit", &json!({"prompt": "hello"})).json();
    has(told["systemMessage"].as_str().unwrap(), &[&job]);
    assert_eq!(stop("one"), "");
    // Who has seen it is not told.
    let job = start("three");
    shown(&bed, "result", &job);
    assert_eq!((stop("one"), begin("four")), (String::new(), Value::Null));
    bed.nothing_left();
}

#[test]
fn the_plugins_options_hold_in_hooks_and_reach_the_shell() {
    let (bed, codex) = session(Script::new().turn(Turn::say("ALLOW: fine")));
    let exports = bed.home.path().join("exports.sh");
    let bed = bed
        .env("CLAUDE_ENV_FILE", &exports)
        .env("CLAUDE_PLUGIN_OPTION_MODEL", "chosen")
        .env("CLAUDE_PLUGIN_OPTION_EFFORT", "low")
        .env("CLAUDE_PLUGIN_OPTION_REVIEW_GATE", "true");
    hook(&bed, "session-start", &json!({"source": "startup"}));
    let text = fs::read_to_string(exports).unwrap();
    has(&text, &["export CLAUDE_PLUGIN_OPTION_MODEL='chosen'", "_EFFORT='low'", "_REVIEW_GATE='true'"]);
    slash(&bed, "rescue", "x");
    let turn = codex.received().into_iter().find(|message| message["method"] == "turn/start").unwrap();
    assert_eq!((&turn["params"]["model"], &turn["params"]["effort"]), (&json!("chosen"), &json!("low")));
    bed.repo.write("a.txt", "one\ntwo\nthree\n");
    let told = hook(&bed, "stop", &json!({"stop_hook_active": false})).json();
    has(told["systemMessage"].as_str().unwrap(), &["Review gate", "allowed"]);
    // What setup says for the workspace wins.
    shown(&bed, "setup", "--disable-review-gate");
    assert_eq!(hook(&bed, "stop", &json!({"stop_hook_active": false})).stdout, "");
}

/// With the gate on, what a slash command changes belongs to the turn that it begins.
#[test]
fn what_rescue_changes_is_reviewed() {
    let write = Turn::new([Step::command("echo three >> a.txt", ""), Step::say("done")]);
    let (bed, codex) = session(Script::new().when("change it", write).turn(Turn::say("ALLOW: fine")));
    bed.repo.stage().commit("two");
    shown(&bed, "setup", "--enable-review-gate");
    slash(&bed, "rescue", "change it");
    bed.repo.write("a.txt", "one\ntwo\nthree\n");
    hook(&bed, "prompt-submit", &json!({"prompt": "/codex:rescue change it"}));
    let told = hook(&bed, "stop", &json!({"stop_hook_active": false})).json();
    has(told["systemMessage"].as_str().unwrap(), &["allowed"]);
    assert_eq!(prompts(&codex).len(), 2);
    // Any other prompt begins a turn of its own.
    hook(&bed, "prompt-submit", &json!({"prompt": "what now?"}));
    let told = hook(&bed, "stop", &json!({"stop_hook_active": false})).json();
    has(told["systemMessage"].as_str().unwrap(), &["skipped"]);
}

#[test]
fn the_end_of_a_session_forgets_what_was_stored() {
    let (bed, _codex) = session(Script::new());
    expand(&bed, "review", "--background");
    hook(&bed, "session-end", &json!({"reason": "other"}));
    has(&bed.run(&["slash", "review"]).exits(0).stdout, &["did not reach"]);
}
