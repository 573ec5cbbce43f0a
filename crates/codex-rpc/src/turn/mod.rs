//! From notifications to the outcome of a turn, without I/O and without a clock.
//!
//! # Theory of operation
//!
//! A [`TurnMachine`] is made just before `turn/start`, `review/start` or `thread/compact/start` is sent, and is fed
//! every notification of the connection in the order of arrival, the answer to that request
//! ([`TurnMachine::started`], [`TurnMachine::accepted`], [`TurnMachine::refused`]), and what only its owner can know:
//! that the stream ended, that time ran out, that it is to be interrupted. It says what to show
//! ([`TurnEvent`]) and, once and for all, how it ended ([`TurnOutcome`]).
//!
//! A turn ends in one of these ways, whichever comes first:
//!
//! * `turn/completed` for the turn's own id: completed, interrupted or failed, by its status. A completed turn or review
//!   that said nothing has failed ([`FailureCause::EmptyAnswer`]);
//! * an `error` that Codex does not retry. `turn/completed` need not follow it (a review without a merge base);
//! * the request was refused; the stream ended; the thread was closed; a deadline passed.
//!
//! Nothing else ends it: neither a `final_answer` message (a tool call may follow), nor an idle thread, nor an error
//! that is retried.
//!
//! # Turn ids of a review
//!
//! The answer to `review/start`, the items and `turn/completed` carry one id, `turn/started` another, whose
//! `rootTurnId` is the first. `turn/interrupt` takes the first one until `turn/started` has come and only the second
//! one from then on ("expected active turn id … but found …"); seen with Codex 0.169.0.
//!
//! # Sub-agents
//!
//! A thread works for the turn if its turn names ours as `rootTurnId`, or if an item of ours says so. What it says never
//! becomes the answer; the commands it runs and the files it changes are recorded. `turn/completed` of the root does not
//! wait for sub-agents (seen with Codex 0.169.0, both multi-agent versions), and they go on changing files after it. So
//! a turn that completed stays open here until the turns of its sub-agents have ended, or until a deadline passes or the
//! stream ends. It is a completed turn even then, because its answer was whole; [`TurnOutcome::unfinished_agents`] says
//! who was still at work. A root that failed or was interrupted is not held open. Interrupting the root leaves its
//! sub-agents running: [`TurnMachine::open_turns`] names what else to interrupt.
//!
//! # Limitations
//!
//! Memory is bounded: very long turns lose their oldest messages and the tail of other lists
//! ([`TurnOutcome::omitted`]). Deltas become events and are not kept, so an interrupted message is not part of the outcome.

mod activity;
mod agents;
mod describe;
mod early;
mod event;
mod outcome;
mod record;

pub use event::{ItemEvent, Phase, TurnEvent};
pub use outcome::{
    CommandRun, FailureCause, Interruption, OutcomeStatus, SubAgent, SubAgentState, TouchedFile, TurnFailure,
    TurnOutcome,
};

use activity::Activity;
use agents::Agents;
use describe::Stage;
use early::Early;
use record::Record;

use crate::protocol::{
    CodexErrorKind, ErrorNotification, ItemNotification, RequestFailure, ServerNotification, ThreadId,
    ThreadItem, ThreadStatus, Turn, TurnError, TurnId, TurnNotification, TurnStatus,
};

/// What the review's text is when the reviewer said nothing; the turn's status is "completed" all the same
/// (seen with Codex 0.169.0).
const REVIEWER_SAID_NOTHING: &str = "Reviewer failed to output a response.";
/// The final message of such a review.
const REVIEW_WAS_INTERRUPTED: &str =
    "Review was interrupted. Please re-run /review and wait for it to complete.";

/// What was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TurnKind {
    /// `turn/start`.
    Turn,
    /// `review/start`.
    Review,
    /// `thread/compact/start`. It says nothing, and that is no failure.
    Compact,
}

/// Which deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// No activity for too long.
    Idle,
    /// Too long in all.
    Total,
}

