//! `gate`: asks once, for CI, git hooks and other hook systems.

use std::io;
use std::path::Path;

use codex_companion_core::gate::{Deadline, Subject, TargetWork, not_reviewed, review_report};
use codex_companion_core::{TargetOptions, TargetScope};
use codex_gate::host::{exit, git};
use codex_gate::{
    Decision, DecisionKind, FailureKind, Gate, GateRequest, OnFailure, ReviewBudget, ReviewScope,
    TurnPosition, Wording,
};

use super::{install, policy, reviewer, store};
use crate::args::{Format, GateAction, GateArgs, GitHook, OnError};
use crate::commands::{Answer, App, block_on, work_tree};
use crate::exit::{Exit, Failure};
use crate::stdio;

pub(in crate::commands) fn run(app: &App, flags: &GateArgs) -> Result<Answer, Failure> {
    match &flags.action {
        Some(GateAction::Install(which)) => install::install(app, which.hook),
        Some(GateAction::Uninstall(which)) => install::uninstall(app, which.hook),
        None => once(app, flags),
    }
}

fn once(app: &App, flags: &GateArgs) -> Result<Answer, Failure> {
    let subject = subject(app, flags)?;
    let root = subject.root().map_or_else(|| work_tree(&app.cwd), Path::to_path_buf);
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

    let label = subject.label();
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
        Some(GitHook::PrePush) => app.companion().pushed(&app.cwd, stdio::read_to_end(io::stdin().lock())),
        Some(GitHook::PreCommit) => {
            Subject::named(&TargetOptions::new().scope(TargetScope::WorkingTree), &app.cwd)
        }
        None => Subject::named(&TargetOptions::from(&flags.target), &app.cwd),
    }
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
            codex_review::render::render(&review_report(label, decision), format.into())
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
