//! `task`

use codex_companion_core::codex::ThreadChoice;
use codex_companion_core::{Request, What};

use super::{Answer, App, request};
use crate::args::{Format, TaskArgs};
use crate::exit::{Failure, Kind};

pub(super) fn run(app: &App, flags: &TaskArgs) -> Result<Answer, Failure> {
    let format = if flags.out.json { Format::Json } else { Format::Text };
    request::run(app, request(app, flags)?, &flags.run, format)
}

/// The request of these flags.
pub(super) fn request(app: &App, flags: &TaskArgs) -> Result<Request, Failure> {
    let prompt = request::read_prompt(app, &flags.prompt, false)?
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| {
            Failure::new(Kind::Prompt, "there is no prompt")
                .with_hint("put it after the flags, name a file with --prompt-file, or pipe it in")
        })?;
    let thread = match &flags.thread {
        Some(id) => ThreadChoice::Resume(id.clone()),
        None if flags.resume_last => app.companion().last_task(&app.cwd)?,
        None => ThreadChoice::Persistent,
    };
    let what = What::Task { prompt, write: flags.write, approvals: flags.approvals.into(), thread };
    Ok(Request::new(&app.cwd, what).codex(app.global.codex.as_deref()).options((&flags.run).into()))
}
