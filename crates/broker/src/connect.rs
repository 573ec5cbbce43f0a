//! Finding a broker, or starting one.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use codex_base::process;
use codex_rpc::message::{Envelope, RpcError};
use codex_rpc::transport::{BoxReader, BoxWriter, ChildOptions, Connection};
use process_wrap::tokio::{ChildWrapper, CommandWrap};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout_at};

use crate::deadline::{POLL, due};
use crate::endpoint::Endpoint;
use crate::guard;
use crate::listener;
use crate::serve::lock_file;
use crate::status::BrokerStatus;

/// How a broker is found, started and watched.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The program to start when no broker answers, in a session of its own: one that calls [`serve`](crate::serve) for the
    /// same endpoint. Default: none, and none is started.
    pub start: Option<ChildOptions>,
    /// How long finding or starting one may take in all. Default 10 s.
    pub within: Duration,
    /// How long a broker may take to answer `broker/status`; then it is taken for wedged, unless the system says that it is
    /// at work. Default 5 s.
    pub handshake: Duration,
    /// So long after the question the system is asked whether the broker's process is stopped, again and again.
    /// Default 300 ms.
    pub stopped_after: Duration,
    /// Whether this client's turns are left to run when it goes away, rather than interrupted. Default false.
    pub leave_running: bool,
    /// How long this client's requests for turns may wait for a place, rather than be refused. Default: none may.
    pub queue: Option<Duration>,
}

impl ConnectOptions {
    /// The defaults: connect to a broker that runs.
    pub fn new() -> Self {
        Self {
            start: None,
            within: Duration::from_secs(10),
            handshake: Duration::from_secs(5),
            stopped_after: Duration::from_millis(300),
            leave_running: false,
            queue: None,
        }
    }

    /// Starts this program when no broker answers.
    #[must_use]
    pub fn start(mut self, program: ChildOptions) -> Self {
        self.start = Some(program);
        self
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What kind of failure it is, for the decisions that callers make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// No broker runs there.
    NotRunning,
    /// One runs, and its process is stopped.
    Stopped,
    /// One runs and does not answer in time.
    NotAnswering,
    /// The program that should serve ended, or did not begin to in time.
    NotStarted,
    /// The broker refused what was asked: [`ConnectError::rpc`] says why.
    Refused,
    /// The connection failed otherwise.
    Io,
}

/// Why there is no connection to a broker.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    kind: ConnectErrorKind,
    message: String,
    rpc: Option<RpcError>,
}

impl ConnectError {
    pub(crate) fn new(kind: ConnectErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), rpc: None }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// The broker's own error, when it refused.
    pub fn rpc(&self) -> Option<&RpcError> {
        self.rpc.as_ref()
    }
}

/// A connection to a broker that has answered `broker/status`.
struct Wire {
    reader: BufReader<BoxReader>,
    writer: BoxWriter,
    pid: Option<u32>,
}

/// What was found at an endpoint.
enum Found {
    Answers(Box<(Wire, BrokerStatus)>),
    /// Nobody, or one who hung up: it is about to end.
    Nobody,
    Stopped(Option<u32>),
    Wedged(Option<u32>),
    /// It has not answered, and it is at work: the machine is slow, or it has much to do.
    Slow,
}

