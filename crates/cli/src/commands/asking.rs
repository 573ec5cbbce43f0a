//! `review`, `adversarial-review` and `task`: from flags to a request, run here or in the background.

use std::io::IsTerminal;
use std::time::Duration;

use super::jobs::{Jobs, Recorder};
use super::work::{self, Request, What};
use super::{Answer, App};
use crate::args::{AdversarialReviewArgs, Format, ReviewArgs, RunArgs, TaskArgs};
use crate::exit::{Exit, Failure, Kind};
use crate::prompt::{Patience, PromptArgs, Source};
use crate::stdio;
use codex_companion_core::codex::ThreadChoice;

/// How long a piped standard input may be silent when it need not hold anything.
const FOCUS_PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn review(app: &App, flags: &ReviewArgs) -> Result<Answer, Failure> {
    run(app, &review_request(app, flags), &flags.run, flags.out.format())
}

/// What `review` asks for.
pub(super) fn review_request(app: &App, flags: &ReviewArgs) -> Request {
    Request::new(app, &flags.run, What::Review { target: flags.target.clone() })
}

pub(super) fn adversarial_review(app: &App, flags: &AdversarialReviewArgs) -> Result<Answer, Failure> {
    run(app, &adversarial_request(app, flags)?, &flags.run, flags.out.format())
}

/// What `adversarial-review` asks for.
pub(super) fn adversarial_request(app: &App, flags: &AdversarialReviewArgs) -> Result<Request, Failure> {
    let focus = read_prompt(app, &flags.prompt, true)?.unwrap_or_default();
    Ok(Request::new(app, &flags.run, What::AdversarialReview { target: flags.target.clone(), focus }))
}

pub(super) fn task(app: &App, flags: &TaskArgs) -> Result<Answer, Failure> {
    let format = if flags.out.json { Format::Json } else { Format::Text };
    run(app, &task_request(app, flags)?, &flags.run, format)
}

/// What `task` asks for.
pub(super) fn task_request(app: &App, flags: &TaskArgs) -> Result<Request, Failure> {
    let prompt =
        read_prompt(app, &flags.prompt, false)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
            Failure::new(Kind::Prompt, "there is no prompt")
                .with_hint("write it behind the flags, name a file with --prompt-file, or pipe it in")
        })?;
    let thread = match &flags.thread {
        Some(id) => ThreadChoice::Resume(id.clone()),
        None if flags.resume_last => last_task(app)?,
        None => ThreadChoice::Persistent,
    };
    let what = What::Task { prompt, write: flags.write, approvals: flags.approvals, thread };
    Ok(Request::new(app, &flags.run, what))
}

/// The thread of the last task: this session's, or without a session the workspace's.
pub(super) fn last_task(app: &App) -> Result<ThreadChoice, Failure> {
    let session = app.environment.session_id.is_some();
    let candidate = Jobs::open(app).and_then(|jobs| jobs.resume_candidate());
    match candidate {
        Ok(Some(job)) => Ok(ThreadChoice::Resume(job.thread_id.unwrap_or_default())),
        // Codex may remember a task that our records do not; whose session it was it does not know.
        Ok(None) | Err(_) if !session => Ok(ThreadChoice::ResumeLast),
        Ok(None) => Err(Failure::usage("there is no task of this session to continue")
            .with_hint("run `task` without --resume-last, or name a thread with --thread; `status --all` lists the others")),
        Err(failure) => Err(failure),
    }
}

fn run(app: &App, request: &Request, flags: &RunArgs, format: Format) -> Result<Answer, Failure> {
    let checked = work::check(app, request)?;
    if flags.background {
        return super::jobs::background(app, request, &checked, format == Format::Json);
    }
    let mut recorder = Recorder::foreground(app, request, &checked);
    let job_id = recorder.job_id();
    let executed = {
        let begin = recorder.canceller();
        work::execute(request, checked, job_id, &mut recorder, begin)
    };
    recorder.finish(&executed);
    // Whatever raced it: what the record says is what the command says.
    if let Some(cancelled) = recorder.cancelled() {
        return Err(cancelled);
    }
    let executed = executed?;
    Ok(answer(executed, format))
}

/// The answer of a request that was run.
pub(super) fn answer(executed: work::Executed, format: Format) -> Answer {
    let work::Executed { report, failure, ran } = executed;
    // Of a review whose turn failed there is nothing to show to people but the failure; what an unfinished task said is
    // worth reading, and the failure on stderr says that it is unfinished.
    let show = ran.outcome.is_success() || format == Format::Json || matches!(report, work::Report::Task(_));
    Answer {
        stdout: if show { report.render(format) } else { String::new() },
        exit: failure.as_ref().map_or(Exit::Done, Exit::from),
        failure,
    }
}

/// The prompt, from wherever it comes. One that is optional is not waited for long when nothing is written to a standard
/// input that stays open.
fn read_prompt(app: &App, prompt: &PromptArgs, optional: bool) -> Result<Option<String>, Failure> {
    let stdin = std::io::stdin();
    // Where there is a limit, standard input is not ours: the host's, or what a hook has read already.
    let source = match prompt.source(app.limit.is_none() && !stdin.is_terminal())? {
        Source::Stdin if app.limit.is_some() => {
            return Err(Failure::usage("there is no standard input here")
                .with_hint("name a file, or write the prompt behind the flags"));
        }
        Source::File(file) => Source::File(app.cwd.join(file)),
        source => source,
    };
    let between = stdio::PATIENCE;
    // `-` was asked for by name, so something is meant to come.
    let optional = optional && prompt.prompt_file.is_none();
    let first = if optional { FOCUS_PATIENCE } else { between };
    source.read(stdin, Patience { first, between, optional })
}
