//! What a client must survive, a test a row. `row…` is the number in `docs/app-server-protocol.md`, `d…` the
//! pitfall it answers.

#![expect(clippy::needless_pass_by_value, reason = "json! writes values, and tests are read more than run")]

use codex_rpc::protocol::{error::*, item::*, notification::*, turn::*};
use codex_rpc::turn::*;
use serde_json::{Value, json};

const THREAD: &str = "thread";
const TURN: &str = "turn";
const INNER: &str = "inner";
const AGENT: &str = "agent";

fn notification(method: &str, params: &Value) -> ServerNotification {
    ServerNotification::parse(method, Some(params.to_string().as_bytes())).unwrap()
}

fn on(thread: &str, method: &str, turn: &str, more: Value) -> ServerNotification {
    let mut params = json!({ "threadId": thread, "turnId": turn });
    let Value::Object(more) = more else { panic!() };
    params.as_object_mut().unwrap().extend(more);
    notification(method, &params)
}

fn item(stage: &str, item: Value) -> ServerNotification {
    on(THREAD, &format!("item/{stage}"), TURN, json!({ "item": item }))
}

fn message(id: &str, text: &str, phase: Option<&str>) -> ServerNotification {
    item("completed", json!({ "type": "agentMessage", "id": id, "text": text, "phase": phase }))
}

fn command(stage: &str, id: &str, status: &str, exit_code: Option<i64>) -> ServerNotification {
    item(
        stage,
        json!({ "type": "commandExecution", "id": id, "command": "sleep 60", "status": status, "exitCode": exit_code }),
    )
}

fn turn_started(thread: &str, turn: &str, root: Option<&str>) -> ServerNotification {
    let turn = json!({ "id": turn, "rootTurnId": root, "status": "inProgress" });
    notification("turn/started", &json!({ "threadId": thread, "turn": turn }))
}

fn turn_completed_on(thread: &str, turn: &str, status: &str, error: Value) -> ServerNotification {
    let turn = json!({ "id": turn, "status": status, "error": error });
    notification("turn/completed", &json!({ "threadId": thread, "turn": turn }))
}

fn turn_completed(status: &str) -> ServerNotification {
    turn_completed_on(THREAD, TURN, status, Value::Null)
}

fn error(message: &str, will_retry: bool) -> ServerNotification {
    let error = json!({ "message": message, "codexErrorInfo": "other", "additionalDetails": "the details" });
    on(THREAD, "error", TURN, json!({ "error": error, "willRetry": will_retry }))
}

fn status(thread: &str, status: &str) -> ServerNotification {
    notification("thread/status/changed", &json!({ "threadId": thread, "status": { "type": status } }))
}

fn unstarted(kind: TurnKind) -> TurnMachine {
    TurnMachine::new(THREAD.into(), kind)
}

fn started(kind: TurnKind) -> TurnMachine {
    let mut machine = unstarted(kind);
    machine.started(&Turn::in_progress(TURN.into()));
    machine
}

fn feed(machine: &mut TurnMachine, notifications: &[ServerNotification]) -> Vec<TurnEvent> {
    notifications.iter().flat_map(|notification| machine.notification(notification)).collect()
}

#[track_caller]
fn outcome(machine: &TurnMachine) -> &TurnOutcome {
    machine.outcome().expect("the turn has ended")
}

#[track_caller]
fn failure(machine: &TurnMachine) -> &TurnFailure {
    outcome(machine).failure().expect("the turn has failed")
}

#[test]
fn row01_notifications_before_the_answer_are_kept() {
    let mut machine = unstarted(TurnKind::Turn);
    let early =
        [turn_started(THREAD, TURN, Some(TURN)), message("m", "early", None), turn_completed("completed")];
    assert!(feed(&mut machine, &early).is_empty());
    assert!(machine.outcome().is_none());
    let events = machine.started(&Turn::in_progress(TURN.into()));
    assert_eq!(events.last(), Some(&TurnEvent::Ended));
    assert_eq!(outcome(&machine).answer(), Some("early"));
}

