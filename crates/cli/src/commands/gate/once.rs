//! `gate`: asks once, for CI, git hooks and other hook systems.

use std::io;

use codex_companion_core::gate::{Deadline, TargetWork, not_reviewed, tree};
use codex_gate::host::{exit, git};
use codex_gate::{
    Decision, DecisionKind, FailureKind, Finding, Gate, GateRequest, NotReviewed, OnFailure, ReviewBudget,
    ReviewScope, TurnPosition, Wording,
};
use codex_review::{ErrorReport, Review, ReviewKind, ReviewReport, ReviewVerdict, TargetSummary};
use codex_review_target::{CancelToken, ErrorKind, ResolveOptions, Target, TargetScope, resolve};

use super::{install, policy, reviewer, store};
use crate::args::{Format, GateAction, GateArgs, GitHook, OnError};
use crate::commands::{Answer, App, block_on, work_tree};
use crate::exit::{Exit, Failure, Kind};
use crate::stdio;
use codex_companion_core::{TargetOptions, TargetScope as RequestScope};

pub(in crate::commands) fn run(app: &App, flags: &GateArgs) -> Result<Answer, Failure> {
    match &flags.action {
        Some(GateAction::Install(which)) => install::install(app, which.hook),
        Some(GateAction::Uninstall(which)) => install::uninstall(app, which.hook),
        None => once(app, flags),
    }
}

/// What is to be reviewed (no target is nothing to review), or why it cannot be.
enum Subject {
    Changes(Vec<Target>),
    Unreviewable(NotReviewed),
}

fn once(app: &App, flags: &GateArgs) -> Result<Answer, Failure> {
    let subject = subject(app, flags)?;
    let root = match &subject {
        Subject::Changes(targets) => targets.first().map(|target| target.repo_root().to_path_buf()),
        Subject::Unreviewable(_) => None,
    };
    let root = root.unwrap_or_else(|| work_tree(&app.cwd));
    let settings = app.settings(Some(&root), None)?;
    let on_failure = match flags.on_error {
        OnError::Allow => OnFailure::Allow,
        OnError::Block => OnFailure::Block,
    };
    let policy = policy(app, &settings)
        .scope(ReviewScope::Everything)
        // The "session" never ends; the day's budget is bound enough.
        .session_budget(ReviewBudget::unlimited())
        .on_not_reviewed(on_failure)
        .at_limit(on_failure);
    let limit = policy.deadline(None);
    let gate = Gate::new(store(&app.jobs()?), policy);
    let request = GateRequest::new("gate", TurnPosition::Single);

    let label = match &subject {
        Subject::Changes(targets) => targets.iter().map(Target::label).collect::<Vec<_>>().join(", "),
        Subject::Unreviewable(_) => String::new(),
    };
    let mut stopped = None;
    let judged = match subject {
        Subject::Unreviewable(failure) => gate.fail(request, failure),
        Subject::Changes(targets) => {
            let mut progress = app.progress();
            if !targets.is_empty() {
                progress.note(&format!("reviewing the {label}"));
            }
            let judged = block_on(async |stop, handle| {
                let reviewer = reviewer(app, &settings, &root, &mut progress, (&handle, stop));
                let mut work = TargetWork::new(targets, Deadline::new(limit, stop));
                let judged = gate.judge(request.clone(), &mut work, &*reviewer).await;
                stopped = stop.reason();
                Ok(judged)
            });
            progress.finish();
            judged.unwrap_or_else(|failure| gate.fail(request, not_reviewed(&failure)))
        }
    };
    let decision = judged.decision;
    for notice in &judged.notices {
        app.note(notice);
    }
    let cancelled = matches!(&decision.kind,
        DecisionKind::NotReviewed { failure, .. } if failure.kind == FailureKind::Cancelled);
    if let Some(stopped) = stopped.filter(|_| cancelled) {
        // The user who ended it wants no decision, regardless of the policy on failures.
        return Err(stopped.into());
    }
    Ok(answer(app, flags, &label, &decision))
}

fn subject(app: &App, flags: &GateArgs) -> Result<Subject, Failure> {
    match flags.git_hook {
        Some(GitHook::PrePush) => pushed(app),
        Some(GitHook::PreCommit) => {
            one(TargetOptions::new().scope(RequestScope::WorkingTree).resolve(&app.cwd))
        }
        None => one(TargetOptions::from(&flags.target).resolve(&app.cwd)),
    }
}

fn one(target: Result<Target, Failure>) -> Result<Subject, Failure> {
    match target {
        Ok(target) => Ok(Subject::Changes(vec![target])),
        Err(failure) if failure.kind() == Kind::NothingToReview => Ok(Subject::Changes(Vec::new())),
        Err(failure) => Err(failure),
    }
}

