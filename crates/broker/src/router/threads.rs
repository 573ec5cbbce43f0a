//! Whose threads are, and what runs on them.

use std::collections::{HashMap, VecDeque};

use super::ClientId;
use crate::conventions::NamedTurn;

/// More threads than these that belong to nobody and rest are not remembered.
const MAX_RESTING: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Thread {
    pub(super) owner: Option<ClientId>,
    pub(super) watchers: Vec<ClientId>,
    /// The thread for which this one works, if it is a sub-agent's.
    pub(super) root: Option<Box<str>>,
    /// The turn that the server says runs.
    pub(super) running: Option<String>,
    /// The turn that ended last.
    pub(super) ended: Option<String>,
    pub(super) stream: Option<Stream>,
}

/// A turn that a client asked for.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) client: ClientId,
    /// The router's id of the request.
    pub(super) request: u64,
    pub(super) answered: bool,
    /// The ids by which it goes: a review has two.
    pub(super) turns: Vec<String>,
}

impl Thread {
    fn rests(&self) -> bool {
        self.owner.is_none() && self.watchers.is_empty() && self.running.is_none() && self.stream.is_none()
    }

    /// The ids of the turns that run here, the one that the client knows first.
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
    /// Those that belong to nobody and rest, the oldest in front.
    resting: VecDeque<Box<str>>,
}

impl Threads {
    pub(super) fn get(&self, thread: &str) -> Option<&Thread> {
        self.map.get(thread)
    }

    /// How many turns that clients asked for run.
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

    /// Whether another client than this has the thread.
    pub(super) fn is_foreign(&self, thread: &str, client: ClientId) -> bool {
        self.map.get(thread).and_then(|thread| thread.owner).is_some_and(|owner| owner != client)
    }

    /// Gives a thread, and those that work for it, to a client. True if it was nobody's before.
    pub(super) fn own(&mut self, thread: &str, client: ClientId) -> bool {
        let entry = self.map.entry(thread.into()).or_default();
        let fresh = entry.owner.is_none();
        entry.owner = Some(client);
        self.spread(thread);
        fresh
    }

    /// Notes a thread that is nobody's.
    pub(super) fn unowned(&mut self, thread: &str) {
        self.map.entry(thread.into()).or_default();
        self.rest(thread);
    }

    /// Takes a thread, and those that work for it, from whoever has it.
    pub(super) fn disown(&mut self, thread: &str) {
        if let Some(entry) = self.map.get_mut(thread) {
            entry.owner = None;
            self.spread(thread);
            self.rest(thread);
        }
    }

    /// Lets the owner and the watchers of a thread be those of the threads that work for it.
    fn spread(&mut self, root: &str) {
        let Some(entry) = self.map.get(root) else { return };
        let (owner, watchers) = (entry.owner, entry.watchers.clone());
        let mut resting = Vec::new();
        for (id, thread) in &mut self.map {
            if thread.root.as_deref() == Some(root) {
                thread.owner = owner;
                thread.watchers.clone_from(&watchers);
                if thread.rests() {
                    resting.push(id.clone());
                }
            }
        }
        self.resting.extend(resting);
        self.trim();
    }

    /// Notes that a thread works for another. False when it is known already.
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
        let rests = entry.rests();
        self.map.insert(thread.into(), entry);
        if rests {
            self.resting.push_back(thread.into());
            self.trim();
        }
        true
    }

    /// The thread on which a turn of this id runs or ran last.
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
        self.rest(&root);
        true
    }

    /// The threads that a client owns, or watches.
    pub(super) fn of_client(&self, client: ClientId) -> (Vec<Box<str>>, Vec<Box<str>>) {
        let owned = self.map.iter().filter(|(_, thread)| thread.owner == Some(client));
        let watched = self.map.iter().filter(|(_, thread)| thread.watchers.contains(&client));
        let (mut owned, mut watched): (Vec<_>, Vec<_>) =
            (owned.map(|(id, _)| id.clone()).collect(), watched.map(|(id, _)| id.clone()).collect());
        owned.sort_unstable();
        watched.sort_unstable();
        (owned, watched)
    }

    /// A client asked for a turn.
    pub(super) fn begin(&mut self, thread: &str, client: ClientId, request: u64) {
        let entry = self.map.entry(thread.into()).or_default();
        let stream = Stream { client, request, answered: false, turns: Vec::new() };
        if entry.stream.replace(stream).is_none() {
            self.active += 1;
        }
    }

    /// The server answered the request for a turn. True if the turn still runs.
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

    /// The server refused the request for a turn. Gives whose it was, if it counted.
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

    /// A turn ended. Gives the client whose turn it was, if it counted.
    pub(super) fn turn_ended(&mut self, thread: &str, turn: Option<&str>) -> Option<ClientId> {
        let entry = self.map.get_mut(thread)?;
        if turn.is_some() && entry.ended.as_deref() == turn {
            return None;
        }
        let is_stream = entry.stream.as_ref().is_some_and(|stream| {
            let known = turn.is_none_or(|turn| stream.turns.iter().any(|known| known == turn));
            known || !stream.answered || stream.turns.is_empty()
        });
        // A review's turn runs under another id than it ends with.
        let is_running = is_stream || turn.is_none() || entry.running.as_deref() == turn;
        entry.ended = turn.map(str::to_owned).or(entry.ended.take());
        if is_running && entry.running.take().is_some() {
            self.running -= 1;
        }
        let client = if is_stream { self.end_stream(thread) } else { None };
        self.rest(thread);
        client
    }

    /// A thread is gone from the server. Gives the client whose turn counted.
    pub(super) fn gone(&mut self, thread: &str) -> Option<ClientId> {
        let entry = self.map.remove(thread)?;
        self.running -= usize::from(entry.running.is_some());
        self.active -= usize::from(entry.stream.is_some());
        entry.stream.map(|stream| stream.client)
    }

    /// What ran on the thread when its client went away counts no longer, unless it has made place for another turn. True
    /// if anything did; with the client whose turn it was.
    pub(super) fn forget_turn(&mut self, thread: &str, request: Option<u64>) -> bool {
        let Some(entry) = self.map.get_mut(thread) else { return false };
        let is_same = entry.stream.as_ref().map(|stream| stream.request) == request;
        // Without a request there is nothing to know the turn by: one that runs for a new owner is another.
        if !is_same || (request.is_none() && entry.owner.is_some()) {
            return false;
        }
        let ran = entry.running.take().is_some();
        self.running -= usize::from(ran);
        let counted = self.end_stream(thread).is_some();
        self.rest(thread);
        ran || counted
    }

    fn end_stream(&mut self, thread: &str) -> Option<ClientId> {
        let stream = self.map.get_mut(thread)?.stream.take()?;
        self.active -= 1;
        Some(stream.client)
    }

    /// Puts a thread that is nobody's and rests in the line of those that are forgotten when there are too many.
    fn rest(&mut self, thread: &str) {
        if self.map.get(thread).is_some_and(Thread::rests) {
            self.resting.push_back(thread.into());
            self.trim();
        }
    }

    fn trim(&mut self) {
        while self.resting.len() > MAX_RESTING {
            let Some(oldest) = self.resting.pop_front() else { break };
            if self.map.get(&oldest).is_some_and(Thread::rests) {
                self.map.remove(&oldest);
            }
        }
    }
}
