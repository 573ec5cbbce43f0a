//! Reports that are not reviews: tasks, `setup`, and failures. `codex_review::render` writes reviews.

mod report;
mod text;

pub use report::*;

use codex_review::ErrorReport;
use codex_review::render::json;

use crate::exit::Failure;

/// A task's answer, as text or as JSON.
#[must_use]
pub fn task(report: &TaskReport, as_json: bool) -> String {
    if as_json { json::document(report) } else { text::task(report) }
}

/// What `setup` found, as text or as JSON.
#[must_use]
pub fn setup(report: &SetupReport, as_json: bool) -> String {
    if as_json { json::document(report) } else { text::setup(report) }
}

/// A failure for people: what happened, its causes, what to do.
#[must_use]
pub fn failure(failure: &Failure, colour: bool) -> String {
    text::failure(failure, colour)
}

/// A failure as the one JSON document of a command: `{"error": {…}}`.
#[must_use]
pub fn failure_json(failure: &Failure) -> String {
    json::document(&serde_json::json!({"error": ErrorReport::from(failure)}))
}

#[cfg(test)]
mod tests;
