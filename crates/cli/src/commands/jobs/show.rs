//! `status` and `result`.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use codex_job_store::{Job, JobId, Record, Status};
use serde_json::{Value, json};

use super::view::{self, document, preview, table};
use super::{Jobs, exit_of, untold};
use crate::args::{ResultArgs, StatusArgs};
use crate::commands::{Answer, App, broker, gate};
use crate::exit::{Exit, Failure, Kind};
use crate::sanitize::sanitize;

/// How many recent jobs are shown unless all are asked for.
const RECENT: usize = 8;
/// How long `--wait` waits unless told otherwise: as long as the reference does.
const WAIT: Duration = Duration::from_secs(240);
/// What stands before the command that continues a thread.
const RESUME: &str = "\nContinue this thread: ";
/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_millis(500);

pub(in crate::commands) fn status(app: &App, flags: &StatusArgs) -> Result<Answer, Failure> {
    let jobs = Jobs::open(app)?;
    if flags.watch {
        if flags.out.json {
            return Err(Failure::usage("--watch shows a view again and again, --json is one document")
                .with_hint("`status --wait --json` waits and then tells once"));
        }
        return watch(app, &jobs, flags);
    }
    let named = named(&jobs, flags)?;
    let mut timed_out = false;
    let timeout = flags.timeout_ms.map_or(WAIT, Duration::from_millis);
    if flags.wait {
        let ids: Vec<JobId> = match &named {
            Some(job) => vec![job.id.clone()],
            None => active(&jobs, flags.all)?.into_iter().map(|job| job.id).collect(),
        };
        let ended = jobs.store.wait(&ids, timeout)?;
        timed_out = ended.iter().any(Job::is_active);
    }
    let mut answer = match &named {
        Some(job) => one(app, &jobs, &job.id, flags, timed_out, timeout)?,
        None => all(app, &jobs, flags, timed_out, timeout)?,
    };
    jobs.tell_notices(app);
    if timed_out {
        answer.exit = Exit::TimedOut;
    }
    Ok(answer)
}

fn active(jobs: &Jobs, all: bool) -> Result<Vec<Job>, Failure> {
    let look = jobs.store.look(&jobs.filter(all).active(true))?;
    Ok(look.jobs)
}

fn one(
    app: &App,
    jobs: &Jobs,
    id: &JobId,
    flags: &StatusArgs,
    timed_out: bool,
    timeout: Duration,
) -> Result<Answer, Failure> {
    let job = jobs.store.look_at(id)?;
    if !job.is_active() {
        untold::seen(jobs, id);
    }
    if flags.out.json {
        let mut value = job_document(jobs, &job);
        if flags.wait {
            waited(&mut value, timed_out, timeout);
        }
        return Ok(Answer::done(format!("{value:#}\n")));
    }
    Ok(Answer::done(job_text(app, jobs, &job)))
}

/// One job, as `status JOB --json` tells it.
pub(in crate::commands) fn job_document(jobs: &Jobs, job: &Job) -> Value {
    json!({"workspaceRoot": jobs.root, "job": document(&jobs.store, job)})
}

/// One job, for people.
pub(in crate::commands) fn job_text(app: &App, jobs: &Jobs, job: &Job) -> String {
    let held = broker::listening(app, &jobs.root).is_some();
    let mut text = table(std::slice::from_ref(job));
    let mut field = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(text, "  {name:9} {}", sanitize(value));
        }
    };
    field("title", Some(&job.title));
    field("thread", job.thread_id.as_deref());
    field("turn", job.turn_id.as_deref());
    field("error", job.error_message.as_deref());
    field("log", job.log_file.as_deref());
    field("resume", view::resume_command(job, held).as_deref());
    for line in preview(&jobs.store, job) {
        let _ = writeln!(text, "  | {line}");
    }
    text
}

fn waited(value: &mut Value, timed_out: bool, timeout: Duration) {
    value["waitTimedOut"] = timed_out.into();
    value["timeoutMs"] = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).into();
}

fn all(
    app: &App,
    jobs: &Jobs,
    flags: &StatusArgs,
    timed_out: bool,
    timeout: Duration,
) -> Result<Answer, Failure> {
    let overview = Overview::new(app, jobs, flags.all)?;
    if flags.out.json {
        let mut value = overview.document(app, jobs);
        if flags.wait {
            waited(&mut value, timed_out, timeout);
        }
        return Ok(Answer::done(format!("{value:#}\n")));
    }
    Ok(Answer::done(overview.text(jobs)))
}

/// The jobs in view at one moment.
#[derive(Debug)]
pub(in crate::commands) struct Overview {
    running: Vec<Job>,
    finished: Vec<Job>,
    gate: bool,
    all: bool,
}

impl Overview {
    /// Looks at this session's jobs, or at all.
    pub(in crate::commands) fn new(app: &App, jobs: &Jobs, all: bool) -> Result<Self, Failure> {
        let look = jobs.store.look(&jobs.filter(all))?;
        let (running, finished) = look.jobs.into_iter().partition(Job::is_active);
        Ok(Self { running, finished, gate: gate::is_on(app, jobs)?, all })
    }

    fn recent(&self) -> &[Job] {
        let limit = if self.all { usize::MAX } else { RECENT };
        &self.finished[..self.finished.len().min(limit)]
    }

    /// As `status --json` tells it.
    pub(in crate::commands) fn document(&self, app: &App, jobs: &Jobs) -> Value {
        let documents =
            |jobs_of: &[Job]| jobs_of.iter().map(|job| document(&jobs.store, job)).collect::<Vec<_>>();
        json!({
            "workspaceRoot": jobs.root,
            "config": {"stopReviewGate": self.gate},
            "sessionRuntime": broker::runtime(broker::listening(app, &jobs.root).as_ref()),
            "running": documents(&self.running),
            "latestFinished": self.finished.first().map(|job| document(&jobs.store, job)),
            "recent": documents(self.recent()),
            "needsReview": self.gate,
        })
    }

