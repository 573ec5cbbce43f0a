//! `review`

use codex_companion_core::Request;

use super::{Answer, App, request};
use crate::args::ReviewArgs;
use crate::exit::Failure;

pub(super) fn run(app: &App, flags: &ReviewArgs) -> Result<Answer, Failure> {
    request::run(app, request(app, flags), &flags.run, flags.out.format())
}

/// The request of these flags.
pub(super) fn request(app: &App, flags: &ReviewArgs) -> Request {
    Request::review(&app.cwd, (&flags.target).into())
        .codex(app.global.codex.as_deref())
        .options((&flags.run).into())
}
