//! Answers, written: text, Markdown, JSON, SARIF, GitHub annotations.
//!
//! Every function here takes a report and returns the whole text for standard output (or standard error, for
//! failures). Text that came from a model or a repository is sanitised in the forms for people; the forms for programs
//! keep it whole and escape it.

#[path = "../../../review/src/render/github.rs"]
mod github;
#[path = "../../../review/src/render/json.rs"]
mod json;
#[path = "../../../review/src/render/markdown.rs"]
mod markdown;
mod report;
#[path = "../../../review/src/render/sarif.rs"]
mod sarif;
mod text;

pub use report::*;

use crate::args::Format;
use crate::exit::Failure;
use crate::review_output::{Finding, Verdict};

/// A review in the form that was asked for.
#[must_use]
pub fn review(report: &ReviewReport, format: Format) -> String {
    match format {
        Format::Text => text::review(report),
        Format::Markdown => markdown::review(report),
        Format::Json => json::document(report),
        Format::Sarif => json::document(&sarif::review(report)),
        Format::Github => github::review(report),
    }
}

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

fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approve",
        Verdict::NeedsAttention => "needs attention",
    }
}

/// Why a report has no verdict, and whether that is a failure. A native review in prose is none: it listed no findings.
fn without_verdict(report: &ReviewReport) -> (String, bool) {
    match &report.parse_error {
        _ if report.codex.status != 0 => ("the turn did not complete".to_owned(), true),
        Some(error) => (format!("the answer could not be read: {error}"), true),
        None => ("the reviewer listed no findings and gave no verdict".to_owned(), false),
    }
}

/// `src/a.rs:3-7`; `None` for a finding about the change as a whole.
fn place(finding: &Finding) -> Option<String> {
    let file = crate::sanitize::one_line(&finding.file, text::LINE);
    let (start, end) = (finding.line_start, finding.line_end);
    match file.as_str() {
        "" => None,
        file if start == end => Some(format!("{file}:{start}")),
        file => Some(format!("{file}:{start}-{end}")),
    }
}

/// `80 % sure`; `None` when the reviewer did not say.
fn sureness(finding: &Finding) -> Option<String> {
    Some(format!("{:.0} % sure", finding.confidence? * 100.0))
}

#[cfg(test)]
mod tests;
