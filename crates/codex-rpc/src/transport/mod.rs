//! Where frames come from and go to: a child process, a Unix socket, a Windows named pipe, or memory.
//!
//! A [`Connection`] is two byte streams and, when they belong to a process, the [`ChildHandle`] by which its end is
//! learnt and brought about. Nothing here knows frames or messages; [`crate::peer::Peer`] owns a connection and does.

mod child;

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

pub use child::{ChildExit, ChildHandle, ChildOptions, Grace};

/// The reading half of a connection of any kind.
pub type BoxReader = Box<dyn AsyncRead + Send + Unpin>;
/// The writing half of a connection of any kind.
pub type BoxWriter = Box<dyn AsyncWrite + Send + Unpin>;

/// Two byte streams, and the process that they belong to, if there is one.
pub struct Connection {
    pub(crate) reader: BoxReader,
    pub(crate) writer: BoxWriter,
    pub(crate) child: Option<ChildHandle>,
}

impl Connection {
    /// A connection over any two streams.
    pub fn from_io(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self { reader: Box::new(reader), writer: Box::new(writer), child: None }
    }

    /// A connection in memory: what one end writes, the other reads. Each direction holds 64 KiB, as a pipe does.
    #[must_use = "the other end hangs up when its stream is dropped"]
    pub fn pair() -> (Self, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (reader, writer) = tokio::io::split(ours);
        (Self::from_io(reader, writer), theirs)
    }

    /// Starts a process and connects to its standard input and output.
    ///
    /// The process leads a process group (Windows: a job object) of its own. Must be called inside a tokio runtime,
    /// which then runs the task that watches the process.
    ///
    /// # Errors
    /// The error of the operating system; [`std::io::ErrorKind::NotFound`] when the program is missing.
    pub fn spawn(options: &ChildOptions) -> std::io::Result<Self> {
        child::spawn(options)
    }

    /// Connects to a Unix socket.
    ///
    /// # Errors
    /// As [`tokio::net::UnixStream::connect`]. The caller bounds the wait; dropping the future gives the attempt up.
    #[cfg(unix)]
    pub async fn unix(path: &std::path::Path) -> std::io::Result<Self> {
        let (reader, writer) = tokio::net::UnixStream::connect(path).await?.into_split();
        Ok(Self::from_io(reader, writer))
    }

    /// Connects to a Windows named pipe (`\\.\pipe\name`).
    ///
    /// # Errors
    /// As [`tokio::net::windows::named_pipe::ClientOptions::open`]; a busy pipe is tried again until the caller drops
    /// the future.
    #[cfg(windows)]
    pub async fn pipe(name: &std::ffi::OsStr) -> std::io::Result<Self> {
        const ERROR_PIPE_BUSY: i32 = 231;
        loop {
            match tokio::net::windows::named_pipe::ClientOptions::new().open(name) {
                Ok(pipe) => {
                    let (reader, writer) = tokio::io::split(pipe);
                    return Ok(Self::from_io(reader, writer));
                }
                Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The streams and the process, for a caller that does without a peer.
    #[must_use = "dropping the parts closes the connection and ends the process"]
    pub fn into_parts(self) -> (BoxReader, BoxWriter, Option<ChildHandle>) {
        (self.reader, self.writer, self.child)
    }

    /// The process of the connection, if there is one.
    #[must_use]
    pub fn child(&self) -> Option<&ChildHandle> {
        self.child.as_ref()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("child", &self.child).finish_non_exhaustive()
    }
}
