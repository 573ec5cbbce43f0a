//! `adversarial-review`: the design and the assumptions of a change, challenged.

use codex_review_target::InputMode;

use super::{Answer, App, block_on, limits, reviewing, task};
use crate::args::AdversarialReviewArgs;
use crate::engine::{self, Access, Ask, ThreadChoice, Work};
use crate::exit::Failure;
use crate::prompt;
use crate::prompts::AdversarialReview;
use crate::render::ReviewKind;
use crate::review_output::{output_schema, read_review};

/// What the reviewer is told when the change is too large to be sent.
const SELF_COLLECT: &str = "The change is too large to be sent whole. What follows is an overview of it and the commands that \
    show the rest; they read only. Look at every file that could matter before you judge.";

pub(super) fn run(app: &App, flags: &AdversarialReviewArgs) -> Result<Answer, Failure> {
    let focus = task::read_prompt(app, &flags.prompt, true)?.unwrap_or_default();
    let target = reviewing::target(&app.cwd, &flags.target)?;
    let settings = app.settings(Some(target.repo_root()), Some(&flags.run))?;
    let codex = app.codex(&settings, target.repo_root(), &flags.run)?;
    let context = reviewing::context(app, &target)?;
    reviewing::tell_left_out(app, &context);
    let report = reviewing::report(ReviewKind::Adversarial, &target, &context);
    let guidance = match context.input_mode {
        InputMode::SelfCollect => SELF_COLLECT,
        _ => "",
    };
    let label = target.label();
    let text = AdversarialReview { target: &label, context: &context.text, guidance, focus: &focus }.prompt();
    prompt::check_length(&text)?;
    let work = Work {
        thread: ThreadChoice::Ephemeral,
        ask: Ask::Prompt { text, output_schema: Some(output_schema()) },
        access: Access::default(),
        model: settings.model.clone(),
        effort: settings.effort.clone(),
        limits: limits(&settings),
    };
    let mut progress = app.progress();
    let ran = block_on(async |stop| engine::run(&codex, &work, &mut progress, stop).await);
    progress.finish();
    let roots = reviewing::roots(target.repo_root());
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    Ok(reviewing::answer(report, &ran?, flags.out.format(), |text| read_review(text, &roots)))
}
