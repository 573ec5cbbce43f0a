//! The report of `setup`, and failures. The libraries write the other reports.

mod text;

use codex_companion_core::readiness::Readiness;
use codex_companion_core::report::{error_document, error_text};
use codex_review::render::json;

use crate::exit::Failure;

/// What `setup` found, as text or as JSON.
#[must_use]
pub fn setup(report: &Readiness, as_json: bool) -> String {
    if as_json { json::document(report) } else { text::setup(report) }
}

/// A failure for people: what happened, its causes, what to do.
#[must_use]
pub fn failure(failure: &Failure, colour: bool) -> String {
    error_text(failure, colour)
}

/// A failure as the one JSON document of a command: `{"error": {…}}`.
#[must_use]
pub fn failure_json(failure: &Failure) -> String {
    json::document(&error_document(failure))
}

#[cfg(test)]
mod tests;
