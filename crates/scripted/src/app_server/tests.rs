use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};

use super::*;
use crate::Gate;
use serde_json::json;

struct Client {
    server: ScriptedAppServer,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
    next: u64,
    /// Everything that came, in order.
    log: Vec<Value>,
}

impl Client {
    async fn connect(script: Script) -> Self {
        let (server, stream) = ScriptedAppServer::in_memory(script);
        let (reader, writer) = tokio::io::split(stream);
        let lines = BufReader::new(reader).lines();
        let mut client = Self { server, lines, writer, next: 0, log: Vec::new() };
        let params = json!({ "clientInfo": { "name": "test" }, "capabilities": { "experimentalApi": true } });
        client.call("initialize", params).await;
        client
    }

    async fn send(&mut self, message: &Value) {
        self.writer.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn request(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "id": id, "method": method, "params": params })).await;
        id
    }

    async fn next(&mut self) -> Option<Value> {
        let line = self.lines.next_line().await.unwrap()?;
        let message: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
        self.log.push(message.clone());
        Some(message)
    }

    async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await.expect("the stream ended early");
            if wanted(&message) {
                return message;
            }
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params).await;
        self.until(|message| message["id"] == id && message.get("method").is_none()).await
    }

    async fn thread(&mut self) -> String {
        let answer = self
            .call("thread/start", json!({ "cwd": "/w", "sandbox": "read-only", "ephemeral": true }))
            .await;
        answer["result"]["thread"]["id"].as_str().unwrap().to_owned()
    }

    async fn turn(&mut self, thread: &str) -> String {
        let input = json!([{ "type": "text", "text": "go", "text_elements": [] }]);
        let answer = self.call("turn/start", json!({ "threadId": thread, "input": input })).await;
        answer["result"]["turn"]["id"].as_str().unwrap().to_owned()
    }

    async fn completed(&mut self) -> Value {
        self.until(|message| message["method"] == "turn/completed").await["params"]["turn"].clone()
    }

    /// Whether a thread is started, a turn is run, and how it ends.
    async fn whole_turn(script: Script) -> (Self, Value) {
        let mut client = Self::connect(script).await;
        let thread = client.thread().await;
        client.turn(&thread).await;
        let turn = client.completed().await;
        (client, turn)
    }

    fn count(&self, method: &str) -> usize {
        self.log.iter().filter(|message| message["method"] == method).count()
    }
}

#[tokio::test]
async fn a_turn_completes_with_its_last_message() {
    let script = Script::new().turn(Turn::new([
        Step::Reason { summary: "hm".into() },
        Step::command("ls", "a\n"),
        Step::say_as("commentary", "looking"),
        Step::say_as("final_answer", "done"),
    ]));
    let (client, turn) = Client::whole_turn(script).await;
    assert_eq!(turn["status"], "completed");
    assert_eq!(turn["items"][0]["text"], "done");
    assert_eq!(client.count("item/completed"), 5);
    assert_eq!(client.count("thread/tokenUsage/updated"), 2);
}

#[tokio::test]
async fn failed_fatal_and_doubled_ends() {
    let (client, turn) = Client::whole_turn(Script::new().turn(Step::fail("no"))).await;
    assert_eq!((&turn["status"], &turn["error"]["message"]), (&json!("failed"), &json!("no")));
    assert_eq!(client.count("error"), 1);

    let mut client = Client::connect(
        Script::new().turn(Step::CompleteTwice).turn(Step::FatalError { message: "git".into() }),
    )
    .await;
    let thread = client.thread().await;
    client.turn(&thread).await;
    client.completed().await;
    client.completed().await;
    client.turn(&thread).await;
    let error = client.until(|message| message["method"] == "error").await;
    assert_eq!(error["params"]["willRetry"], false);
    let read = client.call("thread/read", json!({ "threadId": thread })).await;
    assert_eq!(read["result"]["thread"]["status"]["type"], "systemError");
    assert_eq!(client.count("turn/completed"), 2);
}

