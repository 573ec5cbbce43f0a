//! The router's rules, one by one.

use std::path::Path;

use codex_broker::router::{ClientId, Event};
use codex_rpc::message::RpcError;
use serde_json::{Value, json};

use crate::table::{Done, Table, limits, note};

#[test]
fn ids_of_clients_do_not_collide() {
    let mut table = Table::new(limits(8));
    table.join(1);
    table.join(2);
    for (client, id) in [(1, json!(1)), (2, json!(1)), (2, json!("1"))] {
        table.client(client, &json!({"id": id, "method": "model/list", "params": {"id": 1}}));
    }
    let up: Vec<Value> = (0..3).map(|_| table.server_got()).collect();
    assert!(up[0]["id"] != up[1]["id"] && up[1]["id"] != up[2]["id"]);
    assert_eq!(up[0]["params"], json!({"id": 1}));
    for (at, client, id) in [(2, 2, json!("1")), (0, 1, json!(1)), (1, 2, json!(1))] {
        table.server(&json!({"result": {"n": at}, "id": up[at]["id"]}));
        assert_eq!(table.client_got(client), json!({"result": {"n": at}, "id": id}));
    }
    // An answer comes once.
    table.server(&json!({"result": {}, "id": up[0]["id"]}));
    table.nothing();
}

#[test]
fn early_notifications_follow_the_response_in_order() {
    let mut table = Table::new(limits(8));
    table.join(1);
    table.join(2);
    table.client(1, &json!({"id": 5, "method": "thread/start", "params": {}}));
    let id = table.server_got()["id"].clone();
    table.server(&note("t", "a"));
    table.server(&json!({"id": 0, "method": "item/tool/call", "params": {"threadId": "t"}}));
    table.server(&note("t", "b"));
    table.nothing();
    table.server(&json!({"id": id, "result": {"thread": {"id": "t"}}}));
    assert_eq!(table.client_got(1)["id"], 5);
    assert_eq!(table.client_got(1), note("t", "a"));
    assert_eq!(table.client_got(1)["method"], "item/tool/call");
    assert_eq!(table.client_got(1), note("t", "b"));
    table.nothing();
}

#[test]
fn early_messages_without_an_owner_are_dropped_and_their_requests_declined() {
    let mut table = Table::new(limits(8));
    table.join(1);
    table.client(1, &json!({"id": 5, "method": "thread/start", "params": {}}));
    let id = table.server_got()["id"].clone();
    table.server(&note("t", "a"));
    table.server(&json!({"id": 9, "method": "item/tool/call", "params": {"threadId": "t"}}));
    table.server(&json!({"id": id, "error": {"code": -32600, "message": "no"}}));
    assert_eq!(table.client_got(1)["error"]["code"], -32600);
    assert_eq!(table.next(), Done::Decline(json!(9), "item/tool/call".into()));
    assert_eq!(table.router.status().early, 0);
    // And with nothing under way, at once.
    table.server(&json!({"id": 10, "method": "item/tool/call", "params": {"threadId": "u"}}));
    assert_eq!(table.next(), Done::Decline(json!(10), "item/tool/call".into()));
    table.nothing();
}

#[test]
fn a_response_to_a_server_request_is_forwarded_once_with_the_servers_id() {
    let mut table = Table::new(limits(8));
    table.join(1);
    table.join(2);
    table.thread(1, "t");
    table.server(&json!({"id": "s", "method": "item/tool/call", "params": {"threadId": "t", "id": 1}}));
    let ask = table.client_got(1);
    assert_eq!(ask["params"], json!({"threadId": "t", "id": 1}));
    let answer = json!({"id": ask["id"], "result": {"ok": true}});
    table.client(2, &answer);
    table.nothing();
    table.client(1, &answer);
    assert_eq!(table.server_got(), json!({"id": "s", "result": {"ok": true}}));
    table.client(1, &answer);
    table.nothing();
}

