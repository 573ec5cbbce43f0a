//! Listens for clients, and connects to a broker.

use std::io;

use codex_rpc::transport::{BoxReader, BoxWriter, Connection};

use crate::endpoint::{Address, Endpoint};

/// Both halves of a connection to a broker, and the broker's process id where the system provides it.
pub(crate) struct Stream {
    pub(crate) reader: BoxReader,
    pub(crate) writer: BoxWriter,
    pub(crate) pid: Option<u32>,
}

#[cfg(unix)]
mod imp {
    use std::os::unix::fs::PermissionsExt;

    use tokio::net::{UnixListener, UnixStream};

    use super::{Address, Connection, Endpoint, Stream, io};

    pub(crate) struct Listener {
        socket: UnixListener,
        path: std::path::PathBuf,
        user: u32,
    }

    impl Listener {
        /// Listens at the endpoint. The caller holds the broker's lock, so an existing socket belongs to a dead broker.
        pub(crate) fn bind(endpoint: &Endpoint) -> io::Result<Self> {
            let Address::Unix(path) = endpoint.address() else {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "named pipes are for Windows"));
            };
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let socket = UnixListener::bind(path)?;
            // Until here, the mode of its directory kept other users out.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
            let user = rustix::process::geteuid().as_raw();
            Ok(Self { socket, path: path.clone(), user })
        }

        /// Accepts the next client of this user. Cancel safe.
        pub(crate) async fn accept(&mut self) -> io::Result<Connection> {
            loop {
                let (stream, _) = self.socket.accept().await?;
                if stream.peer_cred().is_ok_and(|peer| peer.uid() == self.user) {
                    let (reader, writer) = stream.into_split();
                    return Ok(Connection::from_io(reader, writer));
                }
            }
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            drop(std::fs::remove_file(&self.path));
        }
    }

    pub(crate) async fn connect(endpoint: &Endpoint) -> io::Result<Stream> {
        let Address::Unix(path) = endpoint.address() else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "named pipes are for Windows"));
        };
        let stream = UnixStream::connect(path).await?;
        let peer = stream.peer_cred()?;
        if peer.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the socket belongs to another user",
            ));
        }
        let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
        let (reader, writer) = stream.into_split();
        Ok(Stream { reader: Box::new(reader), writer: Box::new(writer), pid })
    }
}

#[cfg(windows)]
mod imp {
    use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};

    use super::{Address, Connection, Endpoint, Stream, io};

    /// A pipe with the default security descriptor: only its user, administrators and the system may write to it, and a
    /// process that cannot write receives nothing. Remote clients are refused.
    pub(crate) struct Listener {
        name: String,
        next: NamedPipeServer,
    }

    impl Listener {
        pub(crate) fn bind(endpoint: &Endpoint) -> io::Result<Self> {
            let Address::Pipe(name) = endpoint.address() else {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "Unix sockets are for Unix"));
            };
            let next =
                ServerOptions::new().first_pipe_instance(true).reject_remote_clients(true).create(name)?;
            Ok(Self { name: name.clone(), next })
        }

        /// Accepts the next client. Cancel safe.
        pub(crate) async fn accept(&mut self) -> io::Result<Connection> {
            self.next.connect().await?;
            // Create the next instance first, so that a client always finds one.
            let next = ServerOptions::new().reject_remote_clients(true).create(&self.name)?;
            let (reader, writer) = tokio::io::split(std::mem::replace(&mut self.next, next));
            Ok(Connection::from_io(reader, writer))
        }
    }

    pub(crate) async fn connect(endpoint: &Endpoint) -> io::Result<Stream> {
        let Address::Pipe(name) = endpoint.address() else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "Unix sockets are for Unix"));
        };
        let (reader, writer, _) = Connection::pipe(name.as_ref()).await?.into_parts();
        Ok(Stream { reader, writer, pid: None })
    }
}

pub(crate) use imp::{Listener, connect};
