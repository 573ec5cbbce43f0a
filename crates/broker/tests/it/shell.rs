//! The broker over real sockets, with scripted servers.

use std::time::Duration;

use codex_broker::{ConnectErrorKind, ConnectOptions, Endpoint, Launcher, release, stop};
use codex_rpc::client::TurnLimits;
use codex_rpc::protocol::turn::TurnStartParams;
use codex_rpc::transport::{BoxReader, BoxWriter, ChildOptions, Connection};
use codex_testkit::app_server::{Fault, Script, Step, Turn};
use codex_testkit::program::ScriptedCodex;
use codex_testkit::{Gate, LIMIT};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::support::{Inside, ask, client, poll_pause, thread};

/// A client that writes and reads lines.
struct Raw {
    reader: BufReader<BoxReader>,
    writer: BoxWriter,
}

impl Raw {
    async fn connect(endpoint: &Endpoint) -> Self {
        let path = endpoint.to_string();
        let path = path.strip_prefix("unix:").unwrap();
        let (reader, writer, _) = loop {
            match Connection::unix(path.as_ref()).await {
                Ok(connection) => break connection.into_parts(),
                Err(_) => poll_pause().await,
            }
        };
        Self { reader: BufReader::new(reader), writer }
    }

    async fn send(&mut self, message: Value) {
        self.writer.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> Value {
        let mut line = String::new();
        tokio::time::timeout(LIMIT, self.reader.read_line(&mut line)).await.expect("a line in time").unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }

    /// The answer to the request with this id; notifications are passed over.
    async fn answer(&mut self, id: &Value) -> Value {
        loop {
            let line = self.line().await;
            assert!(!line.is_null(), "the broker hung up before it answered {id}");
            if line["id"] == *id && line["method"].is_null() {
                return line;
            }
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = json!(method);
        self.send(json!({"id": id, "method": method, "params": params})).await;
        self.answer(&id).await
    }
}

#[tokio::test]
async fn clients_share_one_server_and_receive_only_their_messages() {
    let broker = Inside::start(Script::new().when("one", Turn::say("1")).when("two", Turn::say("2")), |_| {});
    let (one, two) = (broker.client().await, broker.client().await);
    let (first, second) = tokio::join!(ask(&one, "one"), ask(&two, "two"));
    assert_eq!((first.answer(), second.answer()), (Some("1"), Some("2")));
    let status = broker.status().await;
    assert_eq!((status.clients, status.server_starts, status.active_turns), (2, 1, 0));
    assert_eq!(status.codex_version.as_deref(), Some("0.169.0"));
    drop((one, two));
    broker.until(|status| status.clients == 0).await;
    broker.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_with_long_answers_do_not_deadlock() {
    let text = "x".repeat(64 * 1024);
    // A process, so that its pipes are real and small.
    let codex = ScriptedCodex::new(Script::new().turn(Turn::say(&text)));
    let mut child = ChildOptions::new(codex.program()).args(["app-server"]);
    child.env.push((codex.env().0.into(), codex.env().1.into()));
    let broker = Inside::launch(Launcher::child(child), |options| {
        options.limits.max_active_turns = 16;
        options.max_unread = 1024 * 1024;
    });
    let mut options = ConnectOptions::new();
    options.queue_timeout = Some(LIMIT);
    // A few who ask for a lot and read nothing.
    let mut slow = Vec::new();
    for _ in 0..5 {
        let mut raw = Raw::connect(&broker.endpoint).await;
        raw.call("initialize", json!({"clientInfo": {"name": "slow", "version": "0"}})).await;
        let opened = raw.call("thread/start", json!({"ephemeral": true})).await;
        let params =
            json!({"threadId": opened["result"]["thread"]["id"], "input": [{"type": "text", "text": "x"}]});
        raw.send(json!({"id": 3, "method": "turn/start", "params": params})).await;
        for id in 0..3000 {
            let list = json!({"id": id, "method": "model/list", "params": {}});
            if raw.writer.write_all(format!("{list}\n").as_bytes()).await.is_err() {
                break;
            }
        }
        slow.push(raw);
    }
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (endpoint, options, length) = (broker.endpoint.clone(), options.clone(), text.len());
        all.spawn(async move {
            let client = client(&endpoint, &options).await;
            let outcome = ask(&client, "go").await;
            assert_eq!(outcome.answer().map(str::len), Some(length));
        });
    }
    while let Some(done) = tokio::time::timeout(LIMIT, all.join_next()).await.expect("no lock-up") {
        done.unwrap();
    }
    let status = broker.until(|status| status.departures.len() == 5).await;
    assert!(status.departures[0].reason.contains("unread"), "{:?}", status.departures);
    assert_eq!(status.server_starts, 1);
    drop(slow);
    broker.finish().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected_with_a_reason() {
    let broker = Inside::start(Script::new(), |options| options.max_stall = Duration::from_millis(300));
    let mut raw = Raw::connect(&broker.endpoint).await;
    raw.call("initialize", json!({"clientInfo": {"name": "slow", "version": "0"}})).await;
    // More than a socket holds.
    let lists = format!("{}\n", json!({"id": 1, "method": "model/list", "params": {}})).repeat(2000);
    drop(raw.writer.write_all(lists.as_bytes()).await);
    let status = broker.until(|status| !status.departures.is_empty()).await;
    assert!(status.departures[0].reason.contains("read nothing for 300ms"), "{:?}", status.departures);
    // The others go on.
    assert!(ask(&broker.client().await, "hi").await.answer().is_some());
    drop(raw);
    broker.finish().await;
}

/// d13: the broker returns its status while it is busy, and after its server ended.
#[tokio::test]
async fn d13_the_status_is_right_while_busy_and_after_a_crash() {
    let gate = Gate::new();
    let script = Script::new().turn(Turn::new([Step::hold(&gate)])).turn(Turn::new([Step::die(3, "")]));
    let broker = Inside::start(script, |options| options.limits.max_active_turns = 1);
    let one = broker.client().await;
    let held = thread(&one).await;
    let turn = one.start_turn(TurnStartParams::text(held, "hold"), TurnLimits::default()).await.unwrap();
    let status = broker.status().await;
    assert_eq!((status.active_turns, status.limit, status.clients), (1, 1, 1));
    // Another command is refused at once, with data; the broker's own methods are not.
    let mut raw = Raw::connect(&broker.endpoint).await;
    raw.call("initialize", json!({"clientInfo": {"name": "other", "version": "0"}})).await;
    let refused = raw.call("account/read", json!({})).await;
    assert_eq!(refused["error"]["data"]["reason"], "broker_busy");
    let stopping = stop(&broker.endpoint, false, LIMIT).await.unwrap_err();
    assert_eq!(stopping.kind(), ConnectErrorKind::Refused);
    assert_eq!(stopping.rpc().unwrap().data.as_ref().unwrap()["clients"], 2);
    gate.release();
    tokio::time::timeout(LIMIT, turn.outcome()).await.unwrap();
    drop(raw);
    broker.until(|status| status.clients == 1).await;
    let outcome = ask(&one, "die").await;
    assert!(outcome.answer().is_none(), "{outcome:?}");
    let status = broker.status().await;
    assert_eq!((status.active_turns, status.counters.server_losses), (0, 1));
    broker.finish().await;
}

/// d02, d03: the server ends during a turn: the turn fails at once with the reason, and the next works.
#[tokio::test]
async fn d03_a_dead_server_fails_active_turns_and_the_next_works() {
    let codex = ScriptedCodex::new(Script::new().when("die", Turn::new([Step::die(7, "boom at the end\n")])));
    let mut child = ChildOptions::new(codex.program()).args(["app-server"]);
    child.env.push((codex.env().0.into(), codex.env().1.into()));
    let broker = Inside::launch(Launcher::child(child), |_| {});
    let client = broker.client().await;
    for round in 1..=3 {
        let outcome = ask(&client, "die").await;
        let shown = format!("{outcome:?}");
        assert!(outcome.answer().is_none() && shown.contains("exit status: 7"), "{shown}");
        assert!(shown.contains("boom at the end"), "{shown}");
        assert_eq!(ask(&client, "live").await.answer(), Some("OK."));
        assert_eq!(broker.status().await.server_starts, round + 1);
    }
    let status = broker.status().await;
    assert!(status.last_loss.unwrap().contains("exit status: 7"));
    assert_eq!(codex.pids().len(), 4);
    broker.finish().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_started_is_reported() {
    let broker = Inside::launch(Launcher::child(ChildOptions::new("/nowhere/codex")), |_| {});
    let mut raw = Raw::connect(&broker.endpoint).await;
    for _ in 0..2 {
        let refused = raw.call("initialize", json!({})).await;
        assert_eq!(refused["error"]["data"]["reason"], "server_not_started");
    }
    broker.finish().await;
    let codex = ScriptedCodex::new(Script::too_old());
    let mut child = ChildOptions::new(codex.program()).args(["app-server"]);
    child.env.push((codex.env().0.into(), codex.env().1.into()));
    let broker = Inside::launch(Launcher::child(child), |_| {});
    let mut raw = Raw::connect(&broker.endpoint).await;
    let refused = raw.call("initialize", json!({})).await;
    assert!(
        refused["error"]["data"]["stderrTail"].as_str().unwrap().contains("unrecognized subcommand"),
        "{refused}"
    );
    broker.finish().await;
}

#[tokio::test]
async fn a_stopping_broker_waits_for_turns_without_a_client() {
    let gate = Gate::new();
    let broker = Inside::start(Script::new().turn(Turn::new([Step::hold(&gate)])), |options| {
        options.drain_timeout = LIMIT;
    });
    let mut options = ConnectOptions::new();
    options.leave_running = true;
    let one = client(&broker.endpoint, &options).await;
    let held = thread(&one).await;
    let turn = one.start_turn(TurnStartParams::text(held, "hold"), TurnLimits::default()).await.unwrap();
    one.shutdown().await;
    drop(turn);
    broker.until(|status| status.clients == 0).await;
    assert_eq!(broker.status().await.active_turns, 1);
    let endpoint = broker.endpoint.clone();
    let stopping = tokio::spawn(async move { stop(&endpoint, false, LIMIT).await });
    // No new clients from then on.
    while std::fs::exists(broker.endpoint.to_string().trim_start_matches("unix:")).unwrap() {
        poll_pause().await;
    }
    assert!(!stopping.is_finished());
    gate.release();
    stopping.await.unwrap().unwrap();
    broker.finish().await;
}

#[tokio::test]
async fn turns_without_a_client_are_limited_in_time() {
    let broker = Inside::start(Script::new().turn(Turn::new([Step::Stall])), |options| {
        options.max_unattended = Duration::from_millis(300);
    });
    let mut options = ConnectOptions::new();
    options.leave_running = true;
    let one = client(&broker.endpoint, &options).await;
    let held = thread(&one).await;
    let turn = one.start_turn(TurnStartParams::text(held, "stall"), TurnLimits::default()).await.unwrap();
    assert_eq!(broker.status().await.active_turns, 1);
    one.shutdown().await;
    drop(turn);
    // A status request is a client too: send none until the log has the end of the server.
    let log = broker.endpoint.log().unwrap();
    let given_up = async {
        while !std::fs::read_to_string(&log).unwrap().contains("did not end in time") {
            poll_pause().await;
        }
    };
    tokio::time::timeout(LIMIT, given_up).await.unwrap();
    assert_eq!(broker.status().await.active_turns, 0);
    broker.finish().await;
}

/// d07: the turn of a client that disconnects is interrupted; the turn of another continues.
#[tokio::test]
async fn d07_the_end_of_one_client_does_not_affect_others() {
    let gate = Gate::new();
    let script = Script::new()
        .when("one", Turn::new([Step::Stall]))
        .when("two", Turn::new([Step::hold(&gate), Step::say("done")]));
    let broker = Inside::start(script, |_| {});
    let (one, two) = (broker.client().await, broker.client().await);
    let stalled = thread(&one).await;
    let turn = one.start_turn(TurnStartParams::text(stalled, "one"), TurnLimits::default()).await.unwrap();
    let asking = tokio::spawn(async move { ask(&two, "two").await });
    broker.until(|status| status.active_turns == 2).await;
    one.shutdown().await;
    drop(turn);
    let status = broker.until(|status| status.active_turns == 1).await;
    assert_eq!(status.counters.abandoned, 1);
    gate.release();
    assert_eq!(asking.await.unwrap().answer(), Some("done"));
    broker.finish().await;
}

/// d10: without clients the server ends, which unlocks its threads; `release` ends it at once.
#[tokio::test]
async fn d10_the_server_lets_go_of_threads() {
    let broker = Inside::start(Script::new(), |options| options.child_idle = Duration::from_millis(50));
    ask(&broker.client().await, "hi").await;
    let status = broker.until(|status| status.codex_version.is_none()).await;
    assert_eq!((status.server_starts, status.counters.server_losses), (1, 0));
    // It comes back for the next.
    let later = broker.client().await;
    assert_eq!(broker.status().await.server_starts, 2);
    // A client that holds a thread keeps it from being released; one that holds none does not.
    let held = thread(&later).await;
    let refused = release(&broker.endpoint, Duration::ZERO).await.unwrap_err();
    assert_eq!(refused.rpc().unwrap().data.as_ref().unwrap()["reason"], "threads_owned", "{held:?}");
    drop(later);
    broker.until(|status| status.clients == 0).await;
    assert!(release(&broker.endpoint, LIMIT).await.unwrap());
    broker.finish().await;
}

#[tokio::test]
async fn an_overload_error_of_codex_is_forwarded_and_retried_by_the_client() {
    let script = Script::new().fault("turn/start", Fault::overloaded().times(2));
    let broker = Inside::start(script, |_| {});
    assert_eq!(ask(&broker.client().await, "hi").await.answer(), Some("OK."));
    assert_eq!(broker.status().await.counters.refused, 0);
    broker.finish().await;
}

#[tokio::test]
async fn queued_turns_start_in_turn() {
    let broker = Inside::start(Script::new(), |options| options.limits.max_active_turns = 2);
    let mut options = ConnectOptions::new();
    options.queue_timeout = Some(LIMIT);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (endpoint, options) = (broker.endpoint.clone(), options.clone());
        all.spawn(async move {
            let client = client(&endpoint, &options).await;
            for _ in 0..5 {
                assert_eq!(ask(&client, "hi").await.answer(), Some("OK."));
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    assert_eq!(broker.status().await.counters.turns, 100);
    broker.finish().await;
}

/// Dropped at any await point, a connection attempt leaves nothing, and the broker continues.
#[tokio::test]
async fn connecting_can_be_cancelled_at_any_point() {
    let broker = Inside::start(Script::new(), |_| {});
    broker.status().await;
    let options = ConnectOptions::new();
    for polls in 0.. {
        let connecting = async {
            let connection = codex_broker::connect_or_start(&broker.endpoint, &options).await.unwrap();
            let client = codex_rpc::client::Client::connect(
                connection,
                codex_rpc::client::ClientOptions::new("test", "0"),
            );
            ask(&client.await.unwrap(), "hi").await
        };
        let mut connecting = Box::pin(connecting);
        let mut left = polls;
        let outcome = std::future::poll_fn(|cx| {
            if left == 0 {
                return std::task::Poll::Ready(None);
            }
            left -= 1;
            connecting.as_mut().poll(cx).map(Some)
        })
        .await;
        drop(connecting);
        if outcome.is_some() {
            assert!(polls > 5, "only {polls} points");
            break;
        }
    }
    broker.until(|status| status.clients == 0 && status.active_turns == 0 && status.in_flight == 0).await;
    broker.finish().await;
}

#[tokio::test]
async fn lines_that_are_not_messages_are_refused_and_the_connection_continues() {
    let broker = Inside::start(Script::new(), |options| options.max_frame = 10_000);
    let mut raw = Raw::connect(&broker.endpoint).await;
    raw.writer.write_all(b"hello\n[]\n").await.unwrap();
    assert_eq!(raw.line().await["error"]["code"], -32700);
    assert_eq!(raw.line().await["error"]["code"], -32600);
    raw.writer
        .write_all(format!("{{\"id\":1,\"x\":\"{}\"}}\n", "x".repeat(20_000)).as_bytes())
        .await
        .unwrap();
    assert!(raw.line().await["error"]["message"].as_str().unwrap().contains("over the limit of 10000 bytes"));
    assert!(raw.call("broker/status", json!({})).await["result"]["pid"].is_number());
    // Times without end are taken for long ones.
    let hello = json!({"queue": {"deadlineMs": u64::MAX}});
    assert!(raw.call("broker/hello", hello).await["result"].is_object());
    assert_eq!(raw.call("broker/release", json!({"deadlineMs": u64::MAX})).await["result"]["released"], true);
    assert_eq!(raw.call("broker/hello", json!({"queue": 7})).await["error"]["code"], -32602);
    broker.finish().await;
    let mut rest = Vec::new();
    raw.reader.read_to_end(&mut rest).await.unwrap();
}