#[test]
fn connection_wide_notifications_go_to_every_client_that_did_not_opt_out() {
    let mut table = Table::new(limits(8));
    table.join(1);
    table.event(Event::ClientConnected(ClientId::new(2)));
    let capabilities = json!({"optOutNotificationMethods": ["configWarning"]});
    table.client(2, &json!({"id": 0, "method": "initialize", "params": {"capabilities": capabilities}}));
    table.client_got(2);
    table.event(Event::ClientConnected(ClientId::new(3)));
    table.server(&json!({"method": "configWarning", "params": {}}));
    table.client_got(1);
    table.server(&json!({"method": "account/updated", "params": {}}));
    table.client_got(1);
    table.client_got(2);
    table.nothing();
}

#[test]
fn other_clients_may_read_interrupt_and_watch_only() {
    let mut table = Table::new(limits(8));
    table.join(1);
    table.join(2);
    table.thread(1, "t");
    table.turn(1, "t", "u");
    for method in ["turn/start", "turn/steer", "thread/resume", "thread/archive", "review/start"] {
        table.client(2, &json!({"id": 1, "method": method, "params": {"threadId": "t"}}));
        assert_eq!(table.client_got(2)["error"]["data"]["reason"], "thread_owned", "{method}");
    }
    for method in ["thread/read", "turn/interrupt", "thread/fork"] {
        table.client(2, &json!({"id": 1, "method": method, "params": {"threadId": "t", "turnId": "u"}}));
        assert_eq!(table.server_got()["method"], method);
    }
    table.client(2, &json!({"id": 2, "method": "broker/watch", "params": {"threadId": "t"}}));
    assert_eq!(table.client_got(2)["result"], json!({}));
    table.server(&note("t", "a"));
    assert_eq!((table.client_got(1), table.client_got(2)), (note("t", "a"), note("t", "a")));
    // A watcher is not asked.
    table.server(&json!({"id": 1, "method": "item/tool/call", "params": {"threadId": "t"}}));
    table.client_got(1);
    table.client(2, &json!({"id": 2, "method": "broker/unwatch", "params": {"threadId": "t"}}));
    table.client_got(2);
    table.server(&note("t", "b"));
    table.client_got(1);
    table.nothing();
}

#[test]
fn the_limit_and_a_busy_thread_refuse_with_data() {
    let mut table = Table::new(limits(2));
    table.join(1);
    table.thread(1, "a");
    table.thread(1, "b");
    table.thread(1, "c");
    table.turn(1, "a", "u1");
    let busy = |table: &mut Table, thread: &str, active: usize| {
        table.client(1, &json!({"id": 9, "method": "turn/start", "params": {"threadId": thread}}));
        let error = table.client_got(1)["error"].take();
        let data = json!({"reason": "broker_busy", "activeTurns": active, "limit": 2, "retryAfterMs": 1000});
        assert_eq!((&error["code"], &error["data"]), (&json!(-32001), &data));
    };
    busy(&mut table, "a", 1);
    table.turn(1, "b", "u2");
    busy(&mut table, "c", 2);
    table.complete("a", "u1");
    table.client_got(1);
    // The same end twice frees one place.
    table.complete("a", "u1");
    table.client_got(1);
    table.turn(1, "c", "u3");
    busy(&mut table, "a", 2);
    // A fatal error ends a turn without `turn/completed`; one that is retried does not.
    let fault = |retry: bool| json!({"method": "error", "params": {"threadId": "b", "turnId": "u2", "willRetry": retry, "error": {}}});
    table.server(&fault(true));
    table.client_got(1);
    busy(&mut table, "a", 2);
    table.server(&fault(false));
    table.client_got(1);
    assert_eq!(table.router.status().active_turns, 1);
    // A refusal of Codex's own passes as it is, and takes no place.
    let id = table.ask_turn(1, "a");
    table.server(&json!({"id": id, "error": {"code": -32001, "message": "overloaded", "data": {"x": 1}}}));
    assert_eq!(table.client_got(1)["error"]["data"], json!({"x": 1}));
    assert_eq!(table.router.status().active_turns, 1);
}

