//! The commands over an app-server that answers from a script.

use codex_testkit::app_server::{Fault, Noise, Script, Step, Turn};
use codex_testkit::program::ScriptedCodex;
use serde_json::{Value, json};

use crate::support::{Bed, wait};

const REVIEW: &str = r#"{"findings":[{"title":"[P1] Off by one","body":"It reads past the end.","confidence_score":0.9,
"priority":1,"code_location":{"absolute_file_path":"ROOT/a.txt","line_range":{"start":2,"end":2}}}],
"overall_correctness":"patch is incorrect","overall_explanation":"One bug.","overall_confidence_score":0.8}"#;

const ADVERSARIAL: &str = r#"{"verdict":"needs-attention","summary":"It races.","findings":[
{"severity":"low","title":"Small","body":"b","file":"a.txt","line_start":1,"line_end":1,"confidence":0.5,"recommendation":"r"},
{"severity":"critical","title":"Big","body":"b","file":"a.txt","line_start":2,"line_end":3,"confidence":0.9,"recommendation":"lock it"}],
"next_steps":["Add a test."]}"#;

fn method<'a>(received: &'a [Value], name: &str) -> &'a Value {
    received
        .iter()
        .find(|message| message["method"] == name)
        .unwrap_or_else(|| panic!("no {name}: {received:#?}"))
}

fn fail_step(message: &str) -> Step {
    Step::fail(message)
}

#[test]
fn a_review_as_text_and_as_json() {
    let (bed, codex) = Bed::scripted(Script::new().review(Turn::say(REVIEW)));
    let run = bed.run(&["review"]).exits(0);
    assert!(run.stdout.contains("Off by one") && run.stdout.contains("a.txt:2"), "{run:?}");
    let report = bed.run(&["review", "--json"]).exits(0).json();
    assert_eq!(report["review"], "Review");
    assert_eq!(report["target"]["mode"], "working-tree");
    assert_eq!(report["result"]["verdict"], "needs-attention");
    assert_eq!(report["codex"]["status"], 0);
    assert_eq!(report["threadId"], report["sourceThreadId"]);
    let received = codex.received();
    assert_eq!(method(&received, "review/start")["params"]["target"], json!({"type": "uncommittedChanges"}));
    let thread = &method(&received, "thread/start")["params"];
    assert_eq!((&thread["sandbox"], &thread["ephemeral"]), (&json!("read-only"), &json!(true)));
    assert_eq!(thread["approvalPolicy"], "never");
}

#[test]
fn an_adversarial_review_is_sorted_and_asks_with_a_schema() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say(ADVERSARIAL)));
    let report =
        bed.run(&["adversarial-review", "--json", "what", "if", "it", "is", "cold?"]).exits(0).json();
    assert_eq!(report["review"], "Adversarial Review");
    let severities: Vec<_> =
        report["result"]["findings"].as_array().unwrap().iter().map(|f| &f["severity"]).collect();
    assert_eq!(severities, ["critical", "low"]);
    assert_eq!(report["result"]["next_steps"], json!(["Add a test."]));
    let received = codex.received();
    let turn = &method(&received, "turn/start")["params"];
    assert_eq!(turn["outputSchema"]["additionalProperties"], false);
    let prompt = turn["input"][0]["text"].as_str().unwrap();
    assert!(prompt.contains("what if it is cold?"));
    assert!(bed.run(&["adversarial-review", "--format", "sarif"]).exits(0).json()["runs"].is_array());
    let github = bed.run(&["adversarial-review", "--format", "github"]).exits(0);
    assert!(github.stdout.contains("::error file=a.txt,line=2"), "{github:?}");
}

/// d28: JSON in a fence and behind prose is found; what a failed turn said is no verdict.
#[test]
fn d28_only_a_completed_turn_has_a_verdict() {
    let fenced = format!("Here is what I found:\n\n```json\n{ADVERSARIAL}\n```\nThat is all.");
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say(fenced)));
    let report = bed.run(&["adversarial-review", "--json"]).exits(0).json();
    assert_eq!(report["result"]["findings"].as_array().unwrap().len(), 2);

    let approving = r#"{"verdict":"approve","summary":"Fine.","findings":[],"next_steps":[]}"#;
    let failing = Turn::new([Step::say_as("commentary", approving), fail_step("the stream broke")]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(failing));
    let run = bed.run(&["adversarial-review", "--json"]).exits(1);
    let report = run.json();
    assert_eq!((&report["result"], &report["codex"]["status"]), (&Value::Null, &json!(1)));
    assert!(report["error"]["message"].as_str().unwrap().contains("the stream broke"));
    let run = bed.run(&["adversarial-review"]).exits(1).says(&["the stream broke"]);
    assert!(!run.stdout.to_lowercase().contains("approve"), "{run:?}");
}

