//! The MCP server in Claude Code, which takes a line of configuration that the plugin does not bring by itself.

use codex_testkit::claude::{Say, Screen};
use codex_testkit::model::{Finding, Reply, Scenario};
use codex_testkit::{Gate, LIMIT};
use serde_json::{Value, json};

use super::{Desk, desk, has, job};

/// What the tools may cost, in characters.
const COST: usize = 6_000;

/// The words with which a session has the server, and may use its tools.
fn words(desk: &Desk) -> Vec<String> {
    let file = desk.home.path().join("mcp.json");
    let server = json!({ "command": "codex-companion", "args": ["mcp"] });
    std::fs::write(&file, json!({ "mcpServers": { "codex": server } }).to_string()).unwrap();
    ["--mcp-config", file.to_str().unwrap(), "--allowedTools", "mcp__codex"].map(str::to_owned).to_vec()
}

fn call(tool: &str, arguments: Value) -> Say {
    Say::tool(&format!("mcp__codex__{tool}"), arguments)
}

/// Calls tools one after the other, and gives what each told the model.
#[track_caller]
fn calls(desk: &Desk, calls: impl IntoIterator<Item = Say>) -> Vec<String> {
    let before = desk.model.asked().len();
    let mut count = 0;
    for call in calls {
        desk.model.say(call);
        count += 1;
    }
    let words = words(desk);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let session = desk.ask_with(&words, "ask Codex");
    assert_eq!(session.result(), "Done.");
    let asked = desk.model.asked().split_off(before + 1);
    assert_eq!(asked.len(), count);
    asked.iter().map(|asked| asked.tool_results().concat()).collect()
}

#[test]
fn its_tools_are_there_and_answer() {
    let finding = Finding::new("[P1] Off by one", "It reads past the end.", "/a.txt", 2..=2);
    let desk =
        desk!(Scenario::in_turn([Reply::review("One bug.", &[finding]), Reply::message("Understood.")]));
    let prompt = "why \"is\" `it` so?\n```\n$(date) ${CLAUDE_PLUGIN_ROOT}\n```\n!x EOF\nEOF\n\\ --write 世界";
    let answers = calls(&desk, [call("review", json!({})), call("task", json!({ "prompt": prompt }))]);
    has(&answers[0], &["a.txt", "Off by one"]);
    has(&answers[1], &["Understood."]);
    assert_eq!(desk.prompts()[1], prompt);
    let asked = desk.model.asked();
    let tools: Vec<&str> = asked[0].tools().into_iter().filter(|tool| tool.starts_with("mcp__")).collect();
    let expected = ["adversarial_review", "job_cancel", "job_result", "job_status", "review", "task"];
    let mut tools: Vec<&str> = tools.iter().map(|tool| tool.trim_start_matches("mcp__codex__")).collect();
    tools.sort_unstable();
    assert_eq!(tools, expected);
    // What whoever adds the line pays for it in each request; docs/mcp.md tells.
    let all = asked[0].0["tools"].as_array().unwrap().iter();
    let ours = all.filter(|tool| tool["name"].as_str().is_some_and(|name| name.starts_with("mcp__")));
    let cost: usize = ours.map(|tool| tool.to_string().chars().count()).sum();
    println!("the tools cost {cost} characters");
    assert!(cost <= COST, "the tools cost {cost} characters");
}

#[test]
fn long_work_is_a_job_that_is_asked_for_again() {
    let desk = desk!(Reply::message("At last."));
    let started = calls(&desk, [call("task", json!({ "prompt": "go", "background": true }))]);
    let job = job(&started[0].replace('"', " "));
    let told = calls(
        &desk,
        [call("job_result", json!({ "job_id": job })), call("job_result", json!({ "job_id": "x" }))],
    );
    has(&told[0], &["At last."]);
    has(&told[1], &["job_status"]);
}

/// Closing its standard input ends it and what it runs for the caller.
#[test]
fn it_ends_with_its_session() {
    let gate = Gate::new();
    let desk = desk!(Reply::new().hold(&gate).say("never"));
    desk.model.say(call("task", json!({ "prompt": "go" })));
    let words = words(&desk);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let running = desk.start(&words, "ask Codex");
    assert!(gate.reached_within(1, LIMIT));
    running.kill();
    assert!(desk.codex.idle_within(LIMIT), "the turn goes on");
    desk.claude.leaks().assert_none(LIMIT);
}

/// Esc cancels the call, and the call its turn.
#[test]
fn a_call_that_is_cancelled_ends_its_turn() {
    let gate = Gate::new();
    let desk = desk!(Reply::new().hold(&gate).say("never"));
    // On the screen a session begins before its servers are there.
    desk.model.say(Say::tool("WaitForMcpServers", json!({}))).say(call("task", json!({ "prompt": "go" })));
    let words = words(&desk);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let screen = Screen::start(&desk.claude, &words);
    screen.type_text("ask Codex").wait_for("ask Codex");
    screen.press("Enter");
    assert!(gate.reached_within(1, LIMIT), "{}", screen.text());
    screen.press("Escape");
    assert!(desk.codex.idle_within(LIMIT), "the turn goes on");
    desk.companion(&["status", "--wait", "--all"]);
    let jobs = desk.companion(&["status", "--all", "--json"]).json();
    assert_eq!(jobs["latestFinished"]["status"], "cancelled", "{jobs}");
}