/// What a push sends: of each branch, what the remote side does not have.
fn pushed(app: &App) -> Result<Subject, Failure> {
    let unreviewable =
        |detail: String| Ok(Subject::Unreviewable(NotReviewed::new(FailureKind::Failed, detail)));
    let push = match stdio::read_to_end(io::stdin().lock()).map(|input| git::PrePush::read(&input)) {
        Ok(Ok(push)) => push,
        Ok(Err(bad)) => return Ok(Subject::Unreviewable(bad.into())),
        Err(error) => return unreviewable(format!("cannot read what is pushed: {error}")),
    };
    let head = tree::head(&app.cwd, &CancelToken::new());
    let mut targets = Vec::new();
    for sent in push.sent() {
        let Some(oid) = &sent.local_oid else { continue };
        let is_new = |oid: &str| {
            // What git cannot say may be anything.
            let words = ["rev-list", "--count", oid, "--not", "--remotes"];
            Ok::<_, Failure>(install::git(app, &words)?.as_deref() != Some("0"))
        };
        // A tag, say, mostly names what the other side has.
        if !sent.remote_ref.starts_with("refs/heads/") && !is_new(oid)? {
            continue;
        }
        if sent.local_oid != head {
            let name = sent.local_ref.trim_start_matches("refs/heads/");
            return unreviewable(format!("`{name}` is not checked out, so that nobody could look at it"));
        }
        let options = match &sent.remote_oid {
            Some(base) => ResolveOptions::new().base(base),
            None => ResolveOptions::new().scope(TargetScope::Branch),
        };
        match resolve(&app.cwd, &options) {
            Ok(target) => targets.push(target),
            // The default branch itself, where the other side does not have it yet.
            Err(error)
                if sent.remote_oid.is_none()
                    && matches!(error.kind(), ErrorKind::NothingToReview | ErrorKind::NoDefaultBranch)
                    && is_new(oid)? =>
            {
                match tree::all_commits(&app.cwd, &CancelToken::new()).map_err(Failure::from)? {
                    Some(commits) => targets.extend(commits),
                    None => {
                        let name = sent.local_ref.trim_start_matches("refs/heads/");
                        return unreviewable(format!(
                            "`{name}` is new, has commits that no remote has, and nothing to compare it with"
                        ));
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::NothingToReview => {}
            Err(error) => return Err(Failure::from(error)),
        }
    }
    Ok(Subject::Changes(targets))
}

fn answer(app: &App, flags: &GateArgs, label: &str, decision: &Decision) -> Answer {
    let mut wording = match flags.git_hook {
        Some(GitHook::PrePush) => Wording::for_action("push"),
        Some(GitHook::PreCommit) => Wording::for_action("commit"),
        None => Wording::for_action("go on"),
    };
    if flags.git_hook.is_none() {
        "run the gate again".clone_into(&mut wording.retry);
    }
    let said = exit::answer(decision, &wording);
    let exit = match said.code {
        exit::BLOCK => Exit::Blocked,
        exit::NOT_REVIEWED => Exit::NotReviewed,
        _ => Exit::Done,
    };
    let stdout = match flags.out.format() {
        Format::Text if flags.git_hook.is_some() => {
            // git shows what its hooks write on either; pushes keep standard output for others.
            eprint_lines(app, &git::answer(decision, &wording).stderr);
            String::new()
        }
        Format::Text => {
            eprint_lines(app, &said.stderr);
            said.stdout
        }
        Format::Json => format!("{:#}\n", serde_json::to_value(decision.report()).unwrap_or_default()),
        format => {
            eprint_lines(app, &said.stderr);
            codex_review::render::render(&report(label, decision), format.into())
        }
    };
    Answer { stdout, exit, failure: None }
}

fn eprint_lines(app: &App, text: &str) {
    let mut progress = app.progress();
    for line in text.lines() {
        progress.note(line);
    }
}

/// The decision as a review, for the forms that show findings.
fn report(label: &str, decision: &Decision) -> ReviewReport {
    let target = TargetSummary::new("gate", label).explicit(true);
    let mut report = ReviewReport::new(ReviewKind::Native, target);
    let result = |verdict, summary: &str, findings: &[Finding]| {
        Review::new(verdict, summary).findings(findings.to_vec())
    };
    match &decision.kind {
        DecisionKind::Blocked { reason, findings } => {
            report.result = Some(result(ReviewVerdict::NeedsAttention, reason, findings));
        }
        DecisionKind::Allowed { reason } => report.result = Some(result(ReviewVerdict::Approve, reason, &[])),
        DecisionKind::Skipped(skip) => {
            report.result = Some(result(ReviewVerdict::Approve, &skip.to_string(), &[]));
        }
        DecisionKind::NotReviewed { failure, .. } => {
            report.codex.status = 1;
            report.parse_error = Some(failure.to_string());
            let failure = Failure::new(Kind::TurnFailed, format!("not reviewed: {failure}"));
            report.error = Some(ErrorReport::from(&failure));
        }
    }
    report
}
