//! Imports a session of Claude Code as a Codex thread.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codex_base::text::one_line;
use codex_rpc::client::Observer;
use codex_rpc::protocol::{
    ServerNotification,
    config::{ExternalAgentConfigImportParams, ExternalAgentConfigImportStatus, MigrationItem},
};
use tokio::sync::Notify;

use crate::Stop;
use crate::codex::{Codex, connect_observed};
use crate::error::{Error, Kind, Result};

/// What keeps Codex from importing (observed, 0.169.0).
const HINT: &str = "Codex takes transcripts of Claude Code that are under ~/.claude/projects, each once; `codex resume` lists what \
    it has imported";
/// How long an import may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Keeps the result of an import, which arrives as a notification.
#[derive(Default)]
struct Imported {
    status: Mutex<Option<ExternalAgentConfigImportStatus>>,
    arrived: Notify,
}

impl Observer for Imported {
    fn notification(&self, notification: &ServerNotification) {
        if let ServerNotification::ImportCompleted(status) = notification {
            *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status.clone());
            self.arrived.notify_one();
        }
    }
}

/// Has Codex import the transcript of a Claude Code session. Returns the id of the new thread.
///
/// # Errors
/// When Codex cannot be reached or imports nothing, after 2 minutes, or when the run is to stop.
pub async fn transfer(codex: &Codex, transcript: &Path, stop: &mut Stop) -> Result<String> {
    let imported = Arc::new(Imported::default());
    let client = connect_observed(codex, Arc::clone(&imported) as Arc<dyn Observer>, stop).await?;
    let item = MigrationItem::session(transcript.to_string_lossy(), codex.cwd.to_string_lossy(), None);
    let params = ExternalAgentConfigImportParams::new(vec![item]);
    let work = async {
        client.request(&params).await?;
        imported.arrived.notified().await;
        Ok::<(), Error>(())
    };
    let done = tokio::select! {
        done = tokio::time::timeout(LIMIT, work) => match done {
            Ok(done) => done,
            Err(_) => Err(Error::new(Kind::TimedOut, "the import took too long")),
        },
        stopped = stop.stopped() => Err(stopped.into()),
    };
    client.shutdown().await;
    done?;
    let status = imported.status.lock().unwrap_or_else(PoisonError::into_inner).take();
    let results = status.map(|status| status.item_type_results).unwrap_or_default();
    let mut targets =
        results.iter().flat_map(|result| &result.successes).filter_map(|success| success.target.as_deref());
    if let Some(thread) = targets.next() {
        return Ok(one_line(thread, 80));
    }
    let reason = results.iter().flat_map(|result| &result.failures).next();
    let reason =
        reason.map_or_else(|| "Codex imported nothing".to_owned(), |failure| one_line(&failure.message, 300));
    Err(Error::new(Kind::TurnFailed, reason).with_hint(HINT))
}
