//! Ctrl-C and SIGTERM: the first one asks for a gentle end, the second for an end.

use std::sync::Arc;

use tokio::sync::watch;

use crate::exit::{Failure, Kind};

/// What asked for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Ctrl-C, or the terminal went away.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Stopped {
    /// The end as a failure, with the exit code that shells expect.
    #[must_use]
    pub fn failure(self) -> Failure {
        match self {
            Self::Interrupt => Failure::new(Kind::Interrupted, "interrupted"),
            Self::Terminate => Failure::new(Kind::Terminated, "terminated"),
        }
    }
}

/// Asks for the end from within, as a signal does from outside.
#[derive(Debug, Clone)]
pub struct StopHandle {
    tell: Arc<watch::Sender<(u32, Option<Stopped>)>>,
}

impl StopHandle {
    /// Asks for the end. However often: only a person's second signal means that a gentle end is given up.
    pub fn ask(&self, why: Stopped) {
        self.tell.send_modify(|(_, first)| {
            first.get_or_insert(why);
        });
    }
}

/// Tells when the end is asked for.
#[derive(Debug, Clone)]
pub struct Stop {
    asked: watch::Receiver<(u32, Option<Stopped>)>,
}

impl Stop {
    /// Listens for the signals from now on. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn listen() -> Result<(Self, StopHandle), Failure> {
        let (tell, asked) = watch::channel((0, None));
        let tell = Arc::new(tell);
        let handle = StopHandle { tell: Arc::clone(&tell) };
        let failed = |error: std::io::Error| {
            Failure::new(Kind::Internal, "cannot listen for signals").caused_by(error)
        };
        let mut signals = Signals::new().map_err(failed)?;
        tokio::spawn(async move {
            loop {
                let signal = signals.next().await;
                tell.send_modify(|(signals, first)| {
                    *signals += 1;
                    first.get_or_insert(signal);
                });
            }
        });
        Ok((Self { asked }, handle))
    }

    /// Whether the end has been asked for, and how.
    pub fn asked(&self) -> Option<Stopped> {
        self.asked.borrow().1
    }

    /// Waits until the end is asked for; returns at once when it has been. Cancel safe.
    pub async fn wait(&mut self) -> Stopped {
        let known = self.asked.wait_for(|(_, first)| first.is_some()).await.ok().and_then(|known| known.1);
        match known {
            Some(stopped) => stopped,
            // The listener went away with its runtime: nothing will ask any more.
            None => std::future::pending().await,
        }
    }

    /// Waits for a second signal. Cancel safe.
    pub async fn again(&mut self) -> Stopped {
        let known = self.asked.wait_for(|(count, _)| *count > 1).await.ok().and_then(|known| known.1);
        match known {
            Some(stopped) => stopped,
            None => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Stopped {
        tokio::select! {
            _ = self.interrupt.recv() => Stopped::Interrupt,
            _ = self.hangup.recv() => Stopped::Interrupt,
            _ = self.terminate.recv() => Stopped::Terminate,
        }
    }
}

#[cfg(windows)]
struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
    closed: tokio::signal::windows::CtrlClose,
}

#[cfg(windows)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: tokio::signal::windows::ctrl_c()?,
            closed: tokio::signal::windows::ctrl_close()?,
        })
    }

    async fn next(&mut self) -> Stopped {
        tokio::select! {
            _ = self.interrupt.recv() => Stopped::Interrupt,
            _ = self.closed.recv() => Stopped::Terminate,
        }
    }
}