#[test]
fn row01_a_flood_before_the_answer_keeps_the_end() {
    let mut machine = unstarted(TurnKind::Turn);
    for n in 0..100_000 {
        machine.notification(&command("started", &n.to_string(), "inProgress", None));
    }
    feed(&mut machine, &[turn_completed_on(THREAD, TURN, "failed", json!({ "message": "because" }))]);
    machine.started(&Turn::in_progress(TURN.into()));
    assert_eq!(failure(&machine).message, "because");
    assert!(outcome(&machine).commands.len() < 2_000);
}

#[test]
fn row01_early_notifications_of_another_turn_on_the_thread_are_not_ours() {
    let mut machine = unstarted(TurnKind::Turn);
    feed(
        &mut machine,
        &[turn_completed_on(THREAD, "older", "interrupted", Value::Null), status(THREAD, "notLoaded")],
    );
    machine.started(&Turn::in_progress(TURN.into()));
    assert!(machine.outcome().is_none());
}

#[test]
fn row02_a_review_has_two_ids() {
    let mut machine = started(TurnKind::Review);
    assert_eq!(machine.interrupt_target().unwrap().as_str(), TURN);
    assert_eq!(machine.other_interrupt_target(), None);
    let entered = json!({ "type": "enteredReviewMode", "id": "e", "review": "current changes" });
    feed(&mut machine, &[item("started", entered), turn_started(THREAD, INNER, Some(TURN))]);
    // From here on the server takes the second id only.
    assert_eq!(machine.interrupt_target().unwrap().as_str(), INNER);
    assert_eq!(machine.other_interrupt_target().unwrap().as_str(), TURN);

    let exited = json!({ "type": "exitedReviewMode", "id": "x", "review": "Looks good." });
    feed(
        &mut machine,
        &[turn_completed_on(THREAD, INNER, "completed", Value::Null), item("completed", exited)],
    );
    assert!(machine.outcome().is_none(), "items and the end carry the first id");
    feed(&mut machine, &[message("m", "Looks good, as a message.", None), turn_completed("completed")]);
    assert_eq!(outcome(&machine).answer(), Some("Looks good."));
    assert_eq!(outcome(&machine).turn_id.as_ref().unwrap().as_str(), TURN);
    assert_eq!(machine.interrupt_target(), None);
}

#[test]
fn row02_a_server_that_tells_no_root_is_understood_as_well() {
    let mut machine = started(TurnKind::Review);
    feed(&mut machine, &[turn_started(THREAD, INNER, None)]);
    assert_eq!(machine.interrupt_target().unwrap().as_str(), INNER);
    feed(&mut machine, &[turn_started(THREAD, "unrelated", Some("another"))]);
    assert_eq!(machine.interrupt_target().unwrap().as_str(), INNER);
}

#[test]
fn row03_d04_a_fatal_error_ends_the_turn_without_turn_completed() {
    let mut machine = started(TurnKind::Review);
    feed(&mut machine, &[status(THREAD, "systemError")]);
    assert!(machine.outcome().is_none(), "the error that says why comes after the status");
    let events = feed(&mut machine, &[error("no merge base", false)]);
    assert_eq!(events, [TurnEvent::Phase(Phase::Failed), TurnEvent::Ended]);
    assert_eq!(failure(&machine).message, "no merge base");
    assert!(matches!(failure(&machine).cause, FailureCause::Codex(_)));
    assert_eq!(machine.open_turns(), [], "there is no active turn to interrupt");
}

#[test]
fn row03_errors_that_are_not_about_the_turn_do_not_end_it() {
    let mut machine = started(TurnKind::Turn);
    for kind in ["activeTurnNotSteerable", "threadRollbackFailed"] {
        let error = json!({ "message": kind, "codexErrorInfo": { kind: {} } });
        feed(&mut machine, &[on(THREAD, "error", TURN, json!({ "error": error, "willRetry": false }))]);
    }
    feed(
        &mut machine,
        &[on(THREAD, "error", "older", json!({ "error": { "message": "x" }, "willRetry": false }))],
    );
    assert!(machine.outcome().is_none());
}

