//! `setup`: checks that Codex is installed, signed in and usable, and prints what to do if not.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::Stdio;

use codex_base::files::private_options;
use codex_base::text::Redactor;
use codex_companion_core::readiness::{BugReport, PACKAGE, Readiness, install_codex};

use super::{Answer, App, block_on, work_tree};
use crate::args::SetupArgs;
use crate::environment::secret_values;
use crate::exit::{Exit, Failure, Kind};
use crate::render;
use crate::settings::Settings;

pub(super) fn run(app: &App, flags: &SetupArgs) -> Result<Answer, Failure> {
    // First: invalid settings must not keep the gate on.
    let toggled = (flags.enable_review_gate || flags.disable_review_gate)
        .then(|| super::gate::set(app, flags.enable_review_gate))
        .transpose()?;
    let settings = match app.settings(None, None) {
        // A report is for what does not work, settings included.
        Err(_) if flags.report.is_some() => Settings::default(),
        settings => settings?,
    };
    let mut actions = Vec::from_iter(toggled);
    // Before the gate is reported: its setting is imported as well.
    if let Some(directory) = &flags.import_jobs {
        actions.push(import(app, directory)?);
    }
    if flags.install
        && let Err(failure) = app.companion().locate_codex(&settings)
    {
        let npm = app.companion().npm().ok_or(failure)?;
        app.note(&format!("installing {PACKAGE} with npm"));
        install_codex(&npm, Stdio::from(io::stderr()))?;
        actions.push(format!("installed {PACKAGE} with npm"));
    }
    // Without a state directory there is no gate.
    let jobs = app.jobs().ok();
    let mut readiness =
        block_on(async |stop, _| app.companion().readiness(&app.cwd, &settings, jobs.as_ref(), stop).await)?;
    if let Some(jobs) = &jobs {
        app.report_notices(jobs);
    }
    readiness.actions_taken = actions;
    if let Some(file) = &flags.report {
        return report(app, &readiness, file.as_deref());
    }
    let exit = if readiness.ready { Exit::Done } else { Exit::Unavailable };
    Ok(Answer { stdout: render::setup(&readiness, flags.out.json), exit, failure: None })
}

/// Imports the jobs of the Node plugin `codex-plugin-cc`; returns a line about their number.
fn import(app: &App, directory: &Path) -> Result<String, Failure> {
    let jobs = app.jobs()?;
    let report = jobs.store().import_reference(&app.cwd.join(directory))?;
    app.report_notices(&jobs);
    for (what, why) in &report.skipped {
        app.note(&format!("not imported: {what} ({why})"));
    }
    let count = report.imported.len();
    Ok(format!("imported {count} job{} of codex-plugin-cc", if count == 1 { "" } else { "s" }))
}

/// Writes the report for bug reports to a new file, or to standard output without one.
fn report(app: &App, readiness: &Readiness, file: Option<&Path>) -> Result<Answer, Failure> {
    let text = BugReport::new(Redactor::new(app.environment.home.as_deref(), secret_values()))
        .variables(app.environment.names.iter().cloned())
        .terminal(io::stdout().is_terminal())
        .text(
            &app.companion(),
            &app.cwd,
            readiness,
            app.settings_with_origins(Some(&work_tree(&app.cwd)), None),
        );
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
    private_options().write(true).create_new(true).open(file)?.write_all(text.as_bytes())
}
