//! Where a connection's notifications meet the turns that wait for them.
//!
//! The hub is the [`Handler`] of the client's peer. It parses each notification once and feeds it to the machine of every
//! running turn, inside the peer's task, so that a turn's outcome never depends on whether its events are read: those
//! go to a bounded queue of their own ([`super::events`]).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Observer;
use super::events::{self, EventSender, TurnEvents};
use crate::frame::Noise;
use crate::message::RpcError;
use crate::peer::{CloseReason, Handler, Notification, ServerCall};
use crate::policy::{Policy, PolicyAnswer};
use crate::protocol::{ItemId, PatchChangeKind, ServerNotification, ServerRequest, ThreadId, ThreadItem};
use crate::trace::event;
use crate::turn::{TurnEvent, TurnMachine, TurnOutcome};

/// The running turns of a connection, shared by its hub and its handles.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns {
    slots: Arc<Mutex<Slots>>,
}

#[derive(Debug, Default)]
struct Slots {
    next: u64,
    running: HashMap<u64, Slot>,
    closed: Option<CloseReason>,
}

#[derive(Debug)]
struct Slot {
    machine: TurnMachine,
    events: EventSender,
    outcome: watch::Sender<Option<Arc<TurnOutcome>>>,
    /// When the turn last had activity, and its activity count at that time.
    last_activity: (Instant, u64),
    /// Set while the turn is being ended: its outcome is published when that is done.
    held: bool,
    /// Notified after every change.
    changed: Arc<Notify>,
}

impl Slot {
    fn show(&mut self, events: Vec<TurnEvent>) {
        self.events.send(events);
        let count = self.machine.activity_count();
        if count != self.last_activity.1 {
            self.last_activity = (Instant::now(), count);
        }
    }
}

/// What a turn's handle and its watchdog hold on to.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) key: u64,
    pub(super) events: TurnEvents,
    pub(super) outcome: watch::Receiver<Option<Arc<TurnOutcome>>>,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a place for a turn before it is asked for, so that early notifications find it. `None` when the thread has
    /// one already, or the connection is closed.
    pub(super) fn seat(&self, machine: TurnMachine) -> Result<Seat, SeatError> {
        let mut slots = self.lock();
        if let Some(reason) = &slots.closed {
            return Err(SeatError::Closed(reason.clone()));
        }
        if slots.running.values().any(|slot| slot.machine.thread_id() == machine.thread_id()) {
            return Err(SeatError::Busy(machine.thread_id().clone()));
        }
        let (events_tx, events) = events::queue();
        let (outcome_tx, outcome) = watch::channel(None);
        let key = slots.next;
        slots.next += 1;
        let slot = Slot {
            last_activity: (Instant::now(), machine.activity_count()),
            machine,
            events: events_tx,
            outcome: outcome_tx,
            held: false,
            changed: Arc::new(Notify::new()),
        };
        slots.running.insert(key, slot);
        Ok(Seat { key, events, outcome })
    }

    /// Gives a place back without an outcome: the turn was never begun.
    pub(super) fn leave(&self, key: u64) {
        self.lock().running.remove(&key);
    }

    /// Applies `change` to a running turn, shows its events and publishes what comes of it.
    pub(super) fn change(&self, key: u64, change: impl FnOnce(&mut TurnMachine) -> Vec<TurnEvent>) {
        self.change_and(key, |_| {}, change);
    }

    /// As [`Self::change`], and the outcome is kept back until [`Self::release`].
    pub(super) fn hold(&self, key: u64, change: impl FnOnce(&mut TurnMachine) -> Vec<TurnEvent>) {
        self.change_and(key, |slot| slot.held = true, change);
    }

    /// As [`Self::change`], and an outcome that was kept back is published.
    pub(super) fn release(&self, key: u64, change: impl FnOnce(&mut TurnMachine) -> Vec<TurnEvent>) {
        self.change_and(key, |slot| slot.held = false, change);
    }

    fn change_and(
        &self,
        key: u64,
        mark: impl FnOnce(&mut Slot),
        change: impl FnOnce(&mut TurnMachine) -> Vec<TurnEvent>,
    ) {
        let mut slots = self.lock();
        if let Some(slot) = slots.running.get_mut(&key) {
            mark(slot);
            let events = change(&mut slot.machine);
            slot.show(events);
            slots.publish(key);
        }
    }

    /// What a running turn's machine says of it. `None` when it has ended.
    pub(super) fn look<T>(&self, key: u64, look: impl FnOnce(&TurnMachine) -> T) -> Option<T> {
        self.lock().running.get(&key).map(|slot| look(&slot.machine))
    }

    /// How long the turn has had no activity. `None` when it has ended.
    pub(super) fn silence(&self, key: u64) -> Option<Duration> {
        self.lock().running.get(&key).map(|slot| slot.last_activity.0.elapsed())
    }

    /// Waits until the turn has an outcome and nothing of it runs on the server any more. Cancel safe.
    pub(super) async fn quiet(&self, key: u64) {
        loop {
            let changed = {
                let slots = self.lock();
                let Some(slot) = slots.running.get(&key) else { return };
                if slot.machine.outcome().is_some() && slot.machine.open_turns().is_empty() {
                    return;
                }
                Arc::clone(&slot.changed).notified_owned()
            };
            changed.await;
        }
    }

    /// How many turns run.
    pub(super) fn len(&self) -> usize {
        self.lock().running.len()
    }

    fn notification(&self, notification: &ServerNotification) {
        let mut slots = self.lock();
        let keys: Vec<u64> = slots.running.keys().copied().collect();
        for key in keys {
            let Some(slot) = slots.running.get_mut(&key) else { continue };
            let events = slot.machine.notification(notification);
            slot.show(events);
            slots.publish(key);
        }
    }

    fn close(&self, reason: &CloseReason) {
        let mut slots = self.lock();
        slots.closed = Some(reason.clone());
        let keys: Vec<u64> = slots.running.keys().copied().collect();
        for key in keys {
            if let Some(slot) = slots.running.get_mut(&key) {
                let events = slot.machine.stream_ended(&reason.to_string());
                slot.show(events);
            }
            slots.publish(key);
        }
    }
}