#[test]
fn an_answer_that_is_no_review_is_shown_and_is_a_failure() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("I like it.")));
    let run = bed.run(&["adversarial-review"]).exits(1).says(&["not the review that was asked for"]);
    assert!(run.stdout.contains("I like it."));
}

/// d24: phases are right, a retried error fails nothing, causes are shown, an empty answer is a failure.
#[test]
fn d24_retries_causes_and_empty_answers() {
    let retried = Turn::new([Step::Retry { message: "Reconnecting... 1/2".into() }, Step::say("Made it.")]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(retried));
    let run = bed.run(&["task", "go"]).exits(0).says(&["Reconnecting... 1/2"]);
    assert!(run.stdout.contains("Made it."));

    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([fail_step("the model is on fire")])));
    bed.run(&["task", "go"]).exits(1).says(&["the model is on fire"]);
    let report = bed.run(&["task", "--json", "go"]).exits(1).json();
    assert_eq!(report["status"], 1);

    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([])).review(Turn::new([])));
    bed.run(&["task", "go"]).exits(1).says(&["without an answer"]);
    bed.run(&["review"]).exits(1);
}

/// d15: a `final_answer` is not the end; what comes behind it is waited for.
#[test]
fn d15_the_turns_real_end_is_waited_for() {
    let turn = Turn::new([
        Step::say_as("final_answer", "Done, I think."),
        Step::command("touch late", ""),
        Step::say_as("final_answer", "Now it is done."),
    ]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(turn));
    let run = bed.run(&["task", "go"]).exits(0);
    assert!(run.stdout.contains("Now it is done."), "{run:?}");
}

/// d02: a server that dies in the middle fails the command at once, with the reason, and nothing is printed as an answer.
#[test]
fn d02_a_dying_codex_fails_the_command() {
    let turn =
        Turn::new([Step::say_as("commentary", "Looking."), Step::die(101, "thread 'main' panicked at boom")]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(turn.clone()).review(turn));
    bed.run(&["review"]).exits(1).says(&["Codex ended in the middle of the turn", "boom"]);
    let report = bed.run(&["task", "--json", "go"]).exits(1).json();
    assert_eq!((&report["status"], &report["error"]["kind"]), (&json!(1), &json!("codex-broken")));
}

/// d21: nothing that the model wrote reaches the terminal raw; the JSON holds it, escaped.
#[test]
fn d21_model_text_is_made_safe() {
    let hostile = "safe \u{1b}[31mred\u{1b}[0m \u{1b}]0;owned\u{7} \u{9b}2J \u{202e}txt\r\nline\rover";
    let turn = Turn::new([Step::command(format!("echo {hostile}"), hostile), Step::say(hostile)]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(turn.clone()).review(turn));
    for words in [&["task", "go"][..], &["review"], &["review", "--format", "markdown"]] {
        let run = bed.run(words).exits(0);
        for text in [&run.stdout, &run.stderr] {
            let bad = text.chars().find(|&c| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}');
            assert_eq!(bad, None, "{words:?}: {text:?}");
        }
        assert!(run.stdout.contains("safe red"), "{run:?}");
    }
    let run = bed.run(&["task", "--json", "go"]).exits(0);
    assert_eq!(run.json()["rawOutput"], hostile);
    assert!(!run.stdout.contains('\u{1b}'));
}

