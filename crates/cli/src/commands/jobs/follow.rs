//! `attach` and `await`: staying with a job until its end. The job goes on whatever becomes of us.

use std::io::Write;
use std::time::{Duration, Instant};

use codex_job_store::{FollowFrom, Followed, Job, JobId, LogLine, Status};

use super::{Jobs, exit_of, untold};
use crate::args::{AttachArgs, AwaitArgs};
use crate::commands::{Answer, App};
use crate::exit::{Exit, Failure, Kind};
use crate::sanitize::one_line;

/// How long one wait for the next line is; there is no limit to how many there are.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much of the log is shown from before.
const BACKLOG: u64 = 16 * 1024;

pub(in crate::commands) fn attach(app: &App, flags: &AttachArgs) -> Result<Answer, Failure> {
    attach_to(app, flags, std::io::stdout())
}

/// Writes a job's log until the job ends, or the time that there is for it.
pub(in crate::commands) fn attach_to(
    app: &App,
    flags: &AttachArgs,
    mut out: impl Write,
) -> Result<Answer, Failure> {
    let deadline = app.limit.map(|limit| Instant::now() + limit);
    let jobs = Jobs::open(app)?;
    let job = match flags.job {
        Some(_) => jobs.choose(flags.job.as_deref(), "job", |_| true)?,
        None => jobs
            .choose(None, "running job in view", Job::is_active)
            .or_else(|_| jobs.choose(None, "job in view", |_| true))?,
    };
    let mut follow = jobs.store.follow(&job.id, FollowFrom::Last(BACKLOG))?;
    loop {
        let patience =
            deadline.map_or(PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()));
        if patience.is_zero() {
            let failure = Failure::new(Kind::TimedOut, format!("job {} still runs, and goes on", job.id));
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
            // Nobody reads any more.
            return Ok(Answer { stdout: String::new(), exit: Exit::Done, failure: None });
        }
    }
}

pub(in crate::commands) fn await_(app: &App, flags: &AwaitArgs) -> Result<Answer, Failure> {
    let jobs = Jobs::open(app)?;
    let find = |name: &String| jobs.store.find(name).map(|job| job.id).map_err(Failure::from);
    let ids: Vec<JobId> = flags.jobs.iter().map(find).collect::<Result<_, _>>()?;
    let timeout = flags.timeout_ms.map_or(Duration::MAX, Duration::from_millis);
    let ended = jobs.store.wait(&ids, timeout)?;
    ended.iter().filter(|job| !job.is_active()).for_each(|job| untold::seen(&jobs, &job.id));
    let exit = if ended.iter().any(Job::is_active) {
        Exit::TimedOut
    } else {
        // The worst of them.
        let exits: Vec<Exit> = ended.iter().map(exit_of).collect();
        let worst = [Exit::Failed, Exit::Interrupted].into_iter().find(|exit| exits.contains(exit));
        worst.unwrap_or(Exit::Done)
    };
    Ok(Answer { stdout: String::new(), exit, failure: None })
}
