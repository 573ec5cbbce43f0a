//! The commands, one file each: flags in, a call of the library, the text and the exit code out.

mod adversarial_review;
mod attach;
mod await_jobs;
mod broker;
mod cancel;
mod demo;
mod gate;
mod mcp;
mod request;
mod result;
mod resume;
mod resume_candidate;
mod review;
mod setup;
mod slash;
mod status;
mod task;
mod transfer;
pub mod worker;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_broker::Endpoint;
use codex_companion_core::codex::Codex;
use codex_companion_core::{Companion, Jobs, Stop, StopHandle, turn_limits as limits};
use codex_job_store::{Job, Status};

use crate::args::{Cli, Command, GlobalArgs, RunArgs};
use crate::environment::{Environment, temporary_folder, this_program, working_directory};
use crate::exit::{Exit, Failure, Kind};
use crate::progress::StderrProgress as Progress;
use crate::settings::{Flags, Origins, Settings};
use crate::{VERSION, args, diagnostics, progress, signals};

pub use demo::{AFTER as DEMO_AFTER, BEFORE as DEMO_BEFORE, serve as serve_demo};

/// What a command has to say: the document for standard output, and how the process ends.
#[derive(Debug)]
pub struct Answer {
    /// For standard output.
    pub stdout: String,
    /// How the process ends.
    pub exit: Exit,
    /// What went wrong, when the document is the answer all the same; told on stderr in the forms for people.
    pub failure: Option<Failure>,
}

impl Answer {
    /// A document, and success.
    fn done(stdout: String) -> Self {
        Self { stdout, exit: Exit::Done, failure: None }
    }
}

/// What every command works with.
#[derive(Clone, Debug)]
pub struct App {
    /// What the environment says.
    pub environment: Environment,
    /// Where the command works: an absolute path.
    pub cwd: PathBuf,
    /// The flags that every command takes.
    pub global: GlobalArgs,
    /// How long whoever asked waits at most, where it does not wait for ever: it has nothing to say on standard input then.
    pub limit: Option<Duration>,
}

/// Runs what was parsed.
///
/// # Errors
/// Whatever keeps the command from having an answer.
pub fn run(cli: Cli, environment: &Environment) -> Result<Answer, Failure> {
    let cwd = working_directory()
        .map_err(|error| Failure::new(Kind::Io, "cannot tell the working directory").caused_by(error))?;
    match (diagnostics::start(&cli.global, environment), &cli.command) {
        // The agent would treat a failed hook as its decision.
        (Err(failure), Command::Hook(_)) => {
            let _ = writeln!(std::io::stderr(), "codex: nothing is logged: {failure}");
        }
        (started, _) => started?,
    }
    let global = GlobalArgs::default();
    let app = App { environment: environment.clone(), cwd, global, limit: None };
    tracing::info!(version = VERSION, command = cli.command.name(), process = std::process::id(), "started");
    dispatch(&app.with(cli.global)?, cli.command)
}

fn dispatch(app: &App, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Setup(flags) => setup::run(app, &flags),
        Command::Review(flags) => review::run(app, &flags),
        Command::AdversarialReview(flags) => adversarial_review::run(app, &flags),
        Command::Task(flags) => task::run(app, &flags),
        Command::Status(flags) => status::run(app, &flags),
        Command::Result(flags) => result::run(app, &flags),
        Command::Cancel(flags) => cancel::run(app, &flags),
        Command::Attach(flags) => attach::run(app, &flags),
        Command::Await(flags) => await_jobs::run(app, &flags),
        Command::Resume(flags) => resume::run(app, &flags),
        Command::TaskResumeCandidate(flags) => resume_candidate::run(app, &flags),
        Command::Transfer(flags) => transfer::run(app, &flags),
        Command::Broker(flags) => broker::run(app, &flags.action),
        Command::Gate(flags) => gate::run(app, &flags),
        Command::Hook(flags) => gate::hook(app, flags.event),
        Command::Slash(flags) => Ok(slash::run(app, &flags.command)),
        Command::Mcp => mcp::run(app),
        Command::Demo(_) => demo::run(app),
        Command::Completions(flags) => {
            let script = args::completions(flags.shell);
            Ok(Answer::done(String::from_utf8_lossy(&script).into_owned()))
        }
        Command::Man(flags) => {
            let page = args::man_page(flags.command.as_deref())?;
            Ok(Answer::done(String::from_utf8_lossy(&page).into_owned()))
        }
    }
}

impl App {
    /// The same with these flags, in the folder that they name.
    fn with(&self, global: GlobalArgs) -> Result<Self, Failure> {
        let cwd = global.cwd.as_ref().map_or_else(|| self.cwd.clone(), |dir| self.cwd.join(dir));
        if !cwd.is_dir() {
            return Err(Failure::usage(format!("there is no folder {}", cwd.display())));
        }
        let quiet = self.global.quiet || global.quiet;
        Ok(Self { cwd, global: GlobalArgs { quiet, ..global }, ..self.clone() })
    }

