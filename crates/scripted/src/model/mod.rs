//! A scripted model endpoint on loopback that speaks as much of the OpenAI Responses API as the real Codex needs.
//!
//! ```no_run
//! use codex_scripted::home::CodexHome;
//! use codex_scripted::model::{ModelEndpoint, Reply, Scenario};
//!
//! let endpoint = ModelEndpoint::start(Scenario::per_thread([
//!     Reply::command("git status --short"),
//!     Reply::message("Nothing to do."),
//! ]))?;
//! let home = CodexHome::new(endpoint.base_url())?;
//! // Run the real `codex app-server` with `home.env()`, then look at `endpoint.requests()`.
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Codex calls `POST /v1/responses` only, and takes its answer as server-sent events. Facts about that protocol in
//! this module were observed with Codex 0.169.0.

mod http;
mod reply;
mod scenario;
mod stream;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

pub use reply::{Finding, HOSTILE_TEXT, Reply, Usage, review_json};
pub use scenario::Scenario;

use super::signal::Watched;

/// A running scripted model endpoint, on a thread of its own.
///
/// It can be started and used from async code and from plain threads alike. Dropping it closes the listener and
/// every connection, held replies included, and joins the thread.
#[derive(Debug)]
#[must_use = "dropping the endpoint stops it"]
pub struct ModelEndpoint {
    address: SocketAddr,
    base_url: String,
    shared: Arc<Shared>,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Serving {
        stop: Option<oneshot::Sender<()>>,
        thread: Option<JoinHandle<()>>,
    },
    /// A port that is bound and not listened on: connections are refused, and no other program can take the port.
    Refusing {
        _socket: TcpSocket,
    },
}

/// One request that the endpoint received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelRequest {
    /// When it had been read, counted from the start of the endpoint.
    pub after: Duration,
    /// The HTTP method, such as `POST`.
    pub method: String,
    /// The path, such as `/v1/responses`.
    pub path: String,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as JSON; `null` when there was none or when it is not JSON.
    pub body: Value,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    scenario: Scenario,
    /// Whether the scenario answers more than requests for a response.
    any: bool,
    log: Watched<Log>,
}

#[derive(Debug, Default)]
struct Log {
    requests: Vec<ModelRequest>,
    strays: Vec<ModelRequest>,
    active: usize,
    abandoned: usize,
}

impl ModelEndpoint {
    /// Starts an endpoint on a free port of 127.0.0.1 that answers from `scenario` (a [`Reply`] alone is given for
    /// ever).
    ///
    /// # Errors
    ///
    /// When no socket can be bound or no thread can be started.
    pub fn start(scenario: impl Into<Scenario>) -> io::Result<Self> {
        Self::serving(scenario.into(), false)
    }

    /// Like [`start`](ModelEndpoint::start), but `scenario` answers every request, of any method and path: for an
    /// API other than Responses, its answers written with [`Reply::http`].
    ///
    /// # Errors
    ///
    /// When no socket can be bound or no thread can be started.
    pub fn start_for_any(scenario: impl Into<Scenario>) -> io::Result<Self> {
        Self::serving(scenario.into(), true)
    }

    fn serving(scenario: Scenario, any: bool) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared::new(scenario, any));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("model-endpoint".into()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, shared) => {}
                        _ = stopped => {}
                    }
                });
                // Dropping the runtime here drops every connection, also one that waits.
            }
        })?;
        Ok(Self::new(address, shared, Running::Serving { stop: Some(stop), thread: Some(thread) }))
    }

    /// An endpoint that refuses every connection, on a port that stays reserved as long as this lives.
    ///
    /// # Errors
    ///
    /// When no socket can be bound.
    pub fn refusing() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared::new(Scenario::in_turn([]), false));
        Ok(Self::new(address, shared, Running::Refusing { _socket: socket }))
    }

    fn new(address: SocketAddr, shared: Arc<Shared>, running: Running) -> Self {
        Self { address, base_url: format!("http://{address}/v1"), shared, running }
    }

    /// What `base_url` of a Codex model provider has to be: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The address that it listens on, or refuses at.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests for a model's answer so far, in the order in which they came.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.shared.log.read(|log| log.requests.clone())
    }

    /// All other requests so far. Codex 0.169.0 with a [`CodexHome`](super::home::CodexHome) sends none.
    pub fn strays(&self) -> Vec<ModelRequest> {
        self.shared.log.read(|log| log.strays.clone())
    }

    /// How many replies are being held or sent at this moment.
    pub fn active(&self) -> usize {
        self.shared.log.read(|log| log.active)
    }

    /// How many replies the other side hung up on before they had ended, as an interrupted turn does.
    pub fn abandoned(&self) -> usize {
        self.shared.log.read(|log| log.abandoned)
    }

    /// Waits until at least `count` requests have come. It has no limit of its own. Cancel safe.
    pub async fn requested(&self, count: usize) {
        self.shared.log.until(|log| log.requests.len() >= count).await;
    }

    /// Blocks this thread until at least `count` requests have come or `limit` has passed; says whether they did.
    pub fn requested_within(&self, count: usize, limit: Duration) -> bool {
        self.shared.log.until_within(limit, |log| log.requests.len() >= count)
    }

    /// Waits until no reply is being held or sent. It has no limit of its own. Cancel safe.
    pub async fn idle(&self) {
        self.shared.log.until(|log| log.active == 0).await;
    }

    /// Blocks this thread until no reply is being held or sent, or `limit` has passed; says which.
    pub fn idle_within(&self, limit: Duration) -> bool {
        self.shared.log.until_within(limit, |log| log.active == 0)
    }
}