    /// For people.
    pub(in crate::commands) fn text(&self, jobs: &Jobs) -> String {
        let mut text = String::new();
        if self.running.is_empty() && self.finished.is_empty() {
            text.push_str("No jobs yet.\n");
            if !self.all && jobs.session.is_some() {
                text.push_str("`codex-companion status --all` shows those of every session.\n");
            }
        }
        for (title, jobs) in [("Running", &self.running[..]), ("Recent", self.recent())] {
            if !jobs.is_empty() {
                let _ = write!(text, "{}{title}\n{}", if text.is_empty() { "" } else { "\n" }, table(jobs));
            }
        }
        if self.gate {
            text.push_str("\nThe review gate is on: turns are reviewed before they end.\n");
        }
        text
    }
}

/// The job that the command line names, if it names one.
fn named(jobs: &Jobs, flags: &StatusArgs) -> Result<Option<Job>, Failure> {
    let found = flags.job.as_deref().map(|name| jobs.store.find(name)).transpose();
    found.map_err(Failure::from)
}

/// Keeps the view up to date until nothing runs any more: redrawn on a terminal, written anew elsewhere when it changes.
fn watch(app: &App, jobs: &Jobs, flags: &StatusArgs) -> Result<Answer, Failure> {
    let mut stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let mut last = String::new();
    let named = named(jobs, flags)?;
    loop {
        let (view, running) = match &named {
            Some(job) => {
                let job = jobs.store.look_at(&job.id)?;
                (one(app, jobs, &job.id, flags, false, WAIT)?.stdout, job.is_active())
            }
            None => (all(app, jobs, flags, false, WAIT)?.stdout, !active(jobs, flags.all)?.is_empty()),
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
            jobs.tell_notices(app);
            return Ok(Answer::done(String::new()));
        }
        wait_for_change(jobs, &named, flags)?;
    }
}

fn wait_for_change(jobs: &Jobs, named: &Option<Job>, flags: &StatusArgs) -> Result<(), Failure> {
    let ids: Vec<JobId> = match named {
        Some(job) => vec![job.id.clone()],
        None => active(jobs, flags.all)?.into_iter().map(|job| job.id).collect(),
    };
    let begun = Instant::now();
    // The end of a job is noticed at once; phases and times at the next look.
    jobs.store.wait(&ids, WATCH_EVERY)?;
    if let Some(left) = Duration::from_millis(50).checked_sub(begun.elapsed()) {
        std::thread::sleep(left);
    }
    Ok(())
}

pub(in crate::commands) fn result(app: &App, flags: &ResultArgs) -> Result<Answer, Failure> {
    let jobs = Jobs::open(app)?;
    let job = jobs.choose(flags.job.as_deref(), "finished job in view", |job| !job.is_active())?;
    jobs.tell_notices(app);
    if job.is_active() {
        return Err(Failure::new(Kind::TimedOut, format!("job {} still runs", job.id)).with_hint(format!(
            "`codex-companion await {0}` waits for it, `codex-companion attach {0}` follows it",
            job.id
        )));
    }
    untold::seen(&jobs, &job.id);
    let record = jobs.store.record(&job.id)?;
    let exit = exit_of(&job);
    if flags.out.json {
        let value = result_document(&jobs, &job, &record);
        return Ok(Answer { stdout: format!("{value:#}\n"), exit, failure: None });
    }
    if flags.raw {
        let result: Value =
            record.result.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let stdout = result["rawOutput"].as_str().unwrap_or_default().to_owned();
        return Ok(Answer { stdout, exit, failure: None });
    }
    let stdout = result_text(app, &jobs, &job, &record);
    let failure = (job.status != Status::Completed).then(|| {
        let why = job.error_message.clone().unwrap_or_else(|| format!("the job was {}", job.status.as_str()));
        Failure::new(if job.status == Status::Cancelled { Kind::Interrupted } else { Kind::TurnFailed }, why)
    });
    Ok(Answer { stdout, exit, failure })
}

/// What a finished job left, as `result --json` tells it.
pub(in crate::commands) fn result_document(jobs: &Jobs, job: &Job, record: &Record) -> Value {
    let mut stored = serde_json::to_value(record).unwrap_or_default();
    // What it was asked is not what came out, and may hold the whole prompt.
    if let Some(stored) = stored.as_object_mut() {
        stored.remove("request");
    }
    json!({"job": document(&jobs.store, job), "storedJob": stored})
}

/// What a finished job left, for people.
pub(in crate::commands) fn result_text(app: &App, jobs: &Jobs, job: &Job, record: &Record) -> String {
    let mut stdout = record.rendered.as_deref().map(|text| sanitize(text).into_owned()).unwrap_or_default();
    if !stdout.is_empty() && !stdout.ends_with('\n') {
        stdout.push('\n');
    }
    // What was rendered told how to resume it then; what holds now is said here.
    let held = broker::listening(app, &jobs.root).is_some();
    if let Some(command) = view::resume_command(job, held) {
        // Only the line that we ended it with ourselves.
        let ours = |rest: &str| {
            ["codex resume ", "codex-companion resume "].iter().any(|words| rest.starts_with(words))
                && rest.trim_end().lines().count() == 1
        };
        if let Some(at) = stdout.rfind(RESUME).filter(|at| ours(&stdout[at + RESUME.len()..])) {
            stdout.truncate(at);
        }
        let _ = writeln!(stdout, "{RESUME}{command}");
    }
    stdout
}
