//! Running a turn to its end.

use std::sync::Arc;
use std::time::Duration;

use codex_rpc::client::{Client, Observer, TurnHandle};
use codex_rpc::policy::{Decline, Policy};
use codex_rpc::protocol::{
    ThreadId,
    account::AccountReadParams,
    approval::{ApprovalPolicy, SandboxPolicy},
    review::ReviewStartParams,
    turn::TurnStartParams,
};
use codex_rpc::transport::ChildHandle;
use codex_rpc::turn::{Phase, TurnEvent, TurnOutcome};
use tokio::task::JoinHandle;

use super::requests::AnsweredRequests;
use super::{Codex, FinishedTurn, ThreadChoice, TurnInput, TurnRequest, connect, models, thread};
use crate::error::{Error, Result};
use crate::observer::{RunObserver, TICK};
use crate::stop::Stop;

/// How long the naming of a thread is waited for once its turn is over.
const NAMING: Duration = Duration::from_secs(1);

/// Runs one turn and ends Codex again.
///
/// # Errors
/// When no turn was started, or the run is to stop. A turn that failed is an outcome, not an error: see
/// [`FinishedTurn::error`].
pub async fn run(
    codex: &Codex,
    request: &TurnRequest,
    observer: &mut dyn RunObserver,
    stop: &mut Stop,
) -> Result<FinishedTurn> {
    let policy: Arc<dyn Policy> = match &request.access.approvals {
        Some(list) => Arc::new(list.clone()),
        None => Arc::new(Decline),
    };
    observer.phase("starting");
    let answers = Arc::new(AnsweredRequests::default());
    let client = connect::start(codex, policy, Arc::clone(&answers) as Arc<dyn Observer>, stop).await?;
    let finished = run_with(&client, codex, request, observer, stop, &answers).await;
    // A second request to stop ends the wait; the process group is killed when the runtime ends.
    tokio::select! {
        () = client.shutdown() => {}
        _ = stop.stopped_again() => {}
    }
    finished
}

async fn run_with(
    client: &Client,
    codex: &Codex,
    request: &TurnRequest,
    observer: &mut dyn RunObserver,
    stop: &mut Stop,
    answers: &AnsweredRequests,
) -> Result<FinishedTurn> {
    let Started { turn, thread, warnings, naming } = tokio::select! {
        started = start(client, codex, request) => started?,
        stopped = stop.stopped() => return Err(stopped.into()),
    };
    for warning in &warnings {
        observer.note(warning);
    }
    observer.started(thread.as_str(), turn.turn_id().as_str());
    let outcome = follow(turn, observer, stop, answers).await?;
    if let Some(naming) = naming {
        let _ = tokio::time::timeout(NAMING, naming).await;
    }
    // Of a process that ended, all of stderr is known; of one that runs, what it wrote so far.
    let ended = client.close_reason().and_then(|reason| reason.stderr_tail().map(str::to_owned));
    let so_far = || client.peer().child().map(ChildHandle::stderr_tail);
    let stderr_tail = ended.or_else(so_far).unwrap_or_default();
    let held = client.peer().child().is_none();
    Ok(FinishedTurn { outcome, thread_id: thread.to_string(), stderr_tail, warnings, held })
}

/// A turn that runs.
struct Started {
    turn: TurnHandle,
    thread: ThreadId,
    warnings: Vec<String>,
    /// The request that names the thread.
    naming: Option<JoinHandle<()>>,
}

/// Opens the thread and starts the turn. The account and the model are checked at the same time.
async fn start(client: &Client, codex: &Codex, request: &TurnRequest) -> Result<Started> {
    let account_params = AccountReadParams::new();
    let account = client.request(&account_params);
    let (opened, account, warnings) =
        tokio::join!(thread::open(client, codex, request), account, models::check(client, request));
    // An app-server that cannot report the account may still work without one.
    if account.is_ok_and(|account| !account.is_usable()) {
        return Err(Error::not_signed_in());
    }
    let (thread, new) = opened?;
    let turn = match &request.input {
        TurnInput::Review(target) => {
            let params = ReviewStartParams::new(thread.clone(), target.clone());
            client.start_review(params, request.limits).await
        }
        TurnInput::Prompt { text, output_schema } => {
            let mut params = TurnStartParams::text(thread.clone(), text);
            params.output_schema.clone_from(output_schema);
            params.effort.clone_from(&request.effort);
            params.model.clone_from(&request.model);
            params.approval_policy = Some(approval_policy(request));
            // Set for every turn, because a turn's sandbox applies to the turns that follow. Not set for the thread,
            // because Codex then marks the directory as trusted in the user's configuration.
            params.sandbox_policy = Some(if request.access.write {
                SandboxPolicy::workspace_write()
            } else {
                SandboxPolicy::read_only()
            });
            client.start_turn(params, request.limits).await
        }
    };
    let turn = turn?;
    let naming = match &request.input {
        TurnInput::Prompt { text, .. } if new && request.thread == ThreadChoice::Persistent => {
            Some(thread::name(client, &thread, text))
        }
        _ => None,
    };
    Ok(Started { turn, thread, warnings, naming })
}

pub(super) fn approval_policy(request: &TurnRequest) -> ApprovalPolicy {
    if request.access.approvals.is_some() { ApprovalPolicy::OnRequest } else { ApprovalPolicy::Never }
}

/// Reports what a turn does until it ends.
async fn follow(
    mut turn: TurnHandle,
    observer: &mut dyn RunObserver,
    stop: &mut Stop,
    answers: &AnsweredRequests,
) -> Result<Arc<TurnOutcome>> {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        answers.report(observer);
        tokio::select! {
            event = turn.next_event() => match event {
                Some(event) => show(observer, &event),
                None => return Ok(turn.outcome().await),
            },
            _ = tick.tick() => observer.tick(),
            stopped = stop.stopped() => {
                observer.note("interrupting the turn; once more to end at once");
                tokio::select! {
                    _ = turn.interrupt() => {}
                    _ = stop.stopped_again() => {}
                }
                return Err(stopped.into());
            }
        }
    }
}

fn show(observer: &mut dyn RunObserver, event: &TurnEvent) {
    match event {
        TurnEvent::Phase(Phase::Done | Phase::Failed | Phase::Cancelled) => observer.finish(),
        TurnEvent::Phase(phase) => observer.phase(phase.as_str()),
        TurnEvent::ItemStarted(item) => {
            if let Some(line) = &item.line {
                observer.activity(line, false);
            }
        }
        TurnEvent::ItemCompleted(item) => {
            if let Some(line) = &item.line {
                observer.activity(line, true);
            }
        }
        TurnEvent::Warning(text) => observer.note(text),
        TurnEvent::Retrying { message, details } => match details {
            Some(details) => observer.note(&format!("{message} ({details})")),
            None => observer.note(message),
        },
        _ => {}
    }
}
