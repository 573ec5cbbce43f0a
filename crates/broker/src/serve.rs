//! Being a broker.

use std::fmt;
use std::fs::{File, TryLockError};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use codex_base::files::private_options;
use codex_rpc::frame::DEFAULT_MAX_FRAME;
use codex_rpc::transport::{ChildOptions, Connection, Grace};

use crate::conventions::{Codex, Conventions};
use crate::endpoint::Endpoint;
use crate::listener::Listener;
use crate::log::Log;
use crate::router::Limits;
use crate::shell::{End, Hub};

/// How the server is started.
#[derive(Clone)]
pub struct Launch(pub(crate) Arc<dyn Fn() -> io::Result<Connection> + Send + Sync>);

impl Launch {
    /// A process with its standard streams.
    pub fn child(options: ChildOptions) -> Self {
        Self(Arc::new(move || Connection::spawn(&options)))
    }

    /// Whatever connects to a fresh server. Called inside the runtime; it must not block.
    pub fn with(launch: impl Fn() -> io::Result<Connection> + Send + Sync + 'static) -> Self {
        Self(Arc::new(launch))
    }
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Launch(..)")
    }
}

/// When a silent server is taken for one that will not answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liveness {
    /// So long after its last sign of life, while something is waited for, it is asked for another. Default 500 ms.
    pub ask_after: Duration,
    /// So long after that the system is asked whether its process is stopped. Default 500 ms.
    pub stopped_after: Duration,
    /// So long after that it is given up, whatever the system says. Default 30 s: a slow machine is no fault.
    pub wedged_after: Duration,
}

impl Default for Liveness {
    fn default() -> Self {
        Self {
            ask_after: Duration::from_millis(500),
            stopped_after: Duration::from_millis(500),
            wedged_after: Duration::from_secs(30),
        }
    }
}

/// What a broker serves, and its bounds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeOptions<C = Codex> {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// How its server is started.
    pub launch: Launch,
    /// The server's protocol.
    pub conventions: C,
    /// The router's bounds.
    pub limits: Limits,
    /// Files that the server reads when it starts, such as its program, its configuration and its login. When one has
    /// changed, the server is restarted as soon as nothing runs. Default: none.
    pub watched: Vec<PathBuf>,
    /// How long a changed file waits for clients that hold threads between turns. Default 30 s.
    pub stale_patience: Duration,
    /// With no client and no turn the server goes after this time, and with it its hold on threads. Default 2 s.
    pub child_idle: Duration,
    /// With no client, turns that were left to run are given this long; then the server is ended under them. Default 1 h.
    pub max_unattended: Duration,
    /// With no client the broker goes after this time. Default 5 min.
    pub broker_idle: Duration,
    /// How long a stop waits for the turns that still run. Default 10 s.
    pub drain: Duration,
    /// How long the server is given at each step to its end.
    pub grace: Grace,
    /// When a silent server is given up.
    pub liveness: Liveness,
    /// A client that reads nothing for this time is disconnected. Default 10 s.
    pub max_stall: Duration,
    /// A client that leaves this many bytes unread is disconnected. Default 64 MiB.
    pub max_unread: usize,
    /// The longest frame, in bytes. Default 64 MiB.
    pub max_frame: usize,
    /// The longest log, in bytes; one older log of that length is kept. Default 1 MiB.
    pub max_log: u64,
}

impl ServeOptions<Codex> {
    /// The defaults, for a Codex app-server.
    pub fn new(endpoint: Endpoint, launch: Launch) -> Self {
        Self::with_conventions(endpoint, launch, Codex::new())
    }
}

impl<C: Conventions> ServeOptions<C> {
    /// The defaults, for a server with other conventions.
    pub fn with_conventions(endpoint: Endpoint, launch: Launch, conventions: C) -> Self {
        Self {
            endpoint,
            launch,
            conventions,
            limits: Limits::default(),
            watched: Vec::new(),
            stale_patience: Duration::from_secs(30),
            child_idle: Duration::from_secs(2),
            max_unattended: Duration::from_secs(3600),
            broker_idle: Duration::from_secs(300),
            drain: Duration::from_secs(10),
            grace: Grace::default(),
            liveness: Liveness::default(),
            max_stall: Duration::from_secs(10),
            max_unread: 64 * 1024 * 1024,
            max_frame: DEFAULT_MAX_FRAME,
            max_log: 1024 * 1024,
        }
    }
}

/// How [`serve`] ended. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It served until it was stopped or nobody came any more.
    Ended,
    /// Another broker has the endpoint; nothing was done.
    AlreadyRunning,
}

/// Why a broker could not serve.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct ServeError {
    what: String,
    #[source]
    source: io::Error,
}

/// Serves the endpoint until the broker is stopped, idle for long, or `shutdown` is ready. When it returns, its server has
/// ended, its clients are disconnected and its lock is free.
///
/// Must be called inside a tokio runtime with time and I/O. Dropping the future leaves the server to be ended in the
/// background; use `shutdown` instead.
///
/// # Errors
///
/// When the folder, the lock or the socket cannot be made.
pub async fn serve<C: Conventions + Clone>(
    options: ServeOptions<C>,
    shutdown: impl Future<Output = ()>,
) -> Result<Served, ServeError> {
    let fail = |what: &str| {
        let what = what.to_owned();
        move |source| ServeError { what, source }
    };
    let folder = options.endpoint.prepare().map_err(fail("the broker's folder cannot be made"))?;
    let lock = lock_file(&folder.join("lock")).map_err(fail("the broker's lock cannot be opened"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Served::AlreadyRunning),
        Err(TryLockError::Error(error)) => return Err(fail("the broker's lock cannot be taken")(error)),
    }
    let log = Log::open(&folder.join("broker.log"), options.max_log);
    let listener = Listener::bind(&options.endpoint).map_err(fail("the broker cannot listen"))?;
    log.say(&format!("process {} serves {}", std::process::id(), options.endpoint));
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
        // The listener is gone, and with it the socket: no new clients while what runs is seen out.
        keeping.await;
    }
    hub.finish().await;
    hub.log.say("it has ended");
    // The lock goes last: whoever gets it finds nothing of ours.
    drop(lock);
    Ok(Served::Ended)
}

/// Takes clients in as long as the broker is open.
async fn accept<C: Conventions + Clone>(hub: &Arc<Hub<C>>, mut listener: Listener) {
    /// How long it rests when it cannot accept.
    const REST: Duration = Duration::from_millis(50);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = hub.closing() => return,
        };
        match accepted {
            Ok(connection) => hub.join(connection),
            Err(error) => {
                // Out of file descriptors, most likely: clients that end give some back.
                hub.log.say(&format!("a client could not be accepted: {error}"));
                tokio::time::sleep(REST).await;
            }
        }
    }
}

pub(crate) fn lock_file(path: &Path) -> io::Result<File> {
    private_options().read(true).write(true).create(true).truncate(false).open(path)
}