#[test]
fn a_review_ends_by_either_of_its_ids() {
    for end in ["answered", "started"] {
        let mut table = Table::new(limits(1));
        table.join(1);
        table.thread(1, "t");
        table.client(1, &json!({"id": 1, "method": "review/start", "params": {"threadId": "t"}}));
        let id = table.server_got()["id"].clone();
        let started = json!({"threadId": "t", "turn": {"id": "started"}});
        table.server(&json!({"method": "turn/started", "params": started}));
        table.server(&json!({"id": id, "result": {"turn": {"id": "answered"}, "reviewThreadId": "t"}}));
        assert!(!table.router.is_quiet());
        table.complete("t", end);
        assert!(table.router.is_quiet(), "{end}");
        assert_eq!(table.router.status().active_turns, 0, "{end}");
    }
}

#[test]
fn a_turn_may_end_before_its_response() {
    let mut table = Table::new(limits(1));
    table.join(1);
    table.thread(1, "t");
    let id = table.ask_turn(1, "t");
    table.complete("t", "u");
    table.client_got(1);
    table.server(&json!({"id": id, "result": {"turn": {"id": "u"}}}));
    table.client_got(1);
    assert_eq!(table.router.status().active_turns, 0);
    table.turn(1, "t", "u2");
    assert_eq!(table.router.status().active_turns, 1);
}

/// The reference's contract: with a bound of 1, one client's stream at a time, and only interrupts pass from others.
#[test]
fn a_limit_of_one_gives_one_client_the_server() {
    for (method, answer) in [
        ("turn/start", json!({"turn": {"id": "u"}})),
        ("review/start", json!({"turn": {"id": "u"}, "reviewThreadId": "t"})),
        ("thread/compact/start", json!({})),
    ] {
        let mut table = Table::new(limits(1));
        table.join(1);
        table.join(2);
        table.thread(1, "t");
        table.thread(2, "v");
        table.client(1, &json!({"id": 1, "method": method, "params": {"threadId": "t"}}));
        let id = table.server_got()["id"].clone();
        let refused = |table: &mut Table| {
            for method in
                ["turn/start", "review/start", "thread/start", "thread/list", "account/read", "turn/steer"]
            {
                table.client(2, &json!({"id": 7, "method": method, "params": {"threadId": "v"}}));
                let answer = table.client_got(2);
                assert_eq!(
                    (&answer["id"], &answer["error"]["code"]),
                    (&json!(7), &json!(-32001)),
                    "{method}"
                );
                assert_eq!(answer["error"]["data"]["reason"], "broker_busy");
            }
            // From the request on, an interrupt passes from anyone, and is answered.
            table.client(
                2,
                &json!({"id": 8, "method": "turn/interrupt", "params": {"threadId": "t", "turnId": "u"}}),
            );
            let id = table.server_got()["id"].clone();
            table.server(&json!({"id": id, "result": {}}));
            assert_eq!(table.client_got(2), json!({"id": 8, "result": {}}));
            // The broker's own methods and handshakes are no matter of the stream.
            table.client(2, &json!({"id": 9, "method": "broker/status"}));
            assert_eq!(table.next(), Done::Request(2, "broker/status".into()));
        };
        refused(&mut table);
        table.server(&json!({"id": id, "result": answer}));
        table.client_got(1);
        refused(&mut table);
        // The turn's own client is not limited.
        table.client(1, &json!({"id": 2, "method": "thread/list", "params": {}}));
        assert_eq!(table.server_got()["method"], "thread/list");
        table.join(3);
        table.server(&json!({"method": "turn/started", "params": {"threadId": "t", "turn": {"id": "u"}}}));
        table.client_got(1);
        table.complete("t", "u");
        table.client_got(1);
        // All is open again.
        table.client(2, &json!({"id": 7, "method": "thread/list", "params": {}}));
        assert_eq!(table.server_got()["method"], "thread/list");
        table.turn(2, "v", "w");
    }
}