#[test]
fn row04_d24_a_retried_error_is_no_failure_and_nothing_is_doubled() {
    let mut machine = started(TurnKind::Turn);
    let begun = item("started", json!({ "type": "agentMessage", "id": "m", "text": "" }));
    let first = feed(&mut machine, &[begun.clone(), command("started", "c", "inProgress", None)]);
    assert!(first.contains(&TurnEvent::Phase(Phase::Finalizing)));
    let retry = feed(&mut machine, &[error("Reconnecting... 1/2", true)]);
    let details = Some("the details".to_owned());
    assert_eq!(retry, [TurnEvent::Retrying { message: "Reconnecting... 1/2".to_owned(), details }]);
    assert!(machine.outcome().is_none());
    assert_ne!(machine.phase(), Phase::Failed);

    let again = feed(&mut machine, &[begun, command("started", "c", "inProgress", None)]);
    assert_eq!(again, [], "the items are known");
    let (done, ended) = (message("m", "Here.", None), command("completed", "c", "completed", Some(0)));
    feed(
        &mut machine,
        &[done.clone(), done, ended.clone(), ended, command("started", "c", "inProgress", None)],
    );
    feed(&mut machine, &[turn_completed("completed")]);
    let outcome = outcome(&machine);
    assert_eq!(outcome.answer(), Some("Here."));
    assert_eq!((outcome.messages.len(), outcome.commands.len(), outcome.errors.len()), (1, 1, 1));
    assert_eq!(outcome.commands[0].exit_code, Some(0));
}

#[test]
fn row05_d05_endless_retries_are_no_sign_of_life_and_the_deadline_tells_the_cause() {
    let mut machine = started(TurnKind::Turn);
    let before = machine.activity_count();
    for _ in 0..1_000 {
        feed(&mut machine, &[error("Reconnecting... waiting for network", true), status(THREAD, "active")]);
    }
    assert_eq!(machine.activity_count(), before);
    feed(
        &mut machine,
        &[on(THREAD, "item/agentMessage/delta", TURN, json!({ "itemId": "m", "delta": "x" }))],
    );
    assert_eq!(machine.activity_count(), before + 1);

    machine.expired(Expiry::Idle);
    assert_eq!(failure(&machine).cause, FailureCause::IdleDeadline);
    assert!(
        failure(&machine).message.contains("waiting for network (the details)"),
        "{}",
        failure(&machine).message
    );
    assert_eq!(outcome(&machine).errors.len(), 1, "the same error again says nothing new");
    assert_eq!(machine.open_turns().len(), 1, "the turn runs on and is to be interrupted");
    feed(&mut machine, &[turn_completed("interrupted")]);
    assert_eq!(machine.open_turns(), []);
    assert_eq!(failure(&machine).cause, FailureCause::IdleDeadline);
}

#[test]
fn row06_d09_an_interrupted_turn_is_cancelled_and_its_command_is_told() {
    let mut machine = started(TurnKind::Turn);
    feed(&mut machine, &[command("started", "c", "inProgress", None)]);
    assert_eq!(machine.interrupt_requested(), []);
    let events = feed(&mut machine, &[turn_completed("interrupted")]);
    assert_eq!(events, [TurnEvent::Phase(Phase::Cancelled), TurnEvent::Ended]);
    assert_eq!(outcome(&machine).status, OutcomeStatus::Interrupted);
    assert_eq!(outcome(&machine).commands[0].status, ItemStatus::InProgress);
    assert!(!outcome(&machine).is_success());
}

#[test]
fn row06_once_an_interrupt_was_asked_for_every_silent_end_is_the_interruption() {
    let check = |end: fn(&mut TurnMachine) -> Vec<TurnEvent>| {
        let mut machine = started(TurnKind::Turn);
        machine.interrupt_requested();
        end(&mut machine);
        assert_eq!(outcome(&machine).status, OutcomeStatus::Interrupted);
    };
    check(|machine| machine.stream_ended("closed"));
    check(|machine| machine.expired(Expiry::Idle));
    check(|machine| machine.expired(Expiry::Total));
    // But what Codex says itself counts.
    let mut machine = started(TurnKind::Turn);
    machine.interrupt_requested();
    feed(&mut machine, &[message("m", "Done before that.", None), turn_completed("completed")]);
    assert!(outcome(&machine).is_success());
}

