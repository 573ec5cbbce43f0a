//! The promises of the turn machine, checked step by step. Also for `fuzz/targets`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use codex_rpc::protocol::{error::*, notification::*, turn::*, *};
use codex_rpc::turn::*;

/// One thing that can happen to a machine.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "few of them, in a test")]
pub(crate) enum Step {
    Notification(ServerNotification),
    Started(Turn),
    Accepted,
    Refused,
    StreamEnded,
    Expired(Expiry),
    InterruptRequested,
}

/// Takes the steps and checks the promises after each.
pub(crate) fn check(kind: TurnKind, thread: &ThreadId, steps: &[Step]) {
    let mut machine = TurnMachine::new(thread.clone(), kind);
    let mut completed: Vec<TurnId> = Vec::new();
    let mut first: Option<String> = None;
    let mut ends = 0;
    for step in steps.iter().chain([&Step::StreamEnded]) {
        let events = match step {
            Step::Notification(notification) => {
                if let ServerNotification::TurnCompleted(params) = notification
                    && params.thread_id == *thread
                    && params.turn.status == TurnStatus::Completed
                {
                    completed.push(params.turn.id.clone());
                }
                machine.notification(notification)
            }
            Step::Started(turn) => machine.started(turn),
            Step::Accepted => machine.accepted(),
            Step::Refused => machine.refused(RequestFailure::new(-32600, "no")),
            Step::StreamEnded => machine.stream_ended("gone"),
            Step::Expired(expiry) => machine.expired(*expiry),
            Step::InterruptRequested => machine.interrupt_requested(),
        };
        if first.is_some() {
            assert_eq!(events, [], "nothing is shown after the end");
        }
        ends += events.iter().filter(|event| **event == TurnEvent::Ended).count();
        assert_eq!(ends, usize::from(machine.outcome().is_some()));
        assert_eq!(
            events.iter().position(|event| *event == TurnEvent::Ended),
            (ends == 1 && first.is_none()).then(|| events.len() - 1)
        );
        if let (None, Some(outcome)) = (&first, machine.outcome()) {
            if outcome.is_success() {
                assert!(
                    completed.contains(outcome.turn_id.as_ref().unwrap()),
                    "success without a completed turn"
                );
                assert!(kind == TurnKind::Compact || !outcome.answer().unwrap().trim().is_empty());
            }
            first = Some(format!("{outcome:?}"));
        }
    }
    let last = format!("{:?}", machine.outcome().expect("every wait ends"));
    assert_eq!(first.unwrap(), last, "an outcome never changes");
}
