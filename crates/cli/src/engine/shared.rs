//! The workspace's shared app-server: whether a command uses it, and how it is found.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use codex_broker::{ConnectError, ConnectErrorKind, ConnectOptions, Endpoint, Identity, connect_or_start};
use codex_rpc::transport::{ChildOptions, Connection};

use crate::exit::{Failure, Kind};
use crate::sanitize::one_line;

/// How Codex is reached.
#[derive(Clone, Debug, Default)]
pub enum Via {
    /// A process of our own.
    #[default]
    Direct,
    /// The workspace's broker.
    Broker(Box<Shared>),
}

/// The workspace's broker, and what becomes of a command that does not reach it.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// The command line that becomes one, when one is to be started: the program and its arguments.
    pub start: Option<Vec<OsString>>,
    /// Whether a process of our own will do when there is none that answers.
    pub or_direct: bool,
    /// How long it may take to answer.
    pub handshake: Duration,
    /// How long a turn may wait for a place.
    pub queue: Option<Duration>,
}

impl Shared {
    /// Connects. `None`: there is none that answers, and a process of our own will do.
    ///
    /// # Errors
    /// There is none that answers, and the broker was asked for by name.
    pub(super) async fn connect(&self, cwd: &Path) -> Result<Option<Connection>, Failure> {
        let mut options = ConnectOptions::new().timeout(self.handshake * 2).handshake_timeout(self.handshake);
        options.queue_timeout = self.queue;
        if let Some([program, arguments @ ..]) = self.start.as_deref() {
            let child = ChildOptions::new(program).args(arguments).cwd(cwd);
            options = options.start(child);
        }
        match connect_or_start(&self.endpoint, &options).await {
            Ok(connection) => Ok(Some(connection)),
            Err(_) if self.or_direct => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }
}

/// Where the broker of a workspace is.
#[must_use]
pub fn endpoint(state_root: &Path, temporary: &Path, root: &Path, home: &Path, program: &Path) -> Endpoint {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (workspace, home, program) = (real(root), real(home), real(program));
    let identity = Identity { workspace: &workspace, home: &home, program: &program };
    Endpoint::locate(&state_root.join("brokers"), temporary, identity)
}

/// Whether anybody listens there. Costs a look at the file system, and a connection when there is a socket; it never waits,
/// not even for a listener that is stopped and has its backlog full.
#[must_use]
pub fn listens(endpoint: &Endpoint) -> bool {
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

/// An error of the broker's, as the user is told.
#[must_use]
pub fn failure(error: &ConnectError) -> Failure {
    let message = one_line(&error.to_string(), 400);
    match error.kind() {
        ConnectErrorKind::NotRunning => Failure::new(Kind::Broker, message)
            .with_hint("commands start one when it pays; `--broker always` starts one now"),
        ConnectErrorKind::Stopped | ConnectErrorKind::NotAnswering => Failure::new(Kind::Broker, message)
            .with_hint("`codex-companion broker stop --force` ends it; `--broker never` does without"),
        ConnectErrorKind::Refused => {
            Failure::new(Kind::Broker, message).with_hint("`--force` ends it all the same, and what it runs")
        }
        _ => Failure::new(Kind::Broker, message).with_hint("`--broker never` does without"),
    }
}
