//! The threads of the server: their owners and their turns.

use std::collections::{HashMap, VecDeque};

use super::ClientId;
use crate::conventions::NamedTurn;
use crate::trace::event;

/// The largest number of idle threads without an owner that are remembered.
const MAX_IDLE: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Thread {
    pub(super) owner: Option<ClientId>,
    pub(super) watchers: Vec<ClientId>,
    /// The root thread, if this is a sub-agent's thread.
    pub(super) root: Option<Box<str>>,
    /// The active turn, from the server's notifications.
    pub(super) running: Option<String>,
    /// The last turn that ended.
    pub(super) ended: Option<String>,
    pub(super) stream: Option<Stream>,
}

/// A turn that a client requested.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) client: ClientId,
    /// The router's id of the request.
    pub(super) request: u64,
    pub(super) answered: bool,
    /// Its ids: a review has two.
    pub(super) turns: Vec<String>,
}

impl Thread {
    fn is_idle(&self) -> bool {
        self.owner.is_none() && self.watchers.is_empty() && self.running.is_none() && self.stream.is_none()
    }

    /// Returns the ids of the active turns, the one that the client knows first.
    pub(super) fn turns(&self) -> Vec<&str> {
        let mut turns: Vec<&str> =
            self.stream.iter().flat_map(|stream| &stream.turns).map(String::as_str).collect();
        if let Some(running) = self.running.as_deref().filter(|running| !turns.contains(running)) {
            turns.push(running);
        }
        turns
    }
}

/// The threads of one server.
#[derive(Debug, Default)]
pub(super) struct Threads {
    map: HashMap<Box<str>, Thread>,
    active: usize,
    running: usize,
    /// Idle threads without an owner, the oldest first.
    idle: VecDeque<Box<str>>,
}

impl Threads {
    pub(super) fn get(&self, thread: &str) -> Option<&Thread> {
        self.map.get(thread)
    }

    /// The number of active turns that clients requested.
    pub(super) fn active(&self) -> usize {
        self.active
    }

    pub(super) fn any_running(&self) -> bool {
        self.active > 0 || self.running > 0
    }

    pub(super) fn owned(&self) -> usize {
        self.map.values().filter(|thread| thread.owner.is_some()).count()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Thread)> {
        self.map.iter().map(|(id, thread)| (&**id, thread))
    }

    /// Whether another client owns the thread.
    pub(super) fn is_foreign(&self, thread: &str, client: ClientId) -> bool {
        self.map.get(thread).and_then(|thread| thread.owner).is_some_and(|owner| owner != client)
    }

    /// Makes a client the owner of a thread and of its sub-agents' threads. Returns whether it had no owner before.
    pub(super) fn own(&mut self, thread: &str, client: ClientId) -> bool {
        let entry = self.map.entry(thread.into()).or_default();
        let fresh = entry.owner.is_none();
        if entry.owner != Some(client) {
            event!(DEBUG, thread, client = client.number(), "thread owner changed");
        }
        entry.owner = Some(client);
        self.spread(thread);
        fresh
    }

    /// Adds a thread without an owner.
    pub(super) fn unowned(&mut self, thread: &str) {
        self.map.entry(thread.into()).or_default();
        self.note_idle(thread);
    }

    /// Removes the owner of a thread and of its sub-agents' threads.
    pub(super) fn disown(&mut self, thread: &str) {
        if let Some(entry) = self.map.get_mut(thread) {
            event!(DEBUG, thread, "thread owner removed");
            entry.owner = None;
            self.spread(thread);
            self.note_idle(thread);
        }
    }

    /// Copies the owner and the watchers of a thread to its sub-agents' threads.
    fn spread(&mut self, root: &str) {
        let Some(entry) = self.map.get(root) else { return };
        let (owner, watchers) = (entry.owner, entry.watchers.clone());
        let mut idle = Vec::new();
        for (id, thread) in &mut self.map {
            if thread.root.as_deref() == Some(root) {
                thread.owner = owner;
                thread.watchers.clone_from(&watchers);
                if thread.is_idle() {
                    idle.push(id.clone());
                }
            }
        }
        self.idle.extend(idle);
        self.trim();
    }

    /// Adds a sub-agent's thread. Returns false if the thread is known already, or its parent is not.
    pub(super) fn attribute(&mut self, thread: &str, parent: &str) -> bool {
        if thread == parent || self.map.contains_key(thread) {
            return false;
        }
        let Some(known) = self.map.get(parent) else { return false };
        let root: Box<str> = known.root.clone().unwrap_or_else(|| parent.into());
        let top = self.map.get(&root).unwrap_or(known);
        let entry = Thread {
            owner: top.owner,
            watchers: top.watchers.clone(),
            root: Some(root),
            ..Thread::default()
        };
        let is_idle = entry.is_idle();
        self.map.insert(thread.into(), entry);
        if is_idle {
            self.idle.push_back(thread.into());
            self.trim();
        }
        true
    }

    /// Returns the thread on which this turn is active, or was the last to end.
    pub(super) fn of_turn(&self, turn: &str) -> Option<Box<str>> {
        let found = self
            .map
            .iter()
            .find(|(_, thread)| thread.ended.as_deref() == Some(turn) || thread.turns().contains(&turn));
        found.map(|(id, _)| id.clone())
    }