#[test]
fn the_queue_prefers_clients_with_the_fewest_turns() {
    let mut table = Table::new(limits(2));
    for client in [1, 2, 3] {
        table.join(client);
        table.client(
            client,
            &json!({"id": 0, "method": "broker/hello", "params": {"queue": {"deadlineMs": 50}}}),
        );
        assert_eq!(table.client_got(client)["result"]["maxActiveTurns"], 2);
        for thread in ["a", "b", "c"] {
            table.thread(client, &format!("{thread}{client}"));
        }
    }
    table.turn(1, "a1", "u1");
    table.turn(1, "b1", "u2");
    for (client, thread) in [(1, "c1"), (2, "a2"), (2, "b2"), (3, "a3")] {
        table.client(client, &json!({"id": thread, "method": "turn/start", "params": {"threadId": thread}}));
    }
    table.nothing();
    assert_eq!(table.router.status().queued, 4);
    let mut order = Vec::new();
    for (thread, turn) in [("a1", "u1"), ("b1", "u2")] {
        table.complete(thread, turn);
        table.client_got(1);
        order.push(table.server_got()["params"]["threadId"].as_str().unwrap().to_owned());
    }
    // While client 1 has one of two turns, client 2 is first; then client 1 has none and was queued before 3.
    assert_eq!(order, ["a2", "c1"]);
    // A request is refused at its deadline; a timer without a queued request is ignored.
    for timer in std::mem::take(&mut table.timers) {
        table.event(Event::TimerExpired(timer));
    }
    for (client, id) in [(2, "b2"), (3, "a3")] {
        let answer = table.client_got(client);
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(id), &json!(-32001)));
    }
    table.nothing();
    assert_eq!(table.router.status().queued, 0);
}

#[test]
fn a_disconnected_clients_turns_are_interrupted_and_its_server_requests_answered() {
    let mut table = Table::new(limits(1));
    table.join(1);
    table.join(2);
    table.thread(1, "t");
    table.turn(1, "t", "u");
    table.server(&json!({"id": 3, "method": "item/tool/call", "params": {"threadId": "t", "tool": "x"}}));
    table.client_got(1);
    table.event(Event::ClientDisconnected(ClientId::new(1)));
    assert_eq!(table.next(), Done::Decline(json!(3), "item/tool/call".into()));
    let interrupt = table.server_got();
    assert_eq!(interrupt["method"], "turn/interrupt");
    assert_eq!(interrupt["params"], json!({"threadId": "t", "turnId": "u"}));
    assert_eq!(table.server_got()["method"], "thread/backgroundTerminals/clean");
    table.server(&json!({"id": interrupt["id"], "result": {}}));
    table.server(&note("t", "a"));
    table.server(&json!({"id": 4, "method": "item/tool/call", "params": {"threadId": "t"}}));
    assert_eq!(table.next(), Done::Decline(json!(4), "item/tool/call".into()));
    table.nothing();
    assert_eq!(table.router.status().active_turns, 1);
    // The place is free when the turn has ended, or when it takes too long to.
    table.event(Event::TimerExpired(table.timers[0]));
    assert!(table.router.status().active_turns == 0);
    table.client(2, &json!({"id": 1, "method": "thread/resume", "params": {"threadId": "t"}}));
    assert_eq!(table.server_got()["method"], "thread/resume");
    table.server(&note("t", "b"));
    assert_eq!(table.client_got(2), note("t", "b"));
}

#[test]
fn a_turn_of_a_disconnected_client_is_interrupted_once_it_has_an_id() {
    let mut table = Table::new(limits(8));
    table.join(1);
    table.thread(1, "t");
    let id = table.ask_turn(1, "t");
    table.event(Event::ClientDisconnected(ClientId::new(1)));
    table.nothing();
    table.server(&json!({"id": id, "result": {"turn": {"id": "u"}}}));
    assert_eq!(table.server_got()["params"], json!({"threadId": "t", "turnId": "u"}));
}

