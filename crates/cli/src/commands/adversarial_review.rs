//! `adversarial-review`

use codex_companion_core::{Request, What};

use super::{Answer, App, request};
use crate::args::AdversarialReviewArgs;
use crate::exit::Failure;

pub(super) fn run(app: &App, flags: &AdversarialReviewArgs) -> Result<Answer, Failure> {
    request::run(app, request(app, flags)?, &flags.run, flags.out.format())
}

/// The request of these flags.
pub(super) fn request(app: &App, flags: &AdversarialReviewArgs) -> Result<Request, Failure> {
    let focus = request::read_prompt(app, &flags.prompt, true)?.unwrap_or_default();
    let what = What::AdversarialReview { target: (&flags.target).into(), focus };
    Ok(Request::new(&app.cwd, what).codex(app.global.codex.as_deref()).options((&flags.run).into()))
}