#[test]
fn row07_d02_the_end_of_the_stream_ends_the_turn() {
    for mut machine in [unstarted(TurnKind::Turn), started(TurnKind::Turn), started(TurnKind::Review)] {
        feed(&mut machine, &[message("m", "half of it", None)]);
        machine.stream_ended("the app-server was killed by signal 9");
        assert_eq!(failure(&machine).cause, FailureCause::StreamEnded);
        assert_eq!(failure(&machine).message, "the app-server was killed by signal 9");
        assert_eq!(outcome(&machine).answer(), None);
    }
}

#[test]
fn row08_a_refused_request_ends_the_turn() {
    let mut machine = unstarted(TurnKind::Turn);
    machine.refused(RequestFailure::new(-32600, "thread not found"));
    assert_eq!(failure(&machine).message, "thread not found");
    assert!(matches!(&failure(&machine).cause, FailureCause::Refused(refused) if refused.code == -32600));
    assert_eq!(machine.open_turns(), []);
}

#[test]
fn row11_two_requests_may_share_one_turn() {
    let mut machines = [started(TurnKind::Turn), started(TurnKind::Turn)];
    for machine in &mut machines {
        feed(machine, &[message("m", "for both", None), turn_completed("completed")]);
        assert_eq!(outcome(machine).answer(), Some("for both"));
    }
}

#[test]
fn row12_a_reviewers_raw_message_is_never_completed_and_never_the_review() {
    let mut machine = started(TurnKind::Review);
    feed(
        &mut machine,
        &[
            item("started", json!({ "type": "agentMessage", "id": "raw", "text": "{\"findings\":[]}" })),
            item("completed", json!({ "type": "exitedReviewMode", "id": "x", "review": "The review." })),
            turn_completed("completed"),
        ],
    );
    assert_eq!(outcome(&machine).answer(), Some("The review."));
    assert_eq!(outcome(&machine).messages, []);
}

#[test]
fn row13_a_failed_review_tells_the_cause_and_not_the_boilerplate() {
    let boilerplate = [
        item(
            "completed",
            json!({ "type": "exitedReviewMode", "id": "x", "review": "Reviewer failed to output a response." }),
        ),
        message("m", "Review was interrupted. Please re-run /review and wait for it to complete.", None),
    ];
    let check = |before: &[ServerNotification], turn_error: Value| {
        let mut machine = started(TurnKind::Review);
        feed(&mut machine, before);
        feed(&mut machine, &boilerplate);
        feed(&mut machine, &[turn_completed_on(THREAD, TURN, "failed", turn_error)]);
        assert_eq!(failure(&machine).message, "high demand");
        assert_eq!(outcome(&machine).final_message, None);
    };
    check(&[error("high demand", false)], json!({ "message": "high demand" }));
    check(&[], json!({ "message": "high demand" }));
    check(&[error("high demand", true)], Value::Null);
}

#[test]
fn row14_d24_an_empty_answer_is_a_failure() {
    let boilerplate = [
        item(
            "completed",
            json!({ "type": "exitedReviewMode", "id": "x", "review": "Reviewer failed to output a response." }),
        ),
        message("m", "Review was interrupted. Please re-run /review and wait for it to complete.", None),
    ];
    let check = |kind: TurnKind, before: &[ServerNotification], is_success: bool| {
        let mut machine = started(kind);
        feed(&mut machine, before);
        feed(&mut machine, &[turn_completed("completed")]);
        assert_eq!(outcome(&machine).is_success(), is_success, "{kind:?}");
        if !is_success {
            assert_eq!(failure(&machine).cause, FailureCause::EmptyAnswer);
        }
    };
    check(TurnKind::Turn, &[], false);
    check(TurnKind::Turn, &[message("m", " \n\t", None)], false);
    check(TurnKind::Turn, &[message("m", "x", None)], true);
    check(TurnKind::Review, &[], false);
    // Codex calls this completed.
    check(TurnKind::Review, &boilerplate, false);
    check(TurnKind::Review, &boilerplate[1..], false);
    // Not a review: the model may say what it likes.
    check(TurnKind::Turn, &boilerplate[1..], true);
    check(TurnKind::Compact, &[], true);
}

