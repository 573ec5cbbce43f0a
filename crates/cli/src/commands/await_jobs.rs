//! `await`

use std::time::Duration;

use codex_companion_core::{Follow, Followed, notices};
use codex_job_store::{Job, JobId};

use super::{Answer, App, exit_of};
use crate::args::AwaitArgs;
use crate::exit::{Exit, Failure};

pub(super) fn run(app: &App, flags: &AwaitArgs) -> Result<Answer, Failure> {
    let jobs = app.jobs()?;
    let find = |name: &String| jobs.store().find(name).map(|job| job.id).map_err(Failure::from);
    let ids: Vec<JobId> = flags.jobs.iter().map(find).collect::<Result<_, _>>()?;
    let limit = flags.timeout_ms.map_or(Duration::MAX, Duration::from_millis);
    let followed = Follow::new(jobs.store(), &ids).limit(limit).wait()?;
    let (found, timed_out) = match followed {
        Followed::Ended(found) => (found, false),
        Followed::StillRunning(found) => (found, true),
        Followed::Cancelled => (Vec::new(), true),
    };
    found.iter().filter(|job| !job.is_active()).for_each(|job| notices::seen(&jobs, &job.id));
    let exit = if timed_out { Exit::TimedOut } else { worst(&found) };
    Ok(Answer { stdout: String::new(), exit, failure: None })
}

fn worst(jobs: &[Job]) -> Exit {
    let exits: Vec<Exit> = jobs.iter().map(exit_of).collect();
    let worst = [Exit::Failed, Exit::Interrupted].into_iter().find(|exit| exits.contains(exit));
    worst.unwrap_or(Exit::Done)
}
