//! Background jobs whose end was not reported yet: an empty file for each, in the directory `untold` of the workspace's
//! state (`docs/state-directory.md`).
//!
//! A job's own session gets the notice at its next prompt or at the end of its next turn; any other session gets it when it
//! starts, once: it may be the first one after the job's own was closed. A caller that saw the result needs no notice.

use std::fs;
use std::path::PathBuf;

use codex_base::files::{create_private_directory, private_options};
use codex_base::text::one_line;
use codex_job_store::{ErrorKind, Job, JobId, Status};

use crate::StateDir;
use crate::jobs::Jobs;

/// The end of a file's name once another session got the notice.
const ELSEWHERE: &str = ".elsewhere";
/// How many jobs are reported at once.
const MAX_REPORTED: usize = 8;

/// Who asks for notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A session that continues: it gets those of its own jobs.
    Continuing,
    /// A session that starts: it gets all.
    Starting,
}

fn directory(jobs: &Jobs) -> PathBuf {
    StateDir::notices(jobs.store())
}

/// Notes that the end of a job is to be reported. A failure costs the notice, not the job.
pub(crate) fn expect(jobs: &Jobs, id: &JobId) {
    let directory = directory(jobs);
    let _ = create_private_directory(&directory);
    let _ = private_options().write(true).create(true).truncate(true).open(directory.join(id.as_str()));
}

/// Notes that the end of a job was seen.
pub fn seen(jobs: &Jobs, id: &JobId) {
    let directory = directory(jobs);
    let _ = fs::remove_file(directory.join(id.as_str()));
    let _ = fs::remove_file(directory.join(format!("{id}{ELSEWHERE}")));
}

/// Returns a line for each job that has ended and whose end was not reported to this session, and marks it as reported.
pub fn take(jobs: &Jobs, session: Option<&str>, audience: Audience) -> Vec<String> {
    // Nearly always there is no such directory, and that is all it costs.
    let Ok(entries) = fs::read_dir(directory(jobs)) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names.iter().filter_map(|name| take_one(jobs, name, session, audience)).take(MAX_REPORTED).collect()
}

fn take_one(jobs: &Jobs, name: &str, session: Option<&str>, audience: Audience) -> Option<String> {
    let file = directory(jobs).join(name);
    let bare = name.strip_suffix(ELSEWHERE);
    let id: JobId = bare.unwrap_or(name).parse().ok()?;
    let job = match jobs.store().job(&id) {
        Ok(job) if job.is_active() => return None,
        Ok(job) => job,
        Err(error) => {
            if error.kind() == ErrorKind::UnknownJob {
                let _ = fs::remove_file(file);
            }
            return None;
        }
    };
    // Of several processes that see the file, one moves it.
    #[expect(clippy::disallowed_methods, reason = "the rename decides which process has the file")]
    let claimed = if job.session_id.as_deref() == session {
        fs::remove_file(file).is_ok()
    } else {
        audience == Audience::Starting
            && bare.is_none()
            && fs::rename(&file, directory(jobs).join(format!("{name}{ELSEWHERE}"))).is_ok()
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
