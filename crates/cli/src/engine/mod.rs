//! One run of Codex for one command: start it, open a thread, run a turn, end it.
//!
//! The commands say what they want ([`Work`]) and get what came of it ([`Ran`]) or why nothing did ([`Failure`]). What
//! happens in between is the same for all of them, and so is what happens when it breaks.

mod failure;
mod locate;
mod models;
pub mod shared;
mod stop;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_rpc::client::{Client, ClientOptions, NoObserver, Observer, TurnHandle, TurnLimits};
use codex_rpc::policy::{AllowList, Decline, Policy, PolicyAnswer};
use codex_rpc::protocol::{
    ServerRequest, ThreadId,
    account::AccountReadParams,
    approval::{ApprovalPolicy, SandboxMode, SandboxPolicy},
    review::{ReviewStartParams, ReviewTarget},
    thread::{
        Thread, ThreadListParams, ThreadOpened, ThreadResumeParams, ThreadSetNameParams, ThreadStartParams,
    },
    turn::TurnStartParams,
};
use codex_rpc::transport::{ChildHandle, ChildOptions};
use codex_rpc::turn::{Phase, TurnEvent, TurnOutcome};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::task::JoinHandle;

pub use failure::{from_client, from_ran, not_signed_in};
pub use locate::{codex as locate_codex, in_path};
pub use shared::{Shared, Via};
pub use stop::{Stop, StopHandle, Stopped};
pub use watch::{Progress, Watch, progress};

use crate::VERSION;
use crate::exit::{Failure, Kind};

/// The name that Codex knows us by.
const CLIENT_NAME: &str = "codex-companion";
/// How many pages of a folder's threads are searched for a task.
const MAX_PAGES: usize = 20;
/// How long the naming of a thread is waited for once its turn is over.
const NAMING: Duration = Duration::from_secs(1);
/// What the threads of tasks are named, before the prompt's first words.
const TASK_NAME: &str = "Codex Companion Task";

/// How Codex is started.
#[derive(Clone, Debug)]
pub struct Codex {
    /// The program.
    pub program: PathBuf,
    /// Settings to override, as `key=value`; passed on with `-c`.
    pub overrides: Vec<String>,
    /// Variables to set for it.
    pub env: Vec<(OsString, OsString)>,
    /// Where it is started: the root of the work tree.
    pub cwd: PathBuf,
    /// How long it may take to answer the handshake.
    pub handshake: Duration,
    /// Whether it is the workspace's shared one.
    pub via: Via,
}

/// Which thread a turn runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThreadChoice {
    /// A new one that is forgotten afterwards.
    Ephemeral,
    /// A new one that can be resumed.
    Persistent,
    /// The one with this id.
    Resume(String),
    /// The newest task of this folder.
    ResumeLast,
}

/// What Codex is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// To review, by its own reviewer.
    Review(ReviewTarget),
    /// This, perhaps to be answered as the schema says.
    Prompt {
        /// The prompt, byte for byte.
        text: String,
        /// The JSON Schema of the answer.
        output_schema: Option<Value>,
    },
}

/// What a turn may do.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Whether it may change files in the work tree.
    pub write: bool,
    /// Whether Codex asks, and who may be answered yes. `None`: it asks nobody, and refuses by itself.
    pub ask: Option<AllowList>,
}

/// A piece of work for Codex.
#[derive(Clone, Debug)]
pub struct Work {
    /// On which thread.
    pub thread: ThreadChoice,
    /// What is asked.
    pub ask: Ask,
    /// What it may do.
    pub access: Access,
    /// The model, if not Codex's own choice.
    pub model: Option<String>,
    /// The effort, if not Codex's own choice.
    pub effort: Option<String>,
    /// How long it may take.
    pub limits: TurnLimits,
}

/// What came of a turn.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The turn's end.
    pub outcome: Arc<TurnOutcome>,
    /// The thread that it ran on.
    pub thread_id: String,
    /// The end of what the codex program wrote on stderr.
    pub stderr_tail: String,
    /// Things to tell the user besides the answer.
    pub warnings: Vec<String>,
    /// Whether the thread was left with the workspace's shared Codex, which holds it for a moment.
    pub held: bool,
}

