//! The review gate, as Claude Code asks it and what it makes of the answer.

use codex_testkit::claude::{Messages, Say, Session};
use codex_testkit::model::{Reply, Scenario};
use codex_testkit::{Gate, LIMIT};
use serde_json::Value;

use super::{Desk, desk, document};

const BLOCK: &str =
    "BLOCK: the test asserts nothing\n- [high] a.txt:2: asserts nothing. Fix: assert something.";

/// Turns the gate on.
fn on(desk: Desk) -> Desk {
    desk.companion(&["setup", "--enable-review-gate"]);
    desk
}

/// The decisions of the gate in a session, in order.
fn decisions(session: &Session) -> Vec<Value> {
    session.hooks("Stop").into_iter().map(document).collect()
}

#[track_caller]
fn blocked<'a>(decision: &'a Value, words: &[&str]) -> &'a str {
    let text = decision["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default();
    for word in words {
        assert!(text.contains(word), "no {word:?} in {decision}");
    }
    text
}

#[track_caller]
fn passed(decision: &Value, words: &[&str]) {
    assert!(decision["hookSpecificOutput"].is_null(), "{decision}");
    let text = decision["systemMessage"].as_str().unwrap_or_default();
    for word in words {
        assert!(text.contains(word), "no {word:?} in {decision}");
    }
}

/// Claude's model changes a file and says that it is done, so many times.
fn works(desk: &Desk, times: usize) {
    for time in 1..=times {
        desk.model.say(Say::bash(&format!("echo {time} >> a.txt"))).say(Say::text(format!("Done {time}.")));
    }
}

#[test]
fn it_is_off_then_allows_and_is_free_when_nothing_changed() {
    let desk = desk!(Reply::allow("it is fine"));
    works(&desk, 1);
    let session = desk.work("work");
    assert_eq!((session.result(), session.hooks("Stop")), ("Done 1.", vec![""]));

    let desk = on(desk);
    works(&desk, 1);
    let session = desk.work("work");
    assert_eq!(session.result(), "Done 1.");
    passed(&decisions(&session)[0], &["allowed", "it is fine"]);
    assert_eq!(desk.prompts().len(), 1);
    assert!(
        desk.prompts()[0].contains("Done 1.") && desk.prompts()[0].contains("+1"),
        "{}",
        desk.prompts()[0]
    );

    passed(&decisions(&desk.work("what is it?"))[0], &["skipped"]);
    assert_eq!(desk.prompts().len(), 1, "nothing changed, and Codex was asked");
}

#[test]
fn it_blocks_until_the_work_is_right() {
    let desk = on(desk!(Scenario::in_turn([Reply::message(BLOCK), Reply::allow("it asserts now")])));
    works(&desk, 2);
    let session = desk.work("write a test");
    assert_eq!(session.result(), "Done 2.");
    let decisions = decisions(&session);
    let feedback = blocked(&decisions[0], &["a.txt:2", "asserts nothing", "round 1 of 3"]);
    passed(&decisions[1], &["allowed", "it asserts now"]);
    // Claude's model was given all of it.
    let asked = desk.model.asked();
    assert!(asked[2].conversation().contains(feedback), "{}", asked[2].conversation());
    assert_eq!((decisions.len(), desk.prompts().len()), (2, 2));
}

#[test]
fn it_is_bounded_when_it_never_allows() {
    let desk = on(desk!(Reply::message(BLOCK)));
    works(&desk, 9);
    let session = desk.work("write a test");
    let decisions = decisions(&session);
    for (decision, round) in decisions.iter().zip(["round 1 of 3", "round 2 of 3", "round 3 of 3"]) {
        blocked(decision, &[round]);
    }
    passed(&decisions[3], &["UNRESOLVED", "the test asserts nothing"]);
    assert_eq!((decisions.len(), session.result(), desk.prompts().len()), (4, "Done 4.", 3));
}

