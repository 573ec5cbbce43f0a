//! What the two reviews share: the target, and the report.

use std::path::Path;

use codex_review::{
    ContextSummary, ErrorReport, Reading, ReviewKind, ReviewReader, ReviewReport, TargetSummary,
};
use codex_review_target::{
    Budget, Cancel, CollectOptions, Context, Recommendation, ResolveOptions, Scope as TargetScope, Target,
    collect, measure, recommend, resolve,
};

use crate::args::{Scope, TargetArgs};
use crate::exit::{Failure, Kind};
use codex_companion_core::codex::FinishedTurn;
use codex_companion_core::{RunObserver, Stop};

/// How many files that are not sent whole are named on stderr.
const LEFT_OUT_SHOWN: usize = 5;

/// Finds what is to be reviewed in the repository around a folder.
pub(super) fn target(folder: &Path, flags: &TargetArgs) -> Result<Target, Failure> {
    let mut options = ResolveOptions::new().scope(match flags.scope {
        Scope::Auto => TargetScope::Auto,
        Scope::WorkingTree => TargetScope::WorkingTree,
        Scope::Branch => TargetScope::Branch,
    });
    if let Some(base) = &flags.base {
        options = options.base(base);
    }
    if let Some(commit) = &flags.commit {
        options = options.commit(commit);
    }
    resolve(folder, &options).map_err(Failure::from)
}

/// Whether a review of a change is worth waiting for, and why. Bounded: it counts no more than it takes to tell.
pub(super) fn recommendation(target: &Target) -> Result<Recommendation, Failure> {
    measure(target, &Budget::default(), &Cancel::new()).map(|size| recommend(&size)).map_err(Failure::from)
}

/// Looks at the change, and says on stderr what is reviewed. Beside the runtime, so that a stop is heard meanwhile.
pub(super) async fn context(
    watch: &mut dyn RunObserver,
    target: &Target,
    stop: &mut Stop,
) -> Result<Context, Failure> {
    let cancel = Cancel::new();
    let looking = tokio::task::spawn_blocking({
        let (target, cancel) = (target.clone(), cancel.clone());
        move || collect(&target, &CollectOptions::new(), &cancel)
    });
    let context = tokio::select! {
        looked = looking => looked
            .map_err(|error| Failure::new(Kind::Internal, "the look at the change broke").caused_by(error))?
            .map_err(Failure::from)?,
        stopped = stop.stopped() => {
            cancel.cancel();
            return Err(stopped.into());
        }
    };
    watch.note(&format!("reviewing the {}", context.summary));
    Ok(context)
}

/// Says on stderr which files the reviewer is only told about, and why.
pub(super) fn tell_left_out(watch: &mut dyn RunObserver, context: &Context) {
    let left_out: Vec<_> = context.manifest.left_out().collect();
    for entry in left_out.iter().take(LEFT_OUT_SHOWN) {
        let reason = entry.reason.as_deref().unwrap_or("not sent");
        watch.note(&format!("not sent whole: {} ({reason})", entry.file.path));
    }
    if left_out.len() > LEFT_OUT_SHOWN {
        watch.note(&format!("not sent whole: {} more; --json lists them", left_out.len() - LEFT_OUT_SHOWN));
    }
    for skipped in &context.manifest.skipped {
        watch.note(&format!("not looked at: {} ({})", skipped.path, skipped.reason));
    }
}

/// A report of what was reviewed, with no result yet.
pub(super) fn report(kind: ReviewKind, target: &Target, context: &Context) -> Box<ReviewReport> {
    let mut reported = TargetSummary::new(target.mode(), target.label()).explicit(target.explicit());
    reported.base_ref = target.base_ref().map(str::to_owned);
    let mut summary = ContextSummary::new(&context.repo_root, &context.summary)
        .branch(context.branch.clone())
        .input_mode(context.input_mode.as_str())
        .file_count(context.file_count)
        .diff_bytes(context.diff_bytes);
    summary.manifest = serde_json::to_value(&context.manifest).ok();
    Box::new(ReviewReport::new(kind, reported).context(summary))
}

/// Fills in what came of the turn; gives why it is not the review that was asked for, if it is not.
pub(super) fn fill(
    report: &mut ReviewReport,
    ran: &FinishedTurn,
    read: impl FnOnce(&str) -> Reading,
) -> Option<Failure> {
    let outcome = &ran.outcome;
    let text = outcome.final_message.clone().unwrap_or_default();
    report.thread_id = Some(ran.thread_id.clone());
    report.source_thread_id = Some(ran.thread_id.clone());
    report.codex.status = u8::from(!outcome.is_success());
    report.codex.stderr.clone_from(&ran.stderr_tail);
    report.codex.stdout.clone_from(&text);
    report.codex.reasoning.clone_from(&outcome.reasoning);
    report.reasoning_summary.clone_from(&outcome.reasoning);
    report.raw_output = text;
    let mut failure = ran.error();
    // Only a turn that completed has a verdict.
    if let Some(answer) = outcome.answer() {
        let reading = read(answer);
        if let Reading::Unreadable(why) = &reading {
            let message = format!("the answer is not the review that was asked for: {why}");
            failure = Some(
                Failure::new(Kind::TurnFailed, message)
                    .with_hint("what the model wrote is shown as it is; run it again, or with another model"),
            );
        }
        report.set_reading(reading);
    }
    report.error = failure.as_ref().map(ErrorReport::from);
    failure
}

/// A reader that knows the roots by which a model may name files: as we call the work tree, and as the file system does.
pub(super) fn reader(root: &Path) -> ReviewReader {
    let mut roots = vec![root.to_string_lossy().into_owned()];
    if let Ok(real) = root.canonicalize() {
        roots.push(real.to_string_lossy().into_owned());
    }
    roots.dedup();
    roots.into_iter().fold(ReviewReader::new(), ReviewReader::root)
}
