//! A review or a task, from the request to the report: what the foreground and a job's worker both run.

use std::path::{Path, PathBuf};

use codex_review::{AdversarialPrompt, ErrorReport, ReviewKind, ReviewReport, output_schema};
use codex_review_target::{InputMode, Target, TargetKind};
use codex_rpc::policy::{AllowList, ToolPatternError};
use codex_rpc::protocol::ReviewTarget;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{App, block_on, limits, reviewing};
use crate::args::{Approvals, Format, RunArgs, TargetArgs};
use crate::exit::{Failure, Kind};
use crate::prompt;
use crate::render::{self, TaskReport};
use crate::sanitize::one_line;
use crate::settings::Settings;
use codex_companion_core::codex::{self, Access, Codex, FinishedTurn, ThreadChoice, TurnInput, TurnRequest};
use codex_companion_core::{RunObserver, Stop, StopHandle};

/// The version of [`Request`] as jobs keep it.
const VERSION: u32 = 1;

/// What was asked for, whole: a job's worker needs nothing else but the environment that it inherits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    version: u32,
    /// Where the command works.
    pub(super) cwd: PathBuf,
    /// The flag `--codex`.
    pub(super) codex: Option<PathBuf>,
    /// How it is run.
    pub(super) run: RunArgs,
    /// What is to be done.
    pub(super) what: What,
}

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "command")]
pub(super) enum What {
    Review { target: TargetArgs },
    AdversarialReview { target: TargetArgs, focus: String },
    Task { prompt: String, write: bool, approvals: Approvals, thread: ThreadChoice },
}

impl Request {
    pub(super) fn new(app: &App, run: &RunArgs, what: What) -> Self {
        let cwd = app.cwd.clone();
        let codex = app.global.codex.as_ref().map(|codex| match codex.components().count() {
            1 => codex.clone(),
            _ => cwd.join(codex),
        });
        Self { version: VERSION, cwd, codex, run: run.clone(), what }
    }

    /// Reads a request that a job kept.
    pub(super) fn from_json(json: &str) -> Result<Self, Failure> {
        let bad =
            |why: String| Failure::new(Kind::Internal, format!("the job's request cannot be read: {why}"));
        let request: Self = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
        if request.version == VERSION {
            Ok(request)
        } else {
            Err(bad(format!("version {}", request.version)))
        }
    }

    /// `review`, `adversarial-review` or `task`.
    pub(super) fn kind(&self) -> &'static str {
        match self.what {
            What::Review { .. } => "review",
            What::AdversarialReview { .. } => "adversarial-review",
            What::Task { .. } => "task",
        }
    }
}

/// A request that can be run: everything that can be wrong without asking Codex has been looked at.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) settings: Settings,
    pub(super) codex: Codex,
    root: PathBuf,
    target: Option<Target>,
    /// One line about it.
    pub(super) summary: String,
}

impl Checked {
    /// The change, of a review.
    pub(super) fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }
}

/// Looks at everything that can be wrong before Codex is asked. Quick: it reads no diff.
pub(super) fn check(app: &App, request: &Request) -> Result<Checked, Failure> {
    let (root, target, summary) = match &request.what {
        What::Review { target } | What::AdversarialReview { target, .. } => {
            let target = reviewing::target(&request.cwd, target)?;
            let summary = target.label();
            (target.repo_root().to_path_buf(), Some(target), summary)
        }
        What::Task { prompt, .. } => {
            prompt::check_length(prompt)?;
            (super::work_tree(&request.cwd), None, one_line(prompt, 120))
        }
    };
    let settings = app.settings(Some(&root), Some(&request.run))?;
    let codex = app.codex_shared(&settings, &root, &request.run, app.worker || request.run.background)?;
    if let What::Task { approvals: Approvals::OnRequest, .. } = request.what {
        patterns(&settings)?;
    }
    Ok(Checked { settings, codex, root, target, summary })
}

/// The same for the demo, whose Codex and repository are its own.
pub(super) fn check_demo(codex: Codex, root: &Path) -> Result<Checked, Failure> {
    let target = reviewing::target(root, &TargetArgs::default())?;
    let summary = target.label();
    Ok(Checked {
        settings: Settings::default(),
        codex,
        root: root.to_path_buf(),
        target: Some(target),
        summary,
    })
}

/// What came of a request whose turn was begun.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) report: Report,
    /// Why the report is not what was asked for.
    pub(super) failure: Option<Failure>,
    pub(super) ran: FinishedTurn,
}

/// A report of either family.
#[derive(Debug)]
pub(super) enum Report {
    Review(Box<ReviewReport>),
    Task(Box<TaskReport>),
}

impl Report {
    pub(super) fn render(&self, format: Format) -> String {
        match self {
            Self::Review(report) => codex_review::render::render(report, format.into()),
            Self::Task(report) => render::task(report, format == Format::Json),
        }
    }

    /// The document, as `--json` writes it.
    pub(super) fn value(&self) -> Value {
        let value = match self {
            Self::Review(report) => serde_json::to_value(report),
            Self::Task(report) => serde_json::to_value(report),
        };
        value.unwrap_or_default()
    }

    /// One line about what came out.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Review(report) => match &report.result {
                Some(result) => {
                    let verdict = result.verdict.words();
                    let count = result.findings.len();
                    let plural = if count == 1 { "" } else { "s" };
                    one_line(&format!("{verdict}, {count} finding{plural}: {}", result.summary), 200)
                }
                None => one_line(&report.raw_output, 200),
            },
            Self::Task(report) => one_line(&report.raw_output, 200),
        }
    }
}