#[tokio::test]
async fn a_review_is_interrupted_by_the_id_of_turn_started_only() {
    let mut client = Client::connect(Script::new().review(Step::Stall)).await;
    let thread = client.thread().await;
    let target = json!({ "type": "uncommittedChanges" });
    let answer = client.call("review/start", json!({ "threadId": thread, "target": target })).await;
    let turn = answer["result"]["turn"]["id"].clone();
    let started = client.until(|message| message["method"] == "turn/started").await;
    let shown = started["params"]["turn"]["id"].clone();
    assert_ne!(turn, shown);
    let refused = client.call("turn/interrupt", json!({ "threadId": thread, "turnId": turn })).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("expected active turn id"));
    let answer = client.call("turn/interrupt", json!({ "threadId": thread, "turnId": shown })).await;
    assert_eq!(answer["result"], json!({}));
    let ended = client.completed().await;
    assert_eq!((&ended["id"], &ended["status"]), (&turn, &json!("interrupted")));
    let late = client.call("turn/interrupt", json!({ "threadId": thread, "turnId": shown })).await;
    assert_eq!(late["error"]["message"], "no active turn to interrupt");
}

#[tokio::test]
async fn a_review_ends_the_turn_that_runs_and_a_turn_joins_it() {
    let script = Script::new().turn(Step::Stall).review(Turn::say("fine"));
    let mut client = Client::connect(script).await;
    let thread = client.thread().await;
    let first = client.turn(&thread).await;
    assert_eq!(client.turn(&thread).await, first);
    client
        .request("review/start", json!({ "threadId": thread, "target": { "type": "uncommittedChanges" } }))
        .await;
    let ended = client.completed().await;
    assert_eq!((&ended["id"], &ended["status"]), (&json!(first), &json!("interrupted")));
    let review = client.completed().await;
    assert_eq!((&review["items"][0]["text"], &review["status"]), (&json!("fine"), &json!("completed")));
}

#[tokio::test]
async fn approvals_follow_the_decision() {
    for (answer, status, turn_status) in [
        (json!({ "result": { "decision": "accept" } }), "completed", "completed"),
        (json!({ "result": { "decision": "decline" } }), "declined", "completed"),
        (json!({ "result": { "decision": "cancel" } }), "declined", "interrupted"),
        (json!({ "error": { "code": -32601, "message": "no" } }), "failed", "completed"),
    ] {
        for step in [
            Step::ApproveCommand { command: "rm x".into() },
            Step::ApproveEdit { path: "/w/x".into(), diff: "+a".into() },
        ] {
            let script = Script::new().turn(step);
            let mut client = Client::connect(script).await;
            let thread = client.thread().await;
            client.turn(&thread).await;
            let asked =
                client.until(|message| message.get("id").is_some() && message.get("method").is_some()).await;
            let mut reply = answer.clone();
            reply["id"] = asked["id"].clone();
            client.send(&reply).await;
            client.until(|message| message["method"] == "serverRequest/resolved").await;
            let item = client.until(|message| message["method"] == "item/completed").await;
            assert_eq!(item["params"]["item"]["status"], status, "{answer}");
            assert_eq!(client.completed().await["status"], turn_status, "{answer}");
        }
    }
}

#[tokio::test]
async fn an_mcp_tool_runs_when_the_elicitation_is_accepted() {
    for (action, status) in [("accept", "completed"), ("cancel", "failed")] {
        let script = Script::new().turn(Step::CallMcp { server: "s".into(), tool: "t".into(), ask: true });
        let mut client = Client::connect(script).await;
        let thread = client.thread().await;
        client.turn(&thread).await;
        let asked = client.until(|message| message["method"] == "mcpServer/elicitation/request").await;
        client.send(&json!({ "id": asked["id"], "result": { "action": action, "content": {} } })).await;
        let item = client.until(|message| message["method"] == "item/completed").await;
        assert_eq!(item["params"]["item"]["status"], status);
    }
}

#[tokio::test]
async fn prompts_choose_their_turn() {
    let script =
        Script::new().turn(Turn::say("next")).when("go", Turn::say("chosen")).review(Turn::say("go"));
    let (mut client, turn) = Client::whole_turn(script).await;
    assert_eq!(turn["items"][0]["text"], "chosen");
    let thread = client.thread().await;
    let input = json!([{ "type": "text", "text": "other" }]);
    client.request("turn/start", json!({ "threadId": thread, "input": input })).await;
    assert_eq!(client.completed().await["items"][0]["text"], "next");
}

