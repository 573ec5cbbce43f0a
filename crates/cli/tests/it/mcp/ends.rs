//! Ends of all kinds: of calls, of clients, of patience.

use codex_testkit::app_server::{Fault, Script, Turn};
use serde_json::{Value, json};

use super::{Bed, Client, ScriptedCodex, count, id, job, job_in, stalls};
use crate::support::wait;

/// A call whose turn has begun: its id and its job's.
fn begun(bed: &Bed, client: &mut Client, tool: &str, arguments: &Value) -> (u64, String) {
    let call = client.begin(tool, arguments);
    let running = || {
        let status = bed.start(&["status", "--json"], None).finish().json();
        let job = status["running"].as_array()?.iter().find(|job| job["turnId"].is_string())?.clone();
        job["id"].as_str().map(str::to_owned)
    };
    (call, wait(running).expect("the turn begins"))
}

fn stalled() -> (Bed, ScriptedCodex) {
    Bed::scripted(Script::new().turn(stalls()).review(stalls()))
}

/// d09: a cancelled call interrupts its turn, and is not answered.
#[test]
fn d09_a_cancelled_call_interrupts_its_turn() {
    let (bed, codex) = stalled();
    let mut client = Client::new(&bed);
    for (tool, arguments) in [("task", json!({"prompt": "x"})), ("review", json!({}))] {
        let (call, job_id) = begun(&bed, &mut client, tool, &arguments);
        client.notify("notifications/cancelled", &json!({"requestId": call, "reason": "Esc"}));
        assert_eq!(job_in(&bed, &job_id, "cancelled")["exitCode"], 130);
        client.call("job_status", &json!({}));
        assert!(!client.answered(call));
    }
    assert_eq!(count(&codex, "turn/interrupt"), 2);
    client.finish();
    bed.nothing_left();
}

/// To stop waiting for a result ends the waiting, not the job.
#[test]
fn a_cancelled_wait_leaves_the_job() {
    let (bed, _codex) = stalled();
    let mut client = Client::new(&bed);
    let job_id = id(&client.call("task", &json!({"prompt": "x", "background": true})));
    let waiting = client.begin("job_result", &json!({"job_id": job_id}));
    client.progress(waiting, "(");
    client.notify("notifications/cancelled", &json!({"requestId": waiting}));
    client.call("job_status", &json!({}));
    assert!(!client.answered(waiting));
    client.finish();
    job_in(&bed, &job_id, "running");
    bed.run(&["cancel", &job_id]).exits(0);
}

/// A cancellation that meets the end of its call, or names none, hurts nobody.
#[test]
fn a_late_cancellation_is_harmless() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let mut client = Client::new(&bed);
    for _ in 0..3 {
        let call = client.begin("task", &json!({"prompt": "x"}));
        client.progress(call, "(");
        client.notify("notifications/cancelled", &json!({"requestId": call}));
        client.notify("notifications/cancelled", &json!({"requestId": call}));
    }
    client.notify("notifications/cancelled", &json!({"requestId": 4711}));
    client.notify("notifications/cancelled", &json!({}));
    let done = client.call("task", &json!({"prompt": "x"}));
    assert!(Client::text(&done).contains("Done."));
    client.finish();
    bed.nothing_left();
}

/// What was started in the foreground ends with its client; what runs in the background goes on.
#[test]
fn a_closed_input_ends_what_was_waited_for() {
    let (bed, codex) = stalled();
    let mut client = Client::new(&bed);
    let (_, foreground) = begun(&bed, &mut client, "task", &json!({"prompt": "x"}));
    let background = id(&client.call("task", &json!({"prompt": "y", "background": true})));
    wait(|| job(&bed, &background)["turnId"].is_string().then_some(())).expect("the turn begins");
    client.finish();
    assert_eq!(job(&bed, &foreground)["status"], "cancelled");
    assert_eq!(count(&codex, "turn/interrupt"), 1);
    assert_eq!(job(&bed, &background)["status"], "running");
    bed.run(&["cancel", &background]).exits(0);
}

