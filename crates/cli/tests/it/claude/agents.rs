//! The plugin's agents: Claude hands work over, and gets back what Codex said.

use codex_testkit::claude::{Asked, Messages, Say};
use codex_testkit::model::Reply;
use serde_json::json;

use super::{desk, has};

/// A model that hands a request to an agent, and that does, as this agent, what the agent's file says.
fn handing_over(agent: &'static str, start: &'static str) -> Messages {
    Messages::answering(move |asked: &Asked| {
        let done = asked.tool_results();
        if !asked.system().contains("on to Codex") && !asked.system().contains("have Codex review") {
            return if asked.conversation().contains("go on without it") || !done.is_empty() {
                Say::text(format!("The agent said: {}", done.concat()))
            } else {
                let input = json!({ "description": "ask Codex", "prompt": "Please.", "subagent_type": agent, "run_in_background": false });
                Say::tool("Agent", input)
            };
        }
        // The id of the job is in what the first command printed.
        let conversation = asked.conversation();
        let id = conversation.split_whitespace().find(|word| word.starts_with("job-")).unwrap_or_default();
        match done.last() {
            None => Say::bash(start),
            Some(told) if told.contains("in the background") => Say::bash(&format!(
                "codex-companion await {id} --timeout-ms 590000; codex-companion result {id}"
            )),
            Some(told) => Say::text(told.clone()),
        }
    })
}

#[test]
fn rescue_returns_what_codex_said() {
    let mut desk = desk!(Reply::message("Codex's own words."));
    let start = "codex-companion task --background --prompt-file - <<'CODEX_REQUEST_END'\nwhy \"is\" `it` so?\nCODEX_REQUEST_END";
    desk.change_model(handing_over("codex:codex-rescue", start));
    let session = desk.work("ask Codex");
    has(session.result(), &["The agent said:", "Codex's own words."]);
    assert_eq!(desk.prompts(), ["why \"is\" `it` so?\n"]);
    // It cannot do the work itself.
    let asked = desk.model.asked();
    let agent = asked.iter().find(|asked| asked.system().contains("on to Codex")).unwrap();
    assert_eq!(agent.tools(), ["Bash"]);
}

#[test]
fn the_reviewer_returns_failures_as_they_are() {
    let mut desk = desk!(Reply::error(400, "the model is on fire"));
    desk.change_model(handing_over("codex:codex-reviewer", "codex-companion review --background"));
    has(desk.work("have it reviewed").result(), &["The agent said:", "the model is on fire"]);
}

/// The skill is Claude's to use; the commands, whose words it could not pass on, are the user's alone.
#[test]
fn claude_has_the_skill_and_not_the_commands() {
    let desk = desk!(Reply::message("unused"));
    for skill in ["codex:codex", "codex:rescue"] {
        desk.model.say(Say::tool("Skill", json!({ "skill": skill, "args": "go" })));
    }
    desk.work("ask Codex");
    let asked = desk.model.asked();
    has(&asked[1].conversation(), &["codex-companion adversarial-review"]);
    has(&asked[2].tool_results().concat(), &["disable-model-invocation"]);
    assert!(!asked[0].conversation().contains("codex:rescue"), "{}", asked[0].conversation());
    assert!(desk.prompts().is_empty());
}
