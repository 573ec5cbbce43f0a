//! `transfer`: makes a Claude Code session a Codex thread.

use std::path::PathBuf;

use codex_companion_core::transfer;
use serde_json::json;

use super::{Answer, App, block_on, work_tree};
use crate::args::{RunArgs, TransferArgs};
use crate::exit::Failure;

pub(super) fn run(app: &App, flags: &TransferArgs) -> Result<Answer, Failure> {
    let source = source(app, flags)?;
    let root = work_tree(&app.cwd);
    let settings = app.settings(Some(&root), None)?;
    let codex = app.codex(&settings, &root, &RunArgs::default())?;
    let thread = block_on(async |stop, _| transfer(&codex, &source, stop).await)?;
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
