//! Work in the background: a process in a session of its own, which survives the terminal, the parent and the host's shell.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use codex_job_store::{Job, Store, StoreOptions};

use super::super::work::{self, Checked, Request};
use super::super::{Answer, App};
use super::{Jobs, Recorder, recorder, untold, view};
use crate::args::GlobalArgs;
use crate::diagnostics;
use crate::environment::{self, Environment};
use crate::exit::{Exit, Failure, Kind};
use crate::stdio::Output;

/// The hidden command that a worker is: `codex-companion job-worker STATE_ROOT WORKSPACE JOB`.
pub const COMMAND: &str = "job-worker";

/// What starts a worker and goes, with the same words.
pub const STARTER: &str = "job-starter";

/// Starts a job in the background, and says how it is called.
pub(in crate::commands) fn background(
    app: &App,
    request: &Request,
    checked: &Checked,
    as_json: bool,
) -> Result<Answer, Failure> {
    let jobs = Jobs::open(app)?;
    let job = start(&jobs, request, checked)?;
    jobs.tell_notices(app);
    let stdout = if as_json {
        format!("{:#}\n", view::started(&job))
    } else {
        format!(
            "{} started in the background: {id}\n\n  codex-companion status {id}\n  codex-companion result {id}\n  \
            codex-companion cancel {id}\n",
            job.title,
            id = job.id
        )
    };
    Ok(Answer { stdout, exit: Exit::Done, failure: None })
}

/// Records a job and starts its worker.
pub(in crate::commands) fn start(jobs: &Jobs, request: &Request, checked: &Checked) -> Result<Job, Failure> {
    let new = recorder::new_job(request, checked, jobs.session.clone())?;
    // The record first, durably; then the worker.
    let job = jobs.store.create(new)?;
    if jobs.session.is_some() {
        untold::note(jobs, &job.id);
    }
    match spawn(jobs, job.id.as_str()) {
        Ok(worker) => {
            // A worker that has taken the job already, or ended it, needs no handing over.
            drop(jobs.store.hand_over(&job.id, worker));
            Ok(job)
        }
        Err(error) => {
            let _ = jobs.store.abandon(&job.id, &format!("the worker could not be started: {error}"));
            Err(Failure::new(Kind::Internal, "the worker could not be started").caused_by(error))
        }
    }
}

/// Starts a worker that is nobody's child: hosts end a command with all its descendants, sessions of their own included
/// (Claude Code 2.1.197 looks for parents by `ps`). The starter in between has gone before its worker is waited for.
fn spawn(jobs: &Jobs, job: &str) -> io::Result<u32> {
    let mut starter = Command::new(environment::this_program()?);
    starter.arg(STARTER).arg(&jobs.state_root).arg(&jobs.root).arg(job).current_dir(&jobs.root);
    let output = starter.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    told.trim().parse().map_err(|_| io::Error::other(format!("its starter ended with {}", output.status)))
}

/// The starter's whole life: it says the worker's process id, and goes.
#[must_use]
pub fn detach(words: &[OsString]) -> ExitCode {
    use process_wrap::std::CommandWrap;
    let started = environment::this_program().and_then(|program| {
        let mut command = Command::new(program);
        command.arg(COMMAND).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut wrap = CommandWrap::from(command);
        #[cfg(unix)]
        wrap.wrap(process_wrap::std::ProcessSession);
        wrap.spawn()
    });
    let told = started.map(|worker| Output::new(io::stdout().lock()).write(&format!("{}\n", worker.id())));
    if matches!(told, Ok(Ok(()))) { Exit::Done.into() } else { Exit::Failed.into() }
}

/// The worker's whole life.
#[must_use]
pub fn run(words: &[OsString], environment: Environment) -> ExitCode {
    let [state_root, workspace, job] = words else { return Exit::Usage.into() };
    // A job runs even if it cannot be logged.
    let _ = diagnostics::start(&GlobalArgs::default(), &environment);
    match work(Path::new(state_root), Path::new(workspace), job.to_string_lossy().as_ref(), environment) {
        Ok(exit) => exit.into(),
        Err(failure) => Exit::from(&failure).into(),
    }
}

fn work(state_root: &Path, workspace: &Path, job: &str, environment: Environment) -> Result<Exit, Failure> {
    let store = Store::open(state_root, workspace, StoreOptions::default())?;
    let found = store.find(job)?;
    let record = store.record(&found.id)?;
    let lease = store.lease(&found.id)?;
    let mut recorder = Recorder::worker(store, lease);
    let executed = record
        .request
        .as_ref()
        .ok_or_else(|| Failure::new(Kind::Internal, "the job has no request"))
        .and_then(|request| Request::from_json(request.get()))
        .and_then(|request| {
            let app = app(environment, &request);
            let checked = work::check(&app, &request)?;
            let begin = recorder.canceller();
            let job_id = recorder.job_id();
            work::execute(&request, checked, job_id, &mut recorder, begin)
        });
    recorder.finish(&executed);
    executed.map(|done| done.failure.as_ref().map_or(Exit::Done, Exit::from))
}

fn app(environment: Environment, request: &Request) -> App {
    let cwd: PathBuf = request.cwd.clone();
    let global = GlobalArgs { codex: request.codex.clone(), quiet: true, ..GlobalArgs::default() };
    App { worker: true, environment, cwd, global, limit: None }
}
