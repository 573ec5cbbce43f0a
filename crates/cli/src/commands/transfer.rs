//! `transfer`: makes a Claude Code session a Codex thread.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_rpc::client::Observer;
use codex_rpc::protocol::{
    ServerNotification,
    config::{ExternalAgentConfigImportParams, ExternalAgentConfigImportStatus, MigrationItem},
};
use serde_json::json;
use tokio::sync::Notify;

use super::{Answer, App, block_on, work_tree};
use crate::args::TransferArgs;
use crate::exit::{Failure, Kind};
use codex_base::text::one_line;
use codex_companion_core::Stop;
use codex_companion_core::codex::{Codex, connect_observed};

/// What keeps Codex from importing (observed, 0.169.0).
const HINT: &str = "Codex takes transcripts of Claude Code that are under ~/.claude/projects, each once; `codex resume` lists what \
    it has imported";
/// How long an import may take.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run(app: &App, flags: &TransferArgs) -> Result<Answer, Failure> {
    let source = source(app, flags)?;
    let root = work_tree(&app.cwd);
    let settings = app.settings(Some(&root), None)?;
    let codex = app.codex(&settings, &root, &crate::args::RunArgs::default())?;
    let thread = block_on(async |stop, _| import(&codex, &source, stop).await)?;
    let resume = format!("codex resume {thread}");
    let stdout = if flags.out.json {
        let value = json!({
            "threadId": thread, "resumeCommand": resume, "sourcePath": source, "sessionId": app.environment.session_id,
        });
        format!("{value:#}\n")
    } else {
        format!("The session is a Codex thread now: {thread}\n\n  {resume}\n")
    };
    Ok(Answer::done(stdout))
}

/// The transcript: the one that was named, else that of the session that we run in.
fn source(app: &App, flags: &TransferArgs) -> Result<PathBuf, Failure> {
    let named = flags.source.as_ref().map(|file| app.cwd.join(file));
    let file = named.or_else(|| app.environment.transcript_path.clone()).ok_or_else(|| {
        Failure::usage("there is no session to transfer")
            .with_hint("name its transcript with --source FILE, or run this inside Claude Code")
    })?;
    file.canonicalize().map_err(|error| {
        let failure = Failure::usage(format!("cannot read the transcript {}", file.display()));
        let failure = match error.kind() {
            // Claude Code writes it with the first answer.
            std::io::ErrorKind::NotFound => {
                failure.with_hint("a session has one once something was said in it")
            }
            _ => failure,
        };
        failure.caused_by(error)
    })
}

/// Waits for the end of an import.
#[derive(Default)]
struct Imported {
    status: Mutex<Option<ExternalAgentConfigImportStatus>>,
    came: Notify,
}

impl Observer for Imported {
    fn notification(&self, notification: &ServerNotification) {
        if let ServerNotification::ImportCompleted(status) = notification {
            *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status.clone());
            self.came.notify_one();
        }
    }
}

async fn import(codex: &Codex, source: &Path, stop: &mut Stop) -> Result<String, Failure> {
    let imported = Arc::new(Imported::default());
    let client = connect_observed(codex, Arc::clone(&imported) as Arc<dyn Observer>, stop).await?;
    let item = MigrationItem::session(source.to_string_lossy(), codex.cwd.to_string_lossy(), None);
    let params = ExternalAgentConfigImportParams::new(vec![item]);
    let work = async {
        client.request(&params).await?;
        imported.came.notified().await;
        Ok::<(), Failure>(())
    };
    let done = tokio::select! {
        done = tokio::time::timeout(LIMIT, work) => match done {
            Ok(done) => done,
            Err(_) => Err(Failure::new(Kind::TimedOut, "the import took too long")),
        },
        stopped = stop.stopped() => Err(stopped.into()),
    };
    client.shutdown().await;
    done?;
    let status = imported.status.lock().unwrap_or_else(PoisonError::into_inner).take();
    let results = status.map(|status| status.item_type_results).unwrap_or_default();
    let targets =
        results.iter().flat_map(|result| &result.successes).filter_map(|success| success.target.as_deref());
    if let Some(thread) = targets.into_iter().next() {
        return Ok(one_line(thread, 80));
    }
    let why = results.iter().flat_map(|result| &result.failures).next();
    let why =
        why.map_or_else(|| "Codex imported nothing".to_owned(), |failure| one_line(&failure.message, 300));
    Err(Failure::new(Kind::TurnFailed, why).with_hint(HINT))
}