/// Runs a request to its end.
///
/// `begin` is told how to ask for the end from within, and what it gives lives as long as the run.
pub(super) fn execute<G>(
    request: &Request,
    checked: Checked,
    job_id: Option<String>,
    watch: &mut dyn RunObserver,
    begin: impl FnOnce(StopHandle) -> G,
) -> Result<Executed, Failure> {
    let Checked { settings, codex, root, target, .. } = checked;
    let ran = block_on(async |stop, handle| {
        let _guard = begin(handle);
        let (work, report) = compose(request, &settings, &root, target.as_ref(), watch, stop).await?;
        Ok((codex::run(&codex, &work, watch, stop).await?, report))
    });
    watch.finish();
    let (ran, mut report) = ran?;
    let failure = match &mut report {
        Report::Task(report) => fill_task(report, &ran, &root, job_id.as_deref()),
        Report::Review(report) => {
            let reader = reviewing::reader(&root);
            report.job_id = job_id;
            reviewing::fill(report, &ran, |text| match request.what {
                What::Review { .. } => reader.read_native(text),
                _ => reader.read_json(text),
            })
        }
    };
    Ok(Executed { report, failure, ran })
}

/// What Codex is to do, and the report that waits for its answer.
async fn compose(
    request: &Request,
    settings: &Settings,
    root: &Path,
    target: Option<&Target>,
    watch: &mut dyn RunObserver,
    stop: &mut Stop,
) -> Result<(TurnRequest, Report), Failure> {
    let (ask, access, thread, report) = match (&request.what, target) {
        (What::Review { .. }, Some(target)) => {
            let context = reviewing::context(watch, target, stop).await?;
            let report = reviewing::report(ReviewKind::Native, target, &context);
            (
                TurnInput::Review(codex_target(target)),
                Access::default(),
                ThreadChoice::Ephemeral,
                Report::Review(report),
            )
        }
        (What::AdversarialReview { focus, .. }, Some(target)) => {
            let context = reviewing::context(watch, target, stop).await?;
            reviewing::tell_left_out(watch, &context);
            let report = reviewing::report(ReviewKind::Adversarial, target, &context);
            let guidance = if context.input_mode == InputMode::SelfCollect { SELF_COLLECT } else { "" };
            let label = target.label();
            let text = AdversarialPrompt::new(&label, &context.text).guidance(guidance).focus(focus).text();
            prompt::check_length(&text)?;
            let ask = TurnInput::Prompt { text, output_schema: Some(output_schema()) };
            (ask, Access::default(), ThreadChoice::Ephemeral, Report::Review(report))
        }
        (What::Task { prompt, write, approvals, thread }, _) => {
            let ask = match approvals {
                Approvals::Never => None,
                Approvals::OnRequest => {
                    let mut list = AllowList::new();
                    list.mcp_tools = patterns(settings)?;
                    list.write_root = write.then(|| root.to_path_buf());
                    Some(list)
                }
            };
            let access = Access { write: *write, approvals: ask };
            let ask = TurnInput::Prompt { text: prompt.clone(), output_schema: None };
            (ask, access, thread.clone(), Report::Task(Box::default()))
        }
        (What::Review { .. } | What::AdversarialReview { .. }, None) => {
            return Err(Failure::new(Kind::Internal, "a review without a target"));
        }
    };
    let (model, effort) = (settings.model.clone(), settings.effort.clone());
    Ok((TurnRequest { thread, input: ask, access, model, effort, limits: limits(settings) }, report))
}

/// What the reviewer is told when the change is too large to be sent.
const SELF_COLLECT: &str = "The change is too large to be sent whole. What follows is an overview of it and the commands that \
    show the rest; they read only. Look at every file that could matter before you judge.";

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

fn fill_task(
    report: &mut TaskReport,
    ran: &FinishedTurn,
    root: &Path,
    job_id: Option<&str>,
) -> Option<Failure> {
    let outcome = &ran.outcome;
    let failure = ran.error();
    let relative = |path: &str| {
        let inside = Path::new(path).strip_prefix(root).map(|path| path.to_string_lossy().into_owned());
        inside.unwrap_or_else(|_| path.to_owned())
    };
    *report = TaskReport {
        status: u8::from(failure.is_some()),
        thread_id: Some(ran.thread_id.clone()),
        turn_id: outcome.turn_id.as_ref().map(ToString::to_string),
        job_id: job_id.map(str::to_owned),
        raw_output: outcome.final_message.clone().unwrap_or_default(),
        touched_files: outcome.files.iter().map(|file| relative(&file.path)).collect(),
        reasoning_summary: outcome.reasoning.clone(),
        error: failure.as_ref().map(ErrorReport::from),
        resume: Some(match job_id {
            // The shared Codex holds the thread for a moment; our command waits for it to let go.
            Some(job) if ran.held => format!("codex-companion resume {job}"),
            _ => format!("codex resume {}", ran.thread_id),
        }),
    };
    failure
}

fn patterns(settings: &Settings) -> Result<Vec<codex_rpc::policy::ToolPattern>, Failure> {
    let parse = |text: &String| {
        text.parse().map_err(|error: ToolPatternError| {
            Failure::new(Kind::Settings, format!("approvals.mcp: {error}"))
        })
    };
    settings.approvals_mcp.iter().map(parse).collect()
}
