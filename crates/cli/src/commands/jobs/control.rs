//! `cancel`, `resume` and `task-resume-candidate`.

use std::process::Command;
use std::time::Duration;

use codex_job_store::{Cancel, Filter, Job, Status};
use serde_json::{Value, json};

use super::Jobs;
use crate::args::{CancelArgs, JsonArgs, ResumeArgs, RunArgs};
use crate::commands::{Answer, App, block_on, broker};
use crate::exit::{Exit, Failure, Kind};
use crate::sanitize::one_line;
use crate::settings::Settings;
use codex_companion_core::codex::{Codex, is_listening};

/// How long a worker may take to interrupt its turn and go; then it is killed, and Codex ends with it.
const WORKER_GRACE: Duration = Duration::from_secs(8);
/// How long the end of a killed worker may take to show.
const KILLED: Duration = Duration::from_secs(2);

pub(in crate::commands) fn cancel(app: &App, flags: &CancelArgs) -> Result<Answer, Failure> {
    let jobs = Jobs::open(app)?;
    let chosen = if flags.all {
        let look = jobs.store.look(&jobs.filter(false).active(true))?;
        look.jobs
    } else {
        vec![jobs.choose(flags.job.as_deref(), "running job in view", Job::is_active)?]
    };
    if let [job] = &chosen[..]
        && !job.is_active()
    {
        return Err(Failure::usage(format!("job {} has ended: it is {}", job.id, job.status.as_str())));
    }
    // All are asked first, so that they end side by side.
    let mut asked = Vec::new();
    for job in &chosen {
        asked.push((job, ask(&jobs, job)?));
    }
    let mut cancelled = Vec::new();
    for (job, asked) in asked {
        cancelled.push(see_out(&jobs, job, asked)?);
    }
    jobs.tell_notices(app);
    let stdout = match (flags.out.json, flags.all) {
        (true, false) => format!("{:#}\n", cancelled.into_iter().next().unwrap_or_default()),
        (true, true) => format!("{:#}\n", json!({ "cancelled": cancelled })),
        (false, _) if cancelled.is_empty() => "No job in view runs.\n".to_owned(),
        (false, _) => {
            let line = |job: &Value| {
                let id = job["jobId"].as_str().unwrap_or_default();
                let was = job["status"].as_str().unwrap_or_default();
                format!("{id}: {was}\n")
            };
            cancelled.iter().map(line).collect()
        }
    };
    Ok(Answer { stdout, exit: Exit::Done, failure: None })
}

fn ask(jobs: &Jobs, job: &Job) -> Result<Cancel, Failure> {
    let asked = jobs.store.request_cancel(&job.id)?;
    if matches!(asked, Cancel::Requested(_)) {
        signal(jobs, job, false);
    }
    Ok(asked)
}

/// Ends a job and sees it out; says how it went, as `cancel --json` does.
pub(in crate::commands) fn end(jobs: &Jobs, job: &Job) -> Result<Value, Failure> {
    let asked = ask(jobs, job)?;
    see_out(jobs, job, asked)
}

/// Asks for the end of all that a session still runs, and waits for none of it.
pub(in crate::commands) fn cancel_session(jobs: &Jobs, session: &str) {
    let Ok(active) = jobs.store.list(&Filter::all().session(session).active(true)) else { return };
    for job in &active {
        // One that ends by itself meanwhile is as good.
        let _ = ask(jobs, job);
    }
}

/// Signals the process that holds a job's lease, and nobody else: who that is, lease and start time say.
fn signal(jobs: &Jobs, job: &Job, kill: bool) {
    #[cfg(unix)]
    if let Ok(Some(owner)) = jobs.store.owner(&job.id)
        && let Some(pid) = i32::try_from(owner.pid).ok().and_then(rustix::process::Pid::from_raw)
    {
        let signal = if kill { rustix::process::Signal::KILL } else { rustix::process::Signal::TERM };
        let _ = rustix::process::kill_process(pid, signal);
    }
    // Elsewhere the worker sees the mark at its next look.
    #[cfg(not(unix))]
    let _ = (jobs, job, kill);
}