#[tokio::test]
async fn a_sub_agent_has_a_thread_of_its_own() {
    let script = Script::new().turn(Turn::new([
        Step::SubAgent { prompt: "look".into(), turn: Turn::say("child") },
        Step::say("parent"),
    ]));
    let mut client = Client::connect(script).await;
    let thread = client.thread().await;
    client.turn(&thread).await;
    let (child, parent) = (client.until(completed).await, client.until(completed).await);
    assert_ne!(child["params"]["threadId"], parent["params"]["threadId"]);
    assert_eq!(child["params"]["turn"]["rootTurnId"], parent["params"]["turn"]["id"]);
    assert_eq!(parent["params"]["turn"]["items"][0]["text"], "parent");
}

fn completed(message: &Value) -> bool {
    message["method"] == "turn/completed"
}

#[tokio::test]
async fn faults_are_used_up_in_order() {
    let gate = Gate::new();
    let script = Script::new()
        .fault("model/list", Fault::overloaded().times(1))
        .fault("model/list", Fault::wrong_id().times(1))
        .fault("model/list", Fault::twice().times(1))
        .fault("model/list", Fault::hold(&gate).times(1))
        .fault("model/list", Fault::answer(json!("canned")));
    let mut client = Client::connect(script).await;
    let answer = client.call("model/list", json!({})).await;
    assert_eq!(answer["error"]["code"], -32001);
    client.request("model/list", json!({})).await;
    client.until(|message| message["id"] == "nobody-asked-with-this-id").await;
    let twice = client.call("model/list", json!({})).await;
    assert_eq!(client.next().await, Some(twice));
    let held = client.request("model/list", json!({})).await;
    gate.reached(1).await;
    assert_eq!(client.call("model/list", json!({})).await["result"], "canned");
    gate.release();
    client.until(|message| message["id"] == held).await;
}

#[tokio::test]
async fn a_stalled_method_leaves_the_others_alone() {
    let script = Script::new().fault("thread/start", Fault::stall().times(1));
    let mut client = Client::connect(script).await;
    let stalled = client.request("thread/start", json!({})).await;
    client.thread().await;
    client.server.received_method("thread/start", 2).await;
    assert!(client.log.iter().all(|message| message["id"] != stalled));
}

#[tokio::test]
async fn death_comes_after_what_was_said() {
    let script = Script::new().turn(Turn::new([Step::say("half"), Step::die(3, "boom")]));
    let mut client = Client::connect(script).await;
    let thread = client.thread().await;
    client.turn(&thread).await;
    while client.next().await.is_some() {}
    assert_eq!(client.count("item/completed"), 2);
    assert_eq!(client.count("turn/completed"), 0);
    let death = Death { code: 3, stderr: "boom".into(), abort: false };
    assert_eq!(client.server.exited().await, Exit::Died(death));
}

#[tokio::test]
async fn the_end_of_the_input_ends_the_server_unless_it_lingers() {
    for (linger, ends) in [(false, true), (true, false)] {
        let script = Script::new().turn(Step::Stall).linger(linger);
        let mut client = Client::connect(script).await;
        let thread = client.thread().await;
        client.turn(&thread).await;
        client.writer.shutdown().await.unwrap();
        if ends {
            while client.next().await.is_some() {}
            assert_eq!(client.server.exited().await, Exit::InputEnded);
            assert_eq!(client.count("turn/completed"), 0);
        } else {
            let closed = async { while client.next().await.is_some() {} };
            assert!(tokio::time::timeout(Duration::from_millis(100), closed).await.is_err());
        }
    }
}

#[tokio::test]
async fn noise_is_around_the_messages() {
    let all = [Noise::Bom, Noise::Crlf, Noise::Log, Noise::Ansi, Noise::Banner, Noise::Blank, Noise::Scalar];
    let script = all.into_iter().fold(Script::new(), Script::noise);
    let (server, stream) = ScriptedAppServer::in_memory(script);
    let (reader, mut writer) = tokio::io::split(stream);
    writer.write_all(b"not json\n{\"id\":\"a\",\"method\":\"initialize\",\"params\":{}}\n").await.unwrap();
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\"windows\"}}\r\n") && !bytes.ends_with(b"\"unix\"}}\r\n") {
        if bytes.windows(9).any(|window| window == b"userAgent") && bytes.ends_with(b"\r\n") {
            break;
        }
        reader.read_until(b'\n', &mut bytes).await.unwrap();
    }
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with('\u{feff}') && text.contains("WARN scripted") && text.contains("\u{1b}["));
    assert!(text.split("\r\n").any(|line| line == "42") && !text.replace("\r\n", "").contains('\n'));
    assert_eq!(server.received().len(), 1, "what is no JSON is not received");
}

