//! A running turn: its handle, and the task that supervises it.
//!
//! The supervisor owns the turn's end. It watches the deadlines, and its handle tells it what else to do through a
//! [`watch`] channel: interrupt the turn, or let it run without a handle. That the channel closes means that the handle
//! was dropped. So an interrupt does not depend on a future that its caller may drop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::events::TurnEvents;
use super::hub::Turns;
use super::{Client, ClientError, TurnLimits};
use crate::peer::Peer;
use crate::protocol::{
    self, ClientRequest, ReviewStartParams, ReviewStartResponse, ThreadBackgroundTerminalsCleanParams,
    ThreadId, TurnId, TurnInterruptParams, TurnStartParams, TurnStartResponse, TurnSteerParams,
};
use crate::trace::event;
use crate::turn::{Expiry, TurnEvent, TurnKind, TurnMachine, TurnOutcome};

/// How long the housekeeping requests after an interrupt may take.
const HOUSEKEEPING: Duration = Duration::from_secs(2);

/// A handle on a running turn.
///
/// Dropping it interrupts the turn in the background, so that no model works for a caller that is gone.
/// [`TurnHandle::detach`] lets the turn run on instead.
#[derive(Debug)]
#[must_use = "dropping the handle interrupts the turn; `detach` lets it run on"]
pub struct TurnHandle {
    thread_id: ThreadId,
    turn_id: TurnId,
    events: TurnEvents,
    outcome: watch::Receiver<Option<Arc<TurnOutcome>>>,
    order: watch::Sender<Order>,
    peer: Peer,
}

/// What the handle wants of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Watch the deadlines; interrupt the turn when the handle is dropped.
    Watch,
    /// Watch the deadlines only.
    Detach,
    /// Interrupt the turn now.
    Interrupt,
}

impl TurnHandle {
    /// The thread that it runs on.
    #[must_use]
    pub fn thread_id(&self) -> &ThreadId {
        &self.thread_id
    }

    /// The turn's id: the one that `turn/interrupt` takes.
    #[must_use]
    pub fn turn_id(&self) -> &TurnId {
        &self.turn_id
    }

    /// The turn's events, as a [`Stream`](futures::Stream).
    pub fn events(&mut self) -> &mut TurnEvents {
        &mut self.events
    }

    /// The next event, or `None` when the turn is over and all its events were read. Cancel safe.
    ///
    /// Events are for display. A reader that falls behind receives the deltas of a message joined, and
    /// [`TurnEvent::Missed`] in place of what did not fit: see [`TurnEvents`]. The outcome is always complete.
    pub async fn next_event(&mut self) -> Option<TurnEvent> {
        self.events.next().await
    }

    /// Waits for the end. Cancel safe; ends within [`TurnLimits::total`] and [`TurnLimits::interrupt`].
    pub async fn outcome(&self) -> Arc<TurnOutcome> {
        wait(&mut self.outcome.clone()).await.unwrap_or_else(|| {
            // The hub was dropped with its runtime, which ended the connection.
            let mut machine = TurnMachine::new(self.thread_id.clone(), TurnKind::Turn);
            let _ = machine.stream_ended("the client was shut down");
            Arc::new(machine.into_outcome().expect("a turn whose stream ended has an outcome"))
        })
    }

    /// Interrupts the turn and waits until it has ended, [`TurnLimits::interrupt`] at most; then ends the commands that it
    /// left running. Cancel safe: once it was polled, the turn is interrupted even if the future is dropped.
    pub async fn interrupt(&self) -> Arc<TurnOutcome> {
        self.order.send_replace(Order::Interrupt);
        self.outcome().await
    }

    /// Lets the turn run without a handle, until it ends or a deadline of its [`TurnLimits`] passes. The connection stays
    /// open until then. Its outcome goes to no one.
    pub fn detach(self) {
        self.order.send_replace(Order::Detach);
    }

    /// Gives the running turn more input.
    ///
    /// # Errors
    /// As [`Client::request`]; in particular when the turn has ended.
    pub async fn steer(&self, text: impl Into<String>, deadline: Duration) -> Result<(), ClientError> {
        let params = TurnSteerParams::text(self.thread_id.clone(), self.turn_id.clone(), text);
        self.peer.request(&params, deadline).await?;
        Ok(())
    }
}

async fn wait(outcome: &mut watch::Receiver<Option<Arc<TurnOutcome>>>) -> Option<Arc<TurnOutcome>> {
    outcome.wait_for(Option::is_some).await.ok().and_then(|known| known.clone())
}

/// A request that begins a turn, whose answer names it.
pub(super) trait Begins: ClientRequest {
    fn turn(response: &Self::Response) -> &protocol::Turn;
}

impl Begins for TurnStartParams {
    fn turn(response: &TurnStartResponse) -> &protocol::Turn {
        &response.turn
    }
}

impl Begins for ReviewStartParams {
    fn turn(response: &ReviewStartResponse) -> &protocol::Turn {
        &response.turn
    }
}