/// d07: one session's end leaves another's work alone; and a client may leave its own running.
#[test]
fn d07_turns_continue_if_their_client_asked_for_it_and_others_are_unaffected() {
    let mut table = Table::new(limits(8));
    table.join(1);
    table.join(2);
    table.client(1, &json!({"id": 0, "method": "broker/hello", "params": {"onDisconnect": "leave"}}));
    table.client_got(1);
    for (client, thread) in [(1, "t"), (2, "v")] {
        table.thread(client, thread);
        table.turn(client, thread, "u");
    }
    table.event(Event::ClientDisconnected(ClientId::new(1)));
    table.nothing();
    assert_eq!(table.router.status().active_turns, 2);
    table.server(&note("v", "a"));
    assert_eq!(table.client_got(2), note("v", "a"));
    table.complete("t", "u");
    table.nothing();
    assert_eq!(table.router.status().active_turns, 1);
}

/// d02, d03: everything in flight fails at once with the reason, and the next request asks for a new server.
#[test]
fn d03_the_end_of_the_server_fails_all_pending_requests_at_once() {
    let mut table = Table::new(limits(2));
    table.join(1);
    table.join(2);
    table.client(2, &json!({"id": 0, "method": "broker/hello", "params": {"queue": {"deadlineMs": 50}}}));
    table.client_got(2);
    table.thread(1, "t");
    table.turn(1, "t", "u");
    table.thread(2, "v");
    table.ask_turn(2, "v");
    table.thread(2, "w");
    table.client(2, &json!({"id": "queued", "method": "turn/start", "params": {"threadId": "w"}}));
    table.client(1, &json!({"id": "read", "method": "thread/read", "params": {"threadId": "t"}}));
    table.server_got();
    table.server(&json!({"id": 3, "method": "item/tool/call", "params": {"threadId": "t"}}));
    let asked = table.client_got(1)["id"].clone();
    let error =
        RpcError::new(-32603, "the server ended (signal: 9)").with_data(json!({"stderrTail": "boom"}));
    table.event(Event::ServerDown(&error));
    let mut ids: Vec<(u64, Value)> = Vec::new();
    for _ in 0..3 {
        let Done::Client(client, frame) = table.next() else { panic!() };
        assert_eq!(frame["error"]["data"]["stderrTail"], "boom");
        ids.push((client, frame["id"].clone()));
    }
    assert_eq!(ids, [(2, json!("go")), (1, json!("read")), (2, json!("queued"))]);
    let lost = table.client_got(1);
    assert_eq!((&lost["method"], &lost["params"]["turnId"]), (&json!("error"), &json!("u")));
    assert_eq!(lost["params"]["willRetry"], false);
    assert!(lost["params"]["error"]["message"].as_str().unwrap().contains("signal: 9"));
    table.nothing();
    assert!(table.router.is_quiet());
    // The request of the old server is forgotten, and the next request starts a new server.
    table.client(1, &json!({"id": asked, "result": {}}));
    table.nothing();
    table.client(1, &json!({"id": 1, "method": "model/list", "params": {}}));
    assert_eq!(table.next(), Done::Start);
    table.client(1, &json!({"id": 2, "method": "model/list", "params": {}}));
    table.nothing();
    table.event(Event::ServerUp);
    let id = table.server_got()["id"].clone();
    table.server(&json!({"id": id, "result": {}}));
    let methods: Vec<Value> = (0..3).map(|_| table.server_got()["method"].take()).collect();
    assert_eq!(methods, ["initialized", "model/list", "model/list"]);
}

