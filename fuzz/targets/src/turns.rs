//! The turn machine: its promises hold in any order of events, and without sub-agents it ends as a small model does.

use codex_rpc::protocol::{error::*, item::*, notification::*, thread::*, turn::*, *};
use codex_rpc::turn::*;
use serde_json::{Value, json};

use crate::turn_model::{Step, check};

const THREADS: [&str; 4] = ["root", "agent", "agent2", "stranger"];
const TURNS: [&str; 3] = ["t1", "t2", "t3"];
const STATUSES: [&str; 5] = ["completed", "interrupted", "failed", "inProgress", "odd"];
const TEXTS: [&str; 5] = [
    "",
    " ",
    "fine",
    "Reviewer failed to output a response.",
    "Review was interrupted. Please re-run /review and wait for it to complete.",
];
const PHASES: [Option<&str>; 4] = [None, Some("final_answer"), Some("commentary"), Some("partial_answer")];

/// The first byte is the kind of turn; each three more are an event.
///
/// # Panics
/// When a promise is broken, or the model ends otherwise.
pub fn turns(data: &[u8]) {
    let [kind, events @ ..] = data else { return };
    let kinds = [TurnKind::Turn, TurnKind::Review, TurnKind::Compact];
    let kind = kinds[usize::from(kind % 3)];
    let steps: Vec<Step> =
        events.chunks_exact(3).take(200).map(|event| step([event[0], event[1], event[2]])).collect();
    let root = ThreadId::from("root");
    check(kind, &root, &steps);
    if !steps.iter().any(is_of_agents) {
        compare(kind, &root, &steps);
    }
}