/// Follows one turn. See the [module's documentation](self).
#[derive(Debug)]
pub struct TurnMachine {
    kind: TurnKind,
    thread: ThreadId,
    /// The server took the request.
    begun: bool,
    /// The id that items and `turn/completed` carry.
    turn: Option<TurnId>,
    /// The other id of a review, which `turn/started` reported.
    inner: Option<TurnId>,
    /// The turn may still run on the server.
    open: bool,
    /// It completed, and its sub-agents have not.
    waits_for_agents: bool,
    interrupt_requested: bool,
    interruption: Option<Interruption>,
    system_error: bool,
    activity_count: u64,
    phase: Phase,
    early: Early,
    record: Record,
    agents: Agents,
    outcome: Option<TurnOutcome>,
}

impl TurnMachine {
    /// A machine for a turn of `thread_id` that is about to be requested.
    pub fn new(thread_id: ThreadId, kind: TurnKind) -> Self {
        Self {
            kind,
            thread: thread_id,
            begun: false,
            turn: None,
            inner: None,
            open: false,
            waits_for_agents: false,
            interrupt_requested: false,
            interruption: None,
            system_error: false,
            activity_count: 0,
            phase: Phase::Starting,
            early: Early::default(),
            record: Record::default(),
            agents: Agents::default(),
            outcome: None,
        }
    }

    /// The request was answered with this turn. Notifications that came before are applied now.
    ///
    /// An answer that comes after the outcome (a deadline was faster) changes nothing but
    /// [`TurnMachine::open_turns`]: the turn runs and wants to be interrupted.
    pub fn started(&mut self, turn: &Turn) -> Vec<TurnEvent> {
        if self.begun {
            return Vec::new();
        }
        self.turn = Some(turn.id.clone());
        self.begin(matches!(turn.status, TurnStatus::Failed | TurnStatus::Interrupted).then_some(turn))
    }

    /// The request was answered without a turn, as `thread/compact/start` is. The first `turn/started` of the thread
    /// names it.
    pub fn accepted(&mut self) -> Vec<TurnEvent> {
        if self.begun { Vec::new() } else { self.begin(None) }
    }

    fn begin(&mut self, ended: Option<&Turn>) -> Vec<TurnEvent> {
        self.begun = true;
        self.open = true;
        self.activity_count += 1;
        let mut events = Vec::new();
        let (early, missed) = self.early.take();
        for notification in early {
            events.append(&mut self.notification(&notification));
        }
        if missed > 0 {
            events.push(TurnEvent::Missed { events: missed });
        }
        if let Some(turn) = ended {
            self.turn_completed(turn, &mut events);
        }
        events
    }

    /// The request was answered with an error: nothing was started.
    pub fn refused(&mut self, failure: RequestFailure) -> Vec<TurnEvent> {
        self.early.take();
        self.open = false;
        let message = failure.message.clone();
        self.fail(FailureCause::Refused(failure), message)
    }

    /// A notification, of any thread: what does not concern the turn is ignored.
    pub fn notification(&mut self, notification: &ServerNotification) -> Vec<TurnEvent> {
        let mut events = Vec::new();
        if self.begun {
            self.apply(notification, &mut events);
        } else if self.outcome.is_none()
            && notification.thread_id().is_none_or(|thread| *thread == self.thread)
        {
            self.early.push(notification);
        }
        events
    }

    /// The connection is gone; `reason` is for people.
    pub fn stream_ended(&mut self, reason: &str) -> Vec<TurnEvent> {
        self.open = false;
        self.end_early(FailureCause::StreamEnded, reason.to_owned())
    }

    /// A deadline passed. The outcome is there at once; interrupt what [`TurnMachine::open_turns`] names, and go on
    /// feeding notifications for a moment if the end of those turns is to be seen.
    pub fn expired(&mut self, expiry: Expiry) -> Vec<TurnEvent> {
        let (cause, message) = match expiry {
            Expiry::Idle => (FailureCause::IdleDeadline, "Codex gave no sign of life for too long"),
            Expiry::Total => (FailureCause::TotalDeadline, "the turn took too long"),
        };
        let known = self.record.errors.last().map(|error| match &error.additional_details {
            Some(details) => format!("{} ({details})", error.message),
            None => error.message.clone(),
        });
        let known =
            known.or(self.system_error.then(|| "Codex reported a system error on the thread".to_owned()));
        let message = known.map_or(message.to_owned(), |known| format!("{message}; last heard: {known}"));
        self.end_early(cause, message)
    }