/// Starts Codex and shakes hands with it.
///
/// # Errors
/// What [`from_client`] makes of a client's errors; an interrupt.
pub async fn connect(codex: &Codex, policy: Arc<dyn Policy>, stop: &mut Stop) -> Result<Client, Failure> {
    start(codex, policy, Arc::new(NoObserver), stop).await
}

/// As [`connect`], with somebody who is told what belongs to no turn, and nothing granted.
///
/// # Errors
/// As [`connect`].
pub async fn connect_observed(
    codex: &Codex,
    observer: Arc<dyn Observer>,
    stop: &mut Stop,
) -> Result<Client, Failure> {
    start(codex, Arc::new(Decline), observer, stop).await
}

async fn start(
    codex: &Codex,
    policy: Arc<dyn Policy>,
    observer: Arc<dyn Observer>,
    stop: &mut Stop,
) -> Result<Client, Failure> {
    let mut options = ClientOptions::new(CLIENT_NAME, VERSION);
    options.handshake = codex.handshake;
    options.policy = policy;
    options.observer = observer;
    let client = async {
        if let Via::Broker(shared) = &codex.via
            && let Some(connection) = shared.connect(&codex.cwd).await?
        {
            return Client::connect(connection, options).await.map_err(|error| from_client(&error));
        }
        Client::spawn(&child(codex), options).await.map_err(|error| from_client(&error))
    };
    tokio::select! {
        client = client => client,
        stopped = stop.wait() => Err(stopped.failure()),
    }
}

/// How a Codex of our own is started.
#[must_use]
pub fn child(codex: &Codex) -> ChildOptions {
    let mut child = ChildOptions::new(&codex.program).cwd(&codex.cwd);
    for entry in &codex.overrides {
        child = child.args(["-c", entry]);
    }
    child = child.args(["app-server"]);
    child.env.clone_from(&codex.env);
    child
}

/// Runs one turn and ends Codex again.
///
/// # Errors
/// Everything that keeps a turn from being begun, and an interrupt. A turn that failed is an outcome, not an error: see
/// [`from_ran`].
pub async fn run(codex: &Codex, work: &Work, watch: &mut dyn Watch, stop: &mut Stop) -> Result<Ran, Failure> {
    let policy: Arc<dyn Policy> = match &work.access.ask {
        Some(list) => Arc::new(list.clone()),
        None => Arc::new(Decline),
    };
    watch.phase("starting");
    let answers = Arc::new(Answers::default());
    let client = start(codex, policy, Arc::clone(&answers) as Arc<dyn Observer>, stop).await?;
    let ran = on(&client, codex, work, watch, stop, &answers).await;
    // The second stop gives up waiting for a gentle end; the process group is killed as the runtime ends.
    tokio::select! {
        () = client.shutdown() => {}
        _ = stop.again() => {}
    }
    ran
}

async fn on(
    client: &Client,
    codex: &Codex,
    work: &Work,
    watch: &mut dyn Watch,
    stop: &mut Stop,
    answers: &Answers,
) -> Result<Ran, Failure> {
    let begin = begin(client, codex, work);
    let (turn, thread, warnings, naming) = tokio::select! {
        begun = begin => begun?,
        stopped = stop.wait() => return Err(stopped.failure()),
    };
    for warning in &warnings {
        watch.note(warning);
    }
    watch.began(thread.as_str(), turn.turn_id().as_str());
    let outcome = follow(turn, watch, stop, answers).await?;
    if let Some(naming) = naming {
        let _ = tokio::time::timeout(NAMING, naming).await;
    }
    // Of a process that ended, all of it is known; of one that lives, what it wrote so far.
    let ended = client.close_reason().and_then(|reason| reason.stderr_tail().map(str::to_owned));
    let so_far = || client.peer().child().map(ChildHandle::stderr_tail);
    let stderr_tail = ended.or_else(so_far).unwrap_or_default();
    let held = client.peer().child().is_none();
    Ok(Ran { outcome, thread_id: thread.to_string(), stderr_tail, warnings, held })
}