/// One event.
fn step([what, first, second]: [u8; 3]) -> Step {
    let pick = |from: &[&'static str], number: u8| from[usize::from(number) % from.len()];
    let (thread, turn) = (pick(&THREADS, first), pick(&TURNS, first / 4));
    let (text, phase) = (pick(&TEXTS, second), PHASES[usize::from(second / 5) % PHASES.len()]);
    let item = |item: Value| {
        let method = if second & 128 == 0 { "item/completed" } else { "item/started" };
        notification(method, &json!({ "threadId": thread, "turnId": turn, "item": item }))
    };
    let id = format!("i{}", first / 12 % 4);
    let root = [None, Some("t1"), Some("t2"), Some("t3")][usize::from(second % 4)];
    match what % 24 {
        0 | 1 => Step::Started(Turn::in_progress(turn.into())),
        2 => Step::Started(turn_of(&json!({ "id": turn, "status": pick(&STATUSES, second) }))),
        3 => Step::Accepted,
        4 => Step::Refused,
        5 => Step::StreamEnded,
        6 => Step::Expired(if first & 1 == 0 { Expiry::Idle } else { Expiry::Total }),
        7 => Step::InterruptRequested,
        8 | 9 => {
            let status = pick(&STATUSES, second);
            let item = json!({ "type": "agentMessage", "id": id, "text": pick(&TEXTS, second / 5) });
            let items = if second & 64 == 0 { json!([]) } else { json!([item]) };
            let turn = json!({ "id": turn, "status": status, "items": items });
            notification("turn/completed", &json!({ "threadId": thread, "turn": turn }))
        }
        10 | 11 => notification(
            "turn/started",
            &json!({ "threadId": thread, "turn": { "id": turn, "rootTurnId": root } }),
        ),
        12 => notification(
            "error",
            &json!({ "threadId": thread, "turnId": turn, "error": { "message": text }, "willRetry": second & 1 == 0 }),
        ),
        13 => {
            let status = ["idle", "active", "systemError", "notLoaded", "odd"][usize::from(second % 5)];
            notification(
                "thread/status/changed",
                &json!({ "threadId": thread, "status": { "type": status } }),
            )
        }
        14 => notification(
            if second & 1 == 0 { "thread/closed" } else { "thread/deleted" },
            &json!({ "threadId": thread }),
        ),
        15 => notification("warning", &json!({ "threadId": thread, "message": text })),
        16 | 17 => item(json!({ "type": "agentMessage", "id": id, "text": text, "phase": phase })),
        18 => item(json!({ "type": "exitedReviewMode", "id": id, "review": text })),
        19 => item(
            json!({ "type": "commandExecution", "id": id, "command": "make", "status": pick(&STATUSES, second) }),
        ),
        20 => notification(
            "item/agentMessage/delta",
            &json!({ "threadId": thread, "turnId": turn, "itemId": id, "delta": text }),
        ),
        21 => item(
            json!({ "type": "collabAgentToolCall", "id": id, "tool": "spawnAgent", "receiverThreadIds": [pick(&THREADS, second)],
            "agentsStates": { pick(&THREADS, second / 4): { "status": pick(&["running", "completed", "errored"], second / 16) } } }),
        ),
        22 => item(
            json!({ "type": "subAgentActivity", "id": id, "kind": pick(&["started", "completed", "interrupted"], second / 4),
            "agentThreadId": pick(&THREADS, second), "agentPath": "/a" }),
        ),
        _ => notification(
            "thread/started",
            &json!({ "thread": { "id": thread, "parentThreadId": pick(&THREADS, second) } }),
        ),
    }
}

fn notification(method: &str, params: &Value) -> Step {
    let parsed = ServerNotification::parse(method, Some(params.to_string().as_bytes()));
    Step::Notification(parsed.unwrap_or_else(|error| panic!("{error}: {}: {params}", error.cause)))
}

fn turn_of(json: &Value) -> Turn {
    let params = json!({ "threadId": "root", "turn": json });
    match notification("turn/started", &params) {
        Step::Notification(ServerNotification::TurnStarted(params)) => params.turn,
        other => panic!("{other:?}"),
    }
}

/// Whether sub-agents come into play, of which the model knows nothing.
fn is_of_agents(step: &Step) -> bool {
    use ServerNotification as N;
    match step {
        Step::Notification(N::ThreadStarted(_)) => true,
        Step::Notification(N::TurnStarted(params)) => params.thread_id.as_str() != "root",
        Step::Notification(N::ItemStarted(params) | N::ItemCompleted(params)) => {
            matches!(params.item, ThreadItem::CollabAgentToolCall(_) | ThreadItem::SubAgentActivity(_))
        }
        _ => false,
    }
}

/// How a turn ended, coarsely.
#[derive(Debug, Clone, PartialEq)]
enum End {
    Success(Option<String>),
    Interrupted,
    Failed(&'static str),
}

/// The rules of the module's documentation once more, for a turn without sub-agents.
#[derive(Default)]
struct Model {
    begun: bool,
    own: Option<String>,
    inner: Option<String>,
    early: Vec<ServerNotification>,
    interrupted: bool,
    /// Messages by their ids, and whether each is said along the way.
    messages: Vec<(String, String, bool)>,
    review: Option<String>,
    end: Option<End>,
}

impl Model {
    fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    fn end_early(&mut self, why: &'static str) {
        self.end(if self.interrupted { End::Interrupted } else { End::Failed(why) });
    }

    fn take(&mut self, kind: TurnKind, step: &Step) {
        match step {
            Step::Notification(notification) if self.begun => self.apply(kind, notification),
            Step::Notification(notification) => {
                // A thread that was unloaded before its turn is loaded for it.
                let harmless = matches!(notification, ServerNotification::ThreadStatusChanged(_));
                if self.end.is_none() && !harmless {
                    self.early.push(notification.clone());
                }
            }
            Step::Started(turn) if !self.begun => {
                self.own = Some(turn.id.as_str().to_owned());
                self.begin(kind);
                if matches!(turn.status, TurnStatus::Failed | TurnStatus::Interrupted) {
                    self.completed(kind, turn);
                }
            }
            Step::Accepted if !self.begun => self.begin(kind),
            Step::Started(_) | Step::Accepted => {}
            Step::Refused => {
                self.early.clear();
                self.end(End::Failed("refused"));
            }
            Step::StreamEnded => self.end_early("stream"),
            Step::Expired(Expiry::Idle) => self.end_early("idle"),
            Step::Expired(Expiry::Total) => self.end_early("total"),
            Step::InterruptRequested => self.interrupted = true,
        }
    }

    fn begin(&mut self, kind: TurnKind) {
        self.begun = true;
        for notification in std::mem::take(&mut self.early) {
            self.apply(kind, &notification);
        }
    }

    fn apply(&mut self, kind: TurnKind, notification: &ServerNotification) {
        use ServerNotification as N;
        if self.end.is_some() || notification.thread_id().is_none_or(|thread| thread.as_str() != "root") {
            return;
        }
        let is_own = |turn: &TurnId| {
            let turn = Some(turn.as_str());
            turn == self.own.as_deref() || turn == self.inner.as_deref()
        };
        match notification {
            N::TurnStarted(params) => {
                let (id, root) = (&params.turn.id, params.turn.root_turn_id.as_ref().map(TurnId::as_str));
                match &self.own {
                    None => self.own = Some(id.as_str().to_owned()),
                    Some(own) if own == id.as_str() || kind != TurnKind::Review => {}
                    Some(own)
                        if root.is_none_or(|root| root == own || Some(root) == self.inner.as_deref()) =>
                    {
                        self.inner = Some(id.as_str().to_owned());
                    }
                    Some(_) => {}
                }
            }
            N::TurnCompleted(params) if self.own.as_deref() == Some(params.turn.id.as_str()) => {
                self.completed(kind, &params.turn);
            }
            N::Error(params) if is_own(&params.turn_id) && !params.will_retry => {
                self.end(End::Failed("codex"));
            }
            N::ThreadClosed(_) | N::ThreadDeleted(_) => self.end_early("closed"),
            N::ThreadStatusChanged(params) if params.status == ThreadStatus::NotLoaded => {
                self.end_early("closed");
            }
            N::ItemCompleted(params) if is_own(&params.turn_id) => self.item(&params.item, true),
            N::ItemStarted(params) if is_own(&params.turn_id) => self.item(&params.item, false),
            _ => {}
        }
    }

    fn item(&mut self, item: &ThreadItem, done: bool) {
        match item {
            ThreadItem::AgentMessage(item) if done => {
                let aside =
                    matches!(item.phase, Some(MessagePhase::Commentary | MessagePhase::PartialAnswer));
                let message = (item.id.as_str().to_owned(), item.text.clone(), aside);
                match self.messages.iter_mut().find(|known| known.0 == message.0) {
                    Some(known) => *known = message,
                    None => self.messages.push(message),
                }
            }
            ThreadItem::ExitedReviewMode(item) => self.review = Some(item.review.clone()),
            _ => {}
        }
    }

    fn completed(&mut self, kind: TurnKind, turn: &Turn) {
        if self.end.is_some() {
            return;
        }
        turn.items.iter().for_each(|item| self.item(item, true));
        let said = self.said(kind);
        let spoke = said.as_ref().is_some_and(|text| !text.trim().is_empty());
        self.end(match turn.status {
            TurnStatus::Completed if spoke || kind == TurnKind::Compact => End::Success(said),
            TurnStatus::Completed => End::Failed("empty"),
            TurnStatus::Interrupted => End::Interrupted,
            TurnStatus::Failed => End::Failed("codex"),
            _ => End::Failed("unknown"),
        });
    }

    /// The answer: a review's text, else the last message that is not said along the way, else the last one.
    fn said(&self, kind: TurnKind) -> Option<String> {
        let answer = self.messages.iter().rev().find(|message| !message.2).or(self.messages.last());
        let message = answer.map(|message| &message.1);
        let is_review = kind == TurnKind::Review;
        let text = self.review.as_ref().filter(|_| is_review).or(message)?;
        (!is_review || !TEXTS[3..].contains(&text.as_str())).then(|| text.clone())
    }
}

fn compare(kind: TurnKind, root: &ThreadId, steps: &[Step]) {
    let (mut machine, mut model) = (TurnMachine::new(root.clone(), kind), Model::default());
    for step in steps {
        let _events = match step {
            Step::Notification(notification) => machine.notification(notification),
            Step::Started(turn) => machine.started(turn),
            Step::Accepted => machine.accepted(),
            Step::Refused => machine.refused(RequestFailure::new(-32600, "no")),
            Step::StreamEnded => machine.stream_ended("gone"),
            Step::Expired(expiry) => machine.expired(*expiry),
            Step::InterruptRequested => machine.interrupt_requested(),
        };
        model.take(kind, step);
        let ended = machine.outcome().map(|outcome| match &outcome.status {
            OutcomeStatus::Completed => End::Success(outcome.answer().map(str::to_owned)),
            OutcomeStatus::Interrupted => End::Interrupted,
            OutcomeStatus::Failed(failure) => End::Failed(match failure.cause {
                FailureCause::Refused(_) => "refused",
                FailureCause::Codex(_) => "codex",
                FailureCause::EmptyAnswer => "empty",
                FailureCause::IdleDeadline => "idle",
                FailureCause::TotalDeadline => "total",
                FailureCause::StreamEnded => "stream",
                FailureCause::ThreadClosed => "closed",
                FailureCause::UnknownStatus(_) => "unknown",
                _ => "new",
            }),
        });
        assert_eq!(ended, model.end, "{kind:?} after {step:?} of {steps:?}");
    }
}
