//! The real app-server and the scripted one, asked the same, do the same. Left out without a real Codex.

use std::path::Path;

use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::git::Repo;
use codex_testkit::home::{CodexHome, HomeConfig};
use codex_testkit::model::{Finding, ModelEndpoint, Reply, Scenario, review_json};
use codex_testkit::process::LeakCheck;
use codex_testkit::program::{ScriptedCodex, scripted_mcp};
use codex_testkit::raw::RawClient;
use codex_testkit::require_real_codex;
use serde_json::{Value, json};

use crate::shape::{assert_same, shape};

fn check(codex: &Path, scenario: Scenario, script: Script, talk: impl Fn(&mut RawClient, &Path)) {
    check_with("mock-model", &[], codex, scenario, script, talk);
}

/// Asks both the same and compares all events but those of the `ignored` methods, thread by thread.
fn check_with(
    model: &str,
    ignored: &[&str],
    codex: &Path,
    scenario: Scenario,
    script: Script,
    talk: impl Fn(&mut RawClient, &Path),
) {
    let (leaks, repo) = (LeakCheck::new(), Repo::with_commit());
    repo.write("a.txt", "one\ntwo\n");
    let endpoint = ModelEndpoint::start(scenario).unwrap();
    let server = format!("[mcp_servers.demo]\ncommand = {:?}", scripted_mcp().to_str().unwrap());
    let home = CodexHome::with(&HomeConfig::new(endpoint.base_url()).model(model).tables(&server)).unwrap();
    let mut real = RawClient::start(leaks.mark(RawClient::app_server(codex, &home)));
    talk(&mut real, repo.path());
    let program = ScriptedCodex::new(script);
    let mut scripted = RawClient::start(leaks.mark(program.command()));
    talk(&mut scripted, repo.path());
    let (real, scripted) = (by_thread(real.log(), ignored), by_thread(scripted.log(), ignored));
    assert_eq!(real.len(), scripted.len(), "other threads");
    for (real, scripted) in real.iter().zip(&scripted) {
        assert_same(real, scripted);
    }
}

/// The shapes of the events of each thread, threads in the order in which they appear.
fn by_thread(log: &[Value], ignored: &[&str]) -> Vec<Vec<String>> {
    let mut threads: Vec<(&str, Vec<String>)> = Vec::new();
    for message in log {
        // Warnings and the state of MCP servers depend on the machine, answers come when they come, and the scripted
        // one has no settings that a turn could change.
        let method = message["method"].as_str().unwrap_or_default();
        let Some(thread) = message["params"]["threadId"].as_str() else { continue };
        if ignored.contains(&method)
            || matches!(method, "warning" | "mcpServer/startupStatus/updated" | "thread/settings/updated")
        {
            continue;
        }
        if !threads.iter().any(|(id, _)| *id == thread) {
            threads.push((thread, Vec::new()));
        }
        let events = threads.iter_mut().find(|(id, _)| *id == thread);
        events.expect("it was just added").1.push(shape(message));
    }
    threads.into_iter().map(|(_, events)| events).collect()
}

fn turn(client: &mut RawClient, cwd: &Path) {
    let thread = client.thread(cwd);
    client.turn(&thread, "go");
    client.completed();
}

fn review(client: &mut RawClient, cwd: &Path) {
    let thread = client.thread(cwd);
    client.review(&thread, &json!({ "type": "uncommittedChanges" }));
    client.completed();
}

#[test]
fn a_turn_with_commands_and_phases() {
    let codex = require_real_codex!();
    let real = Scenario::in_turn([
        Reply::new().reason("Hm.").commentary("Looking.").run("true"),
        Reply::new().final_answer("Done."),
        Reply::new(),
    ]);
    let scripted = Script::new()
        .turn(Turn::new([
            Step::Reason { summary: "Hm.".into() },
            Step::say_as("commentary", "Looking."),
            Step::command("true", ""),
            Step::say_as("final_answer", "Done."),
        ]))
        .turn(Turn::default());
    check(&codex, real, scripted, |client, cwd| {
        turn(client, cwd);
        turn(client, cwd);
    });
}

#[test]
fn an_edit() {
    let codex = require_real_codex!();
    let patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+three\n*** End Patch\n";
    let real = Scenario::in_turn([Reply::patch(patch), Reply::message("Done.")]);
    let edit = Step::Edit { path: "/w/a.txt".into(), diff: "-one\n+three\n".into() };
    let scripted = Script::new().turn(Turn::new([edit, Step::say("Done.")]));
    check_with("gpt-5.5", &[], &codex, real, scripted, |client, cwd| {
        let thread = client.thread(cwd);
        let policy = json!({ "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
            "excludeTmpdirEnvVar": false, "excludeSlashTmp": false });
        client.turn_with(&thread, "go", json!({ "sandboxPolicy": policy }));
        client.completed();
    });
}

#[test]
fn turns_that_fail() {
    let codex = require_real_codex!();
    let real = Scenario::always(Reply::error(400, "no"));
    check(&codex, real, Script::new().turn(Step::fail("no")), turn);
}

