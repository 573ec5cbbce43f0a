//! Background jobs whose end has not been told yet: an empty file for each, in the folder `untold` of the workspace's state.
//!
//! A job's own session is told at its next prompt or the end of its next turn, and any other session as it begins, once: it may be
//! the first one that is opened after the job's own was closed. Whoever sees the result needs not be told.

use std::fs;
use std::path::PathBuf;

use codex_job_store::{ErrorKind, Job, JobId, Status};

use super::Jobs;
use crate::commands::private;
use crate::sanitize::one_line;

/// What is behind a name once another session was told.
const ELSEWHERE: &str = ".elsewhere";
/// How many are told at once.
const MOST: usize = 8;

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Audience {
    /// A session that goes on: of its own jobs.
    Going,
    /// A session that begins: of all.
    Beginning,
}

fn folder(jobs: &Jobs) -> PathBuf {
    jobs.store.folder().join("untold")
}

/// Notes that the end of a job is to be told. Without it the job is as good, only quieter.
pub(super) fn note(jobs: &Jobs, id: &JobId) {
    let _ = private::create_folder(&folder(jobs));
    let _ = private::options().write(true).create(true).truncate(true).open(folder(jobs).join(id.as_str()));
}

/// Notes that the end of a job has been seen.
pub(in crate::commands) fn seen(jobs: &Jobs, id: &JobId) {
    let _ = fs::remove_file(folder(jobs).join(id.as_str()));
    let _ = fs::remove_file(folder(jobs).join(format!("{id}{ELSEWHERE}")));
}

/// A line for each job that has ended and whose end this session has not been told.
pub(in crate::commands) fn tell(jobs: &Jobs, session: Option<&str>, audience: Audience) -> Vec<String> {
    // Nearly always there is no such folder, and that is all it costs.
    let Ok(entries) = fs::read_dir(folder(jobs)) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let told = names.iter().filter_map(|name| tell_one(jobs, name, session, audience));
    told.take(MOST).collect()
}

fn tell_one(jobs: &Jobs, name: &str, session: Option<&str>, audience: Audience) -> Option<String> {
    let file = folder(jobs).join(name);
    let bare = name.strip_suffix(ELSEWHERE);
    let id: JobId = bare.unwrap_or(name).parse().ok()?;
    let job = match jobs.store.look_at(&id) {
        Ok(job) if job.is_active() => return None,
        Ok(job) => job,
        Err(error) => {
            if error.kind() == ErrorKind::UnknownJob {
                let _ = fs::remove_file(file);
            }
            return None;
        }
    };
    // Of several processes that see a file, one moves it.
    #[expect(clippy::disallowed_methods, reason = "the rename is what decides which process has the file")]
    let claimed = if job.session_id.as_deref() == session {
        fs::remove_file(file).is_ok()
    } else {
        audience == Audience::Beginning
            && bare.is_none()
            && fs::rename(&file, folder(jobs).join(format!("{name}{ELSEWHERE}"))).is_ok()
    };
    claimed.then(|| line(&job))
}

fn line(job: &Job) -> String {
    let how = match job.status {
        Status::Completed => "is done",
        Status::Cancelled => "was cancelled",
        _ => "failed",
    };
    let what = job.error_message.as_deref().unwrap_or(&job.summary);
    let what = if what.is_empty() { String::new() } else { format!(" ({})", one_line(what, 160)) };
    format!("{} {} {how}{what}: /codex:result {}", one_line(&job.title, 60), job.id, job.id)
}
