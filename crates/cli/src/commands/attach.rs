//! `attach`: writes a job's log until the job ends. The job continues regardless of this process.

use std::io::Write;
use std::time::{Duration, Instant};

use codex_base::text::one_line;
use codex_job_store::{FollowFrom, Followed, Job, LogLine, Status};

use super::{Answer, App, exit_of};
use crate::args::AttachArgs;
use crate::exit::{Exit, Failure, Kind};

/// How long one wait for the next line is; the number of waits is not limited.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much of the existing log is written, in bytes.
const BACKLOG: u64 = 16 * 1024;

pub(super) fn run(app: &App, flags: &AttachArgs) -> Result<Answer, Failure> {
    write_log(app, flags, std::io::stdout())
}

/// Writes a job's log until the job ends, or the caller's limit.
pub(super) fn write_log(app: &App, flags: &AttachArgs, mut out: impl Write) -> Result<Answer, Failure> {
    let deadline = app.limit.map(|limit| Instant::now() + limit);
    let jobs = app.jobs()?;
    let job = match flags.job {
        Some(_) => jobs.choose(flags.job.as_deref(), "job", |_| true)?,
        None => jobs
            .choose(None, "running job in view", Job::is_active)
            .or_else(|_| jobs.choose(None, "job in view", |_| true))?,
    };
    let mut follow = jobs.store().follow(&job.id, FollowFrom::Last(BACKLOG))?;
    loop {
        let patience =
            deadline.map_or(PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()));
        if patience.is_zero() {
            let failure = Failure::new(Kind::TimedOut, format!("job {} still runs, and continues", job.id));
            return Ok(Answer { stdout: String::new(), exit: Exit::TimedOut, failure: Some(failure) });
        }
        let text = match follow.next(patience.min(PATIENCE))? {
            Followed::Line(LogLine::Message { time, text }) => format!("[{time}] {}", one_line(&text, 2000)),
            Followed::Line(line) => format!("| {}", one_line(line.text(), 64 * 1024)),
            Followed::Lost => "… lines are missing here".to_owned(),
            Followed::Finished(job) => {
                let failure = (job.status == Status::Failed)
                    .then(|| Failure::new(Kind::TurnFailed, job.error_message.clone().unwrap_or_default()));
                return Ok(Answer { stdout: String::new(), exit: exit_of(&job), failure });
            }
            _ => continue,
        };
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            // The reader is gone.
            return Ok(Answer::done(String::new()));
        }
    }
}
