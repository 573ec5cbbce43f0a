//! A running turn, and the task that watches its deadlines.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::hub::Turns;
use super::{Client, ClientError, TurnLimits};
use crate::peer::Peer;
use crate::protocol::{
    self, ClientRequest, ReviewStartParams, ReviewStartResponse, ThreadBackgroundTerminalsCleanParams,
    ThreadId, TurnId, TurnInterruptParams, TurnStartParams, TurnStartResponse, TurnSteerParams,
};
use crate::turn::{Expiry, TurnEvent, TurnKind, TurnMachine, TurnOutcome};

/// How long the housekeeping requests after an interrupt may take.
const HOUSEKEEPING: Duration = Duration::from_secs(2);

/// A handle on a running turn.
#[derive(Debug)]
#[must_use = "a turn whose handle is dropped goes on unobserved until it ends or a deadline passes"]
pub struct Turn {
    thread_id: ThreadId,
    turn_id: TurnId,
    key: u64,
    events: mpsc::Receiver<TurnEvent>,
    outcome: watch::Receiver<Option<Arc<TurnOutcome>>>,
    limits: TurnLimits,
    peer: Peer,
    turns: Turns,
}

impl Turn {
    /// The thread that it runs on.
    #[must_use]
    pub fn thread_id(&self) -> &ThreadId {
        &self.thread_id
    }

    /// Its id: the one by which it is interrupted.
    #[must_use]
    pub fn turn_id(&self) -> &TurnId {
        &self.turn_id
    }

    /// The next event, or `None` when the turn is over and all its events were read. Cancel safe.
    ///
    /// Events are for showing: when 1024 of them wait unread, further ones are dropped. The outcome never is.
    pub async fn next_event(&mut self) -> Option<TurnEvent> {
        self.events.recv().await
    }

    /// Waits for the end. Cancel safe; ends within [`TurnLimits::total`] and [`TurnLimits::interrupt`].
    pub async fn outcome(&self) -> Arc<TurnOutcome> {
        wait(&mut self.outcome.clone()).await.unwrap_or_else(|| {
            // The hub went away with its runtime: the connection's end, as far as anybody can tell.
            let mut machine = TurnMachine::new(self.thread_id.clone(), TurnKind::Turn);
            let _ = machine.stream_ended("the client was shut down");
            Arc::new(machine.into_outcome().expect("a turn whose stream ended has an outcome"))
        })
    }

    /// Interrupts the turn and waits until it has ended, [`TurnLimits::interrupt`] at most; then ends the commands that it
    /// left running. Cancel safe in that the turn ends all the same, by its deadlines if by nothing else.
    pub async fn interrupt(&self) -> Arc<TurnOutcome> {
        self.turns.hold(self.key, TurnMachine::interrupt_requested);
        see_out(&self.peer, &self.turns, self.key, &self.thread_id, self.limits.interrupt).await;
        self.turns
            .release(self.key, |machine| machine.stream_ended("the interrupted turn did not end in time"));
        self.outcome().await
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

/// Starts a turn in a task of its own, so that a caller who goes away in the middle leaves no turn that nobody knows.
pub(super) async fn start<R>(
    client: &Client,
    params: R,
    thread_id: ThreadId,
    kind: TurnKind,
    limits: TurnLimits,
) -> Result<Turn, ClientError>
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
                tokio::spawn(watchdog(Watch {
                    peer: client.peer.clone(),
                    turns: client.turns.clone(),
                    key: seat.key,
                    thread_id: thread_id.clone(),
                    limits,
                    outcome: seat.outcome.clone(),
                }));
                Ok(Turn {
                    thread_id,
                    turn_id,
                    key: seat.key,
                    events: seat.events,
                    outcome: seat.outcome,
                    limits,
                    peer: client.peer.clone(),
                    turns: client.turns.clone(),
                })
            }
        };
        if let Err(Ok(turn)) = deliver.send(result) {
            turn.interrupt().await;
        }
    });
    match delivered.await {
        Ok(result) => result,
        // Only the end of the runtime drops the task.
        Err(_) => Err(crate::peer::RequestError::Closed(crate::peer::CloseReason::Shutdown).into()),
    }
}

struct Watch {
    peer: Peer,
    turns: Turns,
    key: u64,
    thread_id: ThreadId,
    limits: TurnLimits,
    outcome: watch::Receiver<Option<Arc<TurnOutcome>>>,
}

/// Ends a turn whose deadline passes.
async fn watchdog(mut watch: Watch) {
    let total = Instant::now() + watch.limits.total;
    let expiry = loop {
        let Some(silence) = watch.turns.silence(watch.key) else { return };
        let now = Instant::now();
        if now >= total {
            break Expiry::Total;
        }
        let Some(left) = watch.limits.idle.checked_sub(silence).filter(|left| !left.is_zero()) else {
            break Expiry::Idle;
        };
        let over = tokio::time::timeout_at(total.min(now + left), wait(&mut watch.outcome)).await;
        if over.is_ok() {
            return;
        }
    };
    watch.turns.hold(watch.key, |machine| machine.expired(expiry));
    see_out(&watch.peer, &watch.turns, watch.key, &watch.thread_id, watch.limits.interrupt).await;
    watch.turns.release(watch.key, |machine| machine.stream_ended("the expired turn did not end in time"));
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
