//! The client over a pair of streams in memory: turns that end, whatever the server does or leaves undone.

use std::time::Duration;

use codex_rpc::client::{Client, ClientErrorKind, ClientOptions, TurnLimits};
use codex_rpc::peer::{CloseReason, RequestError};
use codex_rpc::protocol::{
    ThreadId,
    review::{ReviewStartParams, ReviewTarget},
    turn::{MAX_INPUT_CHARS, TurnStartParams},
};
use codex_rpc::transport::Connection;
use codex_rpc::turn::{FailureCause, OutcomeStatus, TurnEvent};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};

const SOON: Duration = Duration::from_secs(10);

/// The app-server that the test plays.
pub(crate) struct Server {
    reader: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
}

impl Server {
    /// The next request or notification of the client.
    async fn read(&mut self) -> Value {
        // Longer than any deadline that a test pauses the clock for.
        let line = tokio::time::timeout(Duration::from_secs(86_400), self.reader.next_line()).await;
        serde_json::from_str(&line.expect("a line in time").unwrap().expect("a line, not the end")).unwrap()
    }

    /// The next request, which must be of this method.
    pub(crate) async fn expect(&mut self, method: &str) -> Value {
        let message = self.read().await;
        assert_eq!(message["method"], method, "{message}");
        message
    }