/// Closed at first, then open and visible: a broken reviewer neither approves nor holds anybody for ever.
#[test]
fn it_fails_closed_and_then_visibly() {
    let desk = on(desk!(Reply::error(400, "the reviewer is on fire")));
    works(&desk, 1);
    let decisions = decisions(&desk.work("work"));
    blocked(&decisions[0], &["It is the gate that failed", "the reviewer is on fire"]);
    passed(&decisions[1], &["NOT REVIEWED", "the reviewer is on fire"]);
    assert_eq!(decisions.len(), 2);
}

/// d35: the gate's own deadline ends before the host's, with a decision.
#[test]
fn d35_a_stalled_review_ends_with_a_decision() {
    let desk = on(desk!(Reply::hang())).env("CODEX_COMPANION_GATE_TIMEOUT_MS", "700");
    works(&desk, 1);
    let decisions = decisions(&desk.work("work"));
    blocked(&decisions[0], &["It is the gate that failed", "time"]);
    passed(&decisions[1], &["NOT REVIEWED"]);
}

/// d06: what the host writes may be more than a pipe holds.
#[test]
fn d06_a_long_hook_input_is_read_to_its_end() {
    let desk = on(desk!(Reply::message(BLOCK)));
    let long = format!("{} and so it ends.", "a word ".repeat(40_000));
    desk.model.say(Say::bash("echo 1 >> a.txt")).say(Say::text(long));
    let decisions = decisions(&desk.work("work"));
    blocked(&decisions[0], &["round 1 of 3"]);
}

/// What `/codex:rescue` changes belongs to the turn that it began, and is reviewed.
#[test]
fn what_codex_changed_is_reviewed_as_well() {
    let desk = desk!(Scenario::answer(|request| {
        let gate = request.prompt().contains("ALLOW");
        match (gate, request.tool_output()) {
            (true, _) => Reply::allow("it may stay"),
            (false, None) => {
                Reply::patch("*** Begin Patch\n*** Add File: made.txt\n+by codex\n*** End Patch")
            }
            (false, Some(_)) => Reply::message("Made it."),
        }
    }));
    let desk = on(desk);
    // Only models that Codex knows can patch.
    let session = desk.ask("/codex:rescue --wait --model gpt-5.5 make a file");
    assert_eq!(std::fs::read_to_string(desk.repo.path().join("made.txt")).unwrap(), "by codex\n");
    passed(&decisions(&session)[0], &["allowed", "it may stay"]);
    assert!(desk.prompts().last().unwrap().contains("by codex"));
}

/// A host that is killed leaves no review behind that nobody waits for.
#[test]
fn a_killed_host_takes_its_review_with_it() {
    let gate = Gate::new();
    let desk = on(desk!(Reply::new().hold(&gate).say("never")));
    works(&desk, 1);
    let running = desk.start(&["--allowedTools", "Bash"], "work");
    assert!(gate.reached_within(1, LIMIT));
    running.kill();
    assert!(desk.codex.idle_within(LIMIT), "{:?}", desk.claude.leaks().alive());
    desk.claude.leaks().assert_none(LIMIT);
}

/// Two sessions in one workspace: both turns are decided, and neither waits for the other for ever.
#[test]
fn turns_that_end_at_the_same_time_are_both_decided() {
    let gate = Gate::new();
    let mut desk = on(desk!(Reply::new().hold(&gate).say("ALLOW: both are fine")));
    desk.change_model(Messages::answering(|asked| {
        let done = !asked.tool_results().is_empty();
        if done { Say::text("Done.") } else { Say::bash("echo 1 >> a.txt") }
    }));
    let words = ["--allowedTools", "Bash"];
    let (one, two) = (desk.start(&words, "one"), desk.start(&words, "two"));
    assert!(gate.reached_within(2, LIMIT), "one waits for the other");
    gate.release();
    for session in [one.session(), two.session()] {
        passed(&decisions(&session)[0], &["allowed", "both are fine"]);
    }
}
