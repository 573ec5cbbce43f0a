//! From the flags of `review`, `adversarial-review` and `task` to a request, and how it is run.

use std::io::IsTerminal;
use std::time::Duration;

use codex_companion_core::report::Report;
use codex_companion_core::view::started_document;
use codex_companion_core::{
    Approvals as Approve, Completed, Recorder, Request, RunIn, RunOptions, TargetOptions, TargetScope, start,
};
use codex_job_store::Job;

use super::{Answer, App, block_on};
use crate::args::{Approvals, Format, RunArgs, Scope, TargetArgs};
use crate::exit::{Exit, Failure};
use crate::prompt::{Patience, PromptArgs, Source};
use crate::stdio;

/// How long a piped standard input may be silent when it need not contain anything.
const FOCUS_PATIENCE: Duration = Duration::from_secs(2);

impl From<&TargetArgs> for TargetOptions {
    fn from(flags: &TargetArgs) -> Self {
        let mut options = Self::new().scope(match flags.scope {
            Scope::Auto => TargetScope::Auto,
            Scope::WorkingTree => TargetScope::WorkingTree,
            Scope::Branch => TargetScope::Branch,
        });
        options.base.clone_from(&flags.base);
        options.commit.clone_from(&flags.commit);
        options
    }
}

impl From<Approvals> for Approve {
    fn from(approvals: Approvals) -> Self {
        match approvals {
            Approvals::Never => Self::Never,
            Approvals::OnRequest => Self::OnRequest,
        }
    }
}

impl From<&RunArgs> for RunOptions {
    fn from(flags: &RunArgs) -> Self {
        Self::new()
            .model(flags.model.clone())
            .effort(flags.effort.clone())
            .timeout_ms(flags.timeout_ms)
            .config(flags.config.clone())
            .broker(flags.broker.map(Into::into))
    }
}

/// Runs a request here, or starts a job for it.
pub(super) fn run(app: &App, request: Request, flags: &RunArgs, format: Format) -> Result<Answer, Failure> {
    let companion = app.companion();
    if flags.background {
        let prepared = companion.prepare(request, RunIn::Background)?;
        let jobs = app.jobs()?;
        let job = start(&companion, &jobs, &prepared)?;
        app.report_notices(&jobs);
        return Ok(Answer::done(started(&job, format == Format::Json)));
    }
    let prepared = companion.prepare(request, RunIn::Foreground)?;
    let completed = block_on(async |stop, handle| {
        Recorder::create(&companion, &prepared, app.progress()).run(prepared, stop, &handle).await
    })?;
    Ok(answer(completed, format))
}

fn started(job: &Job, as_json: bool) -> String {
    if as_json {
        return format!("{:#}\n", started_document(job));
    }
    format!(
        "{} started in the background: {id}\n\n  codex-companion status {id}\n  codex-companion result {id}\n  \
        codex-companion cancel {id}\n",
        job.title,
        id = job.id
    )
}

/// The answer of a request that was run.
pub(super) fn answer(completed: Completed, format: Format) -> Answer {
    let Completed { report, error: failure, turn, .. } = completed;
    // Of a review whose turn failed there is nothing to show to people but the error; the answer of an unfinished task is
    // worth reading, and the error on stderr says that it is unfinished.
    let is_task = matches!(report, Report::Task(_));
    let show = turn.outcome.is_success() || format == Format::Json || is_task;
    Answer {
        stdout: if show { report.render(format.into()) } else { String::new() },
        exit: failure.as_ref().map_or(Exit::Done, Exit::from),
        failure,
    }
}

/// Reads the prompt. One that is optional is not waited for long when nothing is written to a standard input that stays
/// open.
pub(super) fn read_prompt(app: &App, prompt: &PromptArgs, optional: bool) -> Result<Option<String>, Failure> {
    let stdin = std::io::stdin();
    // Where there is a limit, standard input is the host's, or was read by a hook already.
    let source = match prompt.source(app.limit.is_none() && !stdin.is_terminal())? {
        Source::Stdin if app.limit.is_some() => {
            return Err(Failure::usage("there is no standard input here")
                .with_hint("name a file, or put the prompt after the flags"));
        }
        Source::File(file) => Source::File(app.cwd.join(file)),
        source => source,
    };
    let between = stdio::PATIENCE;
    // `-` asks for standard input, so input is expected.
    let optional = optional && prompt.prompt_file.is_none();
    let first = if optional { FOCUS_PATIENCE } else { between };
    source.read(stdin, Patience { first, between, optional })
}
