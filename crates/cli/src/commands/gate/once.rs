//! `gate`: asks once, for CI, git hooks and other hook systems.

use std::io;

use codex_gate::host::{exit, git};
use codex_gate::{
    Budget, Decided, Decision, Finding, GateRequest, NotReviewed, OnFailure, Scope, Skip, Tree, Turn, Why,
    Wording,
};
use codex_review::{ErrorReport, Review, ReviewKind, ReviewReport, ReviewVerdict, TargetSummary};
use codex_review_target::{Cancel, ErrorKind, ResolveOptions, Target, fingerprint, resolve};

use super::state::StateFile;
use super::{Gate, install, reviewer, tree, unread};
use crate::args::{Format, GateAction, GateArgs, GitHook, OnError, TargetArgs};
use crate::commands::jobs::Jobs;
use crate::commands::{Answer, App, block_on, reviewing, work_tree};
use crate::exit::{Exit, Failure, Kind};
use crate::stdio;
use codex_companion_core::{RunObserver, Stop, StopHandle};

pub(in crate::commands) fn run(app: &App, flags: &GateArgs) -> Result<Answer, Failure> {
    match &flags.action {
        Some(GateAction::Install(which)) => install::install(app, which.hook),
        Some(GateAction::Uninstall(which)) => install::uninstall(app, which.hook),
        None => once(app, flags),
    }
}

/// What is to be reviewed, or why there is nothing to review or nothing that can be.
enum Subject {
    Changes(Vec<Target>),
    Nothing,
    Unreviewable(NotReviewed),
}

fn once(app: &App, flags: &GateArgs) -> Result<Answer, Failure> {
    let subject = subject(app, flags)?;
    let root = match &subject {
        Subject::Changes(targets) => targets.first().map(|target| target.repo_root().to_path_buf()),
        _ => None,
    };
    let root = root.unwrap_or_else(|| work_tree(&app.cwd));
    let settings = app.settings(Some(&root), None)?;
    let state = StateFile::new(Jobs::open(app)?.store.folder());
    let request = GateRequest::new("gate", Turn::Single);
    let mut gate = Gate::new(app, settings, state, &root, request);
    gate.policy.scope = Scope::Everything;
    // The "session" never ends; the day's budget is bound enough.
    gate.policy.session_budget = Budget::default();
    let on_failure = match flags.on_error {
        OnError::Allow => OnFailure::Allow,
        OnError::Block => OnFailure::BlockOnce,
    };
    (gate.policy.on_not_reviewed, gate.policy.at_limit) = (on_failure, on_failure);
    gate.request.prompt = Some(codex_gate::Prompt::version_for(Scope::Everything).to_owned());

    let label = match &subject {
        Subject::Changes(targets) => targets.iter().map(Target::label).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    };
    let mut stopped = None;
    let decision = match subject {
        Subject::Nothing => Decision::skipped(Skip::NothingToReview),
        Subject::Unreviewable(failure) => gate.fail(failure),
        Subject::Changes(targets) => {
            let mut progress = app.progress();
            progress.note(&format!("reviewing the {label}"));
            let decided = block_on(async |stop, handle| {
                let decision = judge(&mut gate, targets, &mut progress, (stop, &handle)).await;
                stopped = stop.reason();
                Ok(decision)
            });
            progress.finish();
            decided.unwrap_or_else(|failure| gate.fail(reviewer::not_reviewed(&failure)))
        }
    };
    gate.log("gate", &decision);
    for told in &gate.told {
        app.note(told);
    }
    let cancelled = matches!(&decision.outcome,
        Decided::NotReviewed { failure, .. } if failure.why == Why::Cancelled);
    if let Some(stopped) = stopped.filter(|_| cancelled) {
        // Whoever ended it wants no decision, whatever is to become of failures.
        return Err(stopped.into());
    }
    Ok(answer(app, flags, &label, &decision))
}