/// A turn that runs, its thread, what to warn the user of, and the naming of the thread.
type Begun = (TurnHandle, ThreadId, Vec<String>, Option<JoinHandle<()>>);

/// Opens the thread and begins the turn. What else has to be known first is asked at the same time.
async fn begin(client: &Client, codex: &Codex, work: &Work) -> Result<Begun, Failure> {
    let account_params = AccountReadParams::new();
    let account = client.request(&account_params);
    let (opened, account, warnings) =
        tokio::join!(open(client, codex, work), account, models::check(client, work));
    // An app-server that cannot say who is signed in is let try.
    if account.is_ok_and(|account| !account.is_usable()) {
        return Err(not_signed_in());
    }
    let (thread, new) = opened?;
    let turn = match &work.ask {
        Ask::Review(target) => {
            let params = ReviewStartParams::new(thread.clone(), target.clone());
            client.start_review(params, work.limits).await
        }
        Ask::Prompt { text, output_schema } => {
            let mut params = TurnStartParams::text(thread.clone(), text);
            params.output_schema.clone_from(output_schema);
            params.effort.clone_from(&work.effort);
            params.model.clone_from(&work.model);
            params.approval_policy = Some(approval_policy(work));
            // Told with every turn, because a turn's sandbox stays in force for those that follow; never with the
            // thread, because Codex then marks the folder as trusted in the user's configuration.
            params.sandbox_policy = Some(if work.access.write {
                SandboxPolicy::workspace_write()
            } else {
                SandboxPolicy::read_only()
            });
            client.start_turn(params, work.limits).await
        }
    };
    let turn = turn.map_err(|error| from_client(&error))?;
    let naming = match &work.ask {
        Ask::Prompt { text, .. } if new && work.thread == ThreadChoice::Persistent => {
            Some(name(client, &thread, text))
        }
        _ => None,
    };
    Ok((turn, thread, warnings, naming))
}

fn approval_policy(work: &Work) -> ApprovalPolicy {
    if work.access.ask.is_some() { ApprovalPolicy::OnRequest } else { ApprovalPolicy::Never }
}

/// Opens the thread; the flag says whether it is new.
async fn open(client: &Client, codex: &Codex, work: &Work) -> Result<(ThreadId, bool), Failure> {
    let cwd = codex.cwd.to_string_lossy().into_owned();
    let config = work
        .effort
        .as_ref()
        .map(|effort| Map::from_iter([("model_reasoning_effort".to_owned(), Value::String(effort.clone()))]));
    let resume = match &work.thread {
        ThreadChoice::Ephemeral | ThreadChoice::Persistent => None,
        ThreadChoice::Resume(id) => Some(ThreadId::from(id.as_str())),
        ThreadChoice::ResumeLast => Some(last_task(client, &cwd).await?),
    };
    let opened: Result<ThreadOpened, _> = match &resume {
        Some(thread) => {
            let mut params = ThreadResumeParams::new(thread.clone());
            params.cwd = Some(cwd);
            params.approval_policy = Some(approval_policy(work));
            params.sandbox = Some(SandboxMode::ReadOnly);
            params.model.clone_from(&work.model);
            params.config = config;
            client.resume_thread(&params).await
        }
        None => {
            let mut params = ThreadStartParams::new();
            params.cwd = Some(cwd);
            params.approval_policy = Some(approval_policy(work));
            params.sandbox = Some(SandboxMode::ReadOnly);
            params.ephemeral = Some(work.thread == ThreadChoice::Ephemeral);
            params.model.clone_from(&work.model);
            params.config = config;
            params.service_name = Some(CLIENT_NAME.to_owned());
            client.start_thread(&params).await
        }
    };
    let opened = opened.map_err(|error| match &resume {
        Some(thread) => failure::from_resume(&error, thread.as_str()),
        None => from_client(&error),
    })?;
    Ok((opened.thread.id, resume.is_none()))
}

/// Names a new task's thread, so that `codex resume` lists it by what it was about. It goes on beside the turn.
fn name(client: &Client, thread: &ThreadId, prompt: &str) -> JoinHandle<()> {
    let words = crate::sanitize::one_line(prompt, 60);
    let params = ThreadSetNameParams::new(thread.clone(), format!("{TASK_NAME}: {words}"));
    let client = client.clone();
    tokio::spawn(async move { drop(client.request(&params).await) })
}

