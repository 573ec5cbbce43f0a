//! Jobs as documents and as text.

use std::fmt::Write as _;

use codex_base::duration;
use codex_base::text::{clean, one_line};
use codex_broker::Endpoint;
use codex_job_store::{Job, LogLine, Record, Status, Store, Timestamp};
use codex_review::render::Format;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::error::Result;
use crate::jobs::Jobs;
use crate::report::Report;
use crate::route::SessionRuntime;

/// How many lines of its log a job shows.
const PREVIEW: usize = 4;
/// How many finished jobs an overview shows unless all are wanted.
const RECENT: usize = 8;

/// The document of a job. Every member is present, `null` where nothing is known.
fn document(store: &Store, job: &Job) -> Value {
    let took = duration::format(job.elapsed(Timestamp::now()));
    let codex = job.codex();
    json!({
        "id": job.id,
        "kind": job.kind,
        "kindLabel": codex.kind_label,
        "jobClass": job.job_class,
        "title": job.title,
        "summary": job.summary,
        "status": job.status,
        "phase": job.phase,
        "model": codex.model,
        "effort": codex.effort,
        "write": codex.write,
        "exitCode": job.exit_code,
        "workspaceRoot": job.workspace_root,
        "sessionId": job.session_id,
        "threadId": codex.thread_id,
        "turnId": codex.turn_id,
        "pid": job.pid,
        "createdAt": job.created_at,
        "startedAt": job.started_at,
        "updatedAt": job.updated_at,
        "completedAt": job.completed_at,
        "elapsed": job.is_active().then_some(&took),
        "duration": (!job.is_active()).then_some(&took),
        "progressPreview": preview(store, job),
        "logFile": job.log_file,
        "errorMessage": job.error_message,
    })
}

/// The document of a job that was just started, or still runs.
#[must_use]
pub fn started_document(job: &Job) -> Value {
    json!({
        "jobId": job.id, "status": job.status, "title": job.title, "summary": job.summary, "logFile": job.log_file,
    })
}

/// The last lines of a job's log.
fn preview(store: &Store, job: &Job) -> Vec<String> {
    let lines = store.progress(&job.id, PREVIEW).unwrap_or_default();
    lines.iter().map(LogLine::text).map(|text| one_line(text, 200)).collect()
}

