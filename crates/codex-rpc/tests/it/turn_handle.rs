//! The handle on a turn: no delta is lost, a dropped handle leaves no turn running, and every end has a reason.

use std::time::Duration;

use codex_rpc::client::{Client, ClientOptions, TurnLimits};
use codex_rpc::protocol::{thread::ThreadStartParams, turn::TurnStartParams};
use codex_rpc::transport::Connection;
use codex_rpc::turn::{FailureCause, Interruption, OutcomeStatus, TurnEvent};
use codex_testkit::app_server::{Script, ScriptedAppServer, Step, Turn};
use futures::StreamExt;

use crate::client::running;

const SOON: Duration = Duration::from_secs(60);
const PIECES: usize = 20_000;

/// A turn whose message comes in [`PIECES`] deltas, and its text.
async fn a_turn_of_many_deltas() -> (codex_rpc::client::TurnHandle, String, ScriptedAppServer) {
    let text: String = (0..PIECES).map(|n| format!("{n:06} ")).collect();
    let say = Step::Say { text: text.clone(), phase: None, pieces: PIECES, over_ms: 0 };
    let (server, stream) = ScriptedAppServer::in_memory(Script::new().turn(Turn::new([say])));
    let (reader, writer) = tokio::io::split(stream);
    let connection = Connection::from_io(reader, writer);
    let client = Client::connect(connection, ClientOptions::new("test", "0")).await.unwrap();
    let thread = client.start_thread(&ThreadStartParams::new()).await.unwrap().thread.id;
    let turn = client.start_turn(TurnStartParams::text(thread, "go"), TurnLimits::default()).await.unwrap();
    (turn, text, server)
}

/// The deltas of all messages, joined. The queue must not have left anything out.
fn add(text: &mut String, event: TurnEvent) {
    match event {
        TurnEvent::MessageDelta { text: piece, .. } => text.push_str(&piece),
        TurnEvent::Missed { events } => panic!("{events} events were missed"),
        _ => {}
    }
}

#[tokio::test(flavor = "current_thread")]
async fn e60_deltas_add_up_to_the_answer_on_one_thread() {
    let (mut turn, text, _server) = a_turn_of_many_deltas().await;
    let mut deltas = String::new();
    while let Some(event) = turn.next_event().await {
        add(&mut deltas, event);
    }
    assert_eq!(deltas, text);
    assert_eq!(turn.outcome().await.answer(), Some(text.as_str()));
}

#[tokio::test(flavor = "current_thread")]
async fn e60_deltas_that_are_read_after_the_end_are_all_there() {
    let (mut turn, text, _server) = a_turn_of_many_deltas().await;
    let outcome = turn.outcome().await;
    let events: Vec<TurnEvent> = turn.events().collect().await;
    assert_eq!(events.last(), Some(&TurnEvent::Ended));
    let mut deltas = String::new();
    events.into_iter().for_each(|event| add(&mut deltas, event));
    assert_eq!(Some(deltas.as_str()), outcome.answer());
    assert_eq!(deltas, text);
}

#[tokio::test]
async fn e61_a_dropped_handle_interrupts_the_turn() {
    let (client, mut server, turn) = running(TurnLimits::default()).await;
    drop(turn);
    tokio::time::timeout(SOON, server.interrupted()).await.expect("an interrupt");
    tokio::time::timeout(SOON, async {
        while client.running_turns() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the end of the turn");
}

#[tokio::test(start_paused = true)]
async fn e61_a_detached_turn_runs_until_a_deadline() {
    let limits = TurnLimits::default().idle(Duration::from_secs(30));
    let (_client, mut server, turn) = running(limits).await;
    let started = tokio::time::Instant::now();
    turn.detach();
    server.interrupted().await;
    assert!(started.elapsed() >= Duration::from_secs(30), "{:?}", started.elapsed());
}

#[tokio::test]
async fn e61_a_turn_that_ended_is_not_interrupted_when_its_handle_is_dropped() {
    let (client, mut server, turn) = running(TurnLimits::default()).await;
    server.message("done").await;
    server.completed("completed").await;
    assert_eq!(turn.outcome().await.answer(), Some("done"));
    drop(turn);
    let listing = tokio::spawn(async move {
        let models = codex_rpc::protocol::model::ModelListParams::new();
        client.peer().request(&models, SOON).await.map(drop)
    });
    // The next message is this request, and not an interrupt.
    server.expect("model/list").await;
    listing.abort();
}

#[tokio::test]
async fn e61_an_interrupt_whose_future_is_dropped_is_still_sent() {
    let (_client, mut server, turn) = running(TurnLimits::default()).await;
    tokio::select! {
        biased;
        _ = turn.interrupt() => panic!("no answer was sent"),
        () = std::future::ready(()) => {}
    }
    tokio::time::timeout(SOON, server.interrupted()).await.expect("an interrupt");
    assert_eq!(turn.outcome().await.status, OutcomeStatus::Interrupted);
}

#[tokio::test]
async fn e63_an_interrupted_turn_has_a_reason() {
    let (_client, mut server, turn) = running(TurnLimits::default()).await;
    let interrupting = tokio::spawn(async move { turn.interrupt().await });
    server.interrupted().await;
    let outcome = interrupting.await.unwrap();
    assert_eq!(outcome.interruption, Some(Interruption::Requested));
    assert_eq!(outcome.cause_chain(), ["the turn was interrupted by this client"]);
    let error = outcome.into_result().unwrap_err();
    assert_eq!(error.cause, FailureCause::Interrupted);
    assert_eq!(error.to_string(), "the turn was interrupted by this client");
}

#[tokio::test]
async fn e63_an_interruption_by_others_is_told_apart() {
    let (_client, mut server, turn) = running(TurnLimits::default()).await;
    server.completed("interrupted").await;
    let outcome = turn.outcome().await;
    assert_eq!(outcome.interruption, Some(Interruption::Elsewhere));
    assert!(outcome.into_result().unwrap_err().to_string().contains("another client"));
}

#[tokio::test(start_paused = true)]
async fn e63_an_interruption_that_is_not_confirmed_reports_so() {
    let (_client, server, turn) = running(TurnLimits::default()).await;
    let outcome = turn.interrupt().await;
    drop(server);
    assert!(matches!(outcome.interruption, Some(Interruption::Unconfirmed(_))), "{outcome:?}");
    assert!(outcome.cause_chain()[0].contains("did not end in time"), "{outcome:?}");
}

#[tokio::test]
async fn e63_a_result_is_the_answer_or_the_whole_reason() {
    let (_client, mut server, turn) = running(TurnLimits::default()).await;
    server.message("the answer").await;
    server.completed("completed").await;
    assert_eq!(turn.outcome().await.into_result().unwrap(), "the answer");
    let (_client, server, turn) = running(TurnLimits::default()).await;
    drop(server);
    let outcome = turn.outcome().await;
    let chain = outcome.cause_chain().join(": ");
    let error = outcome.into_result().unwrap_err();
    assert_eq!((error.cause.clone(), error.to_string()), (FailureCause::StreamEnded, chain));
}