/// The newest task of this folder, as Codex itself remembers it.
async fn last_task(client: &Client, cwd: &str) -> Result<ThreadId, Failure> {
    let mut params = ThreadListParams::new();
    params.cwd = Some(cwd.to_owned());
    params.limit = Some(50);
    // No filter of sources: threads of the app-server are listed as `vscode` (0.169.0). Of ours, only tasks are kept.
    let mut newest = None;
    for _ in 0..MAX_PAGES {
        let list = client.request(&params).await.map_err(|error| from_client(&error))?;
        let ours = |thread: &Thread| thread.originator.as_deref() == Some(CLIENT_NAME) && !thread.ephemeral;
        newest = list.data.into_iter().find(ours);
        params.cursor = list.next_cursor;
        if newest.is_some() || params.cursor.is_none() {
            break;
        }
    }
    newest.map(|thread| thread.id).ok_or_else(|| {
        Failure::new(Kind::Usage, "there is no task of this folder to continue")
            .with_hint("run `codex-companion task` without --resume-last, or name a thread with --thread")
    })
}

/// Shows what a turn does until it ends.
async fn follow(
    mut turn: TurnHandle,
    watch: &mut dyn Watch,
    stop: &mut Stop,
    answers: &Answers,
) -> Result<Arc<TurnOutcome>, Failure> {
    let mut tick = tokio::time::interval(crate::progress::TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        answers.tell(watch);
        tokio::select! {
            event = turn.next_event() => match event {
                Some(event) => show(watch, &event),
                None => return Ok(turn.outcome().await),
            },
            _ = tick.tick() => watch.tick(),
            stopped = stop.wait() => {
                watch.note("interrupting the turn; once more to end at once");
                tokio::select! {
                    _ = turn.interrupt() => {}
                    _ = stop.again() => {}
                }
                return Err(stopped.failure());
            }
        }
    }
}

/// What Codex asked for and was answered, on its way to whoever watches.
#[derive(Default)]
struct Answers {
    notes: Mutex<Vec<String>>,
}

impl Answers {
    fn tell(&self, watch: &mut dyn Watch) {
        let notes = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        for note in notes {
            watch.note(&note);
        }
    }
}

impl Observer for Answers {
    fn answered(&self, request: &ServerRequest, answer: &PolicyAnswer) {
        let what = match request {
            ServerRequest::CommandApproval(asked) => asked.command.clone().unwrap_or_default(),
            ServerRequest::FileChangeApproval(asked) => asked.paths.clone().unwrap_or_default().join(", "),
            ServerRequest::McpElicitation(asked) => format!("{}: {}", asked.server_name, asked.message),
            _ => String::new(),
        };
        let how = match answer {
            PolicyAnswer::Result(result) => {
                let words = result.get("decision").or_else(|| result.get("action"));
                words.map_or_else(|| "answered".to_owned(), |words| words.to_string().replace('"', ""))
            }
            PolicyAnswer::Error(_) => "refused".to_owned(),
        };
        let note = format!("Codex asks {}: {how}: {what}", request.method());
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        // A server that asks without end must not fill the memory.
        if notes.len() < 256 {
            notes.push(crate::sanitize::one_line(&note, 300));
        }
    }
}

fn show(watch: &mut dyn Watch, event: &TurnEvent) {
    match event {
        TurnEvent::Phase(Phase::Done | Phase::Failed | Phase::Cancelled) => watch.finish(),
        TurnEvent::Phase(phase) => watch.phase(phase.as_str()),
        TurnEvent::ItemStarted(item) => {
            if let Some(line) = &item.line {
                watch.activity(line, false);
            }
        }
        TurnEvent::ItemCompleted(item) => {
            if let Some(line) = &item.line {
                watch.activity(line, true);
            }
        }
        TurnEvent::Warning(text) => watch.note(text),
        TurnEvent::Retrying { message, details } => match details {
            Some(details) => watch.note(&format!("{message} ({details})")),
            None => watch.note(message),
        },
        _ => {}
    }
}
