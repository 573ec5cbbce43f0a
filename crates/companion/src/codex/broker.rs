//! Reaching Codex: by a process of its own, or through the workspace's broker.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use codex_broker::{ConnectOptions, Endpoint, connect_or_start};
use codex_rpc::transport::{ChildOptions, Connection};

use crate::error::Result;

/// How Codex is reached.
#[derive(Clone, Debug, Default)]
pub enum Transport {
    /// A process of its own.
    #[default]
    Direct,
    /// The workspace's broker.
    Broker(Box<BrokerRoute>),
}

/// The workspace's broker, and what to do when it cannot be reached.
#[derive(Clone, Debug)]
pub struct BrokerRoute {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// The command line that becomes one, when one is to be started: the program and its arguments.
    pub start: Option<Vec<OsString>>,
    /// Whether a process of its own replaces a broker that does not answer.
    pub or_direct: bool,
    /// How long it may take to answer.
    pub handshake: Duration,
    /// How long a turn may wait in the broker's queue.
    pub queue: Option<Duration>,
}

impl BrokerRoute {
    /// Connects. Returns `None` when no broker answers and a process of its own may be used.
    ///
    /// # Errors
    /// When no broker answers and one is required.
    pub(super) async fn connect(&self, cwd: &Path) -> Result<Option<Connection>> {
        let mut options = ConnectOptions::new().timeout(self.handshake * 2).handshake_timeout(self.handshake);
        options.queue_timeout = self.queue;
        if let Some([program, arguments @ ..]) = self.start.as_deref() {
            let child = ChildOptions::new(program).args(arguments).cwd(cwd);
            options = options.start(child);
        }
        match connect_or_start(&self.endpoint, &options).await {
            Ok(connection) => Ok(Some(connection)),
            Err(_) if self.or_direct => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a process listens at the endpoint. Never waits, not even for a listener that is stopped and has its backlog full.
#[must_use]
pub fn is_listening(endpoint: &Endpoint) -> bool {
    #[cfg(unix)]
    if let Some(path) = endpoint.to_string().strip_prefix("unix:") {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
        let Ok(address) = SocketAddrUnix::new(path) else { return false };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let Ok(socket) = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None) else {
            return false;
        };
        return match connect(&socket, &address) {
            Ok(()) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INPROGRESS) => true,
            Err(_) => false,
        };
    }
    false
}
