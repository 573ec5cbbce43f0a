//! Finds a broker, or starts one.

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
use crate::trace::event;

/// Options of [`connect_or_start`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The program that is started when no broker responds, in a session of its own. It must call [`serve`](crate::serve)
    /// for the same endpoint. Default: none; no broker is started.
    pub start: Option<ChildOptions>,
    /// The longest time to find or start a broker. Default: 10 s.
    pub timeout: Duration,
    /// The longest time for a response to `broker/status`. After it, the broker counts as not responding, unless its process
    /// is using the processor. Default: 5 s.
    pub handshake_timeout: Duration,
    /// The interval at which the system is asked whether the broker's process is stopped, while a response is pending.
    /// Default: 300 ms.
    pub stopped_after: Duration,
    /// Whether this client's turns continue when it disconnects. Default: false; they are interrupted.
    pub leave_running: bool,
    /// The longest time that this client's requests for turns may wait in the queue. Default: none; they are refused when
    /// the limit of turns is reached.
    pub queue_timeout: Option<Duration>,
}

impl ConnectOptions {
    /// The defaults: connect to a running broker.
    pub fn new() -> Self {
        Self {
            start: None,
            timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
            stopped_after: Duration::from_millis(300),
            leave_running: false,
            queue_timeout: None,
        }
    }

    /// Sets the program that is started when no broker responds; none by default.
    #[must_use]
    pub fn start(mut self, program: ChildOptions) -> Self {
        self.start = Some(program);
        self
    }

    /// Sets the longest time to find or start a broker; 10 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the longest time for a response to `broker/status`; 5 s by default.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets the interval of checks for a stopped process; 300 ms by default.
    #[must_use]
    pub fn stopped_after(mut self, after: Duration) -> Self {
        self.stopped_after = after;
        self
    }

    /// Sets whether this client's turns continue when it disconnects; false by default.
    #[must_use]
    pub fn leave_running(mut self, leave_running: bool) -> Self {
        self.leave_running = leave_running;
        self
    }

    /// Sets the longest time that this client's requests for turns may wait in the queue; none may wait by default.
    #[must_use]
    pub fn queue_timeout(mut self, timeout: Duration) -> Self {
        self.queue_timeout = Some(timeout);
        self
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The kind of a [`ConnectError`], for decisions of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// No broker runs at the endpoint.
    NotRunning,
    /// The broker's process is stopped.
    Stopped,
    /// The broker did not respond in time.
    NotAnswering,
    /// The broker's program ended, or did not serve in time.
    NotStarted,
    /// The broker refused the request: [`ConnectError::rpc`] has its error.
    Refused,
    /// The connection failed for another reason.
    Io,
}

/// The error of a connection to a broker.
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

    /// The kind of the error.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// The broker's own error, if it refused the request.
    pub fn rpc(&self) -> Option<&RpcError> {
        self.rpc.as_ref()
    }
}

/// A connection to a broker that responded to `broker/status`.
struct Wire {
    reader: BufReader<BoxReader>,
    writer: BoxWriter,
    pid: Option<u32>,
}

/// The state of the broker at an endpoint.
enum Found {
    Running(Box<(Wire, BrokerStatus)>),
    /// No broker, or one that closed the connection because it is ending.
    Nothing,
    Stopped(Option<u32>),
    Wedged(Option<u32>),
    /// It did not respond, but its process is using the processor: the machine or the broker is busy.
    Slow,
}

