//! Options of [`serve`](crate::serve).

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use codex_rpc::frame::DEFAULT_MAX_FRAME;
use codex_rpc::transport::{ChildOptions, Connection, Grace};

use crate::conventions::{CodexConventions, Conventions};
use crate::endpoint::Endpoint;
use crate::router::Limits;

/// Starts the server.
#[derive(Clone)]
pub struct Launcher(pub(crate) Arc<dyn Fn() -> io::Result<Connection> + Send + Sync>);

impl Launcher {
    /// Starts the server as a child process and uses its standard streams.
    pub fn child(options: ChildOptions) -> Self {
        Self::from_fn(move || Connection::spawn(&options))
    }

    /// Calls a function that connects to a new server. It is called inside the runtime and must not block.
    pub fn from_fn(launch: impl Fn() -> io::Result<Connection> + Send + Sync + 'static) -> Self {
        Self(Arc::new(launch))
    }
}

impl fmt::Debug for Launcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Launcher(..)")
    }
}

/// The times after which a silent server counts as not responding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Liveness {
    /// The time without activity, while a request or a turn is pending, after which the server is asked for activity.
    /// Default: 500 ms.
    pub ask_after: Duration,
    /// The time after that question at which the system is asked whether the server's process is stopped. Default: 500 ms.
    pub stopped_after: Duration,
    /// The time after that question at which the server is ended, regardless of the state of its process. Default: 30 s,
    /// because a slow machine is not a fault.
    pub wedged_after: Duration,
}

impl Liveness {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time without activity after which the server is asked for activity; 500 ms by default.
    #[must_use]
    pub fn ask_after(mut self, after: Duration) -> Self {
        self.ask_after = after;
        self
    }

    /// Sets the time after the question at which a stopped process is detected; 500 ms by default.
    #[must_use]
    pub fn stopped_after(mut self, after: Duration) -> Self {
        self.stopped_after = after;
        self
    }

    /// Sets the time after the question at which the server is ended; 30 s by default.
    #[must_use]
    pub fn wedged_after(mut self, after: Duration) -> Self {
        self.wedged_after = after;
        self
    }
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

/// Options of [`serve`](crate::serve).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeOptions<C = CodexConventions> {
    /// Where the broker listens.
    pub endpoint: Endpoint,
    /// Starts the server.
    pub launcher: Launcher,
    /// The server's protocol.
    pub conventions: C,
    /// The router's limits.
    pub limits: Limits,
    /// Files that the server reads at its start, such as its program, its configuration and its login. When one of them
    /// changes, the server is restarted as soon as no turn is active. Default: none.
    pub watched_files: Vec<PathBuf>,
    /// The longest time that a restart for changed files waits for clients with idle threads. Default: 30 s.
    pub stale_patience: Duration,
    /// The time without clients and turns after which the server ends, and with it its locks on threads. Default: 2 s.
    pub child_idle: Duration,
    /// The longest time that turns may continue without any client. After it, the server is ended. Default: 1 h.
    pub max_unattended: Duration,
    /// The time without clients after which the broker ends. Default: 5 min.
    pub broker_idle: Duration,
    /// The longest time that a stop waits for active turns. Default: 10 s.
    pub drain_timeout: Duration,
    /// The time for each step of the server's shutdown.
    pub grace: Grace,
    /// The times after which a silent server counts as not responding.
    pub liveness: Liveness,
    /// A client that reads nothing for this time is disconnected. Default: 10 s.
    pub max_stall: Duration,
    /// A client that leaves this many bytes unread is disconnected. Default: 64 MiB.
    pub max_unread: usize,
    /// The longest frame, in bytes. Default: 64 MiB.
    pub max_frame: usize,
    /// The longest log, in bytes. One older log of that length is kept. Default: 1 MiB.
    pub max_log: u64,
}

impl ServeOptions<CodexConventions> {
    /// The defaults, for a Codex app-server.
    pub fn new(endpoint: Endpoint, launcher: Launcher) -> Self {
        Self::with_conventions(endpoint, launcher, CodexConventions::new())
    }
}

impl<C: Conventions> ServeOptions<C> {
    /// The defaults, for a server with other conventions.
    pub fn with_conventions(endpoint: Endpoint, launcher: Launcher, conventions: C) -> Self {
        Self {
            endpoint,
            launcher,
            conventions,
            limits: Limits::default(),
            watched_files: Vec::new(),
            stale_patience: Duration::from_secs(30),
            child_idle: Duration::from_secs(2),
            max_unattended: Duration::from_secs(3600),
            broker_idle: Duration::from_secs(300),
            drain_timeout: Duration::from_secs(10),
            grace: Grace::default(),
            liveness: Liveness::default(),
            max_stall: Duration::from_secs(10),
            max_unread: 64 * 1024 * 1024,
            max_frame: DEFAULT_MAX_FRAME,
            max_log: 1024 * 1024,
        }
    }

    /// Sets the router's limits; see [`Limits`] for the defaults.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the files whose change restarts the server; none by default.
    #[must_use]
    pub fn watched_files(mut self, files: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.watched_files = files.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the longest time that a restart for changed files waits for idle threads; 30 s by default.
    #[must_use]
    pub fn stale_patience(mut self, patience: Duration) -> Self {
        self.stale_patience = patience;
        self
    }

    /// Sets the time without clients and turns after which the server ends; 2 s by default.
    #[must_use]
    pub fn child_idle(mut self, after: Duration) -> Self {
        self.child_idle = after;
        self
    }

    /// Sets the longest time that turns may continue without any client; 1 h by default.
    #[must_use]
    pub fn max_unattended(mut self, after: Duration) -> Self {
        self.max_unattended = after;
        self
    }

    /// Sets the time without clients after which the broker ends; 5 min by default.
    #[must_use]
    pub fn broker_idle(mut self, after: Duration) -> Self {
        self.broker_idle = after;
        self
    }

    /// Sets the longest time that a stop waits for active turns; 10 s by default.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Sets the time for each step of the server's shutdown; see [`Grace`] for the defaults.
    #[must_use]
    pub fn grace(mut self, grace: Grace) -> Self {
        self.grace = grace;
        self
    }

    /// Sets when a silent server counts as not responding; see [`Liveness`] for the defaults.
    #[must_use]
    pub fn liveness(mut self, liveness: Liveness) -> Self {
        self.liveness = liveness;
        self
    }

    /// Sets the time without reading after which a client is disconnected; 10 s by default.
    #[must_use]
    pub fn max_stall(mut self, after: Duration) -> Self {
        self.max_stall = after;
        self
    }

    /// Sets the unread bytes at which a client is disconnected; 64 MiB by default.
    #[must_use]
    pub fn max_unread(mut self, bytes: usize) -> Self {
        self.max_unread = bytes;
        self
    }

    /// Sets the longest frame; 64 MiB by default.
    #[must_use]
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// Sets the longest log; 1 MiB by default.
    #[must_use]
    pub fn max_log(mut self, bytes: u64) -> Self {
        self.max_log = bytes;
        self
    }
}
