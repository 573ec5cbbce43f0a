//! What a call answers: a text for people and a document for programs, of the same facts.

use codex_job_store::{Job, Record, Status};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::commands::App;
use crate::commands::jobs::{self, Jobs};
use crate::exit::{Failure, Kind};
use crate::render;
use crate::sanitize::{one_line, sanitize};
use codex_review::ErrorReport;

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    text: String,
    document: Value,
    is_error: bool,
}

impl Reply {
    pub(super) const fn new(text: String, document: Value) -> Self {
        Self { text, document, is_error: false }
    }

    /// A failure, with what to do about it in terms of the tools.
    pub(super) fn failed(failure: Failure) -> Self {
        let failure = match failure.kind() {
            Kind::UnknownJob if failure.hint().is_none_or(|hint| hint.contains("status --all")) => {
                failure.with_hint("job_status without job_id lists the jobs")
            }
            _ => failure,
        };
        let text = render::failure(&failure, false);
        Self { text, document: json!({ "error": ErrorReport::from(&failure) }), is_error: true }
    }

    /// A job that goes on.
    pub(super) fn runs(job: &Job) -> Self {
        let hint = format!("call job_result with job_id {0} for its result, job_cancel to end it", job.id);
        let mut document = jobs::started(job);
        document["hint"] = hint.clone().into();
        let title = one_line(&job.title, 80);
        let summary = one_line(&job.summary, 200);
        let log = one_line(job.log_file.as_deref().unwrap_or_default(), 1000);
        let text =
            format!("{title} is {}: job {}\n{summary}\nLog: {log}\n{hint}\n", job.status.as_str(), job.id);
        Self::new(text, document)
    }

    /// What a call in the foreground was for: the report, or why there is none.
    pub(super) fn ended(app: &App, jobs: &Jobs, job: &Job, record: &Record) -> Self {
        let mut document = report(record);
        if document.get("jobId").is_none_or(Value::is_null) {
            document["jobId"] = job.id.as_str().into();
        }
        Self::whole(jobs::result_text(app, jobs, job, record), document, job, record)
    }

    /// The same of a job that was asked for by its id.
    pub(super) fn result(app: &App, jobs: &Jobs, job: &Job, record: &Record) -> Self {
        let mut document = jobs::result_document(jobs, job, record);
        if let Some(stored) = document["storedJob"].as_object_mut() {
            // That is the text of this answer.
            stored.remove("rendered");
        }
        Self::whole(jobs::result_text(app, jobs, job, record), document, job, record)
    }

    fn whole(rendered: String, mut document: Value, job: &Job, record: &Record) -> Self {
        let mut text = rendered;
        let error = error(job, record);
        if let Some(error) = &error {
            document["error"] = json!(error);
            text = format!("{}{}{text}", told(error), if text.is_empty() { "" } else { "\n" });
        }
        text.push_str(&facts(job));
        Self { text, document, is_error: error.is_some() }
    }
}

impl From<Reply> for CallToolResult {
    fn from(reply: Reply) -> Self {
        let content = vec![ContentBlock::text(reply.text)];
        let mut result = if reply.is_error { Self::error(content) } else { Self::success(content) };
        result.structured_content = Some(reply.document);
        result
    }
}

fn report(record: &Record) -> Value {
    let report = record.result.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok());
    report.filter(Value::is_object).unwrap_or_else(|| json!({}))
}

/// Why a job did not come to what was asked for.
fn error(job: &Job, record: &Record) -> Option<ErrorReport> {
    let (kind, otherwise) = match job.status {
        Status::Completed => return None,
        Status::Cancelled => (Kind::Interrupted, "the job was cancelled"),
        _ => (Kind::TurnFailed, "the job failed"),
    };
    let known = report(record);
    let field = |name: &str| known["error"][name].as_str().map(str::to_owned);
    Some(match (field("kind"), field("message")) {
        (Some(kind), Some(message)) if job.status != Status::Cancelled => {
            let report = ErrorReport::new(kind, message);
            field("hint").into_iter().fold(report, ErrorReport::hint)
        }
        _ => ErrorReport::new(kind.as_str(), job.error_message.as_deref().unwrap_or(otherwise)),
    })
}

fn told(error: &ErrorReport) -> String {
    let mut told = format!("error ({}): {}\n", error.kind, sanitize(error.message.trim()));
    if let Some(hint) = &error.hint {
        told += &format!("help: {}\n", sanitize(hint.trim()));
    }
    told
}

/// What the document names and a report in words does not.
fn facts(job: &Job) -> String {
    match job.thread_id.as_deref().filter(|_| job.job_class == "task") {
        Some(thread) => format!("\nJob {}, thread {}\n", job.id, one_line(thread, 80)),
        None => format!("\nJob {}\n", job.id),
    }
}
