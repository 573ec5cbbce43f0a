//! What a scripted app-server knows, and how its lines get out.

use std::collections::HashMap;
use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::fault::{Fault, FaultKind};
use super::script::{KnownThread, Script};
use super::shapes::{self, now_ms};
use super::step::{Death, Noise, Turn};
use crate::signal::Watched;

/// Work that goes on after a request was taken.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) struct Server {
    pub(super) script: Script,
    out: mpsc::Sender<Vec<u8>>,
    received: Arc<Watched<Vec<Value>>>,
    death: Watched<Option<Death>>,
    state: Mutex<State>,
    begun: AtomicBool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) initialized: bool,
    pub(super) experimental: bool,
    pub(super) client: String,
    opted_out: Vec<String>,
    pub(super) threads: HashMap<String, Thread>,
    pending: HashMap<u64, oneshot::Sender<Value>>,
    next_request: u64,
    turns_given: usize,
    reviews_given: usize,
    /// For each method: which of its faults is next, and how often it was used.
    faults_used: HashMap<String, (usize, usize)>,
}

#[derive(Clone)]
pub(super) struct Thread {
    pub(super) id: String,
    pub(super) cwd: String,
    pub(super) ephemeral: bool,
    pub(super) loaded: bool,
    pub(super) subscribed: bool,
    pub(super) archived: bool,
    pub(super) name: Option<String>,
    pub(super) preview: String,
    pub(super) model: String,
    pub(super) forked_from: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) created_at: u64,
    pub(super) updated_at: u64,
    pub(super) status: Value,
    pub(super) turns: Vec<Value>,
    pub(super) usage: [u64; 2],
    pub(super) active: Option<Arc<Active>>,
}

/// A turn that runs.
pub(super) struct Active {
    /// The id that `turn/interrupt` has to name: that of `turn/started`.
    pub(super) shown: String,
    pub(super) turn: String,
    cancel: Mutex<Option<oneshot::Sender<Option<Request>>>>,
    pub(super) done: Watched<bool>,
}

/// A request that is to be answered.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) id: Value,
    twice: bool,
}

impl Thread {
    pub(super) fn new(id: String, cwd: String) -> Self {
        let now = now_ms() / 1000;
        Self {
            id,
            cwd,
            ephemeral: false,
            loaded: true,
            subscribed: true,
            archived: false,
            name: None,
            preview: String::new(),
            model: "mock-model".into(),
            forked_from: None,
            parent: None,
            created_at: now,
            updated_at: now,
            status: json!({ "type": "idle" }),
            turns: Vec::new(),
            usage: [0; 2],
            active: None,
        }
    }

    fn known(known: &KnownThread) -> Self {
        let mut thread = Self::new(known.id.clone(), known.cwd.clone());
        thread.loaded = false;
        thread.name.clone_from(&known.name);
        thread.preview.clone_from(&known.preview);
        thread.status = json!({ "type": "notLoaded" });
        thread
    }
}

impl Active {
    pub(super) fn new(turn: &str, shown: &str) -> (Arc<Self>, oneshot::Receiver<Option<Request>>) {
        let (cancel, cancelled) = oneshot::channel();
        let active = Self {
            shown: shown.to_owned(),
            turn: turn.to_owned(),
            cancel: Mutex::new(Some(cancel)),
            done: Watched::default(),
        };
        (Arc::new(active), cancelled)
    }

    /// Ends the turn as interrupted; `request` is answered when that is done. Says whether it was still running.
    pub(super) fn interrupt(&self, request: Option<Request>) -> bool {
        let cancel = self.cancel.lock().unwrap_or_else(PoisonError::into_inner).take();
        cancel.is_some_and(|cancel| cancel.send(request).is_ok())
    }
}

