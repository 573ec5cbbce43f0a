//! `setup --report`: one text for bug reports. It has versions, settings, counts and errors; no prompts, no answers, no
//! secrets, and no values of variables that this program does not know.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use codex_base::text::{Redactor, one_line};
use codex_companion_core::{Workspace, codex};
use codex_job_store::{Filter, Job, Status};

use super::super::{Answer, App};
use crate::VERSION;
use crate::environment::secret_values;
use crate::exit::{Failure, Kind};
use crate::render::{SetupReport, Tool};
use crate::settings::KEYS;

/// The most characters of a line.
const LONGEST: usize = 400;
/// How many errors of jobs are shown.
const ERRORS: usize = 10;
/// How long `git --version` may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Writes the report to a new file, or to standard output without one.
pub(super) fn write(app: &App, setup: &SetupReport, file: Option<&Path>) -> Result<Answer, Failure> {
    let text = text(app, setup);
    let Some(file) = file else { return Ok(Answer::done(text)) };
    create(&app.cwd.join(file), &text).map_err(|error| {
        Failure::new(Kind::Usage, format!("cannot write the report {}", file.display()))
            .caused_by(error)
            .with_hint("name a file that does not exist yet, in a directory that you can write to")
    })?;
    Ok(Answer::done(format!("Wrote {}. Read it before you attach it to a bug report.\n", file.display())))
}

/// Creates a file that only its owner can read. An existing file is never replaced.
fn create(file: &Path, text: &str) -> io::Result<()> {
    let mut options = std::fs::File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(file)?.write_all(text.as_bytes())
}

fn text(app: &App, setup: &SetupReport) -> String {
    let workspace = Workspace::find(&app.cwd);
    let mut report = Report {
        redactor: Redactor::new(app.environment.home.as_deref(), secret_values()),
        text: "codex-companion report\n".to_owned(),
    };
    versions(&mut report, app, setup);
    report.section("workspace");
    report.line("root", &workspace.root().display().to_string());
    report.line("git work tree", yes(workspace.root().join(".git").exists()));
    settings(&mut report, app, &workspace);
    variables(&mut report, app);
    state(&mut report, app, setup);
    report.text
}

fn versions(report: &mut Report, app: &App, setup: &SetupReport) {
    use std::io::IsTerminal as _;
    let tool = |tool: &Tool| format!("{}{}", if tool.available { "" } else { "not usable: " }, tool.detail);
    report.section("versions");
    report.line("codex-companion", VERSION);
    report.line("codex", &tool(&setup.codex));
    report.line("git", &git_version(app.environment.path.as_deref()));
    report.line("npm", &tool(&setup.npm));
    report.section("platform");
    report.line("system", &format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    report.line("terminal", yes(io::stdout().is_terminal()));
    report.line("agent session", yes(app.environment.session_id.is_some()));
    report.section("codex");
    report.line("ready", yes(setup.ready));
    // Not the account's name.
    report.line("account", setup.auth.auth_method.as_deref().unwrap_or("none"));
    report.line("provider", setup.auth.provider.as_deref().unwrap_or("unknown"));
    report.line("app-server", &setup.session_runtime.label);
}

fn settings(report: &mut Report, app: &App, workspace: &Workspace) {
    report.section("settings");
    match app.settings_with_origins(Some(workspace.root()), None) {
        Ok((settings, origins)) => {
            for key in KEYS {
                let value = key.value(&settings).unwrap_or_else(|| format!("not set ({})", key.default));
                let origin = origins.get(key.name).cloned().unwrap_or_default();
                report.line(key.name, &format!("{value}  [{origin}]"));
            }
        }
        Err(failure) => report.line("invalid", &failure.to_string()),
    }
}

fn variables(report: &mut Report, app: &App) {
    report.section("variables that are set (names only)");
    for name in &app.environment.names {
        report.text.push_str(&format!("  {name}\n"));
    }
}

fn state(report: &mut Report, app: &App, setup: &SetupReport) {
    report.section("state");
    let directory = app.environment.state_root();
    let shown = directory.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
    report.line("directory", &shown);
    report.line("exists", yes(directory.is_some_and(|path| path.is_dir())));
    report.line("review gate", if setup.review_gate_enabled { "on" } else { "off" });
    report.line("broker", &setup.session_runtime.mode);
    let jobs = app.jobs().and_then(|jobs| jobs.store().list(&Filter::all()).map_err(Failure::from));
    let jobs = match jobs {
        Ok(jobs) => jobs,
        Err(failure) => return report.line("jobs", &format!("cannot be read: {failure}")),
    };
    let count = |status: Status| jobs.iter().filter(|job| job.status == status).count();
    for status in [Status::Queued, Status::Running, Status::Completed, Status::Failed, Status::Cancelled] {
        report.line(&format!("jobs {}", status.as_str()), &count(status).to_string());
    }
    report.section("last errors");
    let failed = jobs.iter().filter(|job| job.status == Status::Failed);
    for (job, error) in failed.filter_map(|job| Some((job, job.error_message.as_ref()?))).take(ERRORS) {
        report.line(&label(job), error);
    }
}

/// What a job was, without its prompt.
fn label(job: &Job) -> String {
    format!("{} {}", job.id, one_line(&job.kind, 40))
}

fn git_version(path: Option<&OsStr>) -> String {
    let Some(git) = codex::in_path(OsStr::new("git"), path) else { return "not on PATH".to_owned() };
    let output = run(&git);
    output.unwrap_or_else(|error| format!("{}: {error}", git.display()))
}

/// The output of `PROGRAM --version`.
fn run(program: &Path) -> io::Result<String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other("no answer"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

const fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// A report in the making. Everything that comes from outside is cleaned and redacted.
struct Report {
    redactor: Redactor,
    text: String,
}

impl Report {
    fn section(&mut self, name: &str) {
        self.text.push_str(&format!("\n{name}\n"));
    }

    fn line(&mut self, name: &str, value: &str) {
        let value = self.redactor.redact(&one_line(value, LONGEST));
        self.text.push_str(&format!("  {name:<20}  {value}\n"));
    }
}