/// Starts a turn in a task of its own, so that a caller that drops the future leaves no turn running.
pub(super) async fn start<R>(
    client: &Client,
    params: R,
    thread_id: ThreadId,
    kind: TurnKind,
    limits: TurnLimits,
) -> Result<TurnHandle, ClientError>
where
    R: Begins + Send + Sync + 'static,
    R::Response: Send,
{
    let seat = client.turns.seat(TurnMachine::new(thread_id.clone(), kind)).map_err(ClientError::seat)?;
    let client = client.clone();
    let (deliver, delivered) = oneshot::channel();
    tokio::spawn(async move {
        let answer = client.request(&params).await;
        let result = match answer {
            Err(error) => {
                client.turns.leave(seat.key);
                Err(error)
            }
            Ok(response) => {
                let turn_id = R::turn(&response).id.clone();
                client.turns.change(seat.key, |machine| machine.started(R::turn(&response)));
                event!(DEBUG, thread = %thread_id, turn = %turn_id, kind = ?kind, "turn began");
                let (order, orders) = watch::channel(Order::Watch);
                let supervisor = Supervisor {
                    peer: client.peer.clone(),
                    turns: client.turns.clone(),
                    key: seat.key,
                    thread_id: thread_id.clone(),
                    limits,
                    outcome: seat.outcome.clone(),
                    orders,
                };
                tokio::spawn(supervisor.run());
                let (events, outcome, peer) = (seat.events, seat.outcome, client.peer.clone());
                Ok(TurnHandle { thread_id, turn_id, events, outcome, order, peer })
            }
        };
        // If the caller is gone, so is the handle, and the supervisor interrupts the turn.
        drop(deliver.send(result));
    });
    match delivered.await {
        Ok(result) => result,
        // Only the end of the runtime drops the task.
        Err(_) => Err(crate::peer::RequestError::Closed(crate::peer::CloseReason::Shutdown).into()),
    }
}

/// Ends one turn: at a deadline, when it is ordered to, or when the handle was dropped.
struct Supervisor {
    peer: Peer,
    turns: Turns,
    key: u64,
    thread_id: ThreadId,
    limits: TurnLimits,
    outcome: watch::Receiver<Option<Arc<TurnOutcome>>>,
    orders: watch::Receiver<Order>,
}

/// Why a turn is ended by its supervisor.
enum Cause {
    Expired(Expiry),
    Interrupted,
}

impl Supervisor {
    async fn run(mut self) {
        let Some(cause) = self.cause().await else { return };
        let late = match cause {
            Cause::Expired(_) => "the expired turn did not end in time",
            Cause::Interrupted => "the interrupted turn did not end in time",
        };
        self.turns.hold(self.key, |machine| match cause {
            Cause::Expired(expiry) => machine.expired(expiry),
            Cause::Interrupted => machine.interrupt_requested(),
        });
        see_out(&self.peer, &self.turns, self.key, &self.thread_id, self.limits.interrupt).await;
        self.turns.release(self.key, |machine| machine.stream_ended(late));
    }

    /// Waits for a reason to end the turn. `None` when it ended by itself.
    async fn cause(&mut self) -> Option<Cause> {
        let total = Instant::now() + self.limits.total;
        loop {
            let silence = self.turns.silence(self.key)?;
            let now = Instant::now();
            if now >= total {
                return Some(Cause::Expired(Expiry::Total));
            }
            let Some(left) = self.limits.idle.checked_sub(silence).filter(|left| !left.is_zero()) else {
                return Some(Cause::Expired(Expiry::Idle));
            };
            tokio::select! {
                biased;
                _ = wait(&mut self.outcome) => return None,
                () = interrupted(&mut self.orders) => return Some(Cause::Interrupted),
                () = tokio::time::sleep_until(total.min(now + left)) => {}
            }
        }
    }
}

/// Waits for the order to interrupt, or for the handle to be dropped without [`TurnHandle::detach`].
async fn interrupted(orders: &mut watch::Receiver<Order>) {
    let ordered = orders.wait_for(|order| *order != Order::Watch).await.map(|order| *order);
    if ordered.is_ok_and(|order| order == Order::Detach) {
        std::future::pending::<()>().await;
    }
}

/// Interrupts what runs of a turn, its sub-agents' turns included, waits for the end of it all, and ends the commands that
/// outlive it.
async fn see_out(peer: &Peer, turns: &Turns, key: u64, thread_id: &ThreadId, limit: Duration) {
    let open = turns.look(key, TurnMachine::open_turns).unwrap_or_default();
    let over = async {
        let asked = open.iter().map(|(thread, turn)| interrupt(peer, turns, key, thread, turn, limit));
        futures::future::join_all(asked).await;
        turns.quiet(key).await;
    };
    let _ = tokio::time::timeout(limit, over).await;
    // An interrupted turn leaves its running commands behind (codex-app-server 0.169.0).
    let mut threads: Vec<&ThreadId> = open.iter().map(|(thread, _)| thread).collect();
    if !threads.contains(&thread_id) {
        threads.push(thread_id);
    }
    let cleaned = threads.into_iter().map(|thread| async {
        let clean = ThreadBackgroundTerminalsCleanParams::new(thread.clone());
        peer.request(&clean, HOUSEKEEPING).await
    });
    futures::future::join_all(cleaned).await;
}

/// Asks for the end of one turn. An error says that it is over or the connection is, both of which the machine sees; or, for
/// a review, that it goes by its other id now.
async fn interrupt(peer: &Peer, turns: &Turns, key: u64, thread: &ThreadId, turn: &TurnId, limit: Duration) {
    let params = TurnInterruptParams::new(thread.clone(), turn.clone());
    let refused = peer.request(&params, limit).await.is_err();
    let other = turns.look(key, |machine| {
        let target =
            machine.interrupt_target().filter(|now| *now != turn).or(machine.other_interrupt_target());
        target.filter(|_| machine.thread_id() == thread).cloned()
    });
    if let (true, Some(Some(other))) = (refused, other) {
        let params = TurnInterruptParams::new(thread.clone(), other);
        let _ = peer.request(&params, limit).await;
    }
}