    /// The turn is to be interrupted. Its end is still awaited; an end of the stream or a deadline now counts
    /// as the interruption.
    ///
    /// A turn that completed and waits for its sub-agents ends at once, interrupted.
    pub fn interrupt_requested(&mut self) -> Vec<TurnEvent> {
        self.interrupt_requested = true;
        self.interruption.get_or_insert(Interruption::Requested);
        let mut events = Vec::new();
        if self.waits_for_agents {
            self.finish(OutcomeStatus::Interrupted, &mut events);
        }
        events
    }

    /// The turn to name in `turn/interrupt`, while there is one to interrupt. For a review it changes: see the
    /// [module's documentation](self).
    pub fn interrupt_target(&self) -> Option<&TurnId> {
        self.inner.as_ref().or(self.turn.as_ref()).filter(|_| self.open)
    }

    /// The other id of a review, to try when the server refuses [`TurnMachine::interrupt_target`].
    pub fn other_interrupt_target(&self) -> Option<&TurnId> {
        self.inner.as_ref().and(self.turn.as_ref()).filter(|_| self.open)
    }

    /// All turns that may still run on the server, each to be interrupted on its own thread: the turn itself, and those
    /// of its sub-agents. Empty once all have ended, also after the outcome is there.
    pub fn open_turns(&self) -> Vec<(ThreadId, TurnId)> {
        let own = self.interrupt_target().map(|turn| (self.thread.clone(), turn.clone()));
        let agents = self.agents.working();
        own.into_iter()
            .chain(agents.filter_map(|agent| Some((agent.thread_id.clone(), agent.turn_id.clone()?))))
            .collect()
    }

    /// How many notifications have shown that the turn is alive. Retries do not count: against a dead endpoint they go
    /// on for ever. An idle deadline starts anew whenever this grows.
    pub fn activity_count(&self) -> u64 {
        self.activity_count
    }

    /// What the turn does now.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The thread.
    pub fn thread_id(&self) -> &ThreadId {
        &self.thread
    }

    /// The turn's id, once it is known.
    pub fn turn_id(&self) -> Option<&TurnId> {
        self.turn.as_ref()
    }

    /// Whether a thread is the turn's own or that of one of its sub-agents.
    pub fn concerns(&self, thread_id: &ThreadId) -> bool {
        *thread_id == self.thread || self.agents.contains(thread_id)
    }

    /// How the turn ended, once it has.
    pub fn outcome(&self) -> Option<&TurnOutcome> {
        self.outcome.as_ref()
    }

    /// How the turn ended; `None` if it has not.
    pub fn into_outcome(self) -> Option<TurnOutcome> {
        self.outcome
    }