/// Jobs as a table of one line each.
fn table(jobs: &[Job]) -> String {
    let now = Timestamp::now();
    let rows: Vec<[String; 5]> = jobs
        .iter()
        .map(|job| {
            let phase = match job.status {
                Status::Running => job.phase.clone().unwrap_or_else(|| "running".to_owned()),
                status => status.as_str().to_owned(),
            };
            let kind = job.codex().kind_label.unwrap_or_else(|| job.kind.clone());
            let took = duration::format(job.elapsed(now));
            [job.id.to_string(), one_line(&kind, 20), one_line(&phase, 16), took, description(job)]
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
fn description(job: &Job) -> String {
    match (&job.error_message, job.status) {
        (Some(error), Status::Failed) => one_line(error, 80),
        _ => one_line(&job.summary, 80),
    }
}

/// The command that resumes a job's thread, when it will work: a running job holds its thread, and a broker holds those of
/// jobs that have just ended, until our own command has it release them.
fn resume_command(job: &Job, broker_listens: bool) -> Option<String> {
    let thread = job.codex().thread_id.filter(|_| job.job_class == "task" && !job.is_active())?;
    Some(if broker_listens {
        format!("codex-companion resume {}", job.id)
    } else {
        format!("codex resume {}", one_line(&thread, 80))
    })
}

/// A job, as `status JOB --json` prints it.
#[must_use]
pub fn job_document(jobs: &Jobs, job: &Job) -> Value {
    json!({"workspaceRoot": jobs.root(), "job": document(jobs.store(), job)})
}

/// A job for people. `broker_listens` says whether the workspace's broker runs.
#[must_use]
pub fn job_text(jobs: &Jobs, job: &Job, broker_listens: bool) -> String {
    let mut text = table(std::slice::from_ref(job));
    let mut field = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(text, "  {name:9} {}", clean(value));
        }
    };
    field("title", Some(&job.title));
    let codex = job.codex();
    field("thread", codex.thread_id.as_deref());
    field("turn", codex.turn_id.as_deref());
    field("error", job.error_message.as_deref());
    field("log", job.log_file.as_deref());
    field("resume", resume_command(job, broker_listens).as_deref());
    for line in preview(jobs.store(), job) {
        let _ = writeln!(text, "  | {line}");
    }
    text
}

/// What a finished job left, as `result --json` prints it.
#[must_use]
pub fn result_document(jobs: &Jobs, job: &Job, record: &Record) -> Value {
    let mut stored = serde_json::to_value(record).unwrap_or_default();
    // The request is not a result, and may hold the whole prompt.
    if let Some(stored) = stored.as_object_mut() {
        stored.remove("request");
    }
    json!({"job": document(jobs.store(), job), "storedJob": stored})
}

/// What a finished job left, for people: rendered from the stored report. A record without one, of another program or
/// of a newer version, shows the text that was stored with it.
#[must_use]
pub fn result_text(job: &Job, record: &Record, broker_listens: bool) -> String {
    let resume = resume_command(job, broker_listens);
    let stored = stored_result(record);
    if let Some(mut report) = Report::from_stored(&job.job_class, &stored) {
        report.set_resume(resume);
        return report.render(Format::Text);
    }
    let mut text = record.rendered.as_deref().map(|text| clean(text).into_owned()).unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    codex_review::render::text::resume(&mut text, resume.as_deref());
    text
}

/// The result of a record as JSON; `null` when there is none.
#[must_use]
pub fn stored_result(record: &Record) -> Value {
    record.result.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// The jobs in view at one moment.
#[derive(Debug)]
pub struct Overview {
    running: Vec<Job>,
    finished: Vec<Job>,
    gate: bool,
    all: bool,
}

impl Overview {
    /// This session's jobs, or `all`. `gate` says whether the review gate is on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(jobs: &Jobs, gate: bool, all: bool) -> Result<Self> {
        let (running, finished) = jobs.in_view(all)?.into_iter().partition(Job::is_active);
        Ok(Self { running, finished, gate, all })
    }

    fn recent(&self) -> &[Job] {
        let limit = if self.all { usize::MAX } else { RECENT };
        &self.finished[..self.finished.len().min(limit)]
    }

    /// As `status --json` prints it.
    #[must_use]
    pub fn document(&self, jobs: &Jobs, broker: Option<&Endpoint>) -> Value {
        let documents = |of: &[Job]| of.iter().map(|job| document(jobs.store(), job)).collect::<Vec<_>>();
        json!({
            "workspaceRoot": jobs.root(),
            "config": {"stopReviewGate": self.gate},
            "sessionRuntime": SessionRuntime::new(broker),
            "running": documents(&self.running),
            "latestFinished": self.finished.first().map(|job| document(jobs.store(), job)),
            "recent": documents(self.recent()),
            "needsReview": self.gate,
        })
    }

    /// For people.
    #[must_use]
    pub fn text(&self, jobs: &Jobs) -> String {
        let mut text = String::new();
        if self.running.is_empty() && self.finished.is_empty() {
            text.push_str("No jobs yet.\n");
            if !self.all && jobs.session().is_some() {
                text.push_str("`codex-companion status --all` shows those of every session.\n");
            }
        }
        for (title, jobs) in [("Running", &self.running[..]), ("Recent", self.recent())] {
            if !jobs.is_empty() {
                let _ = write!(text, "{}{title}\n{}", if text.is_empty() { "" } else { "\n" }, table(jobs));
            }
        }
        if self.gate {
            text.push_str("\nThe review gate is on: turns are reviewed before they end.\n");
        }
        text
    }
}
