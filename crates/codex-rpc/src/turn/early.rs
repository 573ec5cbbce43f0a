//! Notifications that come before the answer to the request that started the turn.

use std::collections::VecDeque;

use crate::protocol::{ServerNotification, ThreadItem, ThreadStatus};

/// More than these are a flood: of what comes then, only the ends of turns are kept.
const MAX_KEPT: usize = 1024;
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How many ends of turns are kept on top of that.
const MAX_ENDS: usize = 16;

/// Keeps early notifications in order, within bounds.
#[derive(Debug, Default)]
pub(super) struct Early {
    kept: VecDeque<ServerNotification>,
    bytes: usize,
    ends: usize,
    /// Deltas of messages that did not fit.
    missed: usize,
}

impl Early {
    pub(super) fn push(&mut self, notification: &ServerNotification) {
        if is_droppable(notification) || self.join(notification) {
            return;
        }
        let is_end =
            matches!(notification, ServerNotification::TurnCompleted(_) | ServerNotification::Error(_));
        let bytes = text_bytes(notification);
        let fits = self.kept.len() - self.ends < MAX_KEPT && self.bytes + bytes <= MAX_BYTES;
        if is_end && self.ends < MAX_ENDS {
            self.ends += 1;
        } else if !fits {
            self.missed += usize::from(matches!(notification, ServerNotification::AgentMessageDelta(_)));
            return;
        } else {
            self.bytes += bytes;
        }
        self.kept.push_back(notification.clone());
    }

    /// Appends a delta to the one before it, if both are of the same item.
    fn join(&mut self, notification: &ServerNotification) -> bool {
        let (Some(ServerNotification::AgentMessageDelta(last)), ServerNotification::AgentMessageDelta(next)) =
            (self.kept.back_mut(), notification)
        else {
            return false;
        };
        let same = (&last.thread_id, &last.turn_id, &last.item_id)
            == (&next.thread_id, &next.turn_id, &next.item_id);
        if !same || self.bytes + next.delta.len() > MAX_BYTES {
            return false;
        }
        last.delta.push_str(&next.delta);
        self.bytes += next.delta.len();
        true
    }

    /// What was kept, and how many deltas of messages were not.
    pub(super) fn take(&mut self) -> (VecDeque<ServerNotification>, usize) {
        let early = std::mem::take(self);
        (early.kept, early.missed)
    }
}

/// What leaves no trace in the outcome.
fn is_droppable(notification: &ServerNotification) -> bool {
    if let ServerNotification::ThreadStatusChanged(params) = notification {
        // What a thread did before its turn says nothing about the turn; what breaks it does.
        return params.status != ThreadStatus::SystemError;
    }
    matches!(
        notification,
        ServerNotification::PlanDelta(_)
            | ServerNotification::CommandOutputDelta(_)
            | ServerNotification::FileChangeOutputDelta(_)
            | ServerNotification::ReasoningSummaryDelta(_)
            | ServerNotification::ReasoningTextDelta(_)
            | ServerNotification::TurnDiffUpdated(_)
            | ServerNotification::FileChangePatchUpdated(_)
            | ServerNotification::Other { .. }
    )
}

/// The bytes of the texts that a notification may be long by.
fn text_bytes(notification: &ServerNotification) -> usize {
    match notification {
        ServerNotification::ItemStarted(params) | ServerNotification::ItemCompleted(params) => {
            item_bytes(&params.item)
        }
        ServerNotification::TurnCompleted(params) => params.turn.items.iter().map(item_bytes).sum(),
        ServerNotification::AgentMessageDelta(params) => params.delta.len(),
        _ => 0,
    }
}

pub(super) fn item_bytes(item: &ThreadItem) -> usize {
    match item {
        ThreadItem::AgentMessage(item) => item.text.len(),
        ThreadItem::UserMessage(item) => item.text.len(),
        ThreadItem::EnteredReviewMode(item) | ThreadItem::ExitedReviewMode(item) => item.review.len(),
        ThreadItem::CommandExecution(item) => item.aggregated_output.as_ref().map_or(0, String::len),
        ThreadItem::FileChange(item) => item.changes.iter().map(|change| change.diff.len()).sum(),
        ThreadItem::Other(item) => item.raw.get().len(),
        _ => 0,
    }
}