#[test]
fn a_server_that_fails_to_start_or_to_complete_the_handshake_fails_waiting_clients() {
    let mut table = Table::new(limits(2));
    table.event(Event::ClientConnected(ClientId::new(1)));
    let hello = json!({"id": 1, "method": "initialize", "params": {}});
    table.client(1, &hello);
    assert_eq!(table.next(), Done::Start);
    table.event(Event::ServerDown(&RpcError::new(-32603, "codex was not found")));
    assert_eq!(table.client_got(1)["error"]["message"], "codex was not found");
    table.client(1, &hello);
    assert_eq!(table.next(), Done::Start);
    table.event(Event::ServerUp);
    let id = table.server_got()["id"].clone();
    table.server(&json!({"id": id, "error": {"code": -32600, "message": "too old"}}));
    assert_eq!(table.next(), Done::Stop);
    assert!(table.client_got(1)["error"]["message"].as_str().unwrap().contains("too old"));
    table.nothing();
}

#[test]
fn lines_that_are_not_messages_are_answered_or_counted() {
    let mut table = Table::new(limits(2));
    table.join(1);
    table.client(1, &json!([1]));
    assert_eq!(table.client_got(1)["error"]["code"], -32600);
    table.client(1, &json!({"id": 4, "method": 7}));
    assert_eq!(table.client_got(1)["id"], 4);
    table.client(1, &json!({"id": 4, "method": "broker/dance"}));
    assert_eq!(table.client_got(1)["error"]["code"], -32601);
    table.client(1, &json!({"id": 5, "method": "model/list"}));
    let id = table.server_got()["id"].clone();
    table.server(&json!({"id": id, "result": {}, "error": {}}));
    assert_eq!(table.client_got(1)["error"]["code"], -32603);
    table.event(Event::ClientConnected(ClientId::new(2)));
    table.client(2, &json!({"id": 1, "method": "model/list"}));
    assert_eq!(table.client_got(2)["error"]["message"], "Not initialized");
    table.nothing();
}

/// Recorded exchanges: the messages of a sub-agent reach the owner of its root, and no other client.
#[test]
fn recorded_sub_agents_belong_to_the_owner_of_their_root() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codex-rpc/tests/fixtures/transcripts");
    for name in [
        "sub_agent_wait",
        "sub_agent_nowait",
        "sub_agent_v2_wait",
        "sub_agent_v2_nowait",
        "sub_agent_interrupt",
    ] {
        let text = std::fs::read_to_string(directory.join(format!("{name}.jsonl"))).unwrap();
        let mut table = Table::new(limits(8));
        table.join(1);
        table.join(2);
        let (mut upstream, mut expected, mut got) = (Vec::new(), Vec::new(), Vec::new());
        for line in text.lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            let mut message = entry["msg"].clone();
            let method = message["method"].as_str().unwrap_or_default().to_owned();
            if !message.is_object() || method.starts_with("initialize") || message["id"] == 1 {
                continue;
            }
            if entry["dir"] == "c->s" {
                table.client(1, &message);
                upstream.push((message["id"].clone(), table.server_got()["id"].clone()));
                continue;
            }
            if method.is_empty() {
                let known = upstream.iter().find(|(id, _)| *id == message["id"]).unwrap();
                message["id"] = known.1.clone();
            } else {
                expected.push(message.clone());
            }
            table.server(&message);
            for done in table.done.drain(..) {
                let Done::Client(client, frame) = done else { panic!("{name}: {done:?}") };
                let wide = ["account/rateLimits/updated", "configWarning", "remoteControl/status/changed"];
                let is_wide = wide.iter().any(|method| frame["method"] == *method);
                assert!(client == 1 || is_wide, "{name}: a stranger got {frame}");
                if client == 1 && frame["method"].is_string() {
                    got.push(frame);
                }
            }
        }
        let by_thread = |frames: &[Value]| {
            let mut frames: Vec<(String, String)> = frames
                .iter()
                .map(|frame| {
                    let params = &frame["params"];
                    let thread = params["threadId"].as_str().or(params["thread"]["id"].as_str());
                    (thread.unwrap_or_default().to_owned(), frame.to_string())
                })
                .collect();
            frames.sort_by(|a, b| a.0.cmp(&b.0));
            frames
        };
        assert_eq!(by_thread(&got), by_thread(&expected), "{name}");
        assert_eq!(table.router.status().early, 0, "{name}");
    }
}

