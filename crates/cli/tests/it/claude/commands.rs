//! What each slash command shows, to whom, and at which cost.

use codex_testkit::Gate;
use codex_testkit::claude::Say;
use codex_testkit::model::{Finding, Reply, Scenario};
use serde_json::json;

use super::{bare_path, desk, has, job};

/// Commands that only tell ask no model: what they print is seen as it is.
#[test]
fn setup_tells_the_user_and_turns_the_gate() {
    let desk = desk!(Reply::allow("fine"));
    has(&desk.told("/codex:setup"), &["Codex", "ready"]);
    has(&desk.told("/codex:setup --enable-review-gate"), &["gate"]);
    // d34: what hooks see is what a command outside of them set, and the other way round.
    assert_eq!(desk.companion(&["setup", "--json"]).json()["reviewGateEnabled"], true);
    desk.model.say(Say::bash("echo 1 >> a.txt"));
    let session = desk.work("work");
    has(session.hooks("Stop")[0], &["allowed", "fine"]);
    desk.companion(&["setup", "--disable-review-gate"]);
    desk.model.say(Say::bash("echo 2 >> a.txt"));
    assert_eq!(desk.work("work").hooks("Stop"), [""]);
    has(&desk.told("/codex:setup --enable-everything"), &["--enable-everything", "--enable-review-gate"]);
}

/// d34: wherever the setting is made and wherever the hook runs, they mean the same workspace.
#[test]
fn d34_the_gate_and_its_setting_are_at_one_place() {
    let mut desk = desk!(Reply::allow("fine"));
    // In Claude's shell, which knows nothing of the plugin's folders.
    desk.model.say(Say::bash("codex-companion setup --enable-review-gate && echo 1 >> a.txt"));
    has(desk.work("turn it on").hooks("Stop")[0], &["allowed", "fine"]);
    desk.repo.write("dir/b.txt", "b\n");
    desk.claude = desk.claude.in_folder(&desk.repo.path().join("dir"));
    desk.model.say(Say::bash("echo 2 >> b.txt"));
    has(desk.work("work").hooks("Stop")[0], &["allowed", "fine"]);
}

#[test]
fn a_review_is_waited_for_and_shown() {
    let desk = desk!(Reply::review(
        "One bug.",
        &[Finding::new("[P1] Off by one", "It reads past the end.", "/a.txt", 2..=2)]
    ));
    let given = desk.given("/codex:review");
    has(&given, &["a.txt:2", "Off by one", "It reads past the end.", "Waited for"]);
    assert!(!given.contains("ARGUMENTS"), "{given}");
    has(&desk.told("/codex:status --all"), &["completed", "review"]);
    // Nobody who says what to do is told what was recommended.
    let given = desk.given("/codex:review --background");
    has(&given, &["runs in the background", "/codex:result"]);
    assert!(!given.contains("may take a while"), "{given}");
    desk.companion(&["status", "--wait", "--all"]);
}

/// A change that takes long is not waited for unless the user says so, and the user reads why.
#[test]
fn a_large_review_goes_to_the_background() {
    let desk = desk!(Reply::review("No bugs.", &[]));
    for file in 0..40 {
        desk.repo.write(format!("{file}.txt"), "a line\n".repeat(200));
    }
    desk.repo.stage();
    let given = desk.given("/codex:review");
    has(&given, &["runs in the background", "files", "--wait"]);
    has(&desk.given("/codex:review --wait"), &["No bugs."]);
    desk.companion(&["status", "--wait", "--all"]);
}

/// d20: the whole work tree is reviewed, wherever in it Claude Code was started.
#[test]
fn d20_a_review_from_a_subdirectory_sees_the_whole_tree() {
    let mut desk = desk!(Reply::message("no review"));
    desk.repo.write("dir/b.txt", "inside\n").write("c.txt", "outside\n");
    desk.claude = desk.claude.in_folder(&desk.repo.path().join("dir"));
    desk.given("/codex:adversarial-review --wait");
    has(&desk.prompts()[0], &["inside", "outside", "a.txt"]);
}

#[test]
fn an_adversarial_review_and_the_gate_are_shown() {
    let review = json!({"verdict": "needs-attention", "summary": "It races.", "findings": [{
        "severity": "high", "title": "A race", "body": "Two writers.", "file": "a.txt", "line_start": 2, "line_end": 2,
        "confidence": 0.9, "recommendation": "Lock it."}], "next_steps": []});
    let block = "BLOCK: a stub\n- [high] a.txt:2: asserts nothing. Fix: assert.";
    let desk = desk!(Scenario::in_turn([Reply::json(&review), Reply::message(block)]));
    has(&desk.given("/codex:adversarial-review --wait the locks"), &["A race", "a.txt:2", "Lock it."]);
    has(&desk.prompts()[0], &["the locks"]);
    has(&desk.given("/codex:gate"), &["a.txt:2", "asserts nothing"]);
}

