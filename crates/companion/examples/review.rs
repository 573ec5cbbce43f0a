//! A review from the change to the job record: `review REPOSITORY CODEX STATE_DIRECTORY` prints SARIF.
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]

use std::error::Error;
use std::path::PathBuf;

use codex_companion_core::report::{Format, Report};
use codex_companion_core::{Companion, NoProgress, Recorder, Request, RunIn, Stop, TargetOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [repository, codex, state] = &arguments[..] else { return Err("three paths are expected".into()) };

    let companion = Companion::new().state_dir(state);
    let request = Request::review(repository, TargetOptions::new()).codex(Some(codex));
    let prepared = companion.prepare(request, RunIn::Foreground)?;

    let (handle, mut stop) = Stop::new();
    let mut recorder = Recorder::create(&companion, &prepared, NoProgress);
    let completed = recorder.run(prepared, &mut stop, &handle).await?;

    if let Report::Review(report) = &completed.report {
        let findings = report.result.as_ref().map_or(0, |review| review.findings.len());
        let job = recorder.job_id().unwrap_or_default();
        write(std::io::stderr(), &format!("{findings} finding(s), recorded as {job}\n"))?;
    }
    write(std::io::stdout(), &completed.report.render(Format::Sarif))
}

fn write(mut to: impl std::io::Write, text: &str) -> Result<(), Box<dyn Error>> {
    Ok(to.write_all(text.as_bytes())?)
}