#[test]
fn row15_d15_a_final_answer_does_not_end_the_turn() {
    let mut machine = started(TurnKind::Turn);
    feed(&mut machine, &[message("a", "Done!", Some("final_answer")), status(THREAD, "idle")]);
    assert!(machine.outcome().is_none());
    feed(&mut machine, &[command("started", "c", "inProgress", None), message("b", "Really done.", None)]);
    assert!(machine.outcome().is_none());
    feed(&mut machine, &[turn_completed("completed")]);
    assert_eq!(outcome(&machine).answer(), Some("Really done."));
}

#[test]
fn row16_a_huge_answer_is_kept_whole_and_once() {
    let text = "é".repeat(4 * 1024 * 1024);
    let mut machine = started(TurnKind::Turn);
    feed(&mut machine, &[message("m", &text, None)]);
    let items = json!([{ "type": "agentMessage", "id": "m", "text": text }]);
    let turn = json!({ "id": TURN, "status": "completed", "items": items });
    feed(&mut machine, &[notification("turn/completed", &json!({ "threadId": THREAD, "turn": turn }))]);
    assert_eq!(outcome(&machine).messages.len(), 1);
    assert_eq!(outcome(&machine).answer(), Some(text.as_str()));
}

#[test]
fn row16_deltas_are_passed_on_and_not_kept() {
    let mut machine = started(TurnKind::Turn);
    let delta =
        on(THREAD, "item/agentMessage/delta", TURN, json!({ "itemId": "m", "delta": "x".repeat(64 * 1024) }));
    for _ in 0..1_000 {
        assert_eq!(machine.notification(&delta).len(), 1);
    }
    machine.stream_ended("gone");
    assert_eq!((outcome(&machine).messages.len(), &outcome(&machine).final_message), (0, &None));
}