/// d29: the server's questions get an answer of their own kind; with `--approvals on-request` the settings decide.
#[test]
fn d29_a_policy_answers_per_kind() {
    let turn = || {
        Turn::new([
            Step::CallMcp { server: "files".into(), tool: "write".into(), ask: true },
            Step::ApproveCommand { command: "make".into() },
            Step::say("Went on."),
        ])
    };
    let answers = |codex: &ScriptedCodex| -> Vec<Value> {
        codex
            .received()
            .into_iter()
            .filter(|message| message.get("method").is_none())
            .map(|m| m["result"].clone())
            .collect()
    };
    let (bed, codex) = Bed::scripted(Script::new().turn(turn()));
    assert!(bed.run(&["task", "go"]).exits(0).stdout.contains("Went on."));
    assert_eq!(
        answers(&codex),
        [json!({"action": "decline", "content": null}), json!({"decision": "decline"})]
    );

    let (bed, codex) = Bed::scripted(Script::new().turn(turn()));
    let config = bed.home.path().join(".config/codex-companion");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.toml"), "[approvals]\nmcp = [\"files/*\"]\n").unwrap();
    bed.run(&["task", "--approvals", "on-request", "go"]).exits(0);
    assert_eq!(answers(&codex)[0], json!({"action": "accept", "content": {}}));
    assert_eq!(answers(&codex)[1], json!({"decision": "decline"}));
    assert_eq!(method(&codex.received(), "thread/start")["params"]["approvalPolicy"], "on-request");
}

/// d30: models and efforts are the server's; what it does not list passes with a warning.
#[test]
fn d30_unknown_models_and_efforts_pass_with_a_warning() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")).review(Turn::say("Fine.")));
    bed.run(&["task", "--model", "gpt-99", "--effort", "heroic", "go"]).exits(0).says(&["gpt-99", "heroic"]);
    let turn = method(&codex.received(), "turn/start")["params"].clone();
    assert_eq!((&turn["model"], &turn["effort"]), (&json!("gpt-99"), &json!("heroic")));

    let (bed, codex) = Bed::scripted(Script::new().review(Turn::say("Fine.")));
    bed.run(&["review", "--model", "spark", "--effort", "high", "-c", "x.y=1"]).exits(0);
    let thread = method(&codex.received(), "thread/start")["params"].clone();
    assert_eq!(thread["model"], "gpt-5.3-codex-spark");
    assert_eq!(thread["config"]["model_reasoning_effort"], "high");
    assert_eq!(codex.starts(), [["-c", "x.y=1", "app-server"]]);
}

/// d32: what is no message on the server's stdout is skipped.
#[test]
fn d32_noise_ends_nothing() {
    for noise in
        [Noise::Log, Noise::Ansi, Noise::Banner, Noise::Blank, Noise::HalfMessage, Noise::Bom, Noise::Crlf]
    {
        let script = Script::new().noise(noise).turn(Turn::say("Through the noise."));
        let (bed, _codex) = Bed::scripted(script);
        let run = bed.run(&["task", "go"]).exits(0);
        assert!(run.stdout.contains("Through the noise."), "{noise:?} {run:?}");
    }
}

/// d25 is about the real Codex; what we send is the half that shows here.
#[test]
fn d25_write_access_is_asked_per_turn() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    bed.run(&["task", "--write", "go"]).exits(0);
    let received = codex.received();
    assert_eq!(method(&received, "thread/start")["params"]["sandbox"], "read-only");
    assert_eq!(method(&received, "turn/start")["params"]["sandboxPolicy"]["type"], "workspaceWrite");
    assert_eq!(method(&received, "thread/start")["params"]["ephemeral"], false);
    // Without --write it is said again that there is none: a resumed thread may have had some.
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    bed.run(&["task", "go"]).exits(0);
    assert_eq!(method(&codex.received(), "turn/start")["params"]["sandboxPolicy"]["type"], "readOnly");
}

#[test]
fn setup_tells_what_is_there_and_what_to_do() {
    let (bed, _codex) = Bed::scripted(Script::new());
    let report = bed.run(&["setup", "--json"]).exits(0).json();
    assert_eq!((&report["ready"], &report["auth"]["loggedIn"]), (&json!(true), &json!(true)));
    assert!(report["codex"]["detail"].as_str().unwrap().contains("0.169.0"));
    assert_eq!(report["sessionRuntime"]["mode"], "direct");

    let (bed, codex) = Bed::scripted(Script::not_signed_in());
    let report = bed.run(&["setup", "--json"]).exits(5).json();
    assert_eq!((&report["ready"], &report["codex"]["available"]), (&json!(false), &json!(true)));
    assert!(report["nextSteps"][0].as_str().unwrap().contains("codex login"));
    // One process: nothing is probed.
    assert_eq!(codex.starts(), [["app-server"]]);

    let (bed, _codex) = Bed::scripted(Script::too_old());
    let report = bed.run(&["setup", "--json"]).exits(5).json();
    assert_eq!(report["codex"]["available"], false);
}

