//! Opening, finding and naming threads.

use codex_rpc::client::Client;
use codex_rpc::protocol::{
    ThreadId,
    approval::SandboxMode,
    thread::{
        Thread, ThreadListParams, ThreadOpened, ThreadResumeParams, ThreadSetNameParams, ThreadStartParams,
    },
};
use serde_json::{Map, Value};
use tokio::task::JoinHandle;

use super::{CLIENT_NAME, Codex, ThreadChoice, TurnRequest, turn};
use crate::error::{self, Error, Kind, Result};
use codex_base::text::one_line;

/// How many pages of a directory's threads are searched for a task.
const MAX_PAGES: usize = 20;
/// The first words of the names of tasks' threads.
const TASK_NAME: &str = "Codex Companion Task";

/// Opens the thread. The second value is whether it is new.
pub(super) async fn open(client: &Client, codex: &Codex, request: &TurnRequest) -> Result<(ThreadId, bool)> {
    let cwd = codex.cwd.to_string_lossy().into_owned();
    let config = request
        .effort
        .as_ref()
        .map(|effort| Map::from_iter([("model_reasoning_effort".to_owned(), Value::String(effort.clone()))]));
    let resume = match &request.thread {
        ThreadChoice::Ephemeral | ThreadChoice::Persistent => None,
        ThreadChoice::Resume(id) => Some(ThreadId::from(id.as_str())),
        ThreadChoice::ResumeLast => Some(last_task(client, &cwd).await?),
    };
    let opened: Result<ThreadOpened, _> = match &resume {
        Some(thread) => {
            let mut params = ThreadResumeParams::new(thread.clone());
            params.cwd = Some(cwd);
            params.approval_policy = Some(turn::approval_policy(request));
            params.sandbox = Some(SandboxMode::ReadOnly);
            params.model.clone_from(&request.model);
            params.config = config;
            client.resume_thread(&params).await
        }
        None => {
            let mut params = ThreadStartParams::new();
            params.cwd = Some(cwd);
            params.approval_policy = Some(turn::approval_policy(request));
            params.sandbox = Some(SandboxMode::ReadOnly);
            params.ephemeral = Some(request.thread == ThreadChoice::Ephemeral);
            params.model.clone_from(&request.model);
            params.config = config;
            params.service_name = Some(CLIENT_NAME.to_owned());
            client.start_thread(&params).await
        }
    };
    let opened = opened.map_err(|error| match &resume {
        Some(thread) => error::from_resume(&error, thread.as_str()),
        None => error.into(),
    })?;
    Ok((opened.thread.id, resume.is_none()))
}

/// Names a new task's thread, so that `codex resume` shows what it is about. Runs concurrently with the turn.
pub(super) fn name(client: &Client, thread: &ThreadId, prompt: &str) -> JoinHandle<()> {
    let words = one_line(prompt, 60);
    let params = ThreadSetNameParams::new(thread.clone(), format!("{TASK_NAME}: {words}"));
    let client = client.clone();
    tokio::spawn(async move { drop(client.request(&params).await) })
}

/// The newest task of this directory that Codex has a record of.
async fn last_task(client: &Client, cwd: &str) -> Result<ThreadId> {
    let mut params = ThreadListParams::new();
    params.cwd = Some(cwd.to_owned());
    params.limit = Some(50);
    // No filter of sources: threads of the app-server are listed as `vscode` (0.169.0). Of our threads, Codex keeps only those of tasks.
    let mut newest = None;
    for _ in 0..MAX_PAGES {
        let list = client.request(&params).await?;
        let ours = |thread: &Thread| thread.originator.as_deref() == Some(CLIENT_NAME) && !thread.ephemeral;
        newest = list.data.into_iter().find(ours);
        params.cursor = list.next_cursor;
        if newest.is_some() || params.cursor.is_none() {
            break;
        }
    }
    newest.map(|thread| thread.id).ok_or_else(|| {
        Error::new(Kind::Usage, "there is no task of this directory to continue")
            .with_hint("run `codex-companion task` without --resume-last, or name a thread with --thread")
    })
}
