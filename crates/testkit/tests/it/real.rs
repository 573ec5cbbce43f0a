//! The scripted model behind the real Codex. Left out when there is none; see `codex_testkit::real`.

use std::path::Path;
use std::time::Duration;

use codex_testkit::git::Repo;
use codex_testkit::home::{CodexHome, HomeConfig};
use codex_testkit::model::{Finding, HOSTILE_TEXT, ModelEndpoint, Reply, Scenario, Usage};
use codex_testkit::process::LeakCheck;
use codex_testkit::raw::RawClient;
use codex_testkit::{Gate, LIMIT, program, require_real_codex};
use serde_json::{Value, json};

/// The real Codex with a scripted model. The fields are dropped in this order: the processes are looked for last.
struct Stage {
    client: RawClient,
    endpoint: ModelEndpoint,
    home: CodexHome,
    repo: Repo,
    leaks: LeakCheck,
}

impl Stage {
    fn new(codex: &Path, scenario: impl Into<Scenario>) -> Self {
        Self::with(codex, ModelEndpoint::start(scenario).unwrap(), |config| config)
    }

    fn with(codex: &Path, endpoint: ModelEndpoint, change: impl FnOnce(HomeConfig) -> HomeConfig) -> Self {
        let (leaks, repo) = (LeakCheck::new(), Repo::with_commit());
        repo.write("a.txt", "one\ntwo\n");
        let home = CodexHome::with(&change(HomeConfig::new(endpoint.base_url()))).unwrap();
        let client = RawClient::start(leaks.mark(RawClient::app_server(codex, &home)));
        Self { client, endpoint, home, repo, leaks }
    }

    fn thread(&mut self) -> String {
        self.client.thread(self.repo.path())
    }

    /// Runs a turn and gives it as it completed.
    fn turn(&mut self) -> Value {
        let thread = self.thread();
        self.client.turn(&thread, "go");
        self.client.completed()
    }

    fn items(&self, kind: &str) -> Vec<&Value> {
        let completed = self.client.log().iter().filter(|message| message["method"] == "item/completed");
        completed.map(|message| &message["params"]["item"]).filter(|item| item["type"] == kind).collect()
    }
}

#[test]
fn a_message_completes_a_turn() {
    let codex = require_real_codex!();
    let usage = Usage { cached_input: 3, reasoning: 4, ..Usage::new(70, 8) };
    let reply = Reply::message("Hello.").usage(usage).rate_limit("primary", 88.0, 300, 1_800_000_000);
    let mut stage = Stage::new(&codex, reply);
    assert_eq!(stage.turn()["items"][0]["text"], "Hello.");
    let requests = stage.endpoint.requests();
    assert_eq!(
        (requests.len(), requests[0].model(), requests[0].prompt()),
        (1, "mock-model", "go".to_owned())
    );
    let log = stage.client.log();
    let params = |method| &log.iter().rfind(|message| message["method"] == method).unwrap()["params"];
    assert_eq!(requests[0].thread(), params("turn/completed")["threadId"].as_str());
    let last = &params("thread/tokenUsage/updated")["tokenUsage"]["last"];
    assert_eq!((&last["inputTokens"], &last["cachedInputTokens"]), (&json!(70), &json!(3)));
    assert_eq!((&last["outputTokens"], &last["reasoningOutputTokens"]), (&json!(8), &json!(4)));
    assert_eq!(params("account/rateLimits/updated")["rateLimits"]["primary"]["usedPercent"], 88);
    assert!(stage.endpoint.strays().is_empty(), "{:?}", stage.endpoint.strays());
    let (status, _) = stage.client.finish();
    assert!(status.success());
    stage.leaks.assert_none(LIMIT);
    assert!(!stage.home.config().unwrap().contains("trust_level"));
}