    fn apply(&mut self, notification: &ServerNotification, events: &mut Vec<TurnEvent>) {
        use ServerNotification as N;
        match notification {
            N::TurnStarted(params) => self.turn_started(params),
            N::TurnCompleted(params) if params.thread_id == self.thread => {
                if self.turn.as_ref() == Some(&params.turn.id) {
                    self.activity_count += 1;
                    self.turn_completed(&params.turn, events);
                }
            }
            N::TurnCompleted(params) if self.agents.contains(&params.thread_id) => {
                self.activity_count += 1;
                self.agents.turn_ended(&params.thread_id, &params.turn.id, &params.turn.status);
            }
            N::Error(params) => self.error(params, events),
            N::ItemStarted(params) if self.is_own_or_agents(&params.thread_id, &params.turn_id) => {
                self.item(params, Stage::Started, events);
            }
            N::ItemCompleted(params) if self.is_own_or_agents(&params.thread_id, &params.turn_id) => {
                self.item(params, Stage::Completed, events);
            }
            N::AgentMessageDelta(params) if self.is_own_or_agents(&params.thread_id, &params.turn_id) => {
                self.activity_count += 1;
                if params.thread_id == self.thread && self.outcome.is_none() {
                    let (item_id, text) = (params.item_id.clone(), params.delta.clone());
                    events.push(TurnEvent::MessageDelta { item_id, text });
                }
            }
            N::ThreadTokenUsageUpdated(params)
                if self.is_own_or_agents(&params.thread_id, &params.turn_id) =>
            {
                self.activity_count += 1;
                if params.thread_id == self.thread && self.outcome.is_none() {
                    self.record.usage = Some(params.token_usage.clone());
                    events.push(TurnEvent::TokenUsage(params.token_usage.clone()));
                }
            }
            N::AccountRateLimitsUpdated(params) if self.outcome.is_none() => {
                events.extend(self.record.rate_limits(&params.rate_limits).map(TurnEvent::RateLimits));
            }
            N::ThreadStarted(params) => {
                let parent = params.thread.parent_thread_id.as_ref();
                if params.thread.id != self.thread && parent.is_some_and(|parent| self.concerns(parent)) {
                    self.agents.thread_started(&params.thread);
                }
            }
            N::ThreadStatusChanged(params) if params.thread_id == self.thread => match params.status {
                ThreadStatus::SystemError => self.system_error = true,
                ThreadStatus::NotLoaded => self.thread_closed(&params.thread_id, "unloaded", events),
                _ => {}
            },
            N::ThreadClosed(params) => self.thread_closed(&params.thread_id, "closed", events),
            N::ThreadDeleted(params) => self.thread_closed(&params.thread_id, "deleted", events),
            N::Warning(params) | N::GuardianWarning(params)
                if params.thread_id.as_ref().is_none_or(|thread| *thread == self.thread) =>
            {
                self.warn(&params.message, events);
            }
            N::ModelRerouted(params) if self.is_own(&params.thread_id, &params.turn_id) => {
                self.warn(&format!("{} answers instead of {}", params.to_model, params.from_model), events);
            }
            other => {
                self.activity_count += u64::from(match activity::of(other) {
                    Some(Activity::Turn(thread, turn)) => self.is_own_or_agents(thread, turn),
                    Some(Activity::Thread(thread)) => self.concerns(thread),
                    None => false,
                });
            }
        }
        self.settle_agents(events);
    }

    /// Whether something of the turn itself is meant.
    fn is_own(&self, thread: &ThreadId, turn: &TurnId) -> bool {
        *thread == self.thread && (self.turn.as_ref() == Some(turn) || self.inner.as_ref() == Some(turn))
    }

    fn is_own_or_agents(&self, thread: &ThreadId, turn: &TurnId) -> bool {
        self.is_own(thread, turn) || self.agents.contains(thread)
    }

    fn turn_started(&mut self, params: &TurnNotification) {
        let TurnNotification { thread_id, turn } = params;
        let root = turn.root_turn_id.as_ref();
        let works_for_us = root.is_some() && (root == self.turn.as_ref() || root == self.inner.as_ref());
        if *thread_id != self.thread {
            if works_for_us || self.agents.contains(thread_id) {
                self.agents.turn_started(thread_id, &turn.id);
                self.activity_count += 1;
            }
            return;
        }
        match &self.turn {
            None => self.turn = Some(turn.id.clone()),
            Some(own) if *own == turn.id => {}
            // Servers that tell no root: on this thread nothing else can have begun.
            Some(_) if self.kind == TurnKind::Review && (works_for_us || root.is_none()) => {
                self.inner = Some(turn.id.clone());
            }
            Some(_) => return,
        }
        self.activity_count += 1;
    }

    fn turn_completed(&mut self, turn: &Turn, events: &mut Vec<TurnEvent>) {
        self.open = false;
        if self.outcome.is_some() || self.waits_for_agents {
            return;
        }
        for item in &turn.items {
            self.keep(item, None, Stage::Completed);
        }
        let status = match &turn.status {
            TurnStatus::Completed if self.agents.any_working() && !self.interrupt_requested => {
                self.waits_for_agents = true;
                return self.enter(Phase::Waiting, events);
            }
            TurnStatus::Completed => self.completed(),
            TurnStatus::Interrupted => {
                self.interruption.get_or_insert(Interruption::Elsewhere);
                OutcomeStatus::Interrupted
            }
            TurnStatus::Failed => self.failed_by(turn.error.as_ref()),
            TurnStatus::InProgress | TurnStatus::Other(_) => {
                let status = turn.status.to_string();
                let message = format!("the turn ended with the unknown status {status:?}");
                OutcomeStatus::Failed(TurnFailure { cause: FailureCause::UnknownStatus(status), message })
            }
        };
        if let Some(error) = &turn.error {
            self.record.error(error);
        }
        self.finish(status, events);
    }

