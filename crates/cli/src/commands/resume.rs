//! `resume`: hands a job's thread over to Codex itself.

use std::process::Command;

use codex_companion_core::codex::{Codex, is_listening};
use codex_job_store::Job;

use super::{Answer, App, block_on};
use crate::args::{ResumeArgs, RunArgs};
use crate::exit::{Failure, Kind};
use crate::settings::Settings;

pub(super) fn run(app: &App, flags: &ResumeArgs) -> Result<Answer, Failure> {
    let jobs = app.jobs()?;
    let resumable = |job: &Job| job.job_class == "task" && job.codex().thread_id.is_some();
    let job = jobs.choose(flags.job.as_deref(), "task in view whose thread can be resumed", resumable)?;
    let thread = job.codex().thread_id.filter(|_| resumable(&job)).ok_or_else(|| {
        Failure::usage(format!("job {} has no thread that can be resumed", job.id))
            .with_hint("Codex does not keep the threads of reviews; only tasks can be resumed")
    })?;
    if job.is_active() {
        return Err(Failure::new(Kind::TimedOut, format!("job {} still runs and holds its thread", job.id))
            .with_hint(format!(
                "run `codex-companion await {0}` or `codex-companion cancel {0}` first",
                job.id
            )));
    }
    let settings = app.settings(Some(jobs.root()), None)?;
    let codex = app.codex(&settings, jobs.root(), &RunArgs::default())?;
    release(app, &settings, &codex)?;
    let mut command = Command::new(codex.program);
    command.arg("resume").arg(&thread).current_dir(jobs.root());
    exec(&mut command)
}

/// Has the workspace's broker, if one runs, release its threads.
fn release(app: &App, settings: &Settings, codex: &Codex) -> Result<(), Failure> {
    let Some(endpoint) = app.companion().broker_of(codex).filter(is_listening) else { return Ok(()) };
    let patience = settings.timeouts.child_idle + settings.timeouts.handshake;
    block_on(async |_, _| {
        codex_broker::release(&endpoint, patience).await.map_err(|error| {
            Failure::from(error)
                .with_hint("another command still uses it; wait for that command, or cancel its job")
        })
    })?;
    Ok(())
}

/// Replaces this process by the program, where that is possible; elsewhere runs it and ends as it did.
fn exec(command: &mut Command) -> Result<Answer, Failure> {
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(command);
    #[cfg(not(unix))]
    let error = match command.status() {
        Ok(status) => {
            let exit = if status.success() { crate::exit::Exit::Done } else { crate::exit::Exit::Failed };
            return Ok(Answer { exit, ..Answer::done(String::new()) });
        }
        Err(error) => error,
    };
    Err(Failure::new(Kind::CodexBroken, "codex could not be started").caused_by(error))
}