/// Waits until the worker is gone, and tells how it went.
fn see_out(jobs: &Jobs, job: &Job, asked: Cancel) -> Result<Value, Failure> {
    let (ended, gently) = match asked {
        Cancel::Done(job) | Cancel::TooLate(job) => (job, true),
        Cancel::Requested(_) => {
            let wait = |limit| jobs.store.wait(std::slice::from_ref(&job.id), limit);
            let ended = wait(WORKER_GRACE)?.remove(0);
            if ended.is_active() {
                signal(jobs, job, true);
                (wait(KILLED)?.remove(0), false)
            } else {
                (ended, true)
            }
        }
        _ => (job.clone(), false),
    };
    if ended.is_active() {
        return Err(Failure::new(Kind::Internal, format!("job {} did not end", job.id))
            .with_hint("look at its log; `codex-companion status` tells its process"));
    }
    // The turn was interrupted if there was one and its worker had the time.
    let attempted = job.status == Status::Running && ended.turn_id.is_some();
    Ok(json!({
        "jobId": ended.id,
        "title": ended.title,
        "status": ended.status,
        "turnInterruptAttempted": attempted,
        "turnInterrupted": attempted && gently && ended.status == Status::Cancelled,
    }))
}

pub(in crate::commands) fn resume_candidate(app: &App, flags: &JsonArgs) -> Result<Answer, Failure> {
    let jobs = Jobs::open(app)?;
    let candidate = jobs.resume_candidate()?;
    let stdout = if flags.json {
        let document = candidate.as_ref().map(|job| {
            json!({
                "id": job.id, "status": job.status, "title": job.title, "summary": job.summary,
                "threadId": job.thread_id, "completedAt": job.completed_at, "updatedAt": job.updated_at,
            })
        });
        let value = json!({
            "available": document.is_some(), "sessionId": jobs.session, "candidate": document,
        });
        format!("{value:#}\n")
    } else {
        match &candidate {
            Some(job) => {
                let thread = job.thread_id.as_deref().unwrap_or_default();
                format!("{} {} {}\n", job.id, one_line(thread, 80), one_line(&job.summary, 80))
            }
            None => "There is no task to continue.\n".to_owned(),
        }
    };
    Ok(Answer::done(stdout))
}

/// Hands a job's thread over to Codex itself.
pub(in crate::commands) fn resume(app: &App, flags: &ResumeArgs) -> Result<Answer, Failure> {
    let jobs = Jobs::open(app)?;
    let resumable = |job: &Job| job.job_class == "task" && job.thread_id.is_some();
    let job = jobs.choose(flags.job.as_deref(), "task in view whose thread can be resumed", resumable)?;
    let thread = job.thread_id.clone().filter(|_| resumable(&job)).ok_or_else(|| {
        Failure::usage(format!("job {} has no thread that can be resumed", job.id))
            .with_hint("reviews run on threads that are forgotten; only tasks can be resumed")
    })?;
    if job.is_active() {
        return Err(Failure::new(Kind::TimedOut, format!("job {} still runs and holds its thread", job.id))
            .with_hint(format!(
                "`codex-companion await {0}`, or `codex-companion cancel {0}`, comes first",
                job.id
            )));
    }
    let settings = app.settings(Some(&jobs.root), None)?;
    let codex = app.codex(&settings, &jobs.root, &RunArgs::default())?;
    release(app, &settings, &codex)?;
    let mut command = Command::new(codex.program);
    command.arg("resume").arg(&thread).current_dir(&jobs.root);
    run_in_our_place(&mut command)
}

/// Has the workspace's broker, if there is one, let go of its threads.
fn release(app: &App, settings: &Settings, codex: &Codex) -> Result<(), Failure> {
    let Some(endpoint) = broker::endpoint(app, codex) else { return Ok(()) };
    if !is_listening(&endpoint) {
        return Ok(());
    }
    let patience = settings.timeouts.child_idle + settings.timeouts.handshake;
    block_on(async |_, _| {
        codex_broker::release(&endpoint, patience).await.map_err(|error| {
            Failure::from(error).with_hint("another command still uses it; wait for it, or cancel its job")
        })
    })?;
    Ok(())
}

/// Becomes the program, where processes can; else runs it and ends as it did.
fn run_in_our_place(command: &mut Command) -> Result<Answer, Failure> {
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(command);
    #[cfg(not(unix))]
    let error = match command.status() {
        Ok(status) => {
            let exit = if status.success() { Exit::Done } else { Exit::Failed };
            return Ok(Answer { stdout: String::new(), exit, failure: None });
        }
        Err(error) => error,
    };
    Err(Failure::new(Kind::CodexBroken, "codex could not be started").caused_by(error))
}