#[cfg(unix)]
#[test]
fn ctrl_c_interrupts_the_turn_and_leaves_nothing() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 130)] {
        let (bed, codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])));
        let running = bed.start(&["task", "go"], None);
        let turn = || {
            bed.start(&["status", "--json"], None).finish().json()["running"][0]["turnId"]
                .is_string()
                .then_some(())
        };
        wait(turn).expect("the turn begins");
        running.signal(signal);
        let run = running.finish().exits(code);
        assert!(run.stdout.is_empty(), "{run:?}");
        bed.nothing_left();
        let interrupted = codex.received().iter().any(|message| message["method"] == "turn/interrupt");
        assert!(interrupted, "{signal}: the turn was only killed");
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_ignores_everything_is_ended() {
    let script = Script::new().linger(true).ignore_sigterm(true).turn(Turn::say("Done."));
    let (bed, _codex) = Bed::scripted(script);
    assert!(bed.run(&["task", "go"]).exits(0).stdout.contains("Done."));
}

#[test]
fn a_turn_past_its_time_is_interrupted() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])));
    bed.run(&["task", "--timeout-ms", "300", "go"]).exits(3).says(&["took too long"]);
    assert!(codex.received().iter().any(|message| message["method"] == "turn/interrupt"));
    let bed = bed.env("CODEX_COMPANION_IDLE_TIMEOUT_MS", "300");
    bed.run(&["task", "go"]).exits(3).says(&["no activity"]);
}

#[test]
fn threads_are_resumed_by_id() {
    let id = "01a1f6e7-f8b0-7790-9668-04274af79c1c";
    let known = codex_testkit::app_server::KnownThread::new(id, "/w");
    let (bed, codex) = Bed::scripted(Script::new().known_thread(known).turn(Turn::say("Again.")));
    let report = bed.run(&["task", "--thread", id, "--json", "go", "on"]).exits(0).json();
    assert_eq!(report["threadId"], id);
    assert_eq!(method(&codex.received(), "thread/resume")["params"]["sandbox"], "read-only");
    bed.run(&["task", "--thread", "01a1f6e7-f8b0-7790-9668-000000000000", "go"])
        .exits(2)
        .says(&["cannot be resumed"]);
}

#[test]
fn an_overloaded_server_is_asked_again() {
    let script =
        Script::new().fault("turn/start", Fault::overloaded().times(2)).turn(Turn::say("Got through."));
    let (bed, _codex) = Bed::scripted(script);
    assert!(bed.run(&["task", "go"]).exits(0).stdout.contains("Got through."));
}

#[test]
fn a_quiet_run_says_nothing_on_stderr() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let run = bed.run(&["--quiet", "task", "go"]).exits(0);
    assert_eq!(run.stderr, "");
}

/// What a prompt says of flags is prose: it does not decide how errors are told.
#[test]
fn json_is_asked_for_by_flags_only() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([fail_step("it broke")])));
    let run = bed.run(&["task", "explain", "--json", "flags"]).exits(1).says(&["it broke"]);
    assert!(!run.stdout.contains('{'), "{run:?}");
    let run = bed.run_with(&["task", "--arguments-stdin"], Some(b"--json explain")).exits(1);
    assert_eq!(run.json()["status"], 1);
    let run = bed.run(&["task", "--bogus", "--json", "x"]).exits(2);
    assert_eq!(run.json()["error"]["kind"], "usage");
    let run = bed.run(&["status", "--watch", "--json"]).exits(2);
    assert_eq!(run.json()["error"]["kind"], "usage");
}

/// What Codex asked and was answered is told and logged.
#[test]
fn d29_answers_are_told() {
    let turn = Turn::new([Step::ApproveCommand { command: "make install".into() }, Step::say("Went on.")]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(turn));
    bed.run(&["task", "go"]).exits(0).says(&["make install", "decline"]);
}
