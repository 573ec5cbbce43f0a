//! What a call answers: a text for people and a document for programs, of the same facts.

use codex_base::text::{clean, one_line};
use codex_companion_core::report::{ErrorReport, error_text};
use codex_companion_core::view::{result_document, result_text, started_document, stored_result};
use codex_companion_core::{Error, Job, Jobs, Kind, Record, Result, Status, notices};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::calls::Place;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    text: String,
    document: Value,
    is_error: bool,
}

impl Reply {
    pub(crate) const fn new(text: String, document: Value) -> Self {
        Self { text, document, is_error: false }
    }

    /// An error, with a hint in terms of the tools.
    pub(crate) fn failed(error: Error) -> Self {
        let error = match error.kind() {
            Kind::UnknownJob if error.hint().is_none_or(|hint| hint.contains("status --all")) => {
                error.with_hint("job_status without job_id lists the jobs")
            }
            _ => error,
        };
        let text = error_text(&error, false);
        Self { text, document: json!({ "error": ErrorReport::from(&error) }), is_error: true }
    }

    /// A job that continues.
    pub(crate) fn still_running(job: &Job) -> Self {
        let hint = format!("call job_result with job_id {0} for its result, job_cancel to end it", job.id);
        let mut document = started_document(job);
        document["hint"] = hint.clone().into();
        let title = one_line(&job.title, 80);
        let summary = one_line(&job.summary, 200);
        let log = one_line(job.log_file.as_deref().unwrap_or_default(), 1000);
        let text =
            format!("{title} is {}: job {}\n{summary}\nLog: {log}\n{hint}\n", job.status.as_str(), job.id);
        Self::new(text, document)
    }

    /// The result of a call in the foreground: the report, or why there is none.
    pub(crate) fn ended(place: &Place, jobs: &Jobs, job: &Job) -> Result<Self> {
        let record = jobs.record(job)?;
        notices::seen(jobs, &job.id);
        let mut document = report(&record);
        if document.get("jobId").is_none_or(Value::is_null) {
            document["jobId"] = job.id.as_str().into();
        }
        Ok(Self::whole(result_text(job, &record, place.broker_listens(jobs)), document, job, &record))
    }

    /// The result of a job that was named by its id.
    pub(crate) fn result(place: &Place, jobs: &Jobs, job: &Job) -> Result<Self> {
        let record = jobs.record(job)?;
        notices::seen(jobs, &job.id);
        let mut document = result_document(jobs, job, &record);
        if let Some(stored) = document["storedJob"].as_object_mut() {
            // That is the text of this answer.
            stored.remove("rendered");
        }
        Ok(Self::whole(result_text(job, &record, place.broker_listens(jobs)), document, job, &record))
    }

    fn whole(rendered: String, mut document: Value, job: &Job, record: &Record) -> Self {
        let mut text = rendered;
        let error = error(job, record);
        if let Some(error) = &error {
            document["error"] = json!(error);
            text = format!("{}{}{text}", error_lines(error), if text.is_empty() { "" } else { "\n" });
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
    let report = stored_result(record);
    if report.is_object() { report } else { json!({}) }
}

/// Why a job did not complete.
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
            match field("hint") {
                Some(hint) => report.hint(hint),
                None => report,
            }
        }
        _ => {
            let message = job.error_message.clone().unwrap_or_else(|| otherwise.to_owned());
            ErrorReport::new(kind.as_str(), message)
        }
    })
}

fn error_lines(error: &ErrorReport) -> String {
    let mut lines = format!("error ({}): {}\n", error.kind, clean(error.message.trim()));
    if let Some(hint) = &error.hint {
        lines += &format!("help: {}\n", clean(hint.trim()));
    }
    lines
}

/// What the document has and the text of a report has not.
fn facts(job: &Job) -> String {
    match job.codex().thread_id.filter(|_| job.job_class == "task") {
        Some(thread) => format!("\nJob {}, thread {}\n", job.id, one_line(&thread, 80)),
        None => format!("\nJob {}\n", job.id),
    }
}
