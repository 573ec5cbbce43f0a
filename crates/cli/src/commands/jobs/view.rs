//! A job as `--json` shows it, and as a line of a table.

use codex_job_store::{Clock, Job, LogLine, Status, Store, SystemClock};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::progress::elapsed;
use crate::sanitize::one_line;

/// How many lines of its log a job shows.
const PREVIEW: usize = 4;

/// The document of a job: every key is there, null where nothing is known.
pub(super) fn document(store: &Store, job: &Job) -> Value {
    let took = elapsed(job.elapsed(SystemClock::default().now()));
    let preview: Vec<String> = preview(store, job);
    json!({
        "id": job.id,
        "kind": job.kind,
        "kindLabel": job.kind_label,
        "jobClass": job.job_class,
        "title": job.title,
        "summary": job.summary,
        "status": job.status,
        "phase": job.phase,
        "model": job.model,
        "effort": job.effort,
        "write": job.write,
        "exitCode": job.exit_code,
        "workspaceRoot": job.workspace_root,
        "sessionId": job.session_id,
        "threadId": job.thread_id,
        "turnId": job.turn_id,
        "pid": job.pid,
        "createdAt": job.created_at,
        "startedAt": job.started_at,
        "updatedAt": job.updated_at,
        "completedAt": job.completed_at,
        "elapsed": job.is_active().then_some(&took),
        "duration": (!job.is_active()).then_some(&took),
        "progressPreview": preview,
        "logFile": job.log_file,
        "errorMessage": job.error_message,
    })
}

/// The document of a job that has just been started, or still runs.
pub(in crate::commands) fn started(job: &Job) -> Value {
    json!({
        "jobId": job.id, "status": job.status, "title": job.title, "summary": job.summary, "logFile": job.log_file,
    })
}

/// The last lines of a job's log.
pub(super) fn preview(store: &Store, job: &Job) -> Vec<String> {
    let lines = store.progress(&job.id, PREVIEW).unwrap_or_default();
    lines.iter().map(LogLine::text).map(|text| one_line(text, 200)).collect()
}

/// Jobs as a table with one line each.
pub(super) fn table(jobs: &[Job]) -> String {
    let now = SystemClock::default().now();
    let rows: Vec<[String; 5]> = jobs
        .iter()
        .map(|job| {
            let phase = match job.status {
                Status::Running => job.phase.clone().unwrap_or_else(|| "running".to_owned()),
                status => status.as_str().to_owned(),
            };
            let kind = job.kind_label.clone().unwrap_or_else(|| job.kind.clone());
            [
                job.id.to_string(),
                one_line(&kind, 20),
                one_line(&phase, 16),
                elapsed(job.elapsed(now)),
                words(job),
            ]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let mut table = String::new();
    for row in &rows {
        let mut line = String::from(" ");
        for (column, width) in widths.iter().enumerate() {
            let pad = width.saturating_sub(row[column].width());
            line.push(' ');
            line.push_str(&row[column]);
            line.push_str(&" ".repeat(pad + 1));
        }
        line.push(' ');
        line.push_str(&row[4]);
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

/// What a job is about, or why it failed.
fn words(job: &Job) -> String {
    match (&job.error_message, job.status) {
        (Some(error), Status::Failed) => one_line(error, 80),
        _ => one_line(&job.summary, 80),
    }
}

/// The command that continues a job's thread, when it will work: a running job holds its thread, and a broker holds those of
/// jobs that have just ended, until our own command has it let go.
pub(super) fn resume_command(job: &Job, held: bool) -> Option<String> {
    let thread = job.thread_id.as_deref().filter(|_| job.job_class == "task" && !job.is_active())?;
    Some(if held {
        format!("codex-companion resume {}", job.id)
    } else {
        format!("codex resume {}", one_line(thread, 80))
    })
}
