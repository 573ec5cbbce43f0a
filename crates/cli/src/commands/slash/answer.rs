//! The answers of slash commands.

use std::ffi::OsString;
use std::time::Instant;

use codex_companion_core::{Follow, Followed, Request, RunIn, notices};
use codex_job_store::Job;
use codex_review_target::Wait;

use super::Slash;
use crate::args::{self, Cli, Command, Parsed, ResultArgs, RunArgs};
use crate::commands::{Answer, App, adversarial_review, attach, dispatch, result, review, status, task};
use crate::diagnostics;
use crate::exit::Failure;
use crate::render;
use codex_base::text::one_line;

/// The most characters that are shown: hosts show 30,000 of a command's output, and of more only the beginning.
const MOST: usize = 28_000;

/// A text for the user, and where the whole of it is.
#[derive(Debug)]
pub(super) struct Shown {
    text: String,
    whole: String,
}

impl Shown {
    pub(super) fn new(text: String, whole: String) -> Self {
        Self { text, whole }
    }
}

/// The text, cut at the end of a line where the host would cut it anywhere. Never empty.
pub(super) fn fit(shown: &Shown) -> String {
    let text = &shown.text;
    if text.trim().is_empty() {
        return "codex-companion had nothing to say.\n".to_owned();
    }
    let Some((cut, _)) = text.char_indices().nth(MOST) else { return text.clone() };
    let cut = text[..cut].rfind('\n').filter(|line| *line > cut / 2).map_or(cut, |line| line + 1);
    let rest = text[cut..].chars().count();
    let line = if text[..cut].ends_with('\n') { "" } else { "\n" };
    format!("{}{line}\n… {rest} more characters; to see all of it, {}.\n", &text[..cut], shown.whole)
}

/// Runs a command. A failure becomes part of the answer.
pub(super) fn carry_out(app: &App, slash: Slash, arguments: &str) -> Shown {
    let words = one_line(arguments, 60);
    let mut whole =
        format!("run `{}` in a terminal", format!("codex-companion {} {words}", slash.command).trim_end());
    let text =
        answer(app, slash, arguments, &mut whole).unwrap_or_else(|failure| render::failure(&failure, false));
    Shown { text, whole }
}

fn answer(app: &App, slash: Slash, arguments: &str, whole: &mut String) -> Result<String, Failure> {
    let begun = Instant::now();
    let argv = ["codex-companion", slash.command].map(OsString::from);
    let Cli { global, mut command } = match args::parse(&argv, Some(arguments), false)? {
        Parsed::Run(cli) => {
            for_people(&cli)?;
            *cli
        }
        Parsed::Print(text) => return Ok(text),
        Parsed::ReadArguments => return Err(Failure::usage("there is no standard input here")),
    };
    diagnostics::start(&global, &app.environment)?;
    let app = app.with(global)?;
    match &mut command {
        Command::Review(flags) => start(&app, begun, &flags.run, whole, || Ok(review::request(&app, flags))),
        Command::AdversarialReview(flags) => {
            start(&app, begun, &flags.run, whole, || adversarial_review::request(&app, flags))
        }
        Command::Task(flags) => {
            // A rescue is meant to change something; the agent of codex-plugin-cc writes as well.
            flags.write = !flags.read_only;
            start(&app, begun, &flags.run, whole, || task::request(&app, flags))
        }
        Command::Attach(flags) => {
            let mut log = Vec::new();
            let answer = attach::write_log(&app, flags, &mut log)?;
            Ok(String::from_utf8_lossy(&log).into_owned() + &told(answer))
        }
        Command::Status(flags) => {
            // There is no screen to keep up to date.
            flags.wait |= std::mem::take(&mut flags.watch);
            let limit =
                app.limit.map_or(u64::MAX, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
            flags.timeout_ms = flags.wait.then(|| flags.timeout_ms.map_or(limit, |asked| asked.min(limit)));
            status::run(&app, flags).map(told)
        }
        _ => dispatch(&app, command).map(told),
    }
}

/// Refuses output for programs, and other directories than the session's.
fn for_people(cli: &Cli) -> Result<(), Failure> {
    let text = match &cli.command {
        Command::Review(flags) => flags.out.format() == args::Format::Text,
        Command::AdversarialReview(flags) => flags.out.format() == args::Format::Text,
        Command::Gate(flags) => flags.out.format() == args::Format::Text,
        Command::Result(flags) => !flags.raw && !flags.out.json,
        _ => !cli.wants_json(),
    };
    if !text {
        return Err(Failure::usage("a slash command prints text for people")
            .with_hint("the same command of `codex-companion` in a terminal writes the other forms"));
    }
    if cli.global.cwd.is_some() {
        return Err(Failure::usage("a slash command works where its session does")
            .with_hint("`codex-companion -C DIR …` in a terminal works elsewhere"));
    }
    Ok(())
}

/// A command's output and its failure, as one text.
fn told(answer: Answer) -> String {
    let mut text = answer.stdout;
    if let Some(failure) = &answer.failure {
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push('\n');
        }
        text.push_str(&render::failure(failure, false));
    }
    text
}

