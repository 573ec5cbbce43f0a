//! Stopping a run: the first request asks for a gentle end, a second one for an immediate end.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{Error, Kind};

/// Why a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// Ctrl-C, the terminal was closed, or a cancel from elsewhere.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl From<StopReason> for Error {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::Interrupt => Self::new(Kind::Interrupted, "interrupted"),
            StopReason::Terminate => Self::new(Kind::Terminated, "terminated"),
        }
    }
}

type State = (u32, Option<StopReason>);

/// Asks a run to stop.
#[derive(Clone, Debug)]
pub struct StopHandle {
    state: Arc<watch::Sender<State>>,
}

impl StopHandle {
    /// Asks for a gentle end. Further calls change nothing.
    pub fn stop(&self, reason: StopReason) {
        self.state.send_modify(|(_, first)| {
            first.get_or_insert(reason);
        });
    }

    /// Reports a signal of the operating system: the first asks for a gentle end, the second for an immediate end.
    pub fn signal(&self, reason: StopReason) {
        self.state.send_modify(|(signals, first)| {
            *signals += 1;
            first.get_or_insert(reason);
        });
    }
}

/// Reports when a run is to stop.
#[derive(Clone, Debug)]
pub struct Stop {
    state: watch::Receiver<State>,
}

impl Stop {
    /// Creates the two ends: one that stops, one that is asked. Without the first, nothing stops the run.
    #[must_use]
    pub fn new() -> (StopHandle, Self) {
        let (sender, state) = watch::channel((0, None));
        (StopHandle { state: Arc::new(sender) }, Self { state })
    }

    /// Why the run is to stop; `None` while it may continue.
    pub fn reason(&self) -> Option<StopReason> {
        self.state.borrow().1
    }

    /// Waits until the run is to stop; returns at once when that was asked for already. Cancel safe.
    pub async fn stopped(&mut self) -> StopReason {
        self.until(|(_, reason)| reason.is_some()).await
    }

    /// Waits until an immediate end is asked for. Cancel safe.
    pub async fn stopped_again(&mut self) -> StopReason {
        self.until(|(signals, _)| *signals > 1).await
    }

    async fn until(&mut self, met: impl FnMut(&State) -> bool) -> StopReason {
        let known = self.state.wait_for(met).await.ok().and_then(|known| known.1);
        match known {
            Some(reason) => reason,
            // All handles were dropped: nothing will ask any more.
            None => std::future::pending().await,
        }
    }
}