/// Connects to the broker of this endpoint. Starts one when none responds, or when the existing one is stopped or does not
/// respond. The connection is for [`Client::connect`](codex_rpc::client::Client::connect).
///
/// Any number of concurrent callers start a single broker. The broker is watched while the connection is in use: if its
/// process is stopped, or it no longer responds, the connection fails with that reason.
///
/// Cancel safe: a broker that was started continues, and ends by itself when no client connects.
///
/// # Errors
///
/// [`ConnectErrorKind::NotRunning`], [`Stopped`](ConnectErrorKind::Stopped) and
/// [`NotAnswering`](ConnectErrorKind::NotAnswering) when no program was given to start one,
/// [`NotStarted`](ConnectErrorKind::NotStarted) when the started broker did not serve in time.
pub async fn connect_or_start(
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let due = due(options.timeout);
    loop {
        let found = probe(endpoint, options).await?;
        let (problem, wire) = match found {
            Found::Running(found) if !found.1.stopping => (None, Some(found.0)),
            // It is ending.
            Found::Running(_) | Found::Slow => (None, None),
            Found::Nothing => (Some((ConnectErrorKind::NotRunning, None)), None),
            Found::Stopped(pid) => (Some((ConnectErrorKind::Stopped, pid)), None),
            Found::Wedged(pid) => (Some((ConnectErrorKind::NotAnswering, pid)), None),
        };
        let wire = match (problem, &options.start) {
            (None, _) => wire,
            (Some((kind, _)), None) => return Err(absent(endpoint, kind)),
            (Some((_, pid)), Some(program)) => start(endpoint, options, program, pid, due).await?,
        };
        if let Some(wire) = wire {
            event!(DEBUG, endpoint = %endpoint, pid = wire.pid, "broker found");
            match hello(endpoint, options, wire).await {
                // It ended at that moment: the next attempt finds out.
                Err(error) if error.kind() == ConnectErrorKind::Io && Instant::now() < due => {}
                done => return done,
            }
        }
        if Instant::now() >= due {
            let message = format!("no broker responded within {:?}", options.timeout);
            return Err(ConnectError::new(ConnectErrorKind::NotStarted, message));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Requests the status of the broker of this endpoint. Also works while the broker is busy or its server has ended. Cancel
/// safe.
///
/// # Errors
///
/// [`ConnectErrorKind::NotRunning`], [`Stopped`](ConnectErrorKind::Stopped),
/// [`NotAnswering`](ConnectErrorKind::NotAnswering) when there was no response within `timeout`.
pub async fn status(endpoint: &Endpoint, timeout: Duration) -> Result<BrokerStatus, ConnectError> {
    Ok(find(endpoint, timeout).await?.1)
}

/// Requests the broker of this endpoint to stop, and waits until it has ended. Without `force` the broker refuses while other
/// clients are connected, and waits for turns that continue without a client.
///
/// # Errors
///
/// As [`status`]; [`ConnectErrorKind::Refused`] when other clients are connected.
pub async fn stop(endpoint: &Endpoint, force: bool, timeout: Duration) -> Result<(), ConnectError> {
    let due = due(timeout);
    let (mut wire, _) = find(endpoint, timeout).await?;
    wire.request("broker/shutdown", &json!({ "force": force }), due).await?;
    let mut rest = Vec::new();
    if timeout_at(due, wire.reader.read_to_end(&mut rest)).await.is_err() {
        return Err(absent(endpoint, ConnectErrorKind::NotAnswering));
    }
    // It closed the connection. Its lock is the last thing that it releases.
    match endpoint.directory() {
        Some(directory) => wait_for_lock(directory, due).await,
        None => Ok(()),
    }
}

/// Requests the broker to end its server, so that other programs can open its threads. The broker waits up to `timeout` until
/// no turn is active and no other client owns a thread. Returns true if a broker released them, and false if none runs.
///
/// # Errors
///
/// As [`status`], except for `NotRunning`; [`ConnectErrorKind::Refused`] when the server is still in use.
pub async fn release(endpoint: &Endpoint, timeout: Duration) -> Result<bool, ConnectError> {
    /// Additional time for the end of the server.
    const END: Duration = Duration::from_secs(5);
    let mut wire = match find(endpoint, timeout.max(Duration::from_secs(1))).await {
        Ok((wire, _)) => wire,
        Err(error) if error.kind() == ConnectErrorKind::NotRunning => return Ok(false),
        Err(error) => return Err(error),
    };
    let deadline = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    wire.request("broker/release", &json!({ "deadlineMs": deadline }), due(timeout.saturating_add(END)))
        .await?;
    Ok(true)
}

async fn find(endpoint: &Endpoint, timeout: Duration) -> Result<(Wire, BrokerStatus), ConnectError> {
    let options = ConnectOptions::new().handshake_timeout(timeout);
    match probe(endpoint, &options).await? {
        Found::Running(found) => Ok(*found),
        Found::Nothing => Err(absent(endpoint, ConnectErrorKind::NotRunning)),
        Found::Stopped(_) => Err(absent(endpoint, ConnectErrorKind::Stopped)),
        Found::Wedged(_) | Found::Slow => Err(absent(endpoint, ConnectErrorKind::NotAnswering)),
    }
}

fn absent(endpoint: &Endpoint, kind: ConnectErrorKind) -> ConnectError {
    let message = match kind {
        ConnectErrorKind::NotRunning => format!("no broker runs at {endpoint}"),
        ConnectErrorKind::Stopped => format!("the broker at {endpoint} is stopped"),
        _ => format!("the broker at {endpoint} does not respond"),
    };
    ConnectError::new(kind, message)
}

/// Returns the reason if a broker no longer responds. A broker that no longer listens may be waiting for active turns, and a
/// slow one is not a fault.
pub(crate) async fn has_failed(endpoint: &Endpoint, timeout: Duration) -> Option<String> {
    let options = ConnectOptions::new().handshake_timeout(timeout);
    match probe(endpoint, &options).await {
        Ok(Found::Stopped(_)) => Some(absent(endpoint, ConnectErrorKind::Stopped).to_string()),
        Ok(Found::Wedged(_)) => Some(absent(endpoint, ConnectErrorKind::NotAnswering).to_string()),
        _ => None,
    }
}

/// Finds the state of the broker: connects, and requests its status.
async fn probe(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Found, ConnectError> {
    let due = due(options.handshake_timeout);
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
                | io::ErrorKind::BrokenPipe => Ok(Found::Nothing),
                // The queue of connections is full.
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
        let asking = wire.request("broker/status", &params, due);
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
            Ok(status) => Ok(Found::Running(Box::new((wire, status)))),
            Err(error) => {
                Err(ConnectError::new(ConnectErrorKind::Io, format!("{endpoint} is not a broker: {error}")))
            }
        },
        Err(error) if error.kind() == ConnectErrorKind::NotAnswering => {
            let is_active = pid.and_then(process::activity).is_some_and(|now| now.since(before));
            Ok(if is_active { Found::Slow } else { Found::Wedged(pid) })
        }
        Err(error) if error.kind() == ConnectErrorKind::Io => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

/// Sends this client's options to the broker, and returns the connection.
async fn hello(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    mut wire: Wire,
) -> Result<Connection, ConnectError> {
    let mut params = json!({ "onDisconnect": if options.leave_running { "leave" } else { "interrupt" } });
    if let Some(queue) = options.queue_timeout {
        params["queue"] = json!({ "deadlineMs": u64::try_from(queue.as_millis()).unwrap_or(u64::MAX) });
    }
    wire.request("broker/hello", &params, due(options.handshake_timeout)).await?;
    let reader = guard::watch(endpoint.clone(), Box::new(wire.reader), wire.pid, options.handshake_timeout);
    Ok(Connection::from_io(reader, wire.writer))
}

impl Wire {
    /// Sends a request and waits for its response.
    async fn request(&mut self, method: &str, params: &Value, due: Instant) -> Result<Value, ConnectError> {
        let exchange = async {
            let request = json!({ "id": method, "method": method, "params": params });
            self.writer.write_all(format!("{request}\n").as_bytes()).await?;
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
                Err(ConnectError::new(ConnectErrorKind::NotAnswering, format!("no response to {method}")))
            }
            Ok(Err(error)) => Err(ConnectError::new(
                ConnectErrorKind::Io,
                format!("the broker closed the connection: {error}"),
            )),
            Ok(Ok(mut response)) => match serde_json::from_value::<RpcError>(response["error"].take()) {
                Ok(error) => {
                    event!(WARN, method, code = error.code, "request refused by the broker");
                    Err(ConnectError {
                        kind: ConnectErrorKind::Refused,
                        message: format!("the broker refused {method}: {}", error.message),
                        rpc: Some(error),
                    })
                }
                Err(_) => Ok(response["result"].take()),
            },
        }
    }
}

/// Starts a broker, and first ends one that does not respond. Returns `None` if another process is starting one.
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
    let directory =
        endpoint.prepare().map_err(|error| io("cannot create the directory of the broker", &error))?;
    let start_lock =
        lock_file(&directory.join("start.lock")).map_err(|error| io("cannot open the start lock", &error))?;
    if start_lock.try_lock().is_err() {
        return Ok(None);
    }
    // The previous holder of the start lock may have started one since the last check.
    match probe(endpoint, options).await? {
        Found::Running(found) if !found.1.stopping => return Ok(Some(found.0)),
        Found::Running(_) | Found::Slow => return Ok(None),
        Found::Nothing => {}
        #[cfg(unix)]
        Found::Stopped(Some(pid)) | Found::Wedged(Some(pid)) => {
            event!(WARN, endpoint = %endpoint, pid, "killing a broker that does not respond");
            process::kill_group(pid);
        }
        Found::Stopped(_) | Found::Wedged(_) if pid.is_none() => {
            return Err(absent(endpoint, ConnectErrorKind::NotAnswering));
        }
        Found::Stopped(_) | Found::Wedged(_) => return Ok(None),
    }
    wait_for_lock(directory, due).await?;
    event!(INFO, endpoint = %endpoint, program = %program.program.display(), "starting a broker");
    let start_log = directory.join("start.log");
    let stderr = empty_file(&start_log).map_err(|error| io("cannot create the start log", &error))?;
    let mut child =
        spawn(program, stderr).map_err(|error| io("cannot start the program of the broker", &error))?;
    loop {
        if let Found::Running(found) = probe(endpoint, options).await?
            && !found.1.stopping
        {
            return Ok(Some(found.0));
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some_and(|status| status.success()) && Instant::now() < due {
            // It found another broker, which must be starting or ending.
            return Ok(None);
        }
        if ended.is_some() || Instant::now() >= due {
            let how = ended
                .map_or_else(|| "did not serve in time".to_owned(), |status| format!("ended ({status})"));
            let tail = std::fs::read_to_string(&start_log).unwrap_or_default();
            let tail = tail.trim_end().lines().last().map(|line| format!(": {line}")).unwrap_or_default();
            let message = format!("the program of the broker {how}{tail}");
            return Err(ConnectError::new(ConnectErrorKind::NotStarted, message));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until no broker holds the endpoint's lock: a broker that was killed or is ending releases it.
async fn wait_for_lock(directory: &Path, due: Instant) -> Result<(), ConnectError> {
    let held = |error: &io::Error| {
        ConnectError::new(
            ConnectErrorKind::NotStarted,
            format!("cannot open the lock of the broker: {error}"),
        )
    };
    let lock = lock_file(&directory.join("lock")).map_err(|error| held(&error))?;
    while lock.try_lock().is_err() {
        if Instant::now() >= due {
            let message = "a broker that does not listen holds the lock";
            return Err(ConnectError::new(ConnectErrorKind::NotStarted, message));
        }
        tokio::time::sleep(POLL).await;
    }
    // Release it at once, for the new broker. The start lock prevents other starts.
    drop(lock.unlock());
    Ok(())
}

fn empty_file(path: &Path) -> io::Result<File> {
    let file = lock_file(path)?;
    file.set_len(0)?;
    Ok(file)
}

/// Starts the program in its own session: it outlives this process, its terminal and its process group.
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