impl Drop for ModelEndpoint {
    fn drop(&mut self) {
        if let Running::Serving { stop, thread } = &mut self.running {
            drop(stop.take());
            if let Some(thread) = thread.take() {
                // A panic of that thread has been printed by it, and is no reason to abort here.
                drop(thread.join());
            }
        }
    }
}

impl ModelRequest {
    /// The value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The model asked for; empty when the body names none.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// The thread that asks: Codex sends its id as the header `thread-id` and as `prompt_cache_key`.
    pub fn thread(&self) -> Option<&str> {
        self.header("thread-id").or_else(|| self.body["prompt_cache_key"].as_str())
    }

    /// The reasoning effort asked for.
    pub fn effort(&self) -> Option<&str> {
        self.body["reasoning"]["effort"].as_str()
    }

    /// The text of the newest user message: the prompt of the turn.
    pub fn prompt(&self) -> String {
        let input = self.body["input"].as_array().map(Vec::as_slice).unwrap_or_default();
        let newest = input.iter().rev().find(|item| item["role"] == "user");
        let parts = newest.and_then(|item| item["content"].as_array()).map(Vec::as_slice).unwrap_or_default();
        parts.iter().filter_map(|part| part["text"].as_str()).collect()
    }

    /// What the last tool call gave, when the request brings one back: text, or a list of content parts.
    pub fn tool_output(&self) -> Option<&Value> {
        let last = self.body["input"].as_array()?.last()?;
        let kind = last["type"].as_str()?;
        kind.ends_with("_output").then(|| &last["output"])
    }

    /// The JSON schema that the answer has to follow, when the turn asked for one (`outputSchema`).
    pub fn output_schema(&self) -> Option<&Value> {
        self.body["text"]["format"].get("schema")
    }
}

impl Shared {
    fn new(scenario: Scenario, any: bool) -> Self {
        Self { started: Instant::now(), scenario, any, log: Watched::new(Log::default()) }
    }
}

/// Counts a reply as active while it lives, and as abandoned unless it was finished.
struct Active<'a> {
    log: &'a Watched<Log>,
    finished: bool,
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.log.update(|log| {
            log.active -= 1;
            log.abandoned += usize::from(!self.finished);
        });
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // That connection is gone again, or there are no descriptors at the moment: not to be tried in a circle.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // The other side going away is its right, and no error of ours.
            drop(serve(stream, &shared).await);
        });
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Some(request) = http::read_request(&mut reader).await? {
        let request = ModelRequest {
            after: shared.started.elapsed(),
            method: request.method,
            path: request.path,
            headers: request.headers,
            body: serde_json::from_slice(&request.body).unwrap_or(Value::Null),
        };
        if !shared.any && (request.method != "POST" || !request.path.ends_with("/responses")) {
            let reply = stray_reply(&request);
            shared.log.update(|log| log.strays.push(request));
            reply.send(&mut writer).await?;
            continue;
        }
        let reply = shared.scenario.reply(&request);
        shared.log.update(|log| {
            log.requests.push(request);
            log.active += 1;
        });
        let mut active = Active { log: &shared.log, finished: false };
        tokio::select! {
            sent = reply.send(&mut writer) => {
                active.finished = sent.is_ok();
                if !sent? {
                    return Ok(());
                }
            }
            // Codex sends nothing before it has its answer, so what can be read here is the end.
            _ = reader.fill_buf() => return Ok(()),
        }
    }
    Ok(())
}

fn stray_reply(request: &ModelRequest) -> Reply {
    if request.method == "GET" && request.path.ends_with("/models") {
        Reply::http(200, json!({ "object": "list", "data": [], "models": [] }).to_string())
    } else {
        Reply::http(
            404,
            json!({ "error": { "message": "the scripted model endpoint has no such path" } }).to_string(),
        )
    }
}