async fn judge(
    gate: &mut Gate<'_>,
    targets: Vec<Target>,
    watch: &mut dyn RunObserver,
    (stop, handle): (&mut Stop, &StopHandle),
) -> Decision {
    let theirs = targets.clone();
    match gate.apart(stop, move |cancel| tree_of(&theirs, cancel)).await {
        Ok(Ok(tree)) => gate.request.tree = Some(tree),
        Ok(Err(error)) => return gate.fail(unread(&error)),
        Err(failure) => return gate.fail(failure),
    }
    gate.judge(targets, watch, (stop, handle)).await
}

/// Unlike a turn's fingerprint, this one says that everything is meant.
fn tree_of(targets: &[Target], cancel: &Cancel) -> Result<Tree, codex_review_target::Error> {
    let mut all = String::from("all");
    for target in targets {
        all.push_str(&format!(":{}:{}", target.mode(), fingerprint(target, None, cancel)?));
    }
    Ok(Tree::new(all))
}

fn subject(app: &App, flags: &GateArgs) -> Result<Subject, Failure> {
    match flags.git_hook {
        Some(GitHook::PrePush) => pushed(app),
        Some(GitHook::PreCommit) => one(reviewing::target(
            &app.cwd,
            &TargetArgs { scope: crate::args::Scope::WorkingTree, ..TargetArgs::default() },
        )),
        None => one(reviewing::target(&app.cwd, &flags.target)),
    }
}

fn one(target: Result<Target, Failure>) -> Result<Subject, Failure> {
    match target {
        Ok(target) => Ok(Subject::Changes(vec![target])),
        Err(failure) if failure.kind() == Kind::NothingToReview => Ok(Subject::Nothing),
        Err(failure) => Err(failure),
    }
}

/// What a push sends: of each branch, what the remote side does not have.
fn pushed(app: &App) -> Result<Subject, Failure> {
    let unreviewable = |detail: String| Ok(Subject::Unreviewable(NotReviewed::new(Why::Failed, detail)));
    let push = match stdio::read_to_end(io::stdin().lock()).map(|input| git::PrePush::read(&input)) {
        Ok(Ok(push)) => push,
        Ok(Err(bad)) => return Ok(Subject::Unreviewable(bad.into())),
        Err(error) => return unreviewable(format!("cannot read what is pushed: {error}")),
    };
    let head = tree::head(&app.cwd, &Cancel::new());
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
            None => ResolveOptions::new().scope(codex_review_target::Scope::Branch),
        };
        match resolve(&app.cwd, &options) {
            Ok(target) => targets.push(target),
            // The default branch itself, where the other side does not have it yet.
            Err(error)
                if sent.remote_oid.is_none()
                    && matches!(error.kind(), ErrorKind::NothingToReview | ErrorKind::NoDefaultBranch)
                    && is_new(oid)? =>
            {
                match tree::all_commits(&app.cwd, &Cancel::new()).map_err(Failure::from)? {
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
    Ok(if targets.is_empty() { Subject::Nothing } else { Subject::Changes(targets) })
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
        Review::new(verdict, summary).findings(findings.iter().map(finding).collect())
    };
    match &decision.outcome {
        Decided::Blocked { reason, findings } => {
            report.result = Some(result(ReviewVerdict::NeedsAttention, reason, findings));
        }
        Decided::Allowed { reason } => report.result = Some(result(ReviewVerdict::Approve, reason, &[])),
        Decided::Skipped(skip) => {
            report.result = Some(result(ReviewVerdict::Approve, &skip.to_string(), &[]))
        }
        Decided::NotReviewed { failure, .. } => {
            report.codex.status = 1;
            report.parse_error = Some(failure.to_string());
            let failure = Failure::new(Kind::TurnFailed, format!("not reviewed: {failure}"));
            report.error = Some(ErrorReport::from(&failure));
        }
    }
    report
}

fn finding(finding: &Finding) -> codex_review::Finding {
    let severity = codex_review::Severity::from_name(finding.severity.as_str()).unwrap_or_default();
    let start = finding.line_start.unwrap_or(1);
    codex_review::Finding::new(&finding.title)
        .severity(severity)
        .body(&finding.body)
        .file(finding.file.clone().unwrap_or_default())
        .lines(start..=finding.line_end.unwrap_or(start).max(start))
        .recommendation(finding.recommendation.clone().unwrap_or_default())
}
