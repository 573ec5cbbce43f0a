//! Which notifications show that a turn is alive.

use crate::protocol::{ServerNotification, ThreadId, TurnId};

/// What a notification that only shows life is about.
pub(super) enum Activity<'a> {
    /// One turn.
    Turn(&'a ThreadId, &'a TurnId),
    /// Any turn of a thread.
    Thread(&'a ThreadId),
}

/// The activity in a notification that has no other use; `None` if it is none. Retries, statuses and warnings are
/// none: they come from the server, not from the turn's progress.
pub(super) fn of(notification: &ServerNotification) -> Option<Activity<'_>> {
    use ServerNotification as N;
    Some(match notification {
        N::PlanDelta(p)
        | N::CommandOutputDelta(p)
        | N::FileChangeOutputDelta(p)
        | N::ReasoningSummaryDelta(p)
        | N::ReasoningTextDelta(p) => Activity::Turn(&p.thread_id, &p.turn_id),
        N::ReasoningSummaryPartAdded(p) | N::TerminalInteraction(p) => {
            Activity::Turn(&p.thread_id, &p.turn_id)
        }
        N::FileChangePatchUpdated(p) => Activity::Turn(&p.thread_id, &p.turn_id),
        N::McpToolCallProgress(p) => Activity::Turn(&p.thread_id, &p.turn_id),
        N::TurnDiffUpdated(p) => Activity::Turn(&p.thread_id, &p.turn_id),
        N::TurnPlanUpdated(p) => Activity::Turn(&p.thread_id, &p.turn_id),
        N::AuthRecoveryStarted(p) | N::AuthRecoveryCompleted(p) => Activity::Turn(&p.thread_id, &p.turn_id),
        N::HookStarted(p) | N::HookCompleted(p) => match &p.turn_id {
            Some(turn_id) => Activity::Turn(&p.thread_id, turn_id),
            None => Activity::Thread(&p.thread_id),
        },
        N::ServerRequestResolved(p) => Activity::Thread(&p.thread_id),
        N::Other { method, thread_id: Some(thread), .. }
            if method.starts_with("item/") || method.starts_with("turn/") =>
        {
            Activity::Thread(thread)
        }
        _ => return None,
    })
}
