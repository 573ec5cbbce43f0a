use std::fmt;
use std::time::Duration;

use codex_base::text::one_line;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::codex::CodexFields;
use crate::extension::Extension;
use crate::{Error, ErrorKind, JobId, NewJob, ProcessIdentity, Result, Timestamp};

/// The longest [`Job::title`] and [`Job::summary`], in characters.
pub const MAX_SUMMARY: usize = 200;
/// The longest [`Job::error_message`], in characters.
pub const MAX_ERROR: usize = 4096;
/// The largest [`Job`] in JSON, in bytes: what a job adds to the index at most.
pub const MAX_JOB: usize = 64 * 1024;

/// Where a job is in its life: queued → running → completed, failed or cancelled. A queued job can also fail
/// or be cancelled without having run. Exhaustive: a program that shows jobs must know all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Recorded; no worker has it yet.
    Queued,
    /// A process holds its lease.
    Running,
    /// Succeeded. `success`, as older files have it, is read too.
    #[serde(alias = "success")]
    Completed,
    /// Failed; [`Job::error_message`] has the reason.
    Failed,
    /// Ended because a cancel was requested.
    Cancelled,
}

impl Status {
    /// Whether this is one of the three ends, which nothing changes any more.
    pub fn is_final(self) -> bool {
        matches!(self, Status::Completed | Status::Failed | Status::Cancelled)
    }

    /// The word that files and people read.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of a job without its large parts: what lists show and the index holds. In JSON the names are
/// in camelCase and absent values are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Job {
    /// Version of the format that the record was written in; 1 where the file does not say.
    #[serde(default = "first_version")]
    pub version: u32,
    /// The job's name.
    pub id: JobId,
    /// What was asked for, such as `task` or `review`.
    #[serde(default, deserialize_with = "or_default")]
    pub kind: String,
    /// The family of kinds, such as `review` for all reviews.
    #[serde(default, deserialize_with = "or_default")]
    pub job_class: String,
    /// One line of at most [`MAX_SUMMARY`] characters: what the job is.
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    /// One line of at most [`MAX_SUMMARY`] characters: the request, and at the end the outcome.
    #[serde(default, deserialize_with = "or_default")]
    pub summary: String,
    /// Where the job is in its life.
    pub status: Status,
    /// What its worker does at the moment; `done`, `failed` or `cancelled` at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The exit code that the job ended with, in its caller's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The workspace, as the store was opened for; not exact when the path is not UTF-8.
    #[serde(default, deserialize_with = "or_default")]
    pub workspace_root: String,
    /// The session that asked for the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The process that owns the job: while queued the starter, or the worker that it handed the job to; then
    /// the worker; none at the end. Never signal it as it is: see [`Store::owner`](crate::Store::owner).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// When that process started, as in [`ProcessIdentity::start`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_start: Option<String>,
    /// While queued: `pid` is the worker that is to take the job, and no longer the starter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_over: bool,
    /// When the job was recorded.
    #[serde(default)]
    pub created_at: Timestamp,
    /// When a worker took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the record last changed. The times of one job never decrease, even if the clock does.
    #[serde(default)]
    pub updated_at: Timestamp,
    /// When it reached its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When cancelling was asked for, if it was before the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_requested_at: Option<Timestamp>,
    /// The path of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_file: Option<String>,
    /// Why the job failed, at most [`MAX_ERROR`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The job that this one is another attempt at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// Which attempt this is, 1 for the first.
    #[serde(default = "first_attempt", skip_serializing_if = "is_first_attempt")]
    pub attempt: u32,
    /// Counts the births and ends of jobs in this store: the order of lists and of retention, which no clock
    /// can disturb. 0 for jobs from elsewhere.
    #[serde(default)]
    pub sequence: u64,
    /// Whatever else the caller wants to keep with the job.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// The caller's own fields: see [`Job::extension`].
    #[serde(flatten)]
    pub(crate) extension: Extension,
    /// Members of a record's file that only [`Record`] reads.
    #[serde(default, skip_serializing)]
    request: IgnoredAny,
    #[serde(default, skip_serializing)]
    result: IgnoredAny,
    #[serde(default, skip_serializing)]
    rendered: IgnoredAny,
}

impl Job {
    /// The fields that the caller keeps with the job, as a type of the caller's. Its absent fields should have defaults.
    ///
    /// # Errors
    /// `Corrupt` when a field has another type.
    pub fn extension<T: DeserializeOwned>(&self) -> Result<T> {
        self.extension.read()
    }

    /// The fields of a Codex run. A field of another type than it should have counts as absent, with all others.
    #[must_use]
    pub fn codex(&self) -> CodexFields {
        self.extension().unwrap_or_default()
    }

    /// Whether the job is queued or running.
    pub fn is_active(&self) -> bool {
        !self.status.is_final()
    }

    /// How long the job has run, or ran: from its start (or birth) to its end or to `now`. Never negative.
    pub fn elapsed(&self, now: Timestamp) -> Duration {
        self.completed_at.unwrap_or(now).since(self.started_at.unwrap_or(self.created_at))
    }

    /// The process that the record names as owner.
    pub(crate) fn named_owner(&self) -> Option<ProcessIdentity> {
        self.pid.map(|pid| ProcessIdentity::new(pid, self.process_start.clone()))
    }