#[test]
fn d28_only_a_completed_turn_has_an_answer() {
    let verdict = message("m", r#"{"verdict":"approve"}"#, Some("final_answer"));
    let ends: [fn(&mut TurnMachine) -> Vec<TurnEvent>; 6] = [
        |machine| machine.notification(&turn_completed("failed")),
        |machine| machine.notification(&turn_completed("interrupted")),
        |machine| machine.notification(&turn_completed("evaporated")),
        |machine| machine.notification(&error("out of tokens", false)),
        |machine| machine.stream_ended("gone"),
        |machine| machine.expired(Expiry::Total),
    ];
    for end in ends {
        let mut machine = started(TurnKind::Turn);
        feed(&mut machine, std::slice::from_ref(&verdict));
        end(&mut machine);
        // Whatever follows changes nothing.
        feed(&mut machine, &[turn_completed("completed")]);
        assert_eq!(outcome(&machine).answer(), None);
        assert!(outcome(&machine).final_message.is_some(), "it may be shown");
        assert!(!outcome(&machine).is_success());
    }
}

#[test]
fn an_unknown_status_is_no_success() {
    let mut machine = started(TurnKind::Turn);
    feed(&mut machine, &[message("m", "fine", None), turn_completed("evaporated")]);
    assert_eq!(failure(&machine).cause, FailureCause::UnknownStatus("evaporated".into()));
}

#[test]
fn the_answer_is_taken_from_the_end_when_its_own_notification_was_lost() {
    let mut machine = started(TurnKind::Turn);
    let items = json!([{ "type": "agentMessage", "id": "m", "text": "still here" }]);
    let turn = json!({ "id": TURN, "status": "completed", "items": items });
    feed(&mut machine, &[notification("turn/completed", &json!({ "threadId": THREAD, "turn": turn }))]);
    assert_eq!(outcome(&machine).answer(), Some("still here"));
}

#[test]
fn a_thread_that_goes_away_ends_its_turn() {
    let gone = |method: &str| notification(method, &json!({ "threadId": THREAD }));
    for end in [gone("thread/closed"), gone("thread/deleted"), status(THREAD, "notLoaded")] {
        let mut machine = started(TurnKind::Turn);
        feed(&mut machine, &[end]);
        assert_eq!(failure(&machine).cause, FailureCause::ThreadClosed);
    }
}

#[test]
fn an_answer_after_the_deadline_leaves_a_turn_to_interrupt() {
    let mut machine = unstarted(TurnKind::Turn);
    machine.expired(Expiry::Total);
    assert_eq!(machine.open_turns(), []);
    machine.started(&Turn::in_progress(TURN.into()));
    assert_eq!(machine.open_turns(), [(THREAD.into(), TURN.into())]);
    assert_eq!(failure(&machine).cause, FailureCause::TotalDeadline);
}

#[test]
fn a_compaction_takes_its_id_from_turn_started() {
    let mut machine = unstarted(TurnKind::Compact);
    machine.accepted();
    feed(&mut machine, &[turn_started(THREAD, "c1", Some("c1"))]);
    assert_eq!(machine.interrupt_target().unwrap().as_str(), "c1");
    feed(&mut machine, &[turn_completed_on(THREAD, "c1", "completed", Value::Null)]);
    assert!(outcome(&machine).is_success());
}

#[test]
fn other_threads_and_turns_leave_no_trace() {
    let mut machine = started(TurnKind::Turn);
    let life = machine.activity_count();
    let stranger = |method: &str, more: Value| on("stranger", method, TURN, more);
    let text = json!({ "type": "agentMessage", "id": "s", "text": "not ours" });
    let events = feed(
        &mut machine,
        &[
            turn_started("stranger", "st", Some("st")),
            stranger("item/completed", json!({ "item": text })),
            stranger("error", json!({ "error": { "message": "x" }, "willRetry": false })),
            turn_completed_on("stranger", TURN, "completed", Value::Null),
            on(THREAD, "item/completed", "older", json!({ "item": text })),
            on(THREAD, "item/plan/delta", "older", json!({ "itemId": "p", "delta": "x" })),
            turn_completed_on(THREAD, "older", "failed", Value::Null),
        ],
    );
    assert_eq!(events, []);
    assert_eq!(machine.activity_count(), life);
    assert!(!machine.concerns(&"stranger".into()));
    feed(&mut machine, &[turn_completed("completed")]);
    assert_eq!(failure(&machine).cause, FailureCause::EmptyAnswer);
}

#[test]
fn progress_follows_the_items() {
    let mut machine = started(TurnKind::Turn);
    let tests =
        json!({ "type": "commandExecution", "id": "c", "command": "cargo test", "status": "inProgress" });
    let patch = json!({ "type": "fileChange", "id": "f", "status": "completed",
        "changes": [{ "path": "/w/a.rs", "kind": { "type": "update", "move_path": null }, "diff": "" }] });
    let usage = json!({ "tokenUsage": { "total": { "totalTokens": 9 }, "last": { "totalTokens": 4 } } });
    let limits = json!({ "rateLimits": { "primary": { "usedPercent": 12 } } });
    let events = feed(
        &mut machine,
        &[
            item("started", json!({ "type": "reasoning", "id": "r" })),
            item("completed", json!({ "type": "reasoning", "id": "r", "summary": ["Thinking"] })),
            item("started", patch.clone()),
            item("completed", patch),
            item("started", tests),
            on(THREAD, "thread/tokenUsage/updated", TURN, usage),
            notification("account/rateLimits/updated", &limits),
            notification("account/rateLimits/updated", &limits),
            notification("warning", &json!({ "threadId": THREAD, "message": "careful" })),
            notification("warning", &json!({ "threadId": THREAD, "message": "careful" })),
            message("m", "Fine.", None),
            turn_completed("completed"),
        ],
    );
    let lines: Vec<String> = events
        .iter()
        .map(|event| match event {
            TurnEvent::Phase(phase) => format!("[{phase}]"),
            TurnEvent::ItemStarted(event) | TurnEvent::ItemCompleted(event) => {
                event.line.clone().unwrap_or_else(|| format!("({} without a line)", event.kind()))
            }
            TurnEvent::TokenUsage(usage) => format!("{} tokens", usage.total.total_tokens),
            TurnEvent::RateLimits(limits) => format!("{}%", limits.primary.unwrap().used_percent),
            TurnEvent::Warning(text) => format!("warning: {text}"),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "[investigating]",
        "(reasoning without a line)",
        "Thinking",
        "[editing]",
        "Editing a.rs",
        "Edited a.rs",
        "[verifying]",
        "Running cargo test",
        "9 tokens",
        "12%",
        "warning: careful",
        "Fine.",
        "[done]",
        "Ended",
    ];
    assert_eq!(lines, expected);
    let outcome = outcome(&machine);
    assert_eq!(outcome.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["/w/a.rs"]);
    assert_eq!(
        (outcome.reasoning.as_slice(), outcome.warnings.as_slice()),
        (&["Thinking".into()][..], &["careful".into()][..])
    );
    assert_eq!(outcome.usage.as_ref().unwrap().last.total_tokens, 4);
}

#[test]
fn the_cause_is_told_with_what_led_to_it() {
    let mut machine = started(TurnKind::Turn);
    let retry = json!({ "message": "Reconnecting... 1/1", "additionalDetails": "connection reset",
        "codexErrorInfo": { "responseStreamDisconnected": { "httpStatusCode": 502 } } });
    feed(&mut machine, &[on(THREAD, "error", TURN, json!({ "error": retry, "willRetry": true }))]);
    let last = json!({ "message": "stream disconnected: connection reset", "codexErrorInfo": "other" });
    feed(&mut machine, &[on(THREAD, "error", TURN, json!({ "error": last, "willRetry": false }))]);
    assert_eq!(
        outcome(&machine).cause_chain(),
        ["stream disconnected: connection reset", "Reconnecting... 1/1"]
    );
    assert_eq!(outcome(&machine).http_status(), Some(502));
}

/// A sub-agent of the turn is at work, as multi-agent version 1 tells it.
fn with_agent() -> TurnMachine {
    let mut machine = started(TurnKind::Turn);
    let spawn = json!({ "type": "collabAgentToolCall", "id": "s", "tool": "spawnAgent", "status": "completed",
        "receiverThreadIds": [AGENT], "prompt": "Look there", "agentsStates": { AGENT: { "status": "pendingInit" } } });
    feed(&mut machine, &[item("completed", spawn)]);
    machine
}

fn agent_message(text: &str) -> ServerNotification {
    let item = json!({ "type": "agentMessage", "id": "am", "text": text, "phase": "final_answer" });
    on(AGENT, "item/completed", "at", json!({ "item": item }))
}

fn agent_work() -> ServerNotification {
    let patch = json!({ "type": "fileChange", "id": "af", "status": "completed",
        "changes": [{ "path": "/w/agent.rs", "kind": { "type": "add" }, "diff": "" }] });
    on(AGENT, "item/completed", "at", json!({ "item": patch }))
}

#[test]
fn sub_agents_never_give_the_answer_and_their_work_counts() {
    let mut machine = with_agent();
    feed(&mut machine, &[message("m", "The root's answer.", None), turn_started(AGENT, "at", Some(TURN))]);
    let life = machine.activity_count();
    feed(&mut machine, &[agent_message("The agent's answer."), agent_work()]);
    assert!(machine.activity_count() > life, "a sub-agent at work is the turn at work");
    feed(
        &mut machine,
        &[turn_completed_on(AGENT, "at", "completed", Value::Null), turn_completed("completed")],
    );
    let outcome = outcome(&machine);
    assert_eq!(outcome.answer(), Some("The root's answer."));
    assert_eq!((outcome.messages.len(), outcome.files.len()), (1, 1));
    assert_eq!(outcome.agents[0].state, SubAgentState::Completed);
}

#[test]
fn a_completed_turn_waits_for_its_sub_agents() {
    let mut machine = with_agent();
    feed(&mut machine, &[message("m", "Delegated.", None)]);
    let events = feed(&mut machine, &[turn_completed("completed")]);
    assert_eq!(events, [TurnEvent::Phase(Phase::Waiting)]);
    assert!(machine.outcome().is_none(), "it has not even begun its turn");
    feed(&mut machine, &[turn_started(AGENT, "at", Some(TURN)), agent_work()]);
    assert_eq!(machine.open_turns(), [(AGENT.into(), "at".into())]);
    let events = feed(&mut machine, &[turn_completed_on(AGENT, "at", "completed", Value::Null)]);
    assert_eq!(events, [TurnEvent::Phase(Phase::Done), TurnEvent::Ended]);
    assert_eq!(outcome(&machine).answer(), Some("Delegated."));
    assert_eq!(outcome(&machine).files.len(), 1, "what the sub-agent did after the root's end is known");
}

#[test]
fn a_turn_that_waits_for_sub_agents_always_ends() {
    let waiting = || {
        let mut machine = with_agent();
        feed(&mut machine, &[message("m", "Delegated.", None), turn_started(AGENT, "at", Some(TURN))]);
        feed(&mut machine, &[turn_completed("completed")]);
        machine
    };
    let check = |end: fn(&mut TurnMachine) -> Vec<TurnEvent>, expected: &OutcomeStatus, unfinished: usize| {
        let mut machine = waiting();
        end(&mut machine);
        assert_eq!(&outcome(&machine).status, expected);
        assert_eq!(outcome(&machine).unfinished_agents().count(), unfinished);
    };
    // The answer was whole: what did not end is told beside it.
    check(|machine| machine.expired(Expiry::Idle), &OutcomeStatus::Completed, 1);
    check(|machine| machine.expired(Expiry::Total), &OutcomeStatus::Completed, 1);
    check(|machine| machine.stream_ended("gone"), &OutcomeStatus::Completed, 1);
    check(TurnMachine::interrupt_requested, &OutcomeStatus::Interrupted, 1);
    let gone = notification("thread/closed", &json!({ "threadId": AGENT }));
    let mut machine = waiting();
    feed(&mut machine, &[gone]);
    assert!(outcome(&machine).is_success());
    let mut machine = waiting();
    feed(
        &mut machine,
        &[on(AGENT, "error", "at", json!({ "error": { "message": "x" }, "willRetry": false }))],
    );
    assert!(outcome(&machine).is_success());
    assert_eq!(outcome(&machine).agents[0].state, SubAgentState::Failed);
}

#[test]
fn a_turn_that_failed_or_was_interrupted_does_not_wait_for_its_sub_agents() {
    for end in ["failed", "interrupted"] {
        let mut machine = with_agent();
        feed(&mut machine, &[turn_started(AGENT, "at", Some(TURN)), turn_completed(end)]);
        assert!(!outcome(&machine).is_success());
        assert_eq!(
            machine.open_turns(),
            [(AGENT.into(), "at".into())],
            "the sub-agent is to be interrupted as well"
        );
        feed(&mut machine, &[turn_completed_on(AGENT, "at", "interrupted", Value::Null)]);
        assert_eq!(machine.open_turns(), []);
    }
}

#[test]
fn sub_agents_are_known_by_every_way_in_which_they_are_told() {
    let activity = |kind: &str| {
        item(
            "completed",
            json!({ "type": "subAgentActivity", "id": format!("s-{kind}"), "kind": kind,
            "agentThreadId": AGENT, "agentPath": "/main/child" }),
        )
    };
    let thread = json!({ "thread": { "id": AGENT, "parentThreadId": THREAD, "agentNickname": "Boole" } });
    let check = |told: &[ServerNotification], waits: bool| {
        let mut machine = started(TurnKind::Turn);
        feed(&mut machine, told);
        feed(&mut machine, &[message("m", "x", None), turn_completed("completed")]);
        assert!(machine.concerns(&AGENT.into()));
        assert_eq!(machine.outcome().is_none(), waits);
    };
    check(&[turn_started(AGENT, "at", Some(TURN))], true);
    check(&[activity("started")], true);
    check(&[notification("thread/started", &thread)], false);
    check(&[notification("thread/started", &thread), turn_started(AGENT, "at", None)], true);
    check(&[turn_started(AGENT, "at", Some(TURN)), activity("completed")], false);
    // A late copy does not revive it.
    let ended = turn_completed_on(AGENT, "at", "completed", Value::Null);
    check(
        &[turn_started(AGENT, "at", Some(TURN)), ended.clone(), turn_started(AGENT, "at", Some(TURN))],
        false,
    );
    // A second turn does.
    check(&[turn_started(AGENT, "at", Some(TURN)), ended, turn_started(AGENT, "at2", Some(TURN))], true);
}

#[test]
fn the_root_is_nobodys_sub_agent() {
    let mut machine = started(TurnKind::Turn);
    let call = json!({ "type": "collabAgentToolCall", "id": "s", "tool": "sendInput", "receiverThreadIds": [THREAD],
        "agentsStates": { THREAD: { "status": "running" } } });
    feed(&mut machine, &[item("completed", call), message("m", "x", None), turn_completed("completed")]);
    assert!(outcome(&machine).is_success());
    assert_eq!(outcome(&machine).agents, []);
}
