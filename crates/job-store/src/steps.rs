//! What callers say at each step of a job's life.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::job::{Job, MAX_ERROR, MAX_SUMMARY, Record, Status};
use crate::{Error, ErrorKind, Result, Timestamp};
use codex_base::text::one_line;

/// What a job is born with.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NewJob {
    /// See [`Job::kind`].
    pub kind: String,
    /// See [`Job::kind_label`]. Default: none.
    pub kind_label: Option<String>,
    /// See [`Job::job_class`].
    pub job_class: String,
    /// See [`Job::title`]; made one line.
    pub title: String,
    /// See [`Job::summary`]; made one line. Default: empty.
    pub summary: String,
    /// See [`Job::model`]. Default: none.
    pub model: Option<String>,
    /// See [`Job::effort`]. Default: none.
    pub effort: Option<String>,
    /// See [`Job::write`]. Default: none.
    pub write: Option<bool>,
    /// See [`Job::session_id`]. Default: none.
    pub session_id: Option<String>,
    /// See [`Job::thread_id`]. Default: none.
    pub thread_id: Option<String>,
    /// See [`Record::request`]. Default: none.
    pub request: Option<Box<RawValue>>,
    /// See [`Job::extra`]. Default: empty.
    pub extra: Map<String, Value>,
}

impl NewJob {
    /// A job of this kind and class, with this title; set the other fields as needed.
    pub fn new(kind: impl Into<String>, job_class: impl Into<String>, title: impl Into<String>) -> Self {
        NewJob { kind: kind.into(), job_class: job_class.into(), title: title.into(), ..NewJob::default() }
    }

    /// Sets [`NewJob::request`] from anything that can be JSON.
    ///
    /// # Errors
    /// `InvalidInput` when it cannot.
    pub fn with_request(mut self, request: &impl Serialize) -> Result<Self> {
        self.request = Some(raw("the request", request)?);
        Ok(self)
    }
}

/// What a worker makes known of its running job; what is `None` stays as it is. The state itself changes only
/// through [`Store::lease`](crate::Store::lease) and [`Store::finish`](crate::Store::finish).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct JobUpdate {
    /// See [`Job::phase`].
    pub phase: Option<String>,
    /// See [`Job::thread_id`].
    pub thread_id: Option<String>,
    /// See [`Job::turn_id`].
    pub turn_id: Option<String>,
    /// See [`Job::title`]; made one line.
    pub title: Option<String>,
    /// See [`Job::summary`]; made one line.
    pub summary: Option<String>,
    /// See [`Job::model`].
    pub model: Option<String>,
    /// See [`Job::effort`].
    pub effort: Option<String>,
    /// Merged into [`Job::extra`]; a `null` takes the key away.
    pub extra: Map<String, Value>,
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

    /// Sets the thread.
    pub fn thread_id(mut self, id: impl Into<String>) -> Self {
        self.thread_id = Some(id.into());
        self
    }

    /// Sets the turn.
    pub fn turn_id(mut self, id: impl Into<String>) -> Self {
        self.turn_id = Some(id.into());
        self
    }

    /// Sets the summary.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    pub(crate) fn apply(&self, job: &mut Job) {
        let set = |target: &mut Option<String>, value: &Option<String>| {
            if value.is_some() {
                target.clone_from(value);
            }
        };
        set(&mut job.phase, &self.phase);
        set(&mut job.thread_id, &self.thread_id);
        set(&mut job.turn_id, &self.turn_id);
        set(&mut job.model, &self.model);
        set(&mut job.effort, &self.effort);
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
pub struct Outcome {
    /// One of the three ends. Cancelled wins if somebody asked for that, whatever is said here.
    pub(crate) status: Status,
    /// See [`Job::exit_code`]. Default: none.
    pub exit_code: Option<i32>,
    /// See [`Job::error_message`]; cut at [`MAX_ERROR`] characters. Default: the reason given.
    pub error_message: Option<String>,
    /// See [`Job::summary`]; made one line. Default: stays as it is.
    pub summary: Option<String>,
    /// See [`Job::thread_id`]. Default: stays as it is.
    pub thread_id: Option<String>,
    /// See [`Job::turn_id`]. Default: stays as it is.
    pub turn_id: Option<String>,
    /// See [`Record::result`]. Default: none.
    pub result: Option<Box<RawValue>>,
    /// See [`Record::rendered`]. Default: none.
    pub rendered: Option<String>,
}

impl Outcome {
    /// Ended well.
    pub fn completed() -> Self {
        Outcome::new(Status::Completed, None)
    }

    /// Failed, and why.
    pub fn failed(reason: impl Into<String>) -> Self {
        Outcome::new(Status::Failed, Some(reason.into()))
    }

    /// Cancelled by its own worker.
    pub fn cancelled() -> Self {
        Outcome::new(Status::Cancelled, None)
    }

    /// Sets the result from anything that can be JSON.
    ///
    /// # Errors
    /// `InvalidInput` when it cannot.
    pub fn with_result(mut self, result: &impl Serialize) -> Result<Self> {
        self.result = Some(raw("the result", result)?);
        Ok(self)
    }

    /// Sets the text for people.
    pub fn with_rendered(mut self, rendered: impl Into<String>) -> Self {
        self.rendered = Some(rendered.into());
        self
    }

    /// Sets the summary.
    pub fn with_summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    fn new(status: Status, error_message: Option<String>) -> Self {
        Outcome {
            status,
            exit_code: None,
            error_message,
            summary: None,
            thread_id: None,
            turn_id: None,
            result: None,
            rendered: None,
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
        job.thread_id = self.thread_id.clone().or(job.thread_id.take());
        job.turn_id = self.turn_id.clone().or(job.turn_id.take());
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