#[test]
fn signals_end_it_as_well() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let (bed, _codex) = stalled();
        let mut client = Client::new(&bed);
        let (_, job_id) = begun(&bed, &mut client, "task", &json!({"prompt": "x"}));
        client.signal(signal);
        assert_eq!(client.ended().code(), Some(code));
        assert_eq!(job(&bed, &job_id)["status"], "cancelled");
        bed.nothing_left();
    }
    // Before a word was said, too.
    let bed = Bed::new();
    let mut client = Client::start(&bed, &["mcp"]);
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    client.answer(1);
    client.signal("TERM");
    assert_eq!(client.ended().code(), Some(143));
    bed.nothing_left();
}

/// The end of a call that cannot be interrupted in time is bounded.
#[test]
fn an_interrupt_that_is_never_answered_ends_as_well() {
    let script = Script::new().turn(stalls()).fault("turn/interrupt", Fault::stall());
    let (bed, _codex) = Bed::scripted(script);
    let settings = bed.home.path().join(".config/codex-companion");
    std::fs::create_dir_all(&settings).unwrap();
    // A broker would give the turn its time.
    std::fs::write(settings.join("config.toml"), "broker = \"never\"\n").unwrap();
    let mut client = Client::new(&bed);
    let (_, job_id) = begun(&bed, &mut client, "task", &json!({"prompt": "x"}));
    client.finish();
    job_in(&bed, &job_id, "cancelled");
    bed.nothing_left();
}

#[test]
fn nonsense_is_survived() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    // Before the greeting and after it.
    let mut client = Client::start(&bed, &["mcp"]);
    nonsense(&mut client);
    drop(client);
    let mut client = Client::new(&bed);
    nonsense(&mut client);
    let huge =
        format!("{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"ping\",\"x\":\"{}\"}}\n", "x".repeat(40 << 20));
    client.write(huge.as_bytes());
    assert!(Client::text(&client.call("task", &json!({"prompt": "x"}))).contains("Done."));
    assert!(!client.answered(9), "a message past the limit is dropped whole");
    client.finish();

    // No greeting at all.
    let mut client = Client::start(&bed, &["mcp"]);
    client.close();
    assert_eq!(client.ended().code(), Some(0));
    bed.nothing_left();
}

fn nonsense(client: &mut Client) {
    for line in [
        &b"hello\n"[..],
        b"\n\r\n",
        b"\xff\xfe\x00\n",
        b"{\"jsonrpc\":\"2.0\"\n",
        b"[]\n",
        b"42\n",
        b"null\n",
        b"{}\n",
        b"{\"jsonrpc\":\"1.0\",\"id\":{},\"method\":7}\n",
        b"{\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{}}\n",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":7}\n",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/unheard-of\"}\n",
    ] {
        client.write(line);
    }
    client.write(&[&b"[".repeat(100_000)[..], b"\n"].concat());
    let pong = client.ask("ping", &json!({}));
    assert!(pong["result"].is_object(), "{pong}");
}

/// A client that never reads is given up once too much waits for it; its calls end with it.
#[test]
fn a_client_that_never_reads_is_left() {
    use std::io::Write as _;
    let (bed, _codex) = stalled();
    let mut command = bed.command(&["mcp"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut line = |message: Value| stdin.write_all(format!("{message}\n").as_bytes());
    let greeting = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}});
    line(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting})).unwrap();
    let call = json!({"name": "task", "arguments": {"prompt": "x"}});
    line(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})).unwrap();
    let running = || {
        let status = bed.start(&["status", "--json"], None).finish().json();
        status["running"][0]["turnId"].is_string().then_some(())
    };
    wait(running).expect("the turn begins");
    // Until nobody takes it any more.
    for id in 3..5000 {
        if line(json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"})).is_err() {
            break;
        }
    }
    assert!(wait(|| child.try_wait().unwrap()).is_some(), "the server ends");
    let status = bed.run(&["status", "--all", "--json"]).exits(0).json();
    assert_eq!(status["recent"][0]["status"], "cancelled", "{status}");
}
