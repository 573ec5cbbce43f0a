//! Ctrl-C and SIGTERM stop a run.

use codex_companion_core::{Stop, StopHandle, StopReason};

use crate::exit::{Failure, Kind};

/// Listens for signals from now on. Must be called inside a tokio runtime.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn listen() -> Result<(Stop, StopHandle), Failure> {
    let (handle, stop) = Stop::new();
    let mut signals = Signals::new()
        .map_err(|error| Failure::new(Kind::Internal, "cannot listen for signals").caused_by(error))?;
    let signalled = handle.clone();
    tokio::spawn(async move {
        loop {
            signalled.signal(signals.next().await);
        }
    });
    Ok((stop, handle))
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

    async fn next(&mut self) -> StopReason {
        tokio::select! {
            _ = self.interrupt.recv() => StopReason::Interrupt,
            _ = self.hangup.recv() => StopReason::Interrupt,
            _ = self.terminate.recv() => StopReason::Terminate,
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

    async fn next(&mut self) -> StopReason {
        tokio::select! {
            _ = self.interrupt.recv() => StopReason::Interrupt,
            _ = self.closed.recv() => StopReason::Terminate,
        }
    }
}