    /// What the library needs to know of this process.
    fn companion(&self) -> Companion {
        Self::companion_of(&self.environment)
    }

    fn companion_of(environment: &Environment) -> Companion {
        let mut companion = Companion::new()
            .temporary_dir(temporary_folder())
            .variables(environment.variables.clone())
            .exit_codes(|kind: Kind| Exit::from(kind).code());
        if let Some(directory) = environment.state_root() {
            companion = companion.state_dir(directory);
        }
        if let Some(directory) = environment.codex_home() {
            companion = companion.codex_home(directory);
        }
        if let Some(path) = &environment.path {
            companion = companion.search_path(path);
        }
        if let Some(file) = environment.settings_file() {
            companion = companion.user_settings(file);
        }
        if let Some(endpoint) = &environment.app_server_endpoint {
            companion = companion.broker_endpoint(endpoint);
        }
        if let Some(session) = &environment.session_id {
            companion = companion.session(session);
        }
        if let Ok(program) = this_program() {
            companion = companion
                .worker_command(vec![program.clone().into(), worker::STARTER.into()])
                .broker_command(vec![program.into(), "broker".into(), "serve".into()]);
        }
        companion
    }

    /// The jobs of the workspace.
    fn jobs(&self) -> Result<Jobs, Failure> {
        self.companion().jobs(&self.cwd)
    }

    /// Reports on stderr what the store met and did not fail for.
    fn report_notices(&self, jobs: &Jobs) {
        for notice in jobs.take_notices() {
            self.note(&notice.message);
        }
    }

    /// The settings of a work tree.
    fn settings(&self, root: Option<&Path>, run: Option<&RunArgs>) -> Result<Settings, Failure> {
        self.settings_with_origins(root, run).map(|(settings, _)| settings)
    }

    /// The settings of a work tree, with the origin of each value.
    fn settings_with_origins(
        &self,
        root: Option<&Path>,
        run: Option<&RunArgs>,
    ) -> Result<(Settings, Origins), Failure> {
        let mut flags = Flags { codex: self.global.codex.clone(), ..Flags::default() };
        if let Some(run) = run {
            flags.model.clone_from(&run.model);
            flags.effort.clone_from(&run.effort);
            flags.broker = run.broker.map(Into::into);
            flags.timeout = run.timeout_ms.map(Duration::from_millis);
        }
        let (settings, origins) = self.companion().settings_with_origins(root, flags)?;
        for (key, origin) in &origins {
            tracing::info!(key, %origin, "setting");
        }
        Ok((settings, origins))
    }

    /// The codex program, as it is to be started in `root`.
    fn codex(&self, settings: &Settings, root: &Path, run: &RunArgs) -> Result<Codex, Failure> {
        Ok(self.companion().codex(settings, &self.cwd, root)?.overrides(run.config.clone()))
    }

    /// The same, through the workspace's broker when that pays: for work in the background one is started, in the foreground
    /// one that already runs is used.
    fn codex_shared(
        &self,
        settings: &Settings,
        root: &Path,
        run: &RunArgs,
        background: bool,
    ) -> Result<Codex, Failure> {
        let mut codex = self.codex(settings, root, run)?;
        codex.transport = self.companion().transport(settings, &codex, background)?;
        Ok(codex)
    }

    /// The broker of the workspace, if one listens.
    fn listening_broker(&self, root: &Path) -> Option<Endpoint> {
        self.companion().listening_broker(&self.cwd, root, self.global.codex.clone())
    }

    fn broker_listens(&self, root: &Path) -> bool {
        self.listening_broker(root).is_some()
    }

    /// Where progress is shown.
    fn progress(&self) -> Progress {
        // A live line and log lines would overwrite each other.
        let logs_here = self.global.verbose > 0 && self.global.log.is_none();
        let width = progress::terminal_width().filter(|_| !logs_here);
        let mode = progress::Mode::choose(self.global.quiet, width, self.environment.no_color);
        progress::on_stderr(mode)
    }

    /// A note on stderr, unless nothing is to be said there.
    fn note(&self, text: &str) {
        self.progress().note(text);
    }
}

/// Runs asynchronous work on a runtime of its own, with the signals heard.
fn block_on<T>(work: impl AsyncFnOnce(&mut Stop, StopHandle) -> Result<T, Failure>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Kind::Internal, "cannot start the runtime").caused_by(error))?;
    let result = runtime.block_on(async {
        let (mut stop, handle) = signals::listen()?;
        work(&mut stop, handle).await
    });
    // A read of standard input that nobody ends must not keep the process.
    runtime.shutdown_background();
    result
}

/// The root of the workspace of a directory.
fn work_tree(cwd: &Path) -> PathBuf {
    codex_companion_core::Workspace::find(cwd).root().to_path_buf()
}

/// The exit code of a command that stands for a job that has ended.
fn exit_of(job: &Job) -> Exit {
    match job.status {
        Status::Completed => Exit::Done,
        Status::Cancelled => Exit::Interrupted,
        _ => Exit::Failed,
    }
}
