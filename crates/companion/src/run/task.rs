//! Tasks: a prompt of the user's.

use std::path::Path;

use codex_review::ErrorReport;
use codex_rpc::policy::AllowList;

use crate::codex::{Access, FinishedTurn, ThreadChoice, TurnInput, TurnRequest};
use crate::error::{Error, Result};
use crate::prepare::tool_patterns;
use crate::report::{Report, TaskReport};
use crate::request::Approvals;
use crate::settings::Settings;

pub(super) fn access(write: bool, approvals: Approvals, settings: &Settings, root: &Path) -> Result<Access> {
    let approvals = match approvals {
        Approvals::Never => None,
        Approvals::OnRequest => {
            let mut list = AllowList::new();
            list.mcp_tools = tool_patterns(settings)?;
            list.write_root = write.then(|| root.to_path_buf());
            Some(list)
        }
    };
    Ok(Access { write, approvals })
}

pub(super) fn compose(prompt: &str, access: Access, thread: &ThreadChoice) -> (TurnRequest, Report) {
    let mut turn = TurnRequest::new(TurnInput::Prompt { text: prompt.to_owned(), output_schema: None });
    turn.access = access;
    turn.thread = thread.clone();
    (turn, Report::Task(Box::default()))
}

/// Fills in what the turn came to. Returns why it did not succeed.
pub(super) fn fill(
    report: &mut TaskReport,
    turn: &FinishedTurn,
    root: &Path,
    job_id: Option<&str>,
) -> Option<Error> {
    let outcome = &turn.outcome;
    let error = turn.error();
    let relative = |path: &str| {
        let inside = Path::new(path).strip_prefix(root).map(|path| path.to_string_lossy().into_owned());
        inside.unwrap_or_else(|_| path.to_owned())
    };
    report.status = u8::from(error.is_some());
    report.thread_id = Some(turn.thread_id.clone());
    report.turn_id = outcome.turn_id.as_ref().map(ToString::to_string);
    report.job_id = job_id.map(str::to_owned);
    report.raw_output = outcome.final_message.clone().unwrap_or_default();
    report.touched_files = outcome.files.iter().map(|file| relative(&file.path)).collect();
    report.reasoning_summary.clone_from(&outcome.reasoning);
    report.error = error.as_ref().map(ErrorReport::from);
    report.resume = Some(match job_id {
        // A broker holds the thread for a moment; our command waits until it is released.
        Some(job) if turn.held => format!("codex-companion resume {job}"),
        _ => format!("codex resume {}", turn.thread_id),
    });
    error
}
