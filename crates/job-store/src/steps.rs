//! What callers pass at each step of a job's life.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::extension::{self, Extension};
use crate::job::{Job, MAX_ERROR, MAX_SUMMARY, Record, Status};
use crate::{Error, ErrorKind, JobId, Result, Timestamp};
use codex_base::text::one_line;

/// What a job is created with.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NewJob {
    /// See [`Job::kind`].
    pub kind: String,
    /// See [`Job::job_class`].
    pub job_class: String,
    /// See [`Job::title`]; made one line.
    pub title: String,
    /// See [`Job::summary`]; made one line. Default: empty.
    pub summary: String,
    /// See [`Job::session_id`]. Default: none.
    pub session_id: Option<String>,
    /// See [`Record::request`]. Default: none.
    pub request: Option<Box<RawValue>>,
    /// See [`Job::extra`]. Default: empty.
    pub extra: Map<String, Value>,
    /// See [`Job::retry_of`]. Default: none.
    pub(crate) retry_of: Option<JobId>,
    pub(crate) attempt: u32,
    pub(crate) extension: Extension,
}

impl NewJob {
    /// A job of this kind and class, with this title; set the other fields as needed.
    pub fn new(kind: impl Into<String>, job_class: impl Into<String>, title: impl Into<String>) -> Self {
        NewJob { kind: kind.into(), job_class: job_class.into(), title: title.into(), ..NewJob::default() }
    }

    /// Another attempt at a job: all that the record was created with, its request included. The thread and the turn of
    /// [`CodexFields`](crate::codex::CodexFields) are left out, because they belong to one attempt. A caller's own fields of
    /// that sort can be replaced or removed with [`extension`](Self::extension()) before the job is created.
    #[must_use]
    pub fn retry_of(record: &Record) -> Self {
        let job = &record.job;
        NewJob {
            kind: job.kind.clone(),
            job_class: job.job_class.clone(),
            title: job.title.clone(),
            summary: String::new(),
            session_id: job.session_id.clone(),
            request: record.request.clone(),
            extra: job.extra.clone(),
            retry_of: Some(job.id.clone()),
            attempt: job.attempt.saturating_add(1),
            extension: job.extension.for_another_attempt(),
        }
    }

    /// Sets the summary; it is made one line.
    #[must_use]
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// Sets the session that asks for the job.
    #[must_use]
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// Sets [`NewJob::request`] from anything that can be JSON.
    ///
    /// # Errors
    /// `InvalidInput` when it cannot.
    pub fn request(mut self, request: &impl Serialize) -> Result<Self> {
        self.request = Some(raw("the request", request)?);
        Ok(self)
    }

    /// Sets the caller's own fields from a value that is a JSON object; a `null` removes a field.
    ///
    /// # Errors
    /// `InvalidInput` when it is no object, or has a field that is the store's own.
    pub fn extension(mut self, fields: &impl Serialize) -> Result<Self> {
        self.extension.merge(&extension::fields(fields)?);
        Ok(self)
    }
}

/// What a worker reports about its running job; `None` leaves a value as it is. The status changes only
/// through [`Store::lease`](crate::Store::lease) and [`Lease::finish`](crate::Lease::finish).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct JobUpdate {
    /// See [`Job::phase`].
    pub phase: Option<String>,
    /// See [`Job::title`]; made one line.
    pub title: Option<String>,
    /// See [`Job::summary`]; made one line.
    pub summary: Option<String>,
    /// Merged into [`Job::extra`]; a `null` removes the key.
    pub extra: Map<String, Value>,
    extension: Map<String, Value>,
}

impl JobUpdate {
    /// Nothing yet.
    pub fn new() -> Self {
        JobUpdate::default()
    }

    /// Sets the phase.
    pub fn phase(mut self, phase: impl Into<String>) -> Self {
        self.phase = Some(phase.into());
        self
    }

    /// Sets the summary.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets those of the caller's own fields that the value has; a `null` removes a field.
    ///
    /// # Errors
    /// As [`NewJob::extension`].
    pub fn extension(mut self, fields: &impl Serialize) -> Result<Self> {
        self.extension.append(&mut extension::fields(fields)?);
        Ok(self)
    }

