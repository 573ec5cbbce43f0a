//! `review`: Codex's own reviewer.

use std::path::Path;

use codex_review_target::{Target, TargetKind};
use codex_rpc::protocol::ReviewTarget;

use super::{Answer, App, block_on, limits, reviewing};
use crate::args::{Format, ReviewArgs, TargetArgs};
use crate::engine::{self, Access, Ask, Codex, ThreadChoice, Work};
use crate::exit::Failure;
use crate::render::ReviewKind;
use crate::review_output::read_native;
use crate::settings::Settings;

pub(super) fn run(app: &App, flags: &ReviewArgs) -> Result<Answer, Failure> {
    let target = reviewing::target(&app.cwd, &flags.target)?;
    let settings = app.settings(Some(target.repo_root()), Some(&flags.run))?;
    let codex = app.codex(&settings, target.repo_root(), &flags.run)?;
    review(app, &target, &codex, &settings, flags.out.format())
}

/// Reviews what is not committed in `root`, with this Codex and no settings: for the demo.
pub(super) fn of(app: &App, root: &Path, codex: &Codex) -> Result<Answer, Failure> {
    let target = reviewing::target(root, &TargetArgs::default())?;
    review(app, &target, codex, &Settings::default(), Format::Text)
}

fn review(
    app: &App,
    target: &Target,
    codex: &Codex,
    settings: &Settings,
    format: Format,
) -> Result<Answer, Failure> {
    let context = reviewing::context(app, target)?;
    let report = reviewing::report(ReviewKind::Native, target, &context);
    let work = Work {
        thread: ThreadChoice::Ephemeral,
        ask: Ask::Review(codex_target(target)),
        access: Access::default(),
        model: settings.model.clone(),
        effort: settings.effort.clone(),
        limits: limits(settings),
    };
    let mut progress = app.progress();
    let ran = block_on(async |stop| engine::run(codex, &work, &mut progress, stop).await);
    progress.finish();
    let roots = reviewing::roots(target.repo_root());
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    Ok(reviewing::answer(report, &ran?, format, |text| read_native(text, &roots)))
}

/// The target in Codex's words. It is pinned to commits where Codex takes one: a branch that moves meanwhile, or a base that
/// only we can name (`@{u}`, `HEAD~3`), means the same to both.
fn codex_target(target: &Target) -> ReviewTarget {
    match target.kind() {
        TargetKind::Branch { base_commit, .. } => {
            ReviewTarget::BaseBranch { branch: base_commit.to_string() }
        }
        TargetKind::Commit { id, title, .. } => {
            ReviewTarget::Commit { sha: id.to_string(), title: Some(title.clone()) }
        }
        _ => ReviewTarget::UncommittedChanges,
    }
}
