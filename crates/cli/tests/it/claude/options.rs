//! What a user sets for the plugin in Claude Code.

use codex_testkit::claude::Say;
use codex_testkit::model::Reply;
use serde_json::{Value, json};

use super::{Desk, desk, has};

/// Sets the plugin's options, as its dialog does.
fn set(desk: &Desk, options: &Value) {
    desk.home.settings(&json!({ "pluginConfigs": { "codex@inline": { "options": options } } }));
}

/// They hold for slash commands, of which only hooks are told the options, and in Claude's own shell.
#[test]
fn model_and_effort_are_those_that_were_set() {
    let desk = desk!(Reply::message("Done."));
    set(&desk, &json!({ "model": "model-of-the-user", "effort": "low" }));
    desk.given("/codex:rescue --wait go");
    desk.given("/codex:rescue --wait --model another-model go");
    desk.model.say(Say::bash("codex-companion task go"));
    desk.work("ask Codex");
    let asked: Vec<(String, Option<String>)> = desk
        .codex
        .requests()
        .iter()
        .map(|request| (request.model().to_owned(), request.effort().map(str::to_owned)))
        .collect();
    let with = |model: &str| (model.to_owned(), Some("low".to_owned()));
    assert_eq!(asked, [with("model-of-the-user"), with("another-model"), with("model-of-the-user")]);
}

#[test]
fn the_gate_can_be_on_everywhere_and_off_in_one_workspace() {
    let desk = desk!(Reply::allow("fine"));
    set(&desk, &json!({ "review_gate": true }));
    desk.model.say(Say::bash("echo 1 >> a.txt"));
    has(desk.work("work").hooks("Stop")[0], &["allowed", "fine"]);
    desk.told("/codex:setup --disable-review-gate");
    desk.model.say(Say::bash("echo 2 >> a.txt"));
    assert_eq!(desk.work("work").hooks("Stop"), [""]);
    assert_eq!(desk.prompts().len(), 1);
}
