//! Runs a broker.

use std::fs::{File, TryLockError};
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use codex_base::files::private_options;

use crate::conventions::Conventions;
use crate::listener::Listener;
use crate::log::Log;
use crate::options::ServeOptions;
use crate::shell::{End, Hub};
use crate::trace::event;

/// How [`serve`] ended. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It served until it was stopped, or idle for too long.
    Ended,
    /// Another broker serves the endpoint already. Nothing was done.
    AlreadyRunning,
}

/// The error of [`serve`].
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct ServeError {
    what: String,
    #[source]
    source: io::Error,
}

/// Serves the endpoint until the broker is stopped, has been idle for too long, or `shutdown` is ready. When it returns, the
/// server has ended, the clients are disconnected and the lock is free.
///
/// Must be called inside a tokio runtime with time and I/O. Not cancel safe: when the future is dropped, the server is ended
/// in the background. Use `shutdown` instead.
///
/// # Errors
///
/// When the directory, the lock or the socket cannot be created.
pub async fn serve<C: Conventions + Clone>(
    options: ServeOptions<C>,
    shutdown: impl Future<Output = ()>,
) -> Result<Served, ServeError> {
    let fail = |what: &str| {
        let what = what.to_owned();
        move |source| ServeError { what, source }
    };
    let directory = options.endpoint.prepare().map_err(fail("cannot create the directory of the broker"))?;
    let lock = lock_file(&directory.join("lock")).map_err(fail("cannot open the lock of the broker"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            event!(INFO, endpoint = %options.endpoint, "another broker serves the endpoint");
            return Ok(Served::AlreadyRunning);
        }
        Err(TryLockError::Error(error)) => return Err(fail("cannot lock the lock of the broker")(error)),
    }
    let log = Log::open(&directory.join("broker.log"), options.max_log);
    let listener =
        Listener::bind(&options.endpoint).map_err(fail("cannot listen at the endpoint of the broker"))?;
    log.write(&format!("process {} serves {}", std::process::id(), options.endpoint));
    event!(INFO, endpoint = %options.endpoint, "broker serving");
    let hub = Hub::new(options, log);
    let accepting = accept(&hub, listener);
    let keeping = hub.keep();
    tokio::pin!(keeping);
    let mut closed = false;
    {
        tokio::pin!(accepting, shutdown);
        while !closed {
            tokio::select! {
                () = &mut keeping => closed = true,
                () = &mut accepting => break,
                () = &mut shutdown => {
                    hub.stop(End::Now);
                    break;
                }
            }
        }
    }
    if !closed {
        // The listener and its socket are closed: no new clients while the active turns end.
        keeping.await;
    }
    hub.finish().await;
    hub.log.write("the broker ended");
    event!(INFO, endpoint = %hub.options.endpoint, "broker ended");
    // The lock is released last: its next holder finds no process or socket of this broker.
    drop(lock);
    Ok(Served::Ended)
}

/// Accepts clients until the broker closes.
async fn accept<C: Conventions + Clone>(hub: &Arc<Hub<C>>, mut listener: Listener) {
    /// The pause after an error.
    const PAUSE: Duration = Duration::from_millis(50);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = hub.closing() => return,
        };
        match accepted {
            Ok(connection) => hub.join(connection),
            Err(error) => {
                // Most likely out of file descriptors. Clients that end release some.
                hub.log.write(&format!("cannot accept a client: {error}"));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

pub(crate) fn lock_file(path: &Path) -> io::Result<File> {
    private_options().read(true).write(true).create(true).truncate(false).open(path)
}
