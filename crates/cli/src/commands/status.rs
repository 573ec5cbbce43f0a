//! `status`

use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use codex_companion_core::view::{Overview, job_document, job_text};
use codex_companion_core::{Follow, Followed, Jobs, notices};
use codex_job_store::{Job, JobId};
use serde_json::Value;

use super::{Answer, App};
use crate::args::StatusArgs;
use crate::exit::{Exit, Failure};

/// How long `--wait` waits by default.
const WAIT: Duration = Duration::from_secs(240);
/// How often `--watch` checks.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// The shortest time between two views of `--watch`.
const WATCH_PAUSE: Duration = Duration::from_millis(50);

pub(super) fn run(app: &App, flags: &StatusArgs) -> Result<Answer, Failure> {
    let jobs = app.jobs()?;
    if flags.watch {
        if flags.out.json {
            return Err(Failure::usage("--watch shows a view again and again, --json is one document")
                .with_hint("`status --wait --json` waits and then prints once"));
        }
        return watch(app, &jobs, flags);
    }
    let named = named(&jobs, flags)?;
    let mut waited = None;
    if flags.wait {
        let limit = flags.timeout_ms.map_or(WAIT, Duration::from_millis);
        let ids = ids_in_view(&jobs, named.as_ref(), flags)?;
        let followed = Follow::new(jobs.store(), &ids).limit(limit).wait()?;
        waited = Some(Waited { timed_out: !matches!(followed, Followed::Ended(_)), limit });
    }
    let stdout = match (&named, flags.out.json) {
        (Some(job), false) => one_text(app, &jobs, &job.id)?,
        (None, false) => overview(app, &jobs, flags)?.text(&jobs),
        (named, true) => {
            let value = match named {
                Some(job) => job_document(&jobs, &current(&jobs, &job.id)?),
                None => {
                    let broker = app.listening_broker(jobs.root());
                    overview(app, &jobs, flags)?.document(&jobs, broker.as_ref())
                }
            };
            with_waited(value, waited.as_ref())
        }
    };
    app.report_notices(&jobs);
    let timed_out = waited.is_some_and(|waited| waited.timed_out);
    let exit = if timed_out { Exit::TimedOut } else { Exit::Done };
    Ok(Answer { stdout, exit, failure: None })
}

/// How `--wait` ended.
struct Waited {
    timed_out: bool,
    limit: Duration,
}

fn with_waited(mut value: Value, waited: Option<&Waited>) -> String {
    if let Some(waited) = waited {
        value["waitTimedOut"] = waited.timed_out.into();
        value["timeoutMs"] = u64::try_from(waited.limit.as_millis()).unwrap_or(u64::MAX).into();
    }
    format!("{value:#}\n")
}

fn overview(app: &App, jobs: &Jobs, flags: &StatusArgs) -> Result<Overview, Failure> {
    Overview::new(jobs, app.companion().gate_is_on(jobs)?, flags.all)
}

/// The job that the command line names, if it names one.
fn named(jobs: &Jobs, flags: &StatusArgs) -> Result<Option<Job>, Failure> {
    Ok(flags.job.as_deref().map(|name| jobs.store().find(name)).transpose()?)
}

fn ids_in_view(jobs: &Jobs, named: Option<&Job>, flags: &StatusArgs) -> Result<Vec<JobId>, Failure> {
    Ok(match named {
        Some(job) => vec![job.id.clone()],
        None => jobs.active(flags.all)?.into_iter().map(|job| job.id).collect(),
    })
}

/// The job as it is now. Its end needs no notice any more.
fn current(jobs: &Jobs, id: &JobId) -> Result<Job, Failure> {
    let job = jobs.store().job(id)?;
    if !job.is_active() {
        notices::seen(jobs, id);
    }
    Ok(job)
}

fn one_text(app: &App, jobs: &Jobs, id: &JobId) -> Result<String, Failure> {
    Ok(job_text(jobs, &current(jobs, id)?, app.broker_listens(jobs.root())))
}

/// Keeps the view up to date until no job runs: redrawn on a terminal, written again elsewhere when it changes.
fn watch(app: &App, jobs: &Jobs, flags: &StatusArgs) -> Result<Answer, Failure> {
    let mut stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let mut last = String::new();
    let named = named(jobs, flags)?;
    loop {
        let (view, running) = match &named {
            Some(job) => (one_text(app, jobs, &job.id)?, jobs.store().job(&job.id)?.is_active()),
            None => (overview(app, jobs, flags)?.text(jobs), !jobs.active(flags.all)?.is_empty()),
        };
        if view != last {
            let written = if terminal {
                // Home, clear to the end of the screen, draw.
                write!(stdout, "\x1b[H\x1b[2J{view}")
            } else {
                write!(stdout, "{}{view}", if last.is_empty() { "" } else { "\n" })
            };
            if written.and_then(|()| stdout.flush()).is_err() {
                return Ok(Answer::done(String::new()));
            }
            last = view;
        }
        if !running {
            app.report_notices(jobs);
            return Ok(Answer::done(String::new()));
        }
        let begun = Instant::now();
        // The end of a job ends the wait early; phases and times show after it.
        let ids = ids_in_view(jobs, named.as_ref(), flags)?;
        Follow::new(jobs.store(), &ids).limit(WATCH_EVERY).wait()?;
        if let Some(left) = WATCH_PAUSE.checked_sub(begun.elapsed()) {
            std::thread::sleep(left);
        }
    }
}