/// Starts the work as a job, and waits for it if that is recommended or asked for. The job continues in either case.
fn start(
    app: &App,
    begun: Instant,
    run: &RunArgs,
    whole: &mut String,
    request: impl FnOnce() -> Result<Request, Failure>,
) -> Result<String, Failure> {
    let companion = app.companion();
    let prepared = companion.prepare(request()?, RunIn::Background)?;
    let (wait, reason) = match (run.wait, run.background) {
        (true, _) => (true, None),
        (_, true) => (false, None),
        _ => match prepared.recommendation()? {
            Some(recommended) => (recommended.wait == Wait::Foreground, Some(recommended.reason)),
            None => (true, None),
        },
    };
    let jobs = app.jobs()?;
    let job = codex_companion_core::start(&companion, &jobs, &prepared)?;
    *whole = format!("run `codex-companion result {}` in a terminal", job.id);
    if !wait {
        let why =
            reason.map(|reason| format!("It may take a while ({reason}); with --wait it is waited for.\n"));
        return Ok(format!(
            "{} runs in the background: {}\n{}{}",
            job.title,
            job.id,
            why.unwrap_or_default(),
            next_commands(&job)
        ));
    }
    let limit = app.limit.unwrap_or_default();
    let left = limit.saturating_sub(begun.elapsed());
    let followed = Follow::new(jobs.store(), std::slice::from_ref(&job.id)).limit(left).wait()?;
    if !matches!(followed, Followed::Ended(_)) {
        let seconds = limit.as_secs();
        return Ok(format!(
            "{} still runs after {seconds} s and continues in the background: {}\n{}",
            job.title,
            job.id,
            next_commands(&job)
        ));
    }
    notices::seen(&jobs, &job.id);
    let flags = ResultArgs { job: Some(job.id.to_string()), raw: false, out: args::JsonArgs::default() };
    let mut text = result::run(app, &flags).map(told)?;
    if let Some(reason) = reason {
        text.push_str(&format!("\n(Waited for: {reason}. With --background it is not.)\n"));
    }
    Ok(text)
}

fn next_commands(job: &Job) -> String {
    let id = &job.id;
    format!(
        "You are told when it has ended.\n\n  /codex:status {id}\n  /codex:result {id}\n  /codex:cancel {id}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_ends_with_how_to_see_the_rest() {
        let fit = |text: String| fit(&Shown::new(text, "run `it`".to_owned()));
        assert_eq!(fit("short\n".to_owned()), "short\n");
        assert_eq!(fit(" \n".to_owned()), "codex-companion had nothing to say.\n");
        let lines = "ü234567\n".repeat(10_000);
        let cut = fit(lines);
        assert!(cut.chars().count() < 30_000);
        assert!(
            cut.ends_with("ü234567\n\n… 52000 more characters; to see all of it, run `it`.\n"),
            "{}",
            &cut[cut.len() - 200..]
        );
        let cut = fit("世".repeat(40_000));
        assert!(cut.contains("世\n\n… 12000 more characters"), "{}", cut.chars().count());
    }
}
