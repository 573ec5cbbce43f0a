//! The real Claude Code, as the helpers run it.

use codex_testkit::claude::{Claude, ClaudeHome, Messages, Say};
use codex_testkit::git::Repo;
use codex_testkit::{LIMIT, require_real_claude};
use serde_json::json;

#[test]
fn a_session_is_scripted_and_kept() {
    let program = require_real_claude!();
    let (repo, home, model) = (Repo::with_commit(), ClaudeHome::new(), Messages::start());
    home.settings(&json!({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "echo '{}'"}]}]}}));
    model.say(Say::bash("cat a.txt")).say(Say::text("It says one."));
    let claude = Claude::new(&program, &home, &model, repo.path());
    let session = claude.ask(&["--allowedTools", "Bash"], "What does a.txt say?");
    assert_eq!(session.result(), "It says one.");
    assert_eq!(session.hooks("Stop"), ["{}\n"]);
    let asked = model.asked_within(2, LIMIT);
    assert!(asked[0].newest().contains("What does a.txt say?"), "{}", asked[0].newest());
    assert_eq!(asked[1].tool_results(), ["one"]);
    assert!(asked[0].size() > 1000 && asked[0].tools().contains(&"Bash"));
    assert!(!asked[0].system().is_empty() && asked[1].conversation().contains("What does a.txt say?"));
    // Past the end of the script.
    assert_eq!(claude.ask(&[], "More?").result(), "Done.");
}

#[test]
fn an_error_of_the_endpoint_is_the_sessions() {
    let program = require_real_claude!();
    let (repo, home) = (Repo::with_commit(), ClaudeHome::new());
    let model = Messages::answering(|_| Say::error(400, "invalid_request_error", "no such thing"));
    let session = Claude::new(&program, &home, &model, repo.path()).ask(&[], "go");
    assert!(session.result().contains("no such thing"), "{:?}", session.output);
}

#[cfg(unix)]
#[test]
fn a_screen_shows_what_is_typed_and_said() {
    use codex_testkit::claude::Screen;
    let program = require_real_claude!();
    let (repo, home, model) = (Repo::with_commit(), ClaudeHome::new(), Messages::start());
    home.trust(repo.path());
    model.say(Say::text("The answer on the screen."));
    let claude = Claude::new(&program, &home, &model, repo.path());
    let screen = Screen::start(&claude, &[]);
    screen.type_text("A question").wait_for("A question");
    screen.press("Enter").wait_for("The answer on the screen.");
    assert!(screen.whole().contains("A question"));
}
