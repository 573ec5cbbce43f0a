//! Whatever comes in whatever order: the machine never panics, never ends twice, and never reports success without a
//! completed turn.

use codex_rpc::protocol::{notification::*, review::*, turn::*, *};
use codex_rpc::turn::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::protocol_recorded::{Message, recordings};
use crate::turn_model::{Step, check};

/// All notifications of a recording, and the steps that its client took.
struct Script {
    thread: ThreadId,
    kind: TurnKind,
    steps: Vec<Step>,
}

fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for recording in recordings() {
        let mut script: Option<Script> = None;
        for message in &recording.messages {
            match message {
                Message::FromClient(frame) if script.is_none() => {
                    let kind = match frame.method.as_deref() {
                        Some(TurnStartParams::METHOD) => TurnKind::Turn,
                        Some(ReviewStartParams::METHOD) => TurnKind::Review,
                        _ => continue,
                    };
                    let Ok(ThreadRef { thread_id, .. }) = serde_json::from_slice(frame.params().unwrap())
                    else {
                        continue;
                    };
                    script = Some(Script { thread: thread_id, kind, steps: Vec::new() });
                }
                Message::FromServer(frame) => {
                    let Some(script) = &mut script else { continue };
                    if let Some(notification) = frame.notification() {
                        script.steps.push(Step::Notification(notification));
                    } else if let Some(result) = &frame.result
                        && let Ok(started) = serde_json::from_str::<TurnStartResponse>(result.get())
                    {
                        script.steps.push(Step::Started(started.turn));
                    }
                }
                _ => {}
            }
        }
        scripts.extend(script.filter(|script| !script.steps.is_empty()));
    }
    assert!(scripts.len() > 40);
    scripts
}

fn notification(method: &str, params: &Value) -> Step {
    Step::Notification(ServerNotification::parse(method, Some(params.to_string().as_bytes())).unwrap())
}

/// Notifications about few threads and turns, so that they meet.
fn synthetic() -> impl Strategy<Value = Step> {
    let thread = || prop::sample::select(vec!["root", "agent", "agent2", "stranger"]);
    let turn = || prop::sample::select(vec!["t1", "t2", "t3"]);
    let root = prop::option::of(turn());
    let status = || prop::sample::select(vec!["completed", "interrupted", "failed", "inProgress", "odd"]);
    let text = || prop::sample::select(vec!["", " ", "fine", "Reviewer failed to output a response."]);
    let item = (0..4u8, status(), thread(), text()).prop_flat_map(|(id, status, thread, text)| {
        let id = format!("i{id}");
        prop::sample::select(vec![
            json!({ "type": "agentMessage", "id": id, "text": text, "phase": "final_answer" }),
            json!({ "type": "agentMessage", "id": id, "text": text, "phase": "commentary" }),
            json!({ "type": "commandExecution", "id": id, "command": "make", "status": status, "exitCode": 1 }),
            json!({ "type": "fileChange", "id": id, "status": status,
                "changes": [{ "path": id, "kind": { "type": "update" } }] }),
            json!({ "type": "enteredReviewMode", "id": id, "review": text }),
            json!({ "type": "exitedReviewMode", "id": id, "review": text }),
            json!({ "type": "collabAgentToolCall", "id": id, "tool": "spawnAgent", "receiverThreadIds": [thread],
                "agentsStates": { thread: { "status": "running" } } }),
            json!({ "type": "collabAgentToolCall", "id": id, "tool": "wait",
                "agentsStates": { thread: { "status": status } } }),
            json!({ "type": "subAgentActivity", "id": id, "kind": status, "agentThreadId": thread, "agentPath": "/a" }),
            json!({ "type": "subAgentActivity", "id": id, "kind": "started", "agentThreadId": thread }),
            json!({ "type": "reasoning", "id": id, "summary": [text] }),
            json!({ "type": "novelty", "id": id }),
            json!({}),
        ])
    });
    let thread_status = prop::sample::select(vec!["idle", "active", "systemError", "notLoaded", "odd"]);
    prop_oneof![
        4 => (thread(), turn(), item, any::<bool>()).prop_map(|(thread, turn, item, done)| {
            let method = if done { "item/completed" } else { "item/started" };
            notification(method, &json!({ "threadId": thread, "turnId": turn, "item": item }))
        }),
        3 => (thread(), turn(), root).prop_map(|(thread, turn, root)| {
            notification("turn/started", &json!({ "threadId": thread, "turn": { "id": turn, "rootTurnId": root } }))
        }),
        3 => (thread(), turn(), status(), text()).prop_map(|(thread, turn, status, text)| {
            let items = json!([{ "type": "agentMessage", "id": "i9", "text": text }]);
            let turn = json!({ "id": turn, "status": status, "items": items, "error": { "message": text } });
            notification("turn/completed", &json!({ "threadId": thread, "turn": turn }))
        }),
        1 => (thread(), turn(), any::<bool>()).prop_map(|(thread, turn, will_retry)| {
            let error = json!({ "message": "broken" });
            notification(
                "error",
                &json!({ "threadId": thread, "turnId": turn, "error": error, "willRetry": will_retry }),
            )
        }),
        1 => (thread(), thread_status).prop_map(|(thread, status)| {
            notification("thread/status/changed", &json!({ "threadId": thread, "status": { "type": status } }))
        }),
        1 => (thread(), thread()).prop_map(|(thread, parent)| {
            notification("thread/started", &json!({ "thread": { "id": thread, "parentThreadId": parent } }))
        }),
        1 => thread().prop_map(|thread| notification("thread/closed", &json!({ "threadId": thread }))),
        1 => Just(Step::InterruptRequested),
        1 => prop::sample::select(vec![Step::StreamEnded, Step::Refused, Step::Accepted]),
        1 => prop::sample::select(vec![Step::Expired(Expiry::Idle), Step::Expired(Expiry::Total)]),
        2 => turn().prop_map(|turn| Step::Started(Turn::in_progress(turn.into()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn synthetic_notifications_in_any_order(
        kind in prop::sample::select(vec![TurnKind::Turn, TurnKind::Review, TurnKind::Compact]),
        begins in any::<bool>(),
        mut steps in prop::collection::vec(synthetic(), 0..40),
    ) {
        if begins {
            steps.insert(0, Step::Started(Turn::in_progress("t1".into())));
        }
        check(kind, &"root".into(), &steps);
    }
}

#[test]
fn recorded_notifications_in_any_order_doubled_and_lost() {
    let scripts = scripts();
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    for script in &scripts {
        check(script.kind, &script.thread, &script.steps);
        // Which recorded step comes where: some twice, some never.
        let order = prop::collection::vec(0..script.steps.len(), 0..script.steps.len() * 2);
        let mut runner = proptest::test_runner::TestRunner::new(config.clone());
        let result = runner.run(&order, |order| {
            let steps: Vec<Step> = order.into_iter().map(|index| script.steps[index].clone()).collect();
            check(script.kind, &script.thread, &steps);
            Ok(())
        });
        result.unwrap();
    }
}

#[test]
fn the_checked_promises_can_be_kept_by_a_success() {
    // The property would hold for a machine that never succeeds: this one does.
    let successes = scripts().into_iter().filter(|script| {
        let mut machine = TurnMachine::new(script.thread.clone(), script.kind);
        for step in &script.steps {
            match step {
                Step::Notification(notification) => drop(machine.notification(notification)),
                Step::Started(turn) => drop(machine.started(turn)),
                _ => {}
            }
        }
        machine.outcome().is_some_and(TurnOutcome::is_success)
    });
    assert!(successes.count() > 20);
}
