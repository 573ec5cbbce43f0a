//! The hidden commands that a background job is started with. All behaviour is in `codex_companion_core::worker`.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{io, iter};

use codex_companion_core::worker::{Worker, detach};

use super::{App, block_on};
use crate::args::GlobalArgs;
use crate::diagnostics;
use crate::environment::{Environment, this_program};
use crate::exit::{Exit, Failure};
use crate::stdio::Output;

/// `codex-companion job-worker STATE_DIRECTORY WORKSPACE JOB` runs a job.
pub const WORKER: &str = "job-worker";

/// `codex-companion job-starter …` starts a worker with the same arguments, prints its process id and ends.
pub const STARTER: &str = "job-starter";

/// Runs `job-starter`.
#[must_use]
pub fn start(arguments: &[OsString]) -> ExitCode {
    let started = this_program().and_then(|program| {
        let mut command = Command::new(program);
        command.args(iter::once(&OsString::from(WORKER)).chain(arguments));
        detach(command)
    });
    let printed = started.map(|worker| Output::new(io::stdout().lock()).write(&format!("{worker}\n")));
    if matches!(printed, Ok(Ok(()))) { Exit::Done.into() } else { Exit::Failed.into() }
}

/// Runs `job-worker`.
#[must_use]
pub fn run(arguments: &[OsString], environment: &Environment) -> ExitCode {
    let [state, workspace, job] = arguments else { return Exit::Usage.into() };
    // A job runs even if it cannot be logged.
    let _ = diagnostics::start(&GlobalArgs::default(), environment);
    match work(Path::new(state), Path::new(workspace), &job.to_string_lossy(), environment) {
        Ok(exit) => exit.into(),
        Err(failure) => Exit::from(&failure).into(),
    }
}

fn work(state: &Path, workspace: &Path, job: &str, environment: &Environment) -> Result<Exit, Failure> {
    let companion = App::companion_of(environment).state_dir(state);
    let worker = Worker::take(companion, workspace, job)?;
    let completed = block_on(async |stop, handle| worker.run(stop, &handle).await)?;
    Ok(completed.error.as_ref().map_or(Exit::Done, Exit::from))
}