impl Server {
    pub(super) fn new(
        script: Script,
        out: mpsc::Sender<Vec<u8>>,
        received: Arc<Watched<Vec<Value>>>,
    ) -> Self {
        let known = script.known_threads.iter().map(|known| (known.id.clone(), Thread::known(known)));
        let state = State { threads: known.collect(), ..State::default() };
        let begun = AtomicBool::new(false);
        Self { script, out, received, death: Watched::default(), state: Mutex::new(state), begun }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lingers(&self) -> bool {
        self.script.linger
    }

    pub(super) fn die(&self, death: Death) {
        self.death.update(|slot| *slot = Some(death));
    }

    pub(super) async fn died(&self) -> Death {
        self.death.until(Option::is_some).await;
        self.death.read(Clone::clone).unwrap_or_default()
    }

    /// Takes a line from the client. What comes back is a turn, or a request that is to be dealt with later.
    pub(super) async fn take(self: &Arc<Self>, line: &[u8]) -> Option<Work> {
        // Like the real one, which logs such a line and answers nothing.
        let message: Value = serde_json::from_slice(line).ok()?;
        self.record(&message);
        let id = message.get("id").cloned();
        let Some(method) = message["method"].as_str().map(str::to_owned) else {
            let waiting = id.as_ref().and_then(Value::as_u64).and_then(|id| self.state().pending.remove(&id));
            if let Some(waiting) = waiting {
                drop(waiting.send(message));
            }
            return None;
        };
        let request = Request { id: id?, twice: false };
        let params = message.get("params").cloned().unwrap_or(Value::Null);
        let fault = self.next_fault(&method);
        let wait: Work = match fault {
            None | Some(FaultKind::None) => return self.dispatch(request, &method, &params).await,
            Some(FaultKind::Late { ms }) => Box::pin(tokio::time::sleep(Duration::from_millis(ms))),
            Some(FaultKind::Hold(gate)) => Box::pin(async move { gate.pass().await }),
            Some(FaultKind::HoldUntilFile(path)) => Box::pin(until_exists(path)),
            Some(other) => return self.misbehave(other, request, &method, &params).await,
        };
        let server = Arc::clone(self);
        Some(Box::pin(async move {
            wait.await;
            if let Some(work) = server.dispatch(request, &method, &params).await {
                work.await;
            }
        }))
    }

    async fn misbehave(
        self: &Arc<Self>,
        fault: FaultKind,
        request: Request,
        method: &str,
        params: &Value,
    ) -> Option<Work> {
        match fault {
            FaultKind::Twice => {
                return self.dispatch(Request { twice: true, ..request }, method, params).await;
            }
            FaultKind::WrongId => {
                let request = Request { id: "nobody-asked-with-this-id".into(), ..request };
                return self.dispatch(request, method, params).await;
            }
            FaultKind::Noise(noise) => {
                self.noise(noise).await;
                return self.dispatch(request, method, params).await;
            }
            FaultKind::Error { code, message, data } => {
                self.refuse_with(&request, code, &message, data).await;
            }
            FaultKind::Answer(result) => self.answer(&request, result).await,
            FaultKind::Raw(line) => self.line(line.as_bytes()).await,
            FaultKind::Die(death) => self.die(death),
            // Stalled: the request is forgotten. The others were dealt with by the caller.
            _ => {}
        }
        None
    }

    fn next_fault(&self, method: &str) -> Option<FaultKind> {
        let faults = self.script.faults.get(method)?;
        let mut state = self.state();
        let (index, used) = state.faults_used.entry(method.to_owned()).or_default();
        while let Some(Fault { kind, times }) = faults.get(*index) {
            if times.is_none_or(|times| *used < times) {
                *used += 1;
                return Some(kind.clone());
            }
            (*index, *used) = (*index + 1, 0);
        }
        None
    }

    fn record(&self, message: &Value) {
        if let Some(path) = &self.script.record {
            let line = format!("{}\n", json!({ "pid": std::process::id(), "received": message }));
            // One write each, so that servers that share the file do not mix their lines. There is no reader for an error.
            if let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path) {
                drop(file.write_all(line.as_bytes()));
            }
        }
        self.received.update(|all| all.push(message.clone()));
    }