#[test]
fn an_interrupted_turn() {
    let codex = require_real_codex!();
    let script = Script::new().turn(Step::Stall);
    check(&codex, Scenario::always(Reply::hang()), script, |client, cwd| {
        let thread = client.thread(cwd);
        let turn = client.turn(&thread, "go");
        client.until(|message| message["method"] == "item/completed");
        client.call("turn/interrupt", json!({ "threadId": thread, "turnId": turn }));
        client.completed();
    });
}

#[test]
fn reviews_with_commands_findings_and_nothing() {
    let codex = require_real_codex!();
    let findings = [
        Finding::new("[P1] One", "Body\nof two lines", "/x/a.txt", 1..=2),
        Finding::new("[P2] Two", "Body", "/x/b.txt", 3..=3).priority(2),
    ];
    let real = Scenario::in_turn([Reply::command("true"), Reply::review("Off.", &findings), Reply::new()]);
    let answer = review_json("Off.", &findings);
    let scripted = Script::new()
        .review(Turn::new([Step::command("true", ""), Step::say(answer.to_string())]))
        .review(Turn::default());
    let texts = std::cell::RefCell::new(Vec::new());
    check(&codex, real, scripted, |client, cwd| {
        review(client, cwd);
        review(client, cwd);
        let exited = |message: &&Value| message["params"]["item"]["type"] == "exitedReviewMode";
        let reviews =
            client.log().iter().filter(exited).map(|message| message["params"]["item"]["review"].clone());
        texts.borrow_mut().push(reviews.collect::<Vec<_>>());
    });
    let texts = texts.into_inner();
    assert_eq!(texts[0], texts[1], "rendered otherwise (left real, right scripted)");
}

#[test]
fn a_failed_review_and_an_interrupted_one() {
    let codex = require_real_codex!();
    let real = Scenario::in_turn([Reply::error(400, "no"), Reply::hang()]);
    let scripted = Script::new().review(Step::fail("no")).review(Step::Stall);
    check(&codex, real, scripted, |client, cwd| {
        review(client, cwd);
        let thread = client.thread(cwd);
        let turn = client.review(&thread, &json!({ "type": "uncommittedChanges" }));
        let shown = client.until_method("turn/started")["turn"]["id"].take();
        client.until(|message| {
            message["params"]["item"]["type"] == "userMessage" && message["method"] == "item/completed"
        });
        let refused = client.call("turn/interrupt", json!({ "threadId": thread, "turnId": turn }));
        assert!(
            refused["error"]["message"].as_str().unwrap().starts_with("expected active turn id"),
            "{refused}"
        );
        client.call("turn/interrupt", json!({ "threadId": thread, "turnId": shown }));
        client.completed();
    });
}

#[test]
fn approvals_and_elicitations() {
    let codex = require_real_codex!();
    let real = Scenario::in_turn([
        Reply::new().run_escalated("true", "why not"),
        Reply::message("a"),
        Reply::new().call_mcp("demo", "write", &json!({})),
        Reply::message("b"),
    ]);
    let scripted = Script::new()
        .turn(Turn::new([Step::ApproveCommand { command: "true".into() }, Step::say("a")]))
        .turn(Turn::new([
            Step::CallMcp { server: "demo".into(), tool: "write".into(), ask: true },
            Step::say("b"),
        ]));
    check(&codex, real, scripted, |client, cwd| {
        for answer in [json!({ "decision": "accept" }), json!({ "action": "accept", "content": {} })] {
            let thread = client.thread_with(cwd, json!({ "approvalPolicy": "on-request" }));
            client.turn(&thread, "go");
            let asked =
                client.until(|message| message.get("id").is_some() && message.get("method").is_some());
            client.send(&json!({ "id": asked["id"], "result": answer }));
            client.completed();
        }
    });
}

#[test]
fn sub_agents() {
    let codex = require_real_codex!();
    let real = Scenario::answer(|request| {
        let call = |name, arguments: &Value| Reply::new().call(Some("multi_agent_v1"), name, arguments);
        if request.prompt().contains("child work") {
            return Reply::message("child");
        }
        // The end of the child may come to the parent once more, when it is done already: it then calls the model again.
        if request.body["input"].to_string().contains("the parent is done") {
            return Reply::new();
        }
        let outputs = request.body["input"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item["type"] == "function_call_output");
        let outputs: Vec<&Value> = outputs.map(|item| &item["output"]).collect();
        match outputs[..] {
            [] => call("spawn_agent", &json!({ "message": "child work" })),
            [spawned] => {
                let spawned: Value = serde_json::from_str(spawned.as_str().unwrap()).unwrap();
                call("wait_agent", &json!({ "targets": [spawned["agent_id"]] }))
            }
            _ => Reply::message("the parent is done"),
        }
    });
    let scripted = Script::new().turn(Turn::new([
        Step::SubAgent { prompt: "child work".into(), turn: Turn::say("child") },
        Step::say("the parent is done"),
    ]));
    check_with("mock-model", &["thread/tokenUsage/updated"], &codex, real, scripted, |client, cwd| {
        let thread = client.thread(cwd);
        client.turn(&thread, "go");
        client.until(|message| {
            message["method"] == "turn/completed" && message["params"]["threadId"] == *thread
        });
    });
}