    /// What a completed turn comes to: a success, if it said what its kind must say.
    fn completed(&self) -> OutcomeStatus {
        let said_something = self.final_message().is_some_and(|text| !text.trim().is_empty());
        if said_something || self.kind == TurnKind::Compact {
            return OutcomeStatus::Completed;
        }
        let message = "Codex completed without an answer".to_owned();
        OutcomeStatus::Failed(TurnFailure { cause: FailureCause::EmptyAnswer, message })
    }

    /// A turn that Codex says has failed; the error may be missing.
    fn failed_by(&self, error: Option<&TurnError>) -> OutcomeStatus {
        let error = error.or(self.record.errors.last()).cloned();
        let error = error.unwrap_or_else(|| TurnError::new("Codex failed and gave no cause"));
        let message = error.message.clone();
        OutcomeStatus::Failed(TurnFailure { cause: FailureCause::Codex(error), message })
    }

    fn final_message(&self) -> Option<&str> {
        let review = self.record.review.as_deref().filter(|_| self.kind == TurnKind::Review);
        let text = review.or_else(|| self.record.last_message())?;
        let is_boilerplate = text == REVIEWER_SAID_NOTHING || text == REVIEW_WAS_INTERRUPTED;
        (self.kind != TurnKind::Review || !is_boilerplate).then_some(text)
    }

    fn error(&mut self, params: &ErrorNotification, events: &mut Vec<TurnEvent>) {
        let ErrorNotification { thread_id, turn_id, error, will_retry } = params;
        if !self.is_own(thread_id, turn_id) {
            if !will_retry && self.agents.contains(thread_id) {
                self.agents.turn_ended(thread_id, turn_id, &TurnStatus::Failed);
                self.warn(&format!("a sub-agent failed: {}", error.message), events);
            }
            return;
        }
        if self.outcome.is_some() || self.waits_for_agents {
            self.open &= *will_retry;
            return;
        }
        if *will_retry {
            self.record.error(error);
            let (message, details) = (error.message.clone(), error.additional_details.clone());
            events.push(TurnEvent::Retrying { message, details });
            return;
        }
        let kind = error.codex_error_info.as_ref().map(|info| &info.kind);
        if matches!(kind, Some(CodexErrorKind::ActiveTurnNotSteerable | CodexErrorKind::ThreadRollbackFailed))
        {
            return self.warn(&error.message, events);
        }
        self.open = false;
        self.record.error(error);
        let status = self.failed_by(Some(error));
        self.finish(status, events);
    }

    fn item(&mut self, params: &ItemNotification, stage: Stage, events: &mut Vec<TurnEvent>) {
        let agent = (params.thread_id != self.thread).then_some(&params.thread_id);
        let item = &params.item;
        if self.outcome.is_some() {
            return self.keep_agents(item);
        }
        let done = stage == Stage::Completed;
        let is_news = item.id().is_none_or(|id| self.record.is_news(agent, id, done));
        self.keep(item, agent, stage);
        if !is_news {
            return;
        }
        self.activity_count += 1;
        if agent.is_none()
            && !self.waits_for_agents
            && !done
            && let Some(phase) = describe::phase(item)
        {
            self.enter(phase, events);
        }
        let line = describe::line(item, stage);
        let event = ItemEvent { item: Box::new(item.clone()), agent: agent.cloned(), line };
        events.push(if done { TurnEvent::ItemCompleted(event) } else { TurnEvent::ItemStarted(event) });
    }