#[test]
fn a_job_is_followed_cancelled_and_told() {
    let gate = Gate::new();
    let desk = desk!(Scenario::in_turn([Reply::new().hold(&gate).say("never"), Reply::message("All done.")]));
    let given = desk.given("/codex:rescue --background do it");
    has(&given, &["runs in the background", "/codex:status"]);
    let job = job(&given);
    assert!(gate.reached_within(1, codex_testkit::LIMIT));
    has(&desk.told("/codex:status --all"), &[&job]);
    has(&desk.told(&format!("/codex:status {job}")), &[&job, "starting"]);
    has(&desk.told(&format!("/codex:result {job}")), &["still"]);
    has(&desk.told(&format!("/codex:cancel {job}")), &["ancelled"]);
    has(&desk.told(&format!("/codex:attach {job}")), &["ancelled"]);
    has(&desk.told(&format!("/codex:result {job}")), &["ancelled"]);

    // A session's own newest job needs no name; those of others are found by theirs.
    has(&desk.given("/codex:rescue --wait --read-only do it"), &["All done."]);
    let status = desk.companion(&["status", "--all", "--json"]).json();
    let newest = status["latestFinished"]["id"].as_str().unwrap();
    has(&desk.told(&format!("/codex:result {newest}")), &["All done."]);
    has(&desk.told("/codex:result"), &["no finished job in view", "--all"]);
}

#[test]
fn a_session_is_transferred() {
    let desk = desk!(Reply::message("Read it."));
    desk.model.say(Say::text("The answer is 42."));
    let session = desk.ask("What is the answer?");
    let before = desk.model.asked().len();
    let transfer = desk.ask_with(&["--resume", session.id()], "/codex:transfer");
    has(transfer.result(), &["codex resume "]);
    assert_eq!(desk.model.asked().len(), before);
}

/// An error is an answer: it is seen, and never an empty one.
#[test]
fn errors_are_shown() {
    let desk = desk!(Reply::error(400, "the model is on fire"));
    has(&desk.told("/codex:result no-such-job"), &["no-such-job"]);
    has(&desk.told("/codex:cancel"), &["cancel"]);
    has(&desk.given("/codex:review --base nowhere"), &["nowhere"]);
    has(&desk.given("/codex:review --bsae main"), &["--base"]);
    has(&desk.given("/codex:review --wait"), &["the model is on fire"]);
    has(&desk.given("/codex:rescue"), &["no prompt"]);
    desk.repo.commit("two");
    has(&desk.given("/codex:review --scope working-tree"), &["no changes"]);
    let desk = desk.env("CODEX_COMPANION_CODEX", "/nowhere/codex");
    has(&desk.told("/codex:setup"), &["/nowhere/codex"]);
    has(&desk.given("/codex:rescue go"), &["/nowhere/codex"]);
}

/// Nothing installed: one clear line wherever somebody looks, and no turn is held up.
#[test]
fn without_the_program_the_user_is_told_how_to_get_it() {
    let desk = desk!(Reply::message("unused"));
    let folder = bare_path();
    let desk = desk.env("PATH", folder.path().to_str().unwrap());
    let session = desk.ask("/codex:review");
    has(&desk.model.asked().last().unwrap().newest(), &["codex-companion is not installed", "cargo install"]);
    has(session.hooks("Stop")[0], &["not installed"]);
    has(session.hooks("SessionStart")[0], &["not installed"]);
    assert_eq!(desk.ask("hello").result(), "Done.");
}

/// What is longer than the host shows ends with how to see the rest.
#[test]
fn a_long_answer_ends_with_where_the_rest_is() {
    let desk = desk!(Reply::huge(60_000));
    let given = desk.given("/codex:rescue --wait go on");
    has(&given, &["more characters; to see all of it", "codex-companion result"]);
    has(&desk.told(&format!("/codex:result {}", job(&given))), &["more characters; to see all of it"]);
}

/// Without the hook nothing guesses at the words: it is said, and what to do.
#[test]
fn without_hooks_a_command_does_nothing_and_says_so() {
    let desk = desk!(Reply::message("unused"));
    desk.home.settings(&json!({ "disableAllHooks": true }));
    has(&desk.given("/codex:rescue do it"), &["did not reach codex-companion", "hooks"]);
    assert!(desk.prompts().is_empty());
}

/// Outside of a repository tasks run, and reviews say why not.
#[test]
fn outside_of_a_repository_the_answer_is_as_clear() {
    let mut desk = desk!(Reply::message("Hello."));
    let folder = tempfile::Builder::new().prefix("no repository ").tempdir().unwrap();
    desk.claude = desk.claude.in_folder(folder.path());
    has(&desk.given("/codex:review"), &["not in a git repository"]);
    has(&desk.given("/codex:rescue --wait say hello"), &["Hello."]);
}
