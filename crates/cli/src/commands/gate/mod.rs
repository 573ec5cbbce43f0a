//! The review gate: agents' hooks, and `gate` for CI and git hooks.
//!
//! What it decides, stores and logs is `codex-gate`'s; the reviewer and the facts about the work tree are
//! `codex_companion_core::gate`'s. Here are the hosts' input and output.

mod hooks;
mod install;
mod once;
mod session;

use std::path::Path;
use std::time::SystemTime;

use codex_companion_core::gate::{CodexReviewer, UntilStopped};
use codex_companion_core::{Jobs, RunObserver, Stop, StopHandle};
use codex_gate::{CommandReviewer, FileStore, Now, Policy, Reviewer};

pub(super) use hooks::run as hook;
pub(super) use once::run;

use super::{App, limits};
use crate::args::RunArgs;
use crate::exit::Failure;
use crate::settings::Settings;

/// The command that turns the gate off.
const TURN_OFF: &str = "codex-companion setup --disable-review-gate";

/// Turns the gate on or off for the workspace; says what was done.
pub(super) fn set(app: &App, on: bool) -> Result<String, Failure> {
    let jobs = app.jobs()?;
    app.companion().set_gate(&jobs, on)?;
    app.report_notices(&jobs);
    let word = if on { "on" } else { "off" };
    Ok(format!("turned the review gate {word} for {}", jobs.root().display()))
}

/// Whether turns in the workspace are reviewed before they end.
pub(super) fn is_on(app: &App, jobs: &Jobs) -> Result<bool, Failure> {
    app.companion().gate_is_on(jobs)
}

/// Whether the settings turn the gate on.
fn settings_turn_on(app: &App, root: &Path) -> bool {
    app.companion().settings_turn_gate_on(root)
}

/// The rules, with the time that the settings and the caller allow. The hosts' own limit is not known to their hooks: what
/// `plugin` and `install` set up gives more than the default here.
fn policy(app: &App, settings: &Settings) -> Policy {
    let limit = settings.timeouts.gate;
    Policy::default().timeout(app.limit.map_or(limit, |most| most.min(limit)))
}

/// The store of the workspace's gate.
fn store(jobs: &Jobs) -> FileStore {
    FileStore::new(jobs.store().folder())
}

/// Now, with days that begin at midnight UTC.
fn now() -> Now {
    Now::from(SystemTime::now())
}

/// The reviewer that the settings name: a program, or Codex.
fn reviewer<'a>(
    app: &'a App,
    settings: &'a Settings,
    root: &'a Path,
    observer: impl RunObserver + 'a,
    (handle, stop): (&StopHandle, &Stop),
) -> Box<dyn Reviewer + 'a> {
    if let Some((program, arguments)) = settings.gate_reviewer.split_first() {
        return Box::new(UntilStopped::new(CommandReviewer::new(program, arguments).directory(root), stop));
    }
    let codex = || app.codex_shared(settings, root, &RunArgs::default(), false);
    Box::new(
        CodexReviewer::new(codex, (handle, stop))
            .model(settings.model.clone())
            .effort(settings.effort.clone())
            .limits(limits(settings))
            .observer(observer),
    )
}
