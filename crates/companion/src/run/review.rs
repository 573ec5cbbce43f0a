//! What the two reviews share: the change, and the report.

use std::path::Path;

use codex_review::{
    AdversarialPrompt, ContextSummary, ErrorReport, Reading, ReviewKind, ReviewReader, ReviewReport,
    TargetSummary, output_schema,
};
use codex_review_target::{
    CancelToken, CollectOptions, CommitId, InputMode, ResolveOptions, ReviewContext, Target, TargetKind,
    TargetScope, collect, resolve,
};
use codex_rpc::protocol::review::ReviewTarget;

use crate::codex::{FinishedTurn, TurnInput, TurnRequest};
use crate::error::{Error, Kind, Result};
use crate::observer::RunObserver;
use crate::prepare::check_prompt_length;
use crate::report::Report;
use crate::stop::Stop;

/// How many files that are not sent whole are named to the observer.
const LEFT_OUT_SHOWN: usize = 5;
/// The reviewer's instruction when the change is too large to be sent.
const SELF_COLLECT: &str = "The change is too large to be sent whole. What follows is an overview of it and the commands that \
    show the rest; they read only. Look at every file that could matter before you judge.";

/// A review by Codex's own reviewer.
pub(super) async fn native(
    target: &Target,
    observer: &mut dyn RunObserver,
    stop: &mut Stop,
) -> Result<(TurnRequest, Report)> {
    let context = collected(target, observer, stop).await?;
    let turn = TurnRequest::new(TurnInput::Review(codex_target(target)));
    Ok((turn, report(ReviewKind::Native, target, &context)))
}

/// A review by our own prompt.
pub(super) async fn adversarial(
    target: &Target,
    focus: &str,
    observer: &mut dyn RunObserver,
    stop: &mut Stop,
) -> Result<(TurnRequest, Report)> {
    let context = collected(target, observer, stop).await?;
    note_left_out(observer, &context);
    let guidance = if context.input_mode == InputMode::SelfCollect { SELF_COLLECT } else { "" };
    let label = target.label();
    let text = AdversarialPrompt::new(&label, &context.text).guidance(guidance).focus(focus).text();
    check_prompt_length(&text)?;
    let turn = TurnRequest::new(TurnInput::Prompt { text, output_schema: Some(output_schema()) });
    Ok((turn, report(ReviewKind::Adversarial, target, &context)))
}

/// The target in Codex's terms, by commits where Codex accepts one: a branch that moves meanwhile, or a base that only
/// this program can resolve (`@{u}`, `HEAD~3`), means the same to both.
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

/// The commit that is checked out now.
pub(super) fn head_now(root: &Path) -> Option<CommitId> {
    let options = ResolveOptions::new().commit("HEAD").scope(TargetScope::Auto);
    resolve(root, &options).ok()?.head()
}

/// Collects the change on a thread of its own, so that a stop ends it.
async fn collected(
    target: &Target,
    observer: &mut dyn RunObserver,
    stop: &mut Stop,
) -> Result<ReviewContext> {
    let cancel = CancelToken::new();
    let collecting = tokio::task::spawn_blocking({
        let (target, options) = (target.clone(), CollectOptions::new().cancel(cancel.clone()));
        move || collect(&target, &options)
    });
    let context = tokio::select! {
        collected = collecting => collected
            .map_err(|error| Error::new(Kind::Internal, "collecting the change failed").caused_by(error))??,
        stopped = stop.stopped() => {
            cancel.cancel();
            return Err(stopped.into());
        }
    };
    observer.note(&format!("reviewing the {}", context.summary));
    Ok(context)
}

/// Names the files that the reviewer does not get whole, and why.
fn note_left_out(observer: &mut dyn RunObserver, context: &ReviewContext) {
    let left_out: Vec<_> = context.manifest.left_out().collect();
    for entry in left_out.iter().take(LEFT_OUT_SHOWN) {
        let reason = entry.reason.as_deref().unwrap_or("not sent");
        observer.note(&format!("not sent whole: {} ({reason})", entry.file.path));
    }
    if left_out.len() > LEFT_OUT_SHOWN {
        let more = left_out.len() - LEFT_OUT_SHOWN;
        observer.note(&format!("not sent whole: {more} more; --json lists them"));
    }
    for skipped in &context.manifest.skipped {
        observer.note(&format!("not looked at: {} ({})", skipped.path, skipped.reason));
    }
}

/// A report without a result.
fn report(kind: ReviewKind, target: &Target, context: &ReviewContext) -> Report {
    let mut reported = TargetSummary::new(target.mode(), target.label()).explicit(target.explicit());
    reported.base_ref = target.base_ref().map(str::to_owned);
    let mut summary = ContextSummary::new(&context.repo_root, &context.summary)
        .branch(context.branch.clone())
        .input_mode(context.input_mode.as_str())
        .file_count(context.file_count)
        .diff_bytes(context.diff_bytes);
    summary.manifest = serde_json::to_value(&context.manifest).ok();
    Report::Review(Box::new(ReviewReport::new(kind, reported).context(summary)))
}

/// Fills in what the turn came to. Returns why it is not the review that was asked for.
pub(super) fn fill(
    report: &mut ReviewReport,
    turn: &FinishedTurn,
    read: impl FnOnce(&str) -> Reading,
) -> Option<Error> {
    let outcome = &turn.outcome;
    let text = outcome.final_message.clone().unwrap_or_default();
    report.thread_id = Some(turn.thread_id.clone());
    report.source_thread_id = Some(turn.thread_id.clone());
    report.codex.status = u8::from(!outcome.is_success());
    report.codex.stderr.clone_from(&turn.stderr_tail);
    report.codex.stdout.clone_from(&text);
    report.codex.reasoning.clone_from(&outcome.reasoning);
    report.reasoning_summary.clone_from(&outcome.reasoning);
    report.raw_output = text;
    let mut error = turn.error();
    // Only a turn that completed has a verdict.
    if let Some(answer) = outcome.answer() {
        let reading = read(answer);
        if let Reading::Unreadable(why) = &reading {
            let message = format!("the answer is not the review that was asked for: {why}");
            error = Some(
                Error::new(Kind::TurnFailed, message)
                    .with_hint("the model's text is shown as it is; run it again, or with another model"),
            );
        }
        report.set_reading(reading);
    }
    report.error = error.as_ref().map(ErrorReport::from);
    error
}

/// A reader that knows the roots that a model may name files by: as we call the work tree, and as the file system does.
pub(super) fn reader(root: &Path) -> ReviewReader {
    let mut roots = vec![root.to_string_lossy().into_owned()];
    if let Ok(real) = root.canonicalize() {
        roots.push(real.to_string_lossy().into_owned());
    }
    roots.dedup();
    roots.into_iter().fold(ReviewReader::new(), ReviewReader::root)
}