    pub(super) fn watch(&mut self, thread: &str, client: ClientId, watch: bool) -> bool {
        let root = match self.map.get(thread) {
            Some(entry) => entry.root.clone().unwrap_or_else(|| thread.into()),
            None => return false,
        };
        let Some(entry) = self.map.get_mut(&root) else { return false };
        entry.watchers.retain(|watcher| *watcher != client);
        if watch {
            entry.watchers.push(client);
        }
        self.spread(&root);
        self.note_idle(&root);
        true
    }

    /// Returns the threads that a client owns, and those that it watches.
    pub(super) fn of_client(&self, client: ClientId) -> (Vec<Box<str>>, Vec<Box<str>>) {
        let owned = self.map.iter().filter(|(_, thread)| thread.owner == Some(client));
        let watched = self.map.iter().filter(|(_, thread)| thread.watchers.contains(&client));
        let (mut owned, mut watched): (Vec<_>, Vec<_>) =
            (owned.map(|(id, _)| id.clone()).collect(), watched.map(|(id, _)| id.clone()).collect());
        owned.sort_unstable();
        watched.sort_unstable();
        (owned, watched)
    }

    /// Adds a turn that a client requested.
    pub(super) fn begin(&mut self, thread: &str, client: ClientId, request: u64) {
        let entry = self.map.entry(thread.into()).or_default();
        let stream = Stream { client, request, answered: false, turns: Vec::new() };
        if entry.stream.replace(stream).is_none() {
            self.active += 1;
        }
    }

    /// Handles the result of a request for a turn. Returns whether the turn is still active.
    pub(super) fn answered(&mut self, thread: &str, request: u64, turn: Option<String>) -> bool {
        let Some(entry) = self.map.get_mut(thread) else { return false };
        let ended = entry.ended.is_some() && entry.ended == turn;
        let Some(stream) = entry.stream.as_mut().filter(|stream| stream.request == request) else {
            return false;
        };
        if ended {
            self.end_stream(thread);
            return false;
        }
        stream.answered = true;
        if let Some(turn) = turn {
            stream.turns.retain(|known| *known != turn);
            stream.turns.insert(0, turn);
        }
        true
    }

    /// Handles the refusal of a request for a turn. Returns its client, if the turn counted.
    pub(super) fn refused(&mut self, thread: &str, request: u64) -> Option<ClientId> {
        let entry = self.map.get(thread)?;
        entry.stream.as_ref().filter(|stream| stream.request == request)?;
        self.end_stream(thread)
    }

    pub(super) fn turn_started(&mut self, thread: &str, turn: &NamedTurn) {
        let (Some(entry), Some(id)) = (self.map.get_mut(thread), &turn.id) else { return };
        if entry.ended.as_ref() == Some(id) {
            return;
        }
        if entry.running.replace(id.clone()).is_none() {
            self.running += 1;
        }
        if let Some(stream) = &mut entry.stream
            && stream.turns.len() < 2
            && !stream.turns.contains(id)
        {
            stream.turns.push(id.clone());
        }
    }

    /// Handles the end of a turn. Returns its client, if the turn counted.
    pub(super) fn turn_ended(&mut self, thread: &str, turn: Option<&str>) -> Option<ClientId> {
        let entry = self.map.get_mut(thread)?;
        if turn.is_some() && entry.ended.as_deref() == turn {
            return None;
        }
        let is_stream = entry.stream.as_ref().is_some_and(|stream| {
            let known = turn.is_none_or(|turn| stream.turns.iter().any(|known| known == turn));
            known || !stream.answered || stream.turns.is_empty()
        });
        // A review has one id while it is active, and another when it ends.
        let is_running = is_stream || turn.is_none() || entry.running.as_deref() == turn;
        entry.ended = turn.map(str::to_owned).or(entry.ended.take());
        if is_running && entry.running.take().is_some() {
            self.running -= 1;
        }
        let client = if is_stream { self.end_stream(thread) } else { None };
        self.note_idle(thread);
        client
    }

    /// Removes a closed thread. Returns the client whose turn counted.
    pub(super) fn closed(&mut self, thread: &str) -> Option<ClientId> {
        let entry = self.map.remove(thread)?;
        self.running -= usize::from(entry.running.is_some());
        self.active -= usize::from(entry.stream.is_some());
        entry.stream.map(|stream| stream.client)
    }

    /// Stops counting the turn of a disconnected client, unless another turn has replaced it. Returns whether there was one.
    pub(super) fn forget_turn(&mut self, thread: &str, request: Option<u64>) -> bool {
        let Some(entry) = self.map.get_mut(thread) else { return false };
        let is_same = entry.stream.as_ref().map(|stream| stream.request) == request;
        // Without a request the turn cannot be identified: with a new owner, it is another turn.
        if !is_same || (request.is_none() && entry.owner.is_some()) {
            return false;
        }
        let ran = entry.running.take().is_some();
        self.running -= usize::from(ran);
        let counted = self.end_stream(thread).is_some();
        self.note_idle(thread);
        ran || counted
    }

    fn end_stream(&mut self, thread: &str) -> Option<ClientId> {
        let stream = self.map.get_mut(thread)?.stream.take()?;
        self.active -= 1;
        Some(stream.client)
    }

    /// Adds an idle thread without an owner to those that are forgotten when there are too many.
    fn note_idle(&mut self, thread: &str) {
        if self.map.get(thread).is_some_and(Thread::is_idle) {
            self.idle.push_back(thread.into());
            self.trim();
        }
    }

    fn trim(&mut self) {
        while self.idle.len() > MAX_IDLE {
            let Some(oldest) = self.idle.pop_front() else { break };
            if self.map.get(&oldest).is_some_and(Thread::is_idle) {
                self.map.remove(&oldest);
            }
        }
    }
}