#[tokio::test]
async fn known_threads_are_listed_and_resumed() {
    let id = "01a1f6c9-0000-7000-8000-00000000000a";
    let known = KnownThread::new(id, "/w").name("Task: x").preview("x");
    let mut client = Client::connect(Script::new().known_thread(known)).await;
    let list = |kinds: Value| json!({ "cwd": "/w", "searchTerm": "Task", "sourceKinds": kinds });
    let found = client.call("thread/list", list(json!(["vscode"]))).await;
    assert_eq!(found["result"]["data"][0]["id"], id);
    let none = client.call("thread/list", list(json!(["appServer"]))).await;
    assert_eq!(none["result"]["data"], json!([]));
    let input = json!({ "threadId": id, "input": [] });
    let refused = client.call("turn/start", input.clone()).await;
    assert_eq!(refused["error"]["message"], format!("thread not found: {id}"));
    client.call("thread/resume", json!({ "threadId": id })).await;
    client.call("turn/start", input).await;
    assert_eq!(client.completed().await["status"], "completed");
    let unknown = client.call("thread/resume", json!({ "threadId": "other" })).await;
    assert_eq!(unknown["error"]["message"], "no rollout found for thread id other");
}

#[tokio::test]
async fn methods_are_refused_as_codex_refuses_them() {
    let (_server, stream) = ScriptedAppServer::in_memory(Script::new());
    let (reader, mut writer) = tokio::io::split(stream);
    writer.write_all(b"{\"id\":1,\"method\":\"thread/start\",\"params\":{}}\n").await.unwrap();
    let line = BufReader::new(reader).lines().next_line().await.unwrap().unwrap();
    assert_eq!(line, r#"{"error":{"code":-32600,"message":"Not initialized"},"id":1}"#);

    let mut client = Client::connect(Script::not_signed_in()).await;
    let thread = client.thread().await;
    let long = json!([{ "type": "text", "text": "x".repeat(1_048_577) }]);
    for (method, params, code, message) in [
        ("initialize", json!({}), -32600, "Already initialized"),
        ("nope/nope", json!({}), -32600, "unknown variant `nope/nope`"),
        ("turn/start", json!({ "input": [] }), -32600, "missing field `threadId`"),
        ("turn/start", json!({ "threadId": thread, "input": long }), -32602, "1048576 characters"),
        ("thread/start", json!({ "sandbox": "bogus" }), -32600, "unknown variant `bogus`"),
        ("account/rateLimits/read", Value::Null, -32600, "authentication required"),
        ("review/start", json!({ "threadId": thread, "delivery": "detached" }), -32600, "`detached`"),
    ] {
        let answer = client.call(method, params).await;
        assert_eq!(answer["error"]["code"], code, "{method}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(message), "{answer}");
    }
    assert_eq!(client.call("account/read", json!({})).await["result"]["account"], Value::Null);
    client.turn(&thread).await;
    assert_eq!(client.completed().await["status"], "failed");
}

#[tokio::test]
async fn floods_and_long_lines_arrive_whole() {
    let script = Script::new()
        .turn(Turn::new([Step::Flood { count: 2000, bytes: 50 }, Step::LongLine { bytes: 1 << 20 }]));
    let (client, turn) = Client::whole_turn(script).await;
    assert_eq!((client.count("item/agentMessage/delta"), &turn["status"]), (2001, &json!("completed")));
}

#[tokio::test]
async fn notifications_that_were_opted_out_of_do_not_come() {
    let (server, stream) = ScriptedAppServer::in_memory(Script::new());
    let (reader, writer) = tokio::io::split(stream);
    let lines = BufReader::new(reader).lines();
    let mut client = Client { server, lines, writer, next: 0, log: Vec::new() };
    let capabilities = json!({ "optOutNotificationMethods": ["item/agentMessage/delta"] });
    client.call("initialize", json!({ "capabilities": capabilities })).await;
    let thread = client.thread().await;
    client.turn(&thread).await;
    client.completed().await;
    assert_eq!((client.count("item/agentMessage/delta"), client.count("item/completed")), (0, 2));
}