    /// Records what an item leaves behind.
    fn keep(&mut self, item: &ThreadItem, agent: Option<&ThreadId>, stage: Stage) {
        self.keep_agents(item);
        match item {
            ThreadItem::CommandExecution(item) => self.record.command(item, agent),
            ThreadItem::FileChange(item) => self.record.file_change(item),
            ThreadItem::AgentMessage(item) if agent.is_none() && stage == Stage::Completed => {
                self.record.message(item);
            }
            ThreadItem::Reasoning(item) if agent.is_none() && stage == Stage::Completed => {
                self.record.reasoning(item);
            }
            ThreadItem::ExitedReviewMode(item) if agent.is_none() => {
                self.record.review = Some(item.review.clone());
            }
            _ => {}
        }
    }

    fn keep_agents(&mut self, item: &ThreadItem) {
        match item {
            ThreadItem::CollabAgentToolCall(item) => self.agents.tool_call(item, &self.thread),
            ThreadItem::SubAgentActivity(item) => self.agents.activity(item, &self.thread),
            _ => {}
        }
    }

    fn warn(&mut self, text: &str, events: &mut Vec<TurnEvent>) {
        if self.outcome.is_none() && self.record.warning(text) {
            events.push(TurnEvent::Warning(text.to_owned()));
        }
    }

    fn thread_closed(&mut self, thread: &ThreadId, how: &str, events: &mut Vec<TurnEvent>) {
        if *thread == self.thread {
            self.open = false;
            let message = format!("the thread was {how} while the turn ran");
            events.append(&mut self.end_early(FailureCause::ThreadClosed, message));
        } else if self.agents.contains(thread) {
            self.agents.thread_closed(thread);
        }
    }

    /// Ends a completed turn whose sub-agents have ended as well.
    fn settle_agents(&mut self, events: &mut Vec<TurnEvent>) {
        if self.waits_for_agents && self.outcome.is_none() && !self.agents.any_working() {
            let status = self.completed();
            self.finish(status, events);
        }
    }

    /// Ends the turn although Codex did not say so.
    fn end_early(&mut self, cause: FailureCause, message: String) -> Vec<TurnEvent> {
        if self.waits_for_agents && self.outcome.is_none() {
            let (status, mut events) = (self.completed(), Vec::new());
            self.finish(status, &mut events);
            return events;
        }
        if self.interrupt_requested {
            let mut events = Vec::new();
            self.interruption = Some(Interruption::Unconfirmed(message));
            self.finish(OutcomeStatus::Interrupted, &mut events);
            return events;
        }
        self.fail(cause, message)
    }

    fn fail(&mut self, cause: FailureCause, message: String) -> Vec<TurnEvent> {
        let mut events = Vec::new();
        self.finish(OutcomeStatus::Failed(TurnFailure { cause, message }), &mut events);
        events
    }

    fn enter(&mut self, phase: Phase, events: &mut Vec<TurnEvent>) {
        if self.phase != phase {
            self.phase = phase;
            events.push(TurnEvent::Phase(phase));
        }
    }

    /// Sets the outcome, unless it is set.
    fn finish(&mut self, status: OutcomeStatus, events: &mut Vec<TurnEvent>) {
        if self.outcome.is_some() {
            return;
        }
        self.enter(
            match status {
                OutcomeStatus::Completed => Phase::Done,
                OutcomeStatus::Interrupted => Phase::Cancelled,
                OutcomeStatus::Failed(_) => Phase::Failed,
            },
            events,
        );
        let final_message = self.final_message().map(str::to_owned);
        let mut record = std::mem::take(&mut self.record);
        self.outcome = Some(TurnOutcome {
            kind: self.kind,
            thread_id: self.thread.clone(),
            turn_id: self.turn.clone(),
            interruption: self.interruption.take().filter(|_| status == OutcomeStatus::Interrupted),
            status,
            final_message,
            reasoning: record.take_reasoning(),
            messages: record.messages.into(),
            files: record.files,
            commands: record.commands,
            usage: record.usage,
            errors: record.errors,
            warnings: record.warnings,
            rate_limits: record.rate_limits,
            agents: self.agents.snapshot(),
            omitted: record.omitted + self.agents.omitted,
        });
        events.push(TurnEvent::Ended);
    }
}