    pub(crate) fn set_owner(&mut self, owner: Option<ProcessIdentity>) {
        (self.pid, self.process_start) = owner.map_or((None, None), |owner| (Some(owner.pid), owner.start));
    }

    /// The time to stamp a change with.
    pub(crate) fn stamp(&mut self, now: Timestamp) -> Timestamp {
        self.updated_at = self.updated_at.max(now);
        self.updated_at
    }

    /// A job of which nothing is known but its id.
    pub(crate) fn unreadable(id: JobId, why: &str) -> Self {
        let mut job = Job::new(id, &NewJob::default(), Timestamp::default());
        job.title = "(unreadable record)".to_owned();
        job.end_unreadable(why);
        job
    }

    /// What is left of a job whose record cannot be read: its end if that was known, a failure otherwise.
    pub(crate) fn end_unreadable(&mut self, why: &str) {
        if self.is_active() {
            self.status = Status::Failed;
            self.phase = Some("failed".to_owned());
            self.completed_at = Some(self.updated_at);
            self.set_owner(None);
            self.handed_over = false;
        }
        self.error_message = Some(why.to_owned());
    }

    pub(crate) fn new(id: JobId, new: &NewJob, now: Timestamp) -> Self {
        Job {
            version: crate::FORMAT_VERSION,
            id,
            kind: new.kind.clone(),
            job_class: new.job_class.clone(),
            title: one_line(&new.title, MAX_SUMMARY),
            summary: one_line(&new.summary, MAX_SUMMARY),
            status: Status::Queued,
            phase: Some("queued".to_owned()),
            exit_code: None,
            workspace_root: String::new(),
            session_id: new.session_id.clone(),
            pid: None,
            process_start: None,
            handed_over: false,
            created_at: now,
            started_at: None,
            updated_at: now,
            completed_at: None,
            cancel_requested_at: None,
            log_file: None,
            error_message: None,
            retry_of: new.retry_of.clone(),
            attempt: new.attempt.max(1),
            sequence: 0,
            extra: new.extra.clone(),
            extension: new.extension.clone(),
            request: IgnoredAny,
            result: IgnoredAny,
            rendered: IgnoredAny,
        }
    }
}

/// The whole record of a job, as `jobs/<id>.json` has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Everything that lists show.
    #[serde(flatten)]
    pub job: Job,
    /// What the worker needs to do the job, in the caller's own JSON; of any size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<RawValue>>,
    /// What came out, in the caller's own JSON; of any size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// What came out, as text for people; of any size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<String>,
}

impl Record {
    pub(crate) fn new(job: Job) -> Self {
        Record { job, request: None, result: None, rendered: None }
    }

    /// A record in which no field is absent.
    #[cfg(test)]
    pub(crate) fn sample_with_every_field() -> Self {
        let now = Timestamp::default();
        let mut job = Job::new("job-1".parse().expect("an id"), &NewJob::new("task", "task", "t"), now);
        let text = || Some("x".to_owned());
        job.exit_code = Some(0);
        job.session_id = text();
        job.set_owner(Some(ProcessIdentity::new(1, text())));
        job.handed_over = true;
        (job.started_at, job.completed_at, job.cancel_requested_at) = (Some(now), Some(now), Some(now));
        (job.log_file, job.error_message) = (text(), text());
        (job.retry_of, job.attempt) = (Some(job.id.clone()), 2);
        job.extra.insert("x".to_owned(), Value::Bool(true));
        let raw = || Some(RawValue::from_string("1".to_owned()).expect("JSON"));
        Record { job, request: raw(), result: raw(), rendered: text() }
    }

    /// The file's content: one JSON document and a newline.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let invalid = |error: serde_json::Error| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("job {} cannot be written as JSON: {error}", self.job.id),
            )
        };
        let size = serde_json::to_vec(&self.job).map_err(invalid)?.len();
        if size > MAX_JOB {
            let message = format!(
                "job {} has {size} bytes in addition to request and result; {MAX_JOB} are allowed",
                self.job.id
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let mut bytes = serde_json::to_vec(self).map_err(invalid)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

fn first_version() -> u32 {
    1
}

fn first_attempt() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first_attempt(attempt: &u32) -> bool {
    *attempt <= 1
}

/// Older files say `null` where nothing is known.
fn or_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_read_as_completed() {
        let job: Job = serde_json::from_str(r#"{"id":"task-1","status":"success","title":null}"#).unwrap();
        assert_eq!(job.status, Status::Completed);
        assert_eq!(job.version, 1);
        assert!(serde_json::to_string(&job).unwrap().contains(r#""status":"completed""#));
    }

    #[test]
    fn a_record_keeps_request_and_result_byte_for_byte() {
        let id: JobId = "job-1".parse().unwrap();
        let mut record = Record::new(Job::new(id, &NewJob::new("task", "task", "t"), Timestamp::default()));
        record.request = Some(RawValue::from_string("{\"a\" : 1.50,\"b\":[ 1]}".into()).unwrap());
        record.rendered = Some("\u{1b}[1mx\r\n\"\u{2028}".into());
        let bytes = record.to_bytes().unwrap();
        let again: Record = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(again.request.unwrap().get(), "{\"a\" : 1.50,\"b\":[ 1]}");
        assert_eq!(again.rendered, record.rendered);
        assert_eq!(again.job, record.job);
        let brief: Job = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(brief, record.job);
    }
}