    /// The turn of the script for a prompt, or the next review.
    pub(super) fn next_turn(&self, prompt: &str, review: bool) -> Turn {
        if let Some(when) = self.script.when.iter().find(|when| !review && prompt.contains(&when.contains)) {
            return when.turn.clone();
        }
        let mut state = self.state();
        let (given, turns) = if review {
            (&mut state.reviews_given, &self.script.reviews)
        } else {
            (&mut state.turns_given, &self.script.turns)
        };
        let index = *given;
        *given += 1;
        turns.get(index).or(turns.last()).cloned().unwrap_or_else(|| Turn::say("OK."))
    }

    pub(super) async fn answer(&self, request: &Request, result: Value) {
        let line = format!("{{\"id\":{},\"result\":{result}}}", request.id);
        self.line(line.as_bytes()).await;
        if request.twice {
            self.line(line.as_bytes()).await;
        }
    }

    /// Answers with -32600, the code that Codex has for nearly everything.
    pub(super) async fn refuse(&self, request: &Request, message: &str) {
        self.refuse_with(request, -32600, message, None).await;
    }

    pub(super) async fn refuse_with(&self, request: &Request, code: i64, message: &str, data: Option<Value>) {
        let mut error = json!({ "code": code, "message": message });
        if let Some(data) = data {
            error["data"] = data;
        }
        self.line(format!("{{\"error\":{error},\"id\":{}}}", request.id).as_bytes()).await;
    }

    pub(super) async fn notify(&self, method: &str, params: &Value) {
        if self.state().opted_out.iter().any(|name| name == method) {
            return;
        }
        let line = format!("{{\"method\":\"{method}\",\"params\":{params},\"emittedAtMs\":{}}}", now_ms());
        self.line(line.as_bytes()).await;
    }

    /// Asks the client and waits for its answer: the whole message.
    pub(super) async fn ask(&self, thread: &str, method: &str, params: &Value) -> Value {
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut state = self.state();
            let id = state.next_request;
            state.next_request += 1;
            state.pending.insert(id, sender);
            id
        };
        self.line(format!("{{\"method\":\"{method}\",\"id\":{id},\"params\":{params}}}").as_bytes()).await;
        let answer = answer.await.unwrap_or(Value::Null);
        self.notify("serverRequest/resolved", &json!({ "threadId": thread, "requestId": id })).await;
        answer
    }

    pub(super) fn opt_out(&self, methods: &Value) {
        let methods = methods.as_array().map(Vec::as_slice).unwrap_or_default();
        self.state().opted_out = methods.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }

    pub(super) async fn noise(&self, noise: Noise) {
        if let Some(line) = shapes::noise_line(noise) {
            self.bytes(&[line, b"\n"].concat()).await;
        }
    }

    /// Sends a line, in the way and with the noise that the script asks for.
    pub(super) async fn line(&self, line: &[u8]) {
        let mut bytes = Vec::with_capacity(line.len() + 16);
        let noise = &self.script.noise;
        let end: &[u8] = if noise.contains(&Noise::Crlf) { b"\r\n" } else { b"\n" };
        if noise.contains(&Noise::Bom) && !self.begun.swap(true, Ordering::Relaxed) {
            bytes.extend_from_slice("\u{feff}".as_bytes());
        }
        for line in noise.iter().filter_map(|noise| shapes::noise_line(*noise)) {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(end);
        }
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(end);
        self.bytes(&bytes).await;
    }

    async fn bytes(&self, bytes: &[u8]) {
        // An error means that there is no reader any more, and then the server is being ended.
        drop(self.out.send(bytes.to_vec()).await);
    }
}

/// A UUID of version 7, as Codex makes them: time, then what no other id of this machine has.
pub(super) fn new_id() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let (now, count) = (now_ms(), COUNTER.fetch_add(1, Ordering::Relaxed));
    format!(
        "{:08x}-{:04x}-7{:03x}-{:04x}-{:04x}{:08x}",
        (now >> 16) & 0xffff_ffff,
        now & 0xffff,
        count & 0xfff,
        0x8000 | ((count >> 12) & 0x3fff),
        (count >> 26) & 0xffff,
        std::process::id(),
    )
}

pub(super) async fn until_exists(path: std::path::PathBuf) {
    while !path.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
