//! Which other threads work for the turn, and whether they still do.

use codex_base::text::one_line;

use crate::protocol::{
    CollabAgentStatus, CollabAgentToolCallItem, SubAgentActivityItem, SubAgentActivityKind, Thread, ThreadId,
    TurnId, TurnStatus,
};

use super::{ItemEvent, SubAgent, SubAgentState};

/// More sub-agents than this are counted and not followed.
const MAX_AGENTS: usize = 256;

/// The sub-agents of a turn.
#[derive(Debug, Default)]
pub(super) struct Agents {
    list: Vec<Entry>,
    pub(super) omitted: usize,
}

#[derive(Debug)]
struct Entry {
    agent: SubAgent,
    /// The turn that ended last: a late copy of its `turn/started` must not revive it.
    ended: Option<TurnId>,
}

impl Agents {
    pub(super) fn contains(&self, thread: &ThreadId) -> bool {
        self.list.iter().any(|entry| entry.agent.thread_id == *thread)
    }

    pub(super) fn any_working(&self) -> bool {
        self.working().next().is_some()
    }

    pub(super) fn working(&self) -> impl Iterator<Item = &SubAgent> {
        self.list.iter().map(|entry| &entry.agent).filter(|agent| agent.state == SubAgentState::Working)
    }

    pub(super) fn snapshot(&self) -> Vec<SubAgent> {
        self.list.iter().map(|entry| entry.agent.clone()).collect()
    }

    fn entry(&mut self, thread: &ThreadId) -> Option<&mut Entry> {
        if let Some(known) = self.list.iter().position(|entry| entry.agent.thread_id == *thread) {
            return self.list.get_mut(known);
        }
        if self.list.len() >= MAX_AGENTS {
            self.omitted += 1;
            return None;
        }
        let agent =
            SubAgent { thread_id: thread.clone(), turn_id: None, name: None, state: SubAgentState::Resting };
        self.list.push(Entry { agent, ended: None });
        self.list.last_mut()
    }

    /// A thread says itself whose sub-agent it is.
    pub(super) fn thread_started(&mut self, thread: &Thread) {
        if let Some(entry) = self.entry(&thread.id)
            && let Some(nickname) = &thread.agent_nickname
        {
            entry.agent.name = Some(one_line(nickname, ItemEvent::MAX_CHARS));
        }
    }

    pub(super) fn turn_started(&mut self, thread: &ThreadId, turn: &TurnId) {
        if let Some(entry) = self.entry(thread)
            && entry.ended.as_ref() != Some(turn)
        {
            entry.agent.turn_id = Some(turn.clone());
            entry.agent.state = SubAgentState::Working;
        }
    }

    pub(super) fn turn_ended(&mut self, thread: &ThreadId, turn: &TurnId, status: &TurnStatus) {
        let state = match status {
            TurnStatus::Completed => SubAgentState::Completed,
            TurnStatus::Interrupted => SubAgentState::Interrupted,
            _ => SubAgentState::Failed,
        };
        if let Some(entry) = self.entry(thread) {
            entry.ended = Some(turn.clone());
            if entry.agent.turn_id.as_ref().is_none_or(|latest| latest == turn) {
                entry.agent.turn_id = Some(turn.clone());
                entry.agent.state = state;
            }
        }
    }

    pub(super) fn thread_closed(&mut self, thread: &ThreadId) {
        self.settle(thread, SubAgentState::Interrupted);
    }

    /// A call that starts, feeds, awaits or ends sub-agents: what it says about them.
    ///
    /// A sub-agent may name its parent too, which is `root` or a sub-agent itself: the root is not a sub-agent.
    pub(super) fn tool_call(&mut self, item: &CollabAgentToolCallItem, root: &ThreadId) {
        for thread in item.receiver_thread_ids.iter().filter(|thread| *thread != root) {
            self.entry(thread);
        }
        for (thread, state) in item.agents_states.iter().filter(|(thread, _)| *thread != root) {
            match state.status {
                CollabAgentStatus::PendingInit | CollabAgentStatus::Running => self.begin(thread),
                CollabAgentStatus::Completed => self.settle(thread, SubAgentState::Completed),
                CollabAgentStatus::Errored => self.settle(thread, SubAgentState::Failed),
                CollabAgentStatus::Interrupted
                | CollabAgentStatus::Shutdown
                | CollabAgentStatus::NotFound => {
                    self.settle(thread, SubAgentState::Interrupted);
                }
                CollabAgentStatus::Other(_) => {}
            }
        }
    }

    /// What a sub-agent did, as reported on its parent's thread.
    pub(super) fn activity(&mut self, item: &SubAgentActivityItem, root: &ThreadId) {
        if item.agent_thread_id == *root {
            return;
        }
        match item.kind {
            SubAgentActivityKind::Started => self.begin(&item.agent_thread_id),
            SubAgentActivityKind::Completed => self.settle(&item.agent_thread_id, SubAgentState::Completed),
            SubAgentActivityKind::Interrupted => {
                self.settle(&item.agent_thread_id, SubAgentState::Interrupted);
            }
            SubAgentActivityKind::Interacted | SubAgentActivityKind::Other(_) => {}
        }
        if let Some(entry) = self.entry(&item.agent_thread_id)
            && entry.agent.name.is_none()
            && !item.agent_path.is_empty()
        {
            entry.agent.name = Some(one_line(&item.agent_path, ItemEvent::MAX_CHARS));
        }
    }

    /// It was given work and is not known to have ended any.
    fn begin(&mut self, thread: &ThreadId) {
        if let Some(entry) = self.entry(thread)
            && entry.agent.state == SubAgentState::Resting
        {
            entry.agent.state = SubAgentState::Working;
        }
    }

    /// It has ended what it did.
    fn settle(&mut self, thread: &ThreadId, state: SubAgentState) {
        if let Some(entry) = self.entry(thread)
            && matches!(entry.agent.state, SubAgentState::Working | SubAgentState::Resting)
        {
            entry.ended.clone_from(&entry.agent.turn_id);
            entry.agent.state = state;
        }
    }
}