    pub(crate) fn apply(&self, job: &mut Job) {
        job.extension.merge(&self.extension);
        let set = |target: &mut Option<String>, value: &Option<String>| {
            if value.is_some() {
                target.clone_from(value);
            }
        };
        set(&mut job.phase, &self.phase);
        if let Some(title) = &self.title {
            job.title = one_line(title, MAX_SUMMARY);
        }
        if let Some(summary) = &self.summary {
            job.summary = one_line(summary, MAX_SUMMARY);
        }
        for (key, value) in &self.extra {
            match value {
                Value::Null => drop(job.extra.remove(key)),
                _ => drop(job.extra.insert(key.clone(), value.clone())),
            }
        }
    }
}

/// How a job ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JobOutcome {
    /// One of the three ends. A cancel that was requested takes precedence.
    pub(crate) status: Status,
    /// See [`Job::exit_code`]. Default: none.
    pub exit_code: Option<i32>,
    /// See [`Job::error_message`]; cut at [`MAX_ERROR`] characters. Default: the reason given.
    pub error_message: Option<String>,
    /// See [`Job::summary`]; made one line. Default: stays as it is.
    pub summary: Option<String>,
    /// See [`Record::result`]. Default: none.
    pub result: Option<Box<RawValue>>,
    /// See [`Record::rendered`]. Default: none.
    pub rendered: Option<String>,
    extension: Map<String, Value>,
}

impl JobOutcome {
    /// Succeeded.
    pub fn completed() -> Self {
        JobOutcome::new(Status::Completed, None)
    }

    /// Failed, and why.
    pub fn failed(reason: impl Into<String>) -> Self {
        JobOutcome::new(Status::Failed, Some(reason.into()))
    }

    /// Cancelled by its own worker.
    pub fn cancelled() -> Self {
        JobOutcome::new(Status::Cancelled, None)
    }

    /// Sets the result from anything that can be JSON.
    ///
    /// # Errors
    /// `InvalidInput` when it cannot.
    pub fn result(mut self, result: &impl Serialize) -> Result<Self> {
        self.result = Some(raw("the result", result)?);
        Ok(self)
    }

    /// Sets the text for people.
    pub fn rendered(mut self, rendered: impl Into<String>) -> Self {
        self.rendered = Some(rendered.into());
        self
    }

    /// Sets the summary.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    /// Sets the exit code, in the caller's terms.
    #[must_use]
    pub fn exit_code(mut self, code: i32) -> Self {
        self.exit_code = Some(code);
        self
    }

    /// Sets those of the caller's own fields that the value has; a `null` removes a field.
    ///
    /// # Errors
    /// As [`NewJob::extension`].
    pub fn extension(mut self, fields: &impl Serialize) -> Result<Self> {
        self.extension.append(&mut extension::fields(fields)?);
        Ok(self)
    }

    fn new(status: Status, error_message: Option<String>) -> Self {
        JobOutcome {
            status,
            exit_code: None,
            error_message,
            summary: None,
            result: None,
            rendered: None,
            extension: Map::new(),
        }
    }

    /// Brings a record to its end. `cancel` is when cancelling was asked for.
    pub(crate) fn apply(&self, record: &mut Record, cancel: Option<Timestamp>, now: Timestamp) {
        let job = &mut record.job;
        job.status = if cancel.is_some() { Status::Cancelled } else { self.status };
        job.phase =
            Some(if job.status == Status::Completed { "done" } else { job.status.as_str() }.to_owned());
        // The exit code of an outcome that was overruled would contradict the status.
        job.exit_code = self.exit_code.filter(|_| job.status == self.status);
        job.error_message = self.error_message.as_deref().map(cut_error);
        if let Some(summary) = &self.summary {
            job.summary = one_line(summary, MAX_SUMMARY);
        }
        job.extension.merge(&self.extension);
        job.cancel_requested_at = cancel;
        job.set_owner(None);
        job.handed_over = false;
        job.version = crate::FORMAT_VERSION;
        job.completed_at = Some(job.stamp(now));
        record.result.clone_from(&self.result);
        record.rendered.clone_from(&self.rendered);
    }
}

fn cut_error(text: &str) -> String {
    match text.char_indices().nth(MAX_ERROR - 1) {
        Some((end, last)) if end + last.len_utf8() < text.len() => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

fn raw(what: &str, value: &impl Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(value).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("{what} cannot be written as JSON: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_cut_at_a_character() {
        assert_eq!(cut_error("short"), "short");
        let exact = "ä".repeat(MAX_ERROR);
        assert_eq!(cut_error(&exact), exact);
        let cut = cut_error(&format!("{exact}b"));
        assert_eq!(cut.chars().count(), MAX_ERROR);
        assert!(cut.ends_with("ä…"));
    }
}
