//! `task`: a piece of work for Codex.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_review_target::{ResolveOptions, Scope, resolve};
use codex_rpc::policy::AllowList;

use super::{Answer, App, block_on, limits};
use crate::args::{Approvals, TaskArgs};
use crate::engine::{self, Access, Ask, Ran, ThreadChoice, Work};
use crate::exit::{Exit, Failure, Kind};
use crate::prompt::{Patience, PromptArgs, Source};
use crate::render::{self, ErrorReport, TaskReport};
use crate::settings::{Settings, Timeouts};

/// How long a piped standard input may be silent when it need not hold anything.
const FOCUS_PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run(app: &App, flags: &TaskArgs) -> Result<Answer, Failure> {
    let text =
        read_prompt(app, &flags.prompt, false)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
            Failure::new(Kind::Prompt, "there is no prompt")
                .with_hint("write it behind the flags, name a file with --prompt-file, or pipe it in")
        })?;
    let root = work_tree(&app.cwd);
    let settings = app.settings(Some(&root), Some(&flags.run))?;
    let codex = app.codex(&settings, &root, &flags.run)?;
    let thread = match &flags.thread {
        Some(id) => ThreadChoice::Resume(id.clone()),
        None if flags.resume_last => ThreadChoice::ResumeLast,
        None => ThreadChoice::Persistent,
    };
    let work = Work {
        thread,
        ask: Ask::Prompt { text, output_schema: None },
        access: access(flags, &settings, &root)?,
        model: settings.model.clone(),
        effort: settings.effort.clone(),
        limits: limits(&settings),
    };
    let mut progress = app.progress();
    let ran = block_on(async |stop| engine::run(&codex, &work, &mut progress, stop).await);
    progress.finish();
    Ok(answer(&ran?, &root, flags.out.json))
}

/// What the task may do.
fn access(flags: &TaskArgs, settings: &Settings, root: &Path) -> Result<Access, Failure> {
    if flags.approvals == Approvals::Never {
        return Ok(Access { write: flags.write, ask: None });
    }
    let mut list = AllowList::new();
    for pattern in &settings.approvals_mcp {
        let pattern = pattern.parse().map_err(|error: codex_rpc::policy::ToolPatternError| {
            Failure::new(Kind::Settings, format!("approvals.mcp: {error}"))
        })?;
        list.mcp_tools.push(pattern);
    }
    list.write_root = flags.write.then(|| root.to_path_buf());
    Ok(Access { write: flags.write, ask: Some(list) })
}

fn answer(ran: &Ran, root: &Path, as_json: bool) -> Answer {
    let outcome = &ran.outcome;
    let failure = engine::from_ran(ran);
    let touched = outcome.files.iter().map(|file| relative(root, &file.path)).collect();
    let report = TaskReport {
        status: u8::from(failure.is_some()),
        thread_id: Some(ran.thread_id.clone()),
        turn_id: outcome.turn_id.as_ref().map(ToString::to_string),
        job_id: None,
        raw_output: outcome.final_message.clone().unwrap_or_default(),
        touched_files: touched,
        reasoning_summary: outcome.reasoning.clone(),
        error: failure.as_ref().map(ErrorReport::from),
        resume: Some(format!("codex resume {}", ran.thread_id)),
    };
    Answer {
        // What an unfinished turn said is worth reading; the failure on stderr says that it is unfinished.
        stdout: render::task(&report, as_json),
        exit: failure.as_ref().map_or(Exit::Done, Failure::exit),
        failure,
    }
}

fn relative(root: &Path, path: &str) -> String {
    Path::new(path)
        .strip_prefix(root)
        .map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// The root of the work tree around a folder; outside of any, the folder itself: a task needs no repository.
fn work_tree(cwd: &Path) -> PathBuf {
    let options = ResolveOptions::new().scope(Scope::WorkingTree);
    let root = resolve(cwd, &options).ok().map(|target| target.repo_root().to_path_buf());
    root.or_else(|| cwd.canonicalize().ok()).unwrap_or_else(|| cwd.to_path_buf())
}

/// The prompt, from wherever it comes. One that is optional is not waited for long when nothing is written to a standard
/// input that stays open.
pub(super) fn read_prompt(app: &App, prompt: &PromptArgs, optional: bool) -> Result<Option<String>, Failure> {
    let stdin = std::io::stdin();
    let source = match prompt.source(!stdin.is_terminal())? {
        Source::File(file) => Source::File(app.cwd.join(file)),
        source => source,
    };
    let between = Timeouts::default().idle;
    // `-` was asked for by name, so something is meant to come.
    let optional = optional && prompt.prompt_file.is_none();
    let first = if optional { FOCUS_PATIENCE } else { between };
    source.read(stdin, Patience { first, between, optional })
}
