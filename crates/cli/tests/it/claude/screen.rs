//! What only shows on Claude Code's screen.

use codex_testkit::claude::{Say, Screen};
use codex_testkit::model::{Reply, Scenario};
use codex_testkit::{Gate, LIMIT};
use serde_json::json;

use super::{desk, has, plugin};

/// The slash commands that there are.
const COMMANDS: [&str; 10] = [
    "adversarial-review",
    "attach",
    "cancel",
    "gate",
    "rescue",
    "result",
    "review",
    "setup",
    "status",
    "transfer",
];

#[test]
fn commands_are_offered_and_answered_on_the_screen() {
    let desk = desk!(Reply::message("unused"));
    let plugin = plugin();
    let screen = Screen::start(&desk.claude, &["--plugin-dir", plugin.to_str().unwrap()]);
    let offered = screen.type_text("/codex:").wait_for("/codex:status");
    for command in COMMANDS {
        assert!(offered.contains(&format!("/codex:{command}")), "no {command} in {offered}");
    }
    screen.type_text("status").wait_until("one command", |screen| !screen.contains("/codex:gate"));
    screen.press("Enter");
    has(&screen.wait_for("No jobs yet."), &["/codex:status"]);
    assert!(desk.model.asked().is_empty());
    // What it was is told when Claude is next asked something, and costs no more than that.
    screen.type_text("hello").wait_for("hello");
    screen.press("Enter").wait_for("Done.");
    let asked = desk.model.asked();
    has(&asked[0].conversation(), &["has run `/codex:status`"]);
    assert!(!asked[0].conversation().contains("No jobs yet."));
}

#[test]
fn a_block_is_shown_as_feedback() {
    let block = "BLOCK: the test asserts nothing\n- [high] a.txt:2: asserts nothing. Fix: assert something.";
    let desk = desk!(Scenario::in_turn([Reply::message(block), Reply::allow("it asserts now")]));
    desk.companion(&["setup", "--enable-review-gate"]);
    for time in 1..=2 {
        desk.model
            .say(Say::bash(&format!("echo {time} >> a.txt")))
            .say(Say::text(format!("Finished {time}.")));
    }
    let plugin = plugin();
    let words = ["--plugin-dir", plugin.to_str().unwrap(), "--allowedTools", "Bash"];
    let screen = Screen::start(&desk.claude, &words);
    screen.type_text("write a test").wait_for("write a test");
    screen.press("Enter").wait_for("it asserts now");
    let whole = screen.whole();
    has(&whole, &["Stop hook feedback", "Finished 2."]);
    assert!(!whole.contains("hook error"), "{whole}");
}

/// Esc ends the review, and with it the turn of Codex's model: nobody works for nobody.
#[test]
fn a_gate_that_is_skipped_by_a_key_ends_its_review() {
    let gate = Gate::new();
    let desk = desk!(Reply::new().hold(&gate).say("never"));
    desk.companion(&["setup", "--enable-review-gate"]);
    desk.model.say(Say::bash("echo 1 >> a.txt")).say(Say::text("Finished."));
    let plugin = plugin();
    let words = ["--plugin-dir", plugin.to_str().unwrap(), "--allowedTools", "Bash"];
    let screen = Screen::start(&desk.claude, &words);
    screen.type_text("work").wait_for("work");
    screen.press("Enter").wait_for("Codex review gate");
    assert!(gate.reached_within(1, LIMIT));
    screen.press("Escape");
    assert!(desk.codex.idle_within(LIMIT), "the review goes on");
    assert_eq!(desk.codex.abandoned(), 1);
    screen.wait_until("the prompt", |screen| !screen.contains("Codex review gate"));
}

/// What was typed in several lines, through the screen: a paste.
#[test]
fn d16_a_pasted_request_is_passed_byte_for_byte() {
    let desk = desk!(Reply::message("Understood."));
    let plugin = plugin();
    let screen = Screen::start(&desk.claude, &["--plugin-dir", plugin.to_str().unwrap()]);
    let request =
        "why \"is\" `it` so?\n```\n$(date) ${CLAUDE_PLUGIN_ROOT}\n```\n!`echo x`\n\\! and EOF\nEOF\nend";
    screen.type_text("/codex:rescue --wait ").wait_for("--wait");
    screen.paste(request).wait_for("Pasted text");
    screen.press("Enter").wait_for("Done.");
    assert_eq!(desk.prompts(), [request]);
}

/// `/clear` begins another session on the same screen: its words reach it all the same.
#[test]
fn words_reach_codex_after_the_screen_was_cleared() {
    let desk = desk!(Reply::message("Understood."));
    let plugin = plugin();
    let screen = Screen::start(&desk.claude, &["--plugin-dir", plugin.to_str().unwrap()]);
    for (count, words) in [(1, "before it"), (2, "after it")] {
        screen.type_text(&format!("/codex:rescue --wait {words}")).wait_for(words);
        screen.submit(|| desk.model.asked().len() >= count);
        crate::support::wait(|| (desk.prompts().len() >= count).then_some(()));
        screen.wait_for("Done.");
        screen.type_text("/clear").wait_for("/clear");
        screen.press("Enter").wait_until("a clear screen", |screen| !screen.contains("Done."));
    }
    assert_eq!(desk.prompts(), ["before it", "after it"]);
}

/// What is changed in the background after a turn's end is reviewed when it wakes Claude: its notice begins no turn.
#[test]
fn what_the_background_changes_is_reviewed() {
    let desk = desk!(Reply::allow("it may stay"));
    desk.companion(&["setup", "--enable-review-gate"]);
    let go = desk.home.path().join("go");
    let command = format!("until [ -e '{}' ]; do sleep 0.05; done; echo 1 >> a.txt", go.display());
    let input = json!({ "command": command, "description": "wait", "run_in_background": true });
    desk.model.say(Say::tool("Bash", input)).say(Say::text("Started.")).say(Say::text("It has ended."));
    let plugin = plugin();
    let words = ["--plugin-dir", plugin.to_str().unwrap(), "--allowedTools", "Bash"];
    let screen = Screen::start(&desk.claude, &words);
    screen.type_text("work").wait_for("work");
    screen.press("Enter").wait_for("skipped");
    assert!(desk.prompts().is_empty());
    std::fs::write(go, "").unwrap();
    screen.wait_for("It has ended.");
    screen.wait_for("it may stay");
    assert_eq!(desk.prompts().len(), 1);
}