#[test]
fn a_command_is_run_and_its_output_comes_back() {
    let codex = require_real_codex!();
    let script = [Reply::command("cat a.txt"), Reply::message("Read.")];
    let mut stage = Stage::new(&codex, Scenario::per_thread(script));
    assert_eq!(stage.turn()["items"][0]["text"], "Read.");
    let item = stage.items("commandExecution")[0];
    assert_eq!((&item["aggregatedOutput"], &item["exitCode"]), (&json!("one\ntwo\n"), &json!(0)));
    let output = stage.endpoint.requests()[1].tool_output().unwrap().to_string();
    assert!(output.contains("one\\ntwo"), "{output}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_command_that_outlives_its_turn_carries_the_mark() {
    let codex = require_real_codex!();
    let mut stage = Stage::new(&codex, Reply::command("echo begun; exec sleep 600"));
    let thread = stage.thread();
    let turn = stage.client.turn(&thread, "go");
    stage.client.until(|message| message["params"]["item"]["type"] == "commandExecution");
    let sleeps = |leaks: &LeakCheck| leaks.alive().iter().any(|process| process.command == "sleep 600");
    while !sleeps(&stage.leaks) {
        std::thread::yield_now();
    }
    stage.client.call("turn/interrupt", json!({ "threadId": thread, "turnId": turn }));
    assert_eq!(stage.client.completed()["status"], "interrupted");
    assert!(sleeps(&stage.leaks), "an interrupt does not end it");
    stage.client.call("thread/backgroundTerminals/clean", json!({ "threadId": thread }));
    while sleeps(&stage.leaks) {
        std::thread::yield_now();
    }
}

#[test]
fn a_patch_is_applied_when_the_turn_may_write() {
    let codex = require_real_codex!();
    let patch = "*** Begin Patch\n*** Add File: added.txt\n+hello\n*** End Patch\n";
    let script = [Reply::patch(patch), Reply::message("Done.")];
    let endpoint = ModelEndpoint::start(Scenario::per_thread(script)).unwrap();
    let mut stage = Stage::with(&codex, endpoint, |config| config.model("gpt-5.5"));
    let thread = stage.thread();
    let policy = json!({ "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
        "excludeTmpdirEnvVar": false, "excludeSlashTmp": false });
    stage.client.turn_with(&thread, "go", json!({ "sandboxPolicy": policy }));
    assert_eq!(stage.client.completed()["status"], "completed");
    assert_eq!(stage.items("fileChange")[0]["status"], "completed");
    assert_eq!(std::fs::read_to_string(stage.repo.path().join("added.txt")).unwrap(), "hello\n");
}

#[test]
fn a_native_review_is_rendered() {
    let codex = require_real_codex!();
    let finding = Finding::new("[P1] Wrong", "Because.", "/x/a.txt", 1..=2);
    let mut stage = Stage::new(&codex, Reply::review("It is off.", &[finding]));
    let thread = stage.thread();
    stage.client.review(&thread, &json!({ "type": "uncommittedChanges" }));
    assert_eq!(stage.client.completed()["status"], "completed");
    let expected = "It is off.\n\nReview comment:\n\n- [P1] Wrong — /x/a.txt:1-2\n  Because.";
    assert_eq!(stage.items("exitedReviewMode")[0]["review"], expected);
}

#[test]
fn phases_reasoning_and_a_tool_call_behind_the_final_answer() {
    let codex = require_real_codex!();
    let script = [
        Reply::new().reason("Thinking.").commentary("Looking.").final_answer("Early.").run("true"),
        Reply::new().final_answer("Late."),
    ];
    let mut stage = Stage::new(&codex, Scenario::per_thread(script));
    assert_eq!(stage.turn()["items"][0]["text"], "Late.");
    let messages = stage.items("agentMessage");
    let phases: Vec<_> = messages.iter().map(|item| (&item["phase"], &item["text"])).collect();
    let said = [("commentary", "Looking."), ("final_answer", "Early."), ("final_answer", "Late.")];
    assert_eq!(
        phases,
        said.map(|(phase, text)| (json!(phase), json!(text))).iter().map(|(a, b)| (a, b)).collect::<Vec<_>>()
    );
    assert_eq!(stage.items("reasoning")[0]["summary"], json!(["Thinking."]));
}

#[test]
fn text_arrives_as_it_was_sent() {
    let codex = require_real_codex!();
    let script = [
        Reply::hostile(),
        Reply::huge(2_000_000),
        Reply::new().stream("one two three", 3, Duration::from_millis(30)),
        Reply::new(),
        Reply::json(&json!({ "verdict": "approve" })),
    ];
    let mut stage = Stage::new(&codex, Scenario::in_turn(script));
    assert_eq!(stage.turn()["items"][0]["text"], HOSTILE_TEXT);
    assert_eq!(stage.turn()["items"][0]["text"].as_str().unwrap().len(), 2_000_000);
    let before = stage.client.count("item/agentMessage/delta");
    assert_eq!(stage.turn()["items"][0]["text"], "one two three");
    assert_eq!(stage.client.count("item/agentMessage/delta") - before, 3);
    let empty = stage.turn();
    assert_eq!((&empty["status"], &empty["items"]), (&json!("completed"), &json!([])));
    let thread = stage.thread();
    let schema = json!({ "type": "object", "properties": { "verdict": { "type": "string" } },
        "required": ["verdict"], "additionalProperties": false });
    stage.client.turn_with(&thread, "judge", json!({ "outputSchema": schema, "effort": "low" }));
    assert_eq!(stage.client.completed()["items"][0]["text"], "{\"verdict\":\"approve\"}");
    let request = stage.endpoint.requests().pop().unwrap();
    assert_eq!((request.output_schema(), request.effort()), (Some(&schema), Some("low")));
}

#[test]
fn failures_fail_the_turn_with_their_cause() {
    let codex = require_real_codex!();
    let cases = [
        (Reply::error(500, "oh"), "high demand"),
        (Reply::error(400, "no such thing"), "no such thing"),
        (Reply::error(401, "bad key"), "401 Unauthorized: bad key"),
        (Reply::usage_limit(Duration::from_secs(60)), "usage limit"),
        (Reply::malformed(), "stream closed before response.completed"),
        (Reply::message("half").without_completed(), "stream closed before response.completed"),
        (Reply::new().partial("half").dropped(), "error decoding response body"),
        (Reply::message("half").incomplete("max_output_tokens"), "max_output_tokens"),
        (Reply::new().failed("server_error", "the model is ill"), "the model is ill"),
    ];
    let replies = cases.iter().map(|(reply, _)| reply.clone()).collect::<Vec<_>>();
    let mut stage = Stage::new(&codex, Scenario::in_turn(replies));
    for (reply, cause) in &cases {
        let turn = stage.turn();
        let message = turn["error"]["message"].as_str().unwrap_or_default();
        assert!(turn["status"] == "failed" && message.contains(cause), "{reply:?}: {turn}");
    }
}

#[test]
fn a_refused_connection_is_tried_again_or_fails() {
    let codex = require_real_codex!();
    let endpoint = ModelEndpoint::refusing().unwrap();
    let mut stage = Stage::with(&codex, endpoint, |config| config);
    let thread = stage.thread();
    stage.client.turn(&thread, "go");
    assert_eq!(stage.client.until_method("error")["willRetry"], true);

    let endpoint = ModelEndpoint::refusing().unwrap();
    let mut stage =
        Stage::with(&codex, endpoint, |config| config.feature("unbounded_connection_retries", false));
    assert_eq!(stage.turn()["status"], "failed");
}

#[test]
fn a_dropped_stream_is_retried_when_the_provider_says_so() {
    let codex = require_real_codex!();
    let script = [Reply::new().partial("half").dropped(), Reply::message("whole")];
    let endpoint = ModelEndpoint::start(Scenario::in_turn(script)).unwrap();
    let mut stage = Stage::with(&codex, endpoint, |config| config.provider("stream_max_retries", "2"));
    assert_eq!(stage.turn()["items"][0]["text"], "whole");
    let error = stage.client.log().iter().find(|message| message["method"] == "error").unwrap();
    assert_eq!(error["params"]["willRetry"], true);
}

#[test]
fn an_interrupt_reaches_the_model() {
    let codex = require_real_codex!();
    for reply in [Reply::hang(), Reply::new().partial("half").hanging()] {
        let mut stage = Stage::new(&codex, reply);
        let thread = stage.thread();
        let turn = stage.client.turn(&thread, "go");
        assert!(stage.endpoint.requested_within(1, LIMIT));
        stage.client.call("turn/interrupt", json!({ "threadId": thread, "turnId": turn }));
        assert_eq!(stage.client.completed()["status"], "interrupted");
        assert!(stage.endpoint.idle_within(LIMIT));
        assert_eq!(stage.endpoint.abandoned(), 1);
    }
}

#[test]
fn two_turns_are_with_the_model_at_the_same_time() {
    let codex = require_real_codex!();
    let gate = Gate::new();
    let script = [Reply::new().hold(&gate).run("true"), Reply::message("done")];
    let mut stage = Stage::new(&codex, Scenario::per_thread(script));
    for _ in 0..2 {
        let thread = stage.thread();
        stage.client.turn(&thread, "go");
    }
    assert!(gate.reached_within(2, LIMIT));
    gate.release();
    for _ in 0..2 {
        assert_eq!(stage.client.completed()["items"][0]["text"], "done");
    }
}

#[test]
fn an_escalated_command_asks_for_approval() {
    let codex = require_real_codex!();
    let script = [Reply::new().run_escalated("true", "because"), Reply::message("done")];
    let mut stage = Stage::new(&codex, Scenario::per_thread(script));
    let thread = stage.client.thread_with(stage.repo.path(), json!({ "approvalPolicy": "on-request" }));
    stage.client.turn(&thread, "go");
    let asked = stage.client.until(|message| message["method"] == "item/commandExecution/requestApproval");
    assert_eq!(asked["params"]["reason"], "because");
    stage.client.send(&json!({ "id": asked["id"], "result": { "decision": "decline" } }));
    assert_eq!(stage.client.completed()["status"], "completed");
    assert_eq!(stage.items("commandExecution")[0]["status"], "declined");
}

#[test]
fn an_mcp_tool_is_called_after_an_elicitation() {
    let codex = require_real_codex!();
    let script = [Reply::new().call_mcp("demo", "write", &json!({})), Reply::message("done")];
    let endpoint = ModelEndpoint::start(Scenario::per_thread(script)).unwrap();
    let server = program::scripted_mcp();
    let mut stage = Stage::with(&codex, endpoint, |config| {
        config.tables(&format!("[mcp_servers.demo]\ncommand = {:?}", server.to_str().unwrap()))
    });
    let thread = stage.client.thread_with(stage.repo.path(), json!({ "approvalPolicy": "on-request" }));
    stage.client.turn(&thread, "go");
    let asked = stage.client.until(|message| message["method"] == "mcpServer/elicitation/request");
    assert_eq!(asked["params"]["_meta"]["codex_approval_kind"], "mcp_tool_call");
    stage.client.send(&json!({ "id": asked["id"], "result": { "action": "accept", "content": {} } }));
    assert_eq!(stage.client.completed()["items"][0]["text"], "done");
    assert_eq!(stage.items("mcpToolCall")[0]["result"]["content"][0]["text"], "ran write");
}