    async fn send(&mut self, message: Value) {
        self.writer.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn answer(&mut self, request: &Value, result: Value) {
        self.send(json!({"id": request["id"], "result": result})).await;
    }

    async fn notify(&mut self, method: &str, params: Value) {
        self.send(json!({"method": method, "params": params})).await;
    }

    pub(crate) async fn message(&mut self, text: &str) {
        let item =
            json!({"type": "agentMessage", "id": format!("m-{text}"), "text": text, "phase": "final_answer"});
        self.notify("item/completed", json!({"threadId": "t", "turnId": "u", "item": item})).await;
    }

    pub(crate) async fn completed(&mut self, status: &str) {
        let turn = json!({"id": "u", "items": [], "status": status, "error": null});
        self.notify("turn/completed", json!({"threadId": "t", "turn": turn})).await;
    }

    /// Answers the interrupt of turn `u`, and the cleaning after it.
    pub(crate) async fn interrupted(&mut self) {
        let request = self.expect("turn/interrupt").await;
        assert_eq!(request["params"], json!({"threadId": "t", "turnId": "u"}));
        self.answer(&request, json!({})).await;
        self.completed("interrupted").await;
        let request = self.expect("thread/backgroundTerminals/clean").await;
        self.answer(&request, json!({})).await;
    }
}

fn turn_u() -> Value {
    json!({"turn": {"id": "u", "items": [], "status": "inProgress", "error": null}})
}

async fn connect() -> (Client, Server) {
    let (connection, stream) = Connection::pair();
    let (reader, writer) = tokio::io::split(stream);
    let mut server = Server { reader: BufReader::new(reader).lines(), writer };
    let client = tokio::spawn(Client::connect(connection, ClientOptions::new("test", "0")));
    let hello = server.expect("initialize").await;
    server.answer(&hello, json!({"userAgent": "test/0.169.0 (x)", "codexHome": "/h"})).await;
    server.expect("initialized").await;
    (client.await.unwrap().unwrap(), server)
}

fn prompt(text: &str) -> TurnStartParams {
    TurnStartParams::text(ThreadId::from("t"), text)
}

/// A client with a turn `u` that runs on thread `t`.
pub(crate) async fn running(limits: TurnLimits) -> (Client, Server, codex_rpc::client::TurnHandle) {
    let (client, mut server) = connect().await;
    let start = tokio::spawn({
        let client = client.clone();
        async move { client.start_turn(prompt("go"), limits).await }
    });
    let request = server.expect("turn/start").await;
    server.answer(&request, turn_u()).await;
    let turn = start.await.unwrap().unwrap();
    (client, server, turn)
}

#[tokio::test]
async fn a_turn_runs_and_reports_what_it_does() {
    let (client, mut server, mut turn) = running(TurnLimits::default()).await;
    assert_eq!((client.server().codex_version(), client.running_turns()), (Some("0.169.0"), 1));
    server.message("the answer").await;
    server.completed("completed").await;
    let mut events = Vec::new();
    while let Some(event) = turn.next_event().await {
        events.push(event);
    }
    assert_eq!(events.last(), Some(&TurnEvent::Ended));
    let outcome = turn.outcome().await;
    assert_eq!(outcome.answer(), Some("the answer"));
    assert_eq!(client.running_turns(), 0);
}

/// Fact 1: notifications of a turn may come before the answer that names it.
#[tokio::test]
async fn early_notifications_are_kept() {
    let (client, mut server) = connect().await;
    let start = tokio::spawn({
        let client = client.clone();
        async move { client.start_turn(prompt("go"), TurnLimits::default()).await }
    });
    let request = server.expect("turn/start").await;
    server.message("early").await;
    server.completed("completed").await;
    server.answer(&request, turn_u()).await;
    let turn = start.await.unwrap().unwrap();
    assert_eq!(turn.outcome().await.answer(), Some("early"));
}

#[tokio::test]
async fn a_second_turn_on_a_busy_thread_is_refused_before_it_is_sent() {
    let (client, mut server, turn) = running(TurnLimits::default()).await;
    let error = client.start_turn(prompt("again"), TurnLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::ThreadBusy);
    server.message("one").await;
    server.completed("completed").await;
    turn.outcome().await;
    let again = tokio::spawn(async move { client.start_turn(prompt("again"), TurnLimits::default()).await });
    server.expect("turn/start").await;
    again.abort();
}

#[tokio::test]
async fn a_prompt_that_codex_would_refuse_is_not_sent() {
    let (client, _server) = connect().await;
    let error =
        client.start_turn(prompt(&"é".repeat(MAX_INPUT_CHARS + 1)), TurnLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::InputTooLong);
    assert!(error.to_string().contains("1048577"), "{error}");
}

#[tokio::test]
async fn an_interrupt_ends_the_turn_and_its_commands() {
    let (_client, mut server, turn) = running(TurnLimits::default()).await;
    let interrupting = tokio::spawn(async move { turn.interrupt().await });
    server.interrupted().await;
    assert_eq!(interrupting.await.unwrap().status, OutcomeStatus::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_interrupt_ends_the_turn() {
    let (_client, server, turn) = running(TurnLimits::default()).await;
    let outcome = turn.interrupt().await;
    assert_eq!(outcome.status, OutcomeStatus::Interrupted);
    drop(server);
}

/// d05, the machine's half is in the turn's tests: a retried error is no activity.
#[tokio::test(start_paused = true)]
async fn d05_retries_for_ever_end_by_the_idle_deadline_with_the_cause() {
    let limits = TurnLimits::default().idle(Duration::from_secs(30));
    let (_client, mut server, turn) = running(limits).await;
    let serving = tokio::spawn(async move {
        loop {
            let error = json!({"message": "Reconnecting... 1/2", "additionalDetails": "connection refused"});
            let params = json!({"threadId": "t", "turnId": "u", "error": error, "willRetry": true});
            tokio::select! {
                request = server.read() => {
                    assert_eq!(request["method"], "turn/interrupt");
                    server.answer(&request, json!({})).await;
                    server.completed("interrupted").await;
                    let clean = server.expect("thread/backgroundTerminals/clean").await;
                    server.answer(&clean, json!({})).await;
                    return;
                }
                // sleep: the clock is paused: this is what the server does every five seconds
                () = tokio::time::sleep(Duration::from_secs(5)) => server.notify("error", params).await,
            }
        }
    });
    let outcome = turn.outcome().await;
    let failure = outcome.failure().expect("a failure");
    assert_eq!(failure.cause, FailureCause::IdleDeadline);
    assert!(outcome.cause_chain().iter().any(|line| line.contains("connection refused")), "{outcome:?}");
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn activity_postpones_the_idle_deadline_but_not_the_total_one() {
    let limits = TurnLimits::default().idle(Duration::from_secs(30)).total(Duration::from_secs(100));
    let (_client, mut server, turn) = running(limits).await;
    let started = tokio::time::Instant::now();
    let serving = tokio::spawn(async move {
        for count in 0.. {
            tokio::select! {
                request = server.read() => return request,
                // sleep: the clock is paused
                () = tokio::time::sleep(Duration::from_secs(20)) => server.message(&count.to_string()).await,
            }
        }
        unreachable!()
    });
    let outcome = turn.outcome().await;
    assert_eq!(outcome.failure().map(|failure| &failure.cause), Some(&FailureCause::TotalDeadline));
    // The server never says that the turn ended: two seconds are waited for that, and two for the cleaning.
    let took = started.elapsed().as_secs();
    assert!((100..=105).contains(&took), "{took}");
    assert_eq!(serving.await.unwrap()["method"], "turn/interrupt");
}

/// d02, over streams: the end of the server is the end of the turn, at once.
#[tokio::test]
async fn d02_the_servers_end_fails_the_turn() {
    let (client, server, turn) = running(TurnLimits::default()).await;
    drop(server);
    let outcome = tokio::time::timeout(SOON, turn.outcome()).await.expect("an end in time");
    assert_eq!(outcome.failure().map(|failure| &failure.cause), Some(&FailureCause::StreamEnded));
    assert_eq!(client.close_reason(), Some(CloseReason::EndOfStream));
    let error = client.start_turn(prompt("more"), TurnLimits::default()).await.unwrap_err();
    assert!(matches!(error.request(), Some(RequestError::Closed(_))), "{error:?}");
}

#[tokio::test]
async fn a_caller_that_is_dropped_during_the_start_leaves_no_turn_running() {
    let (client, mut server) = connect().await;
    let mut start = Box::pin(client.start_turn(prompt("go"), TurnLimits::default()));
    let request = tokio::select! {
        request = server.expect("turn/start") => request,
        _ = &mut start => panic!("nobody answered"),
    };
    drop(start);
    server.answer(&request, turn_u()).await;
    server.interrupted().await;
    // The place is free again once the end is seen.
    let wait = async {
        while client.running_turns() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("the turn's end");
}

#[tokio::test]
async fn an_outcome_does_not_need_a_reader_of_events() {
    let (_client, mut server, turn) = running(TurnLimits::default()).await;
    for count in 0..5000 {
        let params = json!({"threadId": "t", "turnId": "u", "itemId": "m", "delta": format!("{count} ")});
        server.notify("item/agentMessage/delta", params).await;
    }
    server.message("all said").await;
    server.completed("completed").await;
    let outcome = tokio::time::timeout(SOON, turn.outcome()).await.expect("an end in time");
    assert_eq!(outcome.answer(), Some("all said"));
}

/// A review goes by another id once `turn/started` has come (0.169.0); the interrupt follows it.
#[tokio::test]
async fn an_interrupt_of_a_review_tries_both_ids() {
    let (client, mut server) = connect().await;
    let params = ReviewStartParams::new(ThreadId::from("t"), ReviewTarget::UncommittedChanges);
    let start = tokio::spawn(async move {
        client.start_review(params, TurnLimits::default()).await.map(|turn| (client, turn))
    });
    let request = server.expect("review/start").await;
    server.answer(&request, turn_u()).await;
    let (_client, turn) = start.await.unwrap().unwrap();
    let interrupting = tokio::spawn(async move { turn.interrupt().await });
    let first = server.expect("turn/interrupt").await;
    assert_eq!(first["params"]["turnId"], "u");
    let started =
        json!({"id": "inner", "rootTurnId": "u", "items": [], "status": "inProgress", "error": null});
    server.notify("turn/started", json!({"threadId": "t", "turn": started})).await;
    let refused = json!({"code": -32600, "message": "expected active turn id `u` but found `inner`"});
    server.send(json!({"id": first["id"], "error": refused})).await;
    let second = server.expect("turn/interrupt").await;
    assert_eq!(second["params"]["turnId"], "inner");
    server.answer(&second, json!({})).await;
    server.completed("interrupted").await;
    let clean = server.expect("thread/backgroundTerminals/clean").await;
    server.answer(&clean, json!({})).await;
    assert_eq!(interrupting.await.unwrap().status, OutcomeStatus::Interrupted);
}

#[tokio::test]
async fn a_refused_turn_is_an_error_and_frees_the_thread() {
    let (client, mut server) = connect().await;
    let start = tokio::spawn({
        let client = client.clone();
        async move { client.start_turn(prompt("go"), TurnLimits::default()).await }
    });
    let request = server.expect("turn/start").await;
    let error = json!({"code": -32600, "message": "thread not found: t"});
    server.send(json!({"id": request["id"], "error": error})).await;
    let error = start.await.unwrap().unwrap_err();
    assert_eq!(error.request().and_then(RequestError::rpc).map(|rpc| rpc.code), Some(-32600));
    assert_eq!(client.running_turns(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_server_is_asked_again() {
    let (client, mut server) = connect().await;
    let start = tokio::spawn(async move { client.start_turn(prompt("go"), TurnLimits::default()).await });
    for _ in 0..3 {
        let request = server.expect("turn/start").await;
        let error = json!({"code": -32001, "message": "Server overloaded; retry later."});
        server.send(json!({"id": request["id"], "error": error})).await;
    }
    let request = server.expect("turn/start").await;
    server.answer(&request, turn_u()).await;
    start.await.unwrap().unwrap().interrupt().await;
}

/// d29: the server's questions are answered while a turn runs, and the turn goes on.
#[tokio::test]
async fn d29_the_servers_questions_are_answered() {
    let (_client, mut server, turn) = running(TurnLimits::default()).await;
    let params = json!({"threadId": "t", "turnId": "u", "itemId": "c", "command": "rm -rf /", "cwd": "/"});
    server.send(json!({"id": 77, "method": "item/commandExecution/requestApproval", "params": params})).await;
    assert_eq!(server.read().await, json!({"id": 77, "result": {"decision": "decline"}}));
    server.send(json!({"id": "x", "method": "item/unheardOf", "params": {}})).await;
    assert_eq!(server.read().await["error"]["code"], -32601);
    server.message("done without").await;
    server.completed("completed").await;
    assert_eq!(turn.outcome().await.answer(), Some("done without"));
}

#[cfg(unix)]
mod handshake {
    use super::*;
    use codex_rpc::transport::ChildOptions;

    async fn kind(script: &str) -> (ClientErrorKind, String) {
        let mut options = ClientOptions::new("test", "0");
        options.handshake = Duration::from_millis(1500);
        let child = ChildOptions::new("/bin/sh").args(["-c", script]);
        let error = Client::spawn(&child, options).await.unwrap_err();
        (error.kind(), format!("{error} | {}", error.stderr_tail().unwrap_or_default()))
    }

    #[tokio::test]
    async fn what_is_no_app_server_is_told_apart() {
        let (found, text) = kind("echo broken pipe dream >&2; exit 3").await;
        assert_eq!(found, ClientErrorKind::Ended, "{text}");
        assert!(text.contains("exit status: 3") && text.contains("broken pipe dream"), "{text}");

        let (found, text) = kind("echo \"error: unrecognized subcommand 'app-server'\" >&2; exit 2").await;
        assert_eq!(found, ClientErrorKind::TooOld, "{text}");

        let (found, text) = kind("while read -r line; do echo what is $line; done").await;
        assert_eq!(found, ClientErrorKind::NotAnswering, "{text}");
        assert!(text.contains("no messages"), "{text}");

        let (found, text) = kind("sleep 1000").await;
        assert_eq!(found, ClientErrorKind::NotAnswering, "{text}");

        let missing =
            Client::spawn(&ChildOptions::new("/no/such/codex"), ClientOptions::new("test", "0")).await;
        assert_eq!(missing.unwrap_err().kind(), ClientErrorKind::NotFound);
    }
}
