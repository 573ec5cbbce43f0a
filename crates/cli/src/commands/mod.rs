//! The commands, one module each: take the flags, call a library, hand back what is to be written and the exit code.

mod asking;
mod broker;
mod demo;
mod gate;
mod jobs;
mod mcp;
mod private;
mod reviewing;
mod setup;
mod slash;
mod work;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_rpc::client::TurnLimits;

use crate::args::{Cli, Command, GlobalArgs, RunArgs};
use crate::environment::{Environment, working_directory};
use crate::exit::{Exit, Failure, Kind};
use crate::progress::StderrProgress as Progress;
use crate::settings::{Flags, Origins, PROJECT_FILE, Settings, SettingsFile};
use crate::{VERSION, args, diagnostics, progress, signals};
use codex_companion_core::codex::{self, Codex};
use codex_companion_core::{Stop, StopHandle, Workspace};

pub use demo::serve as serve_demo;
pub use jobs::worker;

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
    /// Whether this is a worker in the background.
    pub worker: bool,
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
    let app = App { worker: false, environment: environment.clone(), cwd, global, limit: None };
    tracing::info!(version = VERSION, command = cli.command.name(), process = std::process::id(), "started");
    dispatch(&app.with(cli.global)?, cli.command)
}

fn dispatch(app: &App, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Setup(flags) => setup::run(app, &flags),
        Command::Review(flags) => asking::review(app, &flags),
        Command::AdversarialReview(flags) => asking::adversarial_review(app, &flags),
        Command::Task(flags) => asking::task(app, &flags),
        Command::Status(flags) => jobs::status(app, &flags),
        Command::Result(flags) => jobs::result(app, &flags),
        Command::Cancel(flags) => jobs::cancel(app, &flags),
        Command::Attach(flags) => jobs::attach(app, &flags),
        Command::Await(flags) => jobs::await_(app, &flags),
        Command::Resume(flags) => jobs::resume(app, &flags),
        Command::TaskResumeCandidate(flags) => jobs::resume_candidate(app, &flags),
        Command::Transfer(flags) => jobs::transfer(app, &flags),
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

    /// The same from wherever it is used: the codex program is named from where the user stands.
    fn anchored(&self) -> Self {
        let mut app = self.clone();
        let from_here = |codex: &Path| (codex.components().count() > 1).then(|| self.cwd.join(codex));
        if let Some(codex) = &mut app.global.codex {
            *codex = from_here(codex).unwrap_or_else(|| codex.clone());
        }
        if let Some(codex) = app.environment.variables.value_mut("codex") {
            *codex = from_here(Path::new(codex)).map_or_else(|| codex.clone(), OsString::from);
        }
        app
    }

    /// What the flags set.
    fn flags(&self, run: Option<&RunArgs>) -> Flags {
        let mut flags = Flags { codex: self.global.codex.clone(), ..Flags::default() };
        if let Some(run) = run {
            flags.model.clone_from(&run.model);
            flags.effort.clone_from(&run.effort);
            flags.broker = run.broker.map(Into::into);
            flags.timeout = run.timeout_ms.map(Duration::from_millis);
        }
        flags
    }

    /// The settings that hold in a work tree.
    fn settings(&self, root: Option<&Path>, run: Option<&RunArgs>) -> Result<Settings, Failure> {
        self.settings_with_origins(root, run).map(|(settings, _)| settings)
    }

    /// The same, with the origin of each value.
    fn settings_with_origins(
        &self,
        root: Option<&Path>,
        run: Option<&RunArgs>,
    ) -> Result<(Settings, Origins), Failure> {
        let user = match self.environment.settings_file() {
            Some(file) => SettingsFile::read(&file)?,
            None => None,
        };
        let project = match root {
            Some(root) => SettingsFile::read(&root.join(PROJECT_FILE))?,
            None => None,
        };
        let (settings, origins) = Settings::resolve_with_origins(
            user.as_ref(),
            project.as_ref(),
            &self.environment.variables,
            self.flags(run),
        )?;
        for (key, origin) in &origins {
            tracing::info!(key, %origin, "setting");
        }
        Ok((settings, origins))
    }

    /// The codex program, as it is to be started in `root`.
    fn codex(&self, settings: &Settings, root: &Path, run: &RunArgs) -> Result<Codex, Failure> {
        let path: Option<&OsString> = self.environment.path.as_ref();
        // A path is the user's, from where the user stands; Codex is started somewhere else.
        let named = settings.codex.as_deref().map(|named| match named.components().count() {
            1 => named.to_path_buf(),
            _ => self.cwd.join(named),
        });
        let program = codex::locate(named.as_deref(), path.map(OsString::as_os_str))?;
        Ok(Codex::new(program, root).overrides(run.config.clone()).handshake(settings.timeouts.handshake))
    }

    /// The same, through the workspace's shared app-server where that pays: for work in the background it is started, in the
    /// foreground one that runs already is used.
    fn codex_shared(
        &self,
        settings: &Settings,
        root: &Path,
        run: &RunArgs,
        background: bool,
    ) -> Result<Codex, Failure> {
        let mut codex = self.codex(settings, root, run)?;
        codex.transport = broker::transport(self, settings, &codex, background)?;
        Ok(codex)
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
    Workspace::find(cwd).root().to_path_buf()
}

/// How long a turn may take.
fn limits(settings: &Settings) -> TurnLimits {
    TurnLimits { idle: settings.timeouts.idle, total: settings.timeouts.turn, ..TurnLimits::default() }
}