/// Connects to the broker of this endpoint, and starts one when none answers, or when the one that is there is stopped or
/// wedged. For [`Client::connect`](codex_rpc::client::Client::connect).
///
/// However many do so at once, one broker comes of it. While the connection is used, the broker is watched: if its process is
/// stopped, or it does not answer any more, the connection fails with that reason.
///
/// Cancel safe: a broker that was started meanwhile stays, and ends by itself when nobody comes.
///
/// # Errors
///
/// [`ConnectErrorKind::NotRunning`], [`Stopped`](ConnectErrorKind::Stopped) and
/// [`NotAnswering`](ConnectErrorKind::NotAnswering) when there is nothing to start one with,
/// [`NotStarted`](ConnectErrorKind::NotStarted) when it did not come up.
pub async fn connect_or_start(
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let due = due(options.within);
    loop {
        let found = probe(endpoint, options).await?;
        let (problem, wire) = match found {
            Found::Answers(found) if !found.1.stopping => (None, Some(found.0)),
            // It is about to end.
            Found::Answers(_) | Found::Slow => (None, None),
            Found::Nobody => (Some((ConnectErrorKind::NotRunning, None)), None),
            Found::Stopped(pid) => (Some((ConnectErrorKind::Stopped, pid)), None),
            Found::Wedged(pid) => (Some((ConnectErrorKind::NotAnswering, pid)), None),
        };
        let wire = match (problem, &options.start) {
            (None, _) => wire,
            (Some((kind, _)), None) => return Err(absent(endpoint, kind)),
            (Some((_, pid)), Some(program)) => start(endpoint, options, program, pid, due).await?,
        };
        if let Some(wire) = wire {
            match greet(endpoint, options, wire).await {
                // It ended in that moment: the next look tells.
                Err(error) if error.kind() == ConnectErrorKind::Io && Instant::now() < due => {}
                greeted => return greeted,
            }
        }
        if Instant::now() >= due {
            let message = format!("no broker came up within {:?}", options.within);
            return Err(ConnectError::new(ConnectErrorKind::NotStarted, message));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Asks the broker of this endpoint for its status. Works while it is busy, and while its server is dead.
///
/// # Errors
///
/// [`ConnectErrorKind::NotRunning`], [`Stopped`](ConnectErrorKind::Stopped),
/// [`NotAnswering`](ConnectErrorKind::NotAnswering) when there was no answer within `within`.
pub async fn status(endpoint: &Endpoint, within: Duration) -> Result<BrokerStatus, ConnectError> {
    Ok(find(endpoint, within).await?.1)
}

/// Tells the broker of this endpoint to stop, and waits until it has ended. Without `force` it refuses under other clients
/// that are connected, and sees out the turns that were left to run.
///
/// # Errors
///
/// As [`status`]; [`ConnectErrorKind::Refused`] when clients are connected.
pub async fn stop(endpoint: &Endpoint, force: bool, within: Duration) -> Result<(), ConnectError> {
    let due = due(within);
    let (mut wire, _) = find(endpoint, within).await?;
    wire.ask("broker/shutdown", &json!({ "force": force }), due).await?;
    let mut rest = Vec::new();
    if timeout_at(due, wire.reader.read_to_end(&mut rest)).await.is_err() {
        return Err(absent(endpoint, ConnectErrorKind::NotAnswering));
    }
    // It has hung up; its lock is the last that it lets go of.
    match endpoint.folder() {
        Some(folder) => wait_for_lock(folder, due).await,
        None => Ok(()),
    }
}

/// Asks the broker to end its server, so that its threads are free for other programs, as soon as nothing runs and no other
/// client holds a thread, waiting up to `within` for that. True if they are free; false when no broker runs, which comes to
/// the same.
///
/// # Errors
///
/// As [`status`], but for `NotRunning`; [`ConnectErrorKind::Refused`] when the server is still in use.
pub async fn release(endpoint: &Endpoint, within: Duration) -> Result<bool, ConnectError> {
    /// What the end of a server may take on top.
    const END: Duration = Duration::from_secs(5);
    let mut wire = match find(endpoint, within.max(Duration::from_secs(1))).await {
        Ok((wire, _)) => wire,
        Err(error) if error.kind() == ConnectErrorKind::NotRunning => return Ok(false),
        Err(error) => return Err(error),
    };
    let deadline = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    wire.ask("broker/release", &json!({ "deadlineMs": deadline }), due(within.saturating_add(END))).await?;
    Ok(true)
}

async fn find(endpoint: &Endpoint, within: Duration) -> Result<(Wire, BrokerStatus), ConnectError> {
    let mut options = ConnectOptions::new();
    options.handshake = within;
    match probe(endpoint, &options).await? {
        Found::Answers(found) => Ok(*found),
        Found::Nobody => Err(absent(endpoint, ConnectErrorKind::NotRunning)),
        Found::Stopped(_) => Err(absent(endpoint, ConnectErrorKind::Stopped)),
        Found::Wedged(_) | Found::Slow => Err(absent(endpoint, ConnectErrorKind::NotAnswering)),
    }
}

fn absent(endpoint: &Endpoint, kind: ConnectErrorKind) -> ConnectError {
    let message = match kind {
        ConnectErrorKind::NotRunning => format!("no broker runs at {endpoint}"),
        ConnectErrorKind::Stopped => format!("the broker at {endpoint} is stopped"),
        _ => format!("the broker at {endpoint} does not answer"),
    };
    ConnectError::new(kind, message)
}

/// Why a broker that was answering will not any more, if that is so. One that listens no longer may still be seeing out
/// what runs; one that is slow is no fault.
pub(crate) async fn has_failed(endpoint: &Endpoint, within: Duration) -> Option<String> {
    let mut options = ConnectOptions::new();
    options.handshake = within;
    match probe(endpoint, &options).await {
        Ok(Found::Stopped(_)) => Some(absent(endpoint, ConnectErrorKind::Stopped).to_string()),
        Ok(Found::Wedged(_)) => Some(absent(endpoint, ConnectErrorKind::NotAnswering).to_string()),
        _ => None,
    }
}

/// Looks who is there: connects, and asks for the status.
async fn probe(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Found, ConnectError> {
    let due = due(options.handshake);
    let stream = match timeout_at(due, listener::connect(endpoint)).await {
        Err(_) => return Ok(Found::Wedged(None)),
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return match error.kind() {
                io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::NotConnected
                | io::ErrorKind::BrokenPipe => Ok(Found::Nobody),
                // More connect at once than its queue holds.
                io::ErrorKind::WouldBlock => Ok(Found::Slow),
                _ => Err(ConnectError::new(ConnectErrorKind::Io, format!("{endpoint}: {error}"))),
            };
        }
    };
    let pid = stream.pid;
    let mut wire = Wire { reader: BufReader::new(stream.reader), writer: stream.writer, pid };
    let params = json!({});
    let before = pid.and_then(process::activity);
    let answer = {
        let asking = wire.ask("broker/status", &params, due);
        tokio::pin!(asking);
        loop {
            match tokio::time::timeout(options.stopped_after, &mut asking).await {
                Ok(answer) => break answer,
                Err(_) if pid.is_some_and(process::is_stopped) => return Ok(Found::Stopped(pid)),
                Err(_) => {}
            }
        }
    };
    match answer {
        Ok(answer) => match serde_json::from_value(answer) {
            Ok(status) => Ok(Found::Answers(Box::new((wire, status)))),
            Err(error) => {
                Err(ConnectError::new(ConnectErrorKind::Io, format!("{endpoint} is no broker: {error}")))
            }
        },
        Err(error) if error.kind() == ConnectErrorKind::NotAnswering => {
            let works = pid.and_then(process::activity).is_some_and(|now| now.since(before));
            Ok(if works { Found::Slow } else { Found::Wedged(pid) })
        }
        Err(error) if error.kind() == ConnectErrorKind::Io => Ok(Found::Nobody),
        Err(error) => Err(error),
    }
}

/// Says how this client wants to be treated, and hands the connection out.
async fn greet(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    mut wire: Wire,
) -> Result<Connection, ConnectError> {
    let mut hello = json!({ "onDisconnect": if options.leave_running { "leave" } else { "interrupt" } });
    if let Some(queue) = options.queue {
        hello["queue"] = json!({ "deadlineMs": u64::try_from(queue.as_millis()).unwrap_or(u64::MAX) });
    }
    wire.ask("broker/hello", &hello, due(options.handshake)).await?;
    let reader = guard::watch(endpoint.clone(), Box::new(wire.reader), wire.pid, options.handshake);
    Ok(Connection::from_io(reader, wire.writer))
}

impl Wire {
    /// Asks a question and waits for its answer.
    async fn ask(&mut self, method: &str, params: &Value, due: Instant) -> Result<Value, ConnectError> {
        let exchange = async {
            let question = json!({ "id": method, "method": method, "params": params });
            self.writer.write_all(format!("{question}\n").as_bytes()).await?;
            self.writer.flush().await?;
            let mut line = Vec::new();
            loop {
                line.clear();
                if self.reader.read_until(b'\n', &mut line).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                if Envelope::scan(line.trim_ascii())
                    .is_ok_and(|it| it.id().is_some_and(|id| id == method.into()))
                {
                    return serde_json::from_slice::<Value>(&line).map_err(io::Error::from);
                }
            }
        };
        match timeout_at(due, exchange).await {
            Err(_) => {
                Err(ConnectError::new(ConnectErrorKind::NotAnswering, format!("no answer to {method}")))
            }
            Ok(Err(error)) => {
                Err(ConnectError::new(ConnectErrorKind::Io, format!("the broker hung up: {error}")))
            }
            Ok(Ok(mut answer)) => match serde_json::from_value::<RpcError>(answer["error"].take()) {
                Ok(error) => Err(ConnectError {
                    kind: ConnectErrorKind::Refused,
                    message: format!("the broker refused {method}: {}", error.message),
                    rpc: Some(error),
                }),
                Err(_) => Ok(answer["result"].take()),
            },
        }
    }
}

/// Starts a broker in the place of none or of one that does not answer, unless somebody else is at it: then `None`.
async fn start(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    program: &ChildOptions,
    pid: Option<u32>,
    due: Instant,
) -> Result<Option<Wire>, ConnectError> {
    let io = |what: &str, error: &io::Error| {
        ConnectError::new(ConnectErrorKind::NotStarted, format!("{what}: {error}"))
    };
    let folder = endpoint.prepare().map_err(|error| io("the broker's folder cannot be made", &error))?;
    let gate = lock_file(&folder.join("start.lock")).map_err(|error| io("the lock of the start", &error))?;
    if gate.try_lock().is_err() {
        return Ok(None);
    }
    // Whoever had the gate before may have started one since we looked.
    match probe(endpoint, options).await? {
        Found::Answers(found) if !found.1.stopping => return Ok(Some(found.0)),
        Found::Answers(_) | Found::Slow => return Ok(None),
        Found::Nobody => {}
        #[cfg(unix)]
        Found::Stopped(Some(pid)) | Found::Wedged(Some(pid)) => process::kill_group(pid),
        Found::Stopped(_) | Found::Wedged(_) if pid.is_none() => {
            return Err(absent(endpoint, ConnectErrorKind::NotAnswering));
        }
        Found::Stopped(_) | Found::Wedged(_) => return Ok(None),
    }
    wait_for_lock(folder, due).await?;
    let said = folder.join("start.log");
    let stderr = fresh_file(&said).map_err(|error| io("the log of the start", &error))?;
    let mut child =
        spawn(program, stderr).map_err(|error| io("the broker's program cannot be started", &error))?;
    loop {
        if let Found::Answers(found) = probe(endpoint, options).await?
            && !found.1.stopping
        {
            return Ok(Some(found.0));
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some_and(|status| status.success()) && Instant::now() < due {
            // It found another there, which must be on its way in or out.
            return Ok(None);
        }
        if ended.is_some() || Instant::now() >= due {
            let how = ended
                .map_or_else(|| "did not serve in time".to_owned(), |status| format!("ended ({status})"));
            let tail = std::fs::read_to_string(&said).unwrap_or_default();
            let tail = tail.trim_end().lines().last().map(|line| format!(": {line}")).unwrap_or_default();
            let message = format!("the broker's program {how}{tail}");
            return Err(ConnectError::new(ConnectErrorKind::NotStarted, message));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until no broker has the endpoint's lock: one that was killed or is about to end gives it back.
async fn wait_for_lock(folder: &Path, due: Instant) -> Result<(), ConnectError> {
    let held = |error: &io::Error| {
        ConnectError::new(ConnectErrorKind::NotStarted, format!("the broker's lock: {error}"))
    };
    let lock = lock_file(&folder.join("lock")).map_err(|error| held(&error))?;
    while lock.try_lock().is_err() {
        if Instant::now() >= due {
            let message = "a broker that listens nowhere holds the lock";
            return Err(ConnectError::new(ConnectErrorKind::NotStarted, message));
        }
        tokio::time::sleep(POLL).await;
    }
    // Given back at once, for the one that is about to start. The gate keeps others from starting one too.
    drop(lock.unlock());
    Ok(())
}

fn fresh_file(path: &Path) -> io::Result<File> {
    let file = lock_file(path)?;
    file.set_len(0)?;
    Ok(file)
}

/// Starts the program in a session of its own: it outlives us, our terminal and our process group.
fn spawn(options: &ChildOptions, stderr: File) -> io::Result<Box<dyn ChildWrapper>> {
    let mut command = tokio::process::Command::new(&options.program);
    command.args(&options.args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    for name in &options.env_remove {
        command.env_remove(name);
    }
    command.envs(options.env.iter().map(|(name, value)| (name, value)));
    if let Some(cwd) = &options.cwd {
        command.current_dir(cwd);
    }
    #[cfg(windows)]
    {
        const DETACHED_PROCESS: u32 = 0x8;
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
        command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
    }
    let mut wrap = CommandWrap::from(command);
    #[cfg(unix)]
    wrap.wrap(process_wrap::tokio::ProcessSession);
    wrap.spawn()
}
