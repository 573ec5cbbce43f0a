//! An app-server that is played from a script: requests in, lines out, as the real one was recorded to do it.
//!
//! It knows the methods that this crate's client uses and behaves like Codex 0.169.0 where that shows: the order of
//! events, the two turn ids of a review, errors as -32600, turns that join a busy thread. On top of that a script
//! makes it misbehave, which the real one cannot be asked for.
//!
//! Three ways to run one: [`ScriptedAppServer::in_memory`] for tests, [`serve`] over any reader and writer,
//! [`serve_stdio`] for a program in place of `codex app-server`.
//!
//! # Limitations
//!
//! Nothing is run, written or remembered after the end: commands and edits are announced only, and threads live as
//! long as their server. Requests are barely checked. What it writes is bounded as a pipe is: without a reader, it
//! stops reading too.

mod fault;
mod methods;
mod review;
mod script;
mod shapes;
mod start;
mod state;
mod step;
mod turn;

use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

pub use fault::Fault;
pub use script::{KnownThread, Script, Start, model};
pub use step::{Death, Noise, Step, Turn};

use super::signal::Watched;
use state::Server;

/// How many lines may wait for a client that does not read. Past that the server waits for it.
const QUEUE: usize = 256;
/// How long a server that ends tries to get rid of what it has queued.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The size of each direction of an in-memory connection: that of a pipe on Linux.
const PIPE: usize = 64 * 1024;

/// How a scripted app-server ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// Its input ended, and it went as the real one does: at once, without finishing its turns.
    InputEnded,
    /// There is no reader of its output any more.
    OutputClosed,
    /// The script made it die.
    Died(Death),
}

impl Exit {
    /// The exit code of the program form: 0 unless the script made it die.
    pub fn code(&self) -> i32 {
        match self {
            Self::InputEnded | Self::OutputClosed => 0,
            Self::Died(death) => death.code,
        }
    }
}

/// A scripted app-server that runs in memory, on the tokio runtime that made it.
///
/// Dropping it ends the server, and the client sees the end of its stream.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct ScriptedAppServer {
    received: Arc<Watched<Vec<Value>>>,
    exit: Arc<Watched<Option<Exit>>>,
    task: JoinHandle<()>,
}

impl ScriptedAppServer {
    /// Starts a server and gives the client's end of the connection.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn in_memory(script: Script) -> (Self, DuplexStream) {
        let (client, server) = tokio::io::duplex(PIPE);
        let received = Arc::new(Watched::default());
        let exit = Arc::new(Watched::default());
        let task = tokio::spawn({
            let (received, exit) = (Arc::clone(&received), Arc::clone(&exit));
            async move {
                let (reader, writer) = tokio::io::split(server);
                let how = run(script, reader, writer, received).await;
                exit.update(|exit| *exit = Some(how));
            }
        });
        (Self { received, exit, task }, client)
    }

    /// Every message that it has received so far, in order. Lines that are no JSON are left out.
    pub fn received(&self) -> Vec<Value> {
        self.received.read(Clone::clone)
    }

    /// Waits until a message with this method has been received `count` times. It has no limit of its own: put a
    /// timeout around it. Cancel safe.
    pub async fn received_method(&self, method: &str, count: usize) {
        let times = |all: &Vec<Value>| all.iter().filter(|message| message["method"] == method).count();
        self.received.until(|all| times(all) >= count).await;
    }

    /// Waits until it has ended, and says how. It has no limit of its own. Cancel safe.
    pub async fn exited(&self) -> Exit {
        self.exit.until(Option::is_some).await;
        self.exit.read(Clone::clone).unwrap_or(Exit::OutputClosed)
    }
}

impl Drop for ScriptedAppServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one client until the script, the client or the end of the input ends it.
///
/// Cancel safe in the sense that dropping the future ends the server.
pub async fn serve<R, W>(script: Script, reader: R, writer: W) -> Exit
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    run(script, reader, writer, Arc::default()).await
}

/// Serves stdin and stdout, as `codex app-server` does, and gives the code for [`std::process::exit`].
///
/// It blocks, on a runtime of its own, so it must not be called from async code. A [`Death`] that asks for a signal
/// aborts the process in here.
///
/// # Errors
///
/// When no runtime can be built.
pub fn serve_stdio(script: Script) -> std::io::Result<i32> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exit = runtime.block_on(async {
        #[cfg(unix)]
        let _ignored = if script.ignore_sigterm {
            use tokio::signal::unix::{SignalKind, signal};
            // As long as tokio listens for it, the signal does not end the process.
            Some(signal(SignalKind::terminate())?)
        } else {
            None
        };
        Ok::<Exit, std::io::Error>(serve(script, tokio::io::stdin(), tokio::io::stdout()).await)
    })?;
    // Else it would wait for the thread that is blocked in reading stdin.
    runtime.shutdown_background();
    if let Exit::Died(death) = &exit {
        drop(std::io::stderr().write_all(death.stderr.as_bytes()));
        if death.abort {
            std::process::abort();
        }
    }
    Ok(exit.code())
}

async fn run<R, W>(script: Script, reader: R, mut writer: W, received: Arc<Watched<Vec<Value>>>) -> Exit
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    if let Start::Exit { code, stdout, stderr } = &script.start {
        drop(writer.write_all(stdout.as_bytes()).await);
        drop(writer.flush().await);
        return Exit::Died(Death { code: *code, stderr: stderr.clone(), abort: false });
    }
    let (out, queue) = mpsc::channel(QUEUE);
    let server = Arc::new(Server::new(script, out, received));
    let mut writing = pin!(write(queue, writer));
    let exit = tokio::select! {
        // What was queued before a death has been said before it, and the writer gets to it below.
        biased;
        death = server.died() => Exit::Died(death),
        () = &mut writing => return Exit::OutputClosed,
        () = read(&server, reader) => Exit::InputEnded,
    };
    drop(server);
    drop(tokio::time::timeout(LAST_WORDS, writing).await);
    exit
}

/// Takes the client's lines until there are no more. The turns run in here, and end with it.
async fn read<R: AsyncRead + Unpin>(server: &Arc<Server>, reader: R) {
    let mut reader = BufReader::new(reader);
    let mut turns = JoinSet::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if !matches!(reader.read_until(b'\n', &mut line).await, Ok(count) if count > 0) {
            break;
        }
        if let Some(turn) = server.take(&line).await {
            turns.spawn(turn);
        }
    }
    if server.lingers() {
        std::future::pending::<()>().await;
    }
}

async fn write<W: AsyncWrite + Unpin>(mut queue: mpsc::Receiver<Vec<u8>>, mut writer: W) {
    while let Some(bytes) = queue.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
        if queue.is_empty() && writer.flush().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