/// A hundred clients with a hundred turns each: at no time has one had more than twice what another has had.
#[test]
fn the_queue_is_fair() {
    let mut table = Table::new(limits(8));
    let clients = 1..=100_u64;
    for client in clients.clone() {
        table.join(client);
        table.client(
            client,
            &json!({"id": 0, "method": "broker/hello", "params": {"queue": {"deadlineMs": u64::MAX}}}),
        );
        table.client_got(client);
        table.thread(client, &format!("t{client}"));
    }
    let ask = |client: u64| json!({"id": "go", "method": "turn/start", "params": {"threadId": format!("t{client}")}});
    for client in clients.clone() {
        table.client(client, &ask(client));
    }
    let (mut had, mut running) = (vec![0_u32; 101], std::collections::VecDeque::new());
    while had.iter().sum::<u32>() < 10_000 {
        while let Some(done) = table.done.pop_front() {
            if let Done::Server(frame) = done {
                let thread = frame["params"]["threadId"].as_str().unwrap().to_owned();
                running.push_back((thread[1..].parse::<u64>().unwrap(), frame["id"].clone()));
            }
        }
        assert!(running.len() <= 8);
        let (client, id) = running.pop_front().unwrap();
        let turn = format!("u{client}-{}", had[usize::try_from(client).unwrap()]);
        table.server(&json!({"id": id, "result": {"turn": {"id": turn}}}));
        table.complete(&format!("t{client}"), &turn);
        had[usize::try_from(client).unwrap()] += 1;
        if had[usize::try_from(client).unwrap()] < 100 {
            table.client(client, &ask(client));
        }
        let (least, most) = (had[1..].iter().min().unwrap(), had[1..].iter().max().unwrap());
        assert!(*most <= 2 * (*least).max(1), "{least} and {most}");
    }
}

proptest::proptest! {
    /// Ids are restored byte for byte, and nothing else changes.
    #[test]
    fn ids_come_back_byte_for_byte(id in r#"-?[1-9][0-9]{0,17}|"([a-z0-9 {}:,\[\]]|\\["\\/n]|\\u00[2-7][0-9]){0,12}""#, pad in " {0,3}") {
        use bytes::Bytes;
        use codex_broker::router::Action;
        let mut table = Table::new(limits(8));
        table.join(1);
        let ask = Bytes::from(format!(r#"{{{pad}"params":{{"id":{id}}},"id"{pad}:{pad}{id}{pad},"method":"model/list"}}"#));
        let mut up = Vec::new();
        table.router.handle(Event::FromClient(ClientId::new(1), &ask), &mut |action| {
            if let Action::ToServer { frame } = action { up = frame.to_vec() }
        });
        let known: Value = serde_json::from_slice(&up).unwrap();
        let expected = String::from_utf8(ask.to_vec()).unwrap();
        let own = known["id"].to_string();
        let at = expected.rfind(&format!("{pad}{id}{pad},\"method\"")).unwrap() + pad.len();
        let expected = format!("{}{own}{}", &expected[..at], &expected[at + id.len()..]);
        proptest::prop_assert_eq!(String::from_utf8(up).unwrap(), expected);
        let answer = Bytes::from(format!(r#"{{"id":{own},"result":{{"id":{own}}}}}"#));
        let mut down = Vec::new();
        table.router.handle(Event::FromServer(&answer), &mut |action| {
            if let Action::ToClient { frame, .. } = action { down = frame.to_vec() }
        });
        proptest::prop_assert_eq!(String::from_utf8(down).unwrap(), format!(r#"{{"id":{id},"result":{{"id":{own}}}}}"#));
    }
}
