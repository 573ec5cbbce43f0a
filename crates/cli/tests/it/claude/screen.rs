//! What only shows on Claude Code's screen.

use codex_testkit::claude::{Say, Screen};
use codex_testkit::model::{Reply, Scenario};

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