impl Slots {
    fn publish(&mut self, key: u64) {
        let Some(slot) = self.running.get(&key) else { return };
        slot.changed.notify_waiters();
        if !slot.held
            && slot.machine.outcome().is_some()
            && let Some(slot) = self.running.remove(&key)
            && let Some(outcome) = slot.machine.into_outcome()
        {
            event!(DEBUG, thread = %outcome.thread_id, kind = ?outcome.kind, status = outcome.status.as_str(), "turn ended");
            slot.outcome.send_replace(Some(Arc::new(outcome)));
        }
    }
}

/// Why a turn got no place.
#[derive(Debug)]
pub(super) enum SeatError {
    Busy(ThreadId),
    Closed(CloseReason),
}

/// The handler of a client's peer.
pub(super) struct Hub {
    pub(super) turns: Turns,
    pub(super) policy: Arc<dyn Policy>,
    pub(super) policy_deadline: Duration,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) patches: Patches,
}

/// The files of patches that were announced, for the requests that ask about them.
#[derive(Debug, Default)]
pub(super) struct Patches {
    /// Oldest first, at most [`MAX_PATCHES`].
    known: VecDeque<(ItemId, Vec<String>)>,
}

/// How many announced patches are remembered.
const MAX_PATCHES: usize = 256;

impl Patches {
    fn notice(&mut self, notification: &ServerNotification) {
        let ServerNotification::ItemStarted(params) = notification else { return };
        let ThreadItem::FileChange(item) = &params.item else { return };
        let paths = item.changes.iter().flat_map(|change| {
            let moved = match &change.kind {
                PatchChangeKind::Update { move_path } => move_path.clone(),
                _ => None,
            };
            std::iter::once(change.path.clone()).chain(moved)
        });
        if self.known.len() >= MAX_PATCHES {
            self.known.pop_front();
        }
        self.known.push_back((item.id.clone(), paths.collect()));
    }

    fn fill(&self, request: &mut ServerRequest) {
        if let ServerRequest::FileChangeApproval(request) = request {
            let known = self.known.iter().rev().find(|(id, _)| *id == request.item_id);
            request.paths = known.map(|(_, paths)| paths.clone());
        }
    }
}

impl Handler for Hub {
    fn notification(&mut self, notification: Notification) {
        match ServerNotification::parse(&notification.method, notification.params.as_deref()) {
            Ok(parsed) => {
                self.patches.notice(&parsed);
                self.observer.notification(&parsed);
                self.turns.notification(&parsed);
            }
            Err(error) => self.observer.stray(&error.to_string()),
        }
    }

    fn request(&mut self, call: ServerCall) {
        let mut request = match ServerRequest::parse(&call.method, call.params.as_deref()) {
            Ok(request) => request,
            Err(error) => {
                self.observer.stray(&error.to_string());
                return call.responder.error(&RpcError::new(RpcError::INVALID_PARAMS, error.to_string()));
            }
        };
        self.patches.fill(&mut request);
        let (policy, observer, deadline) =
            (Arc::clone(&self.policy), Arc::clone(&self.observer), self.policy_deadline);
        // As many of these run as the peer lets requests be open.
        tokio::spawn(async move {
            let answer = tokio::time::timeout(deadline, policy.answer(&request)).await;
            let answer = answer.unwrap_or_else(|_| crate::policy::decline(&request));
            observer.answered(&request, &answer);
            match answer {
                PolicyAnswer::Result(result) => call.responder.result(&result),
                PolicyAnswer::Error(error) => call.responder.error(&error),
            }
        });
    }

    fn noise(&mut self, noise: &Noise) {
        self.observer.noise(noise);
    }

    fn stray(&mut self, what: &str) {
        self.observer.stray(what);
    }

    fn closed(&mut self, reason: &CloseReason) {
        self.turns.close(reason);
    }
}
