//! Reports as text, Markdown, JSON, SARIF and GitHub annotations.
//!
//! Every function takes a [`ReviewReport`] and returns the whole output. The forms for people are cleaned: no character
//! that could control a terminal or hide text is left. The forms for programs keep all text and escape such characters.

mod github;
pub mod json;
mod markdown;
mod sarif;
pub mod text;

pub use github::github;
pub use markdown::markdown;
pub use sarif::Sarif;

use crate::{Finding, ReviewReport};
use codex_base::text::one_line;

/// A format of a report.
///
/// Exhaustive on purpose: a front end offers all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Plain text, see [`text::review`].
    Text,
    /// Markdown, see [`markdown`].
    Markdown,
    /// The document of `docs/documents.md`, see [`json::document`].
    Json,
    /// SARIF 2.1.0, see [`Sarif`].
    Sarif,
    /// GitHub Actions annotations, see [`github`].
    Github,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Text, Self::Markdown, Self::Json, Self::Sarif, Self::Github];
}

/// Renders a report. SARIF names codex-companion as the tool; use [`Sarif`] to name another.
#[must_use]
pub fn render(report: &ReviewReport, format: Format) -> String {
    match format {
        Format::Text => text::review(report),
        Format::Markdown => markdown(report),
        Format::Json => json::document(report),
        Format::Sarif => Sarif::new().render(report),
        Format::Github => github(report),
    }
}

/// `src/a.rs:3-7`, cleaned; `None` for a finding about the change as a whole.
fn location(finding: &Finding) -> Option<String> {
    let file = one_line(finding.file.as_deref()?, text::LINE);
    match finding.lines {
        _ if file.is_empty() => None,
        Some(lines) => Some(format!("{file}:{lines}")),
        None => Some(file),
    }
}

/// `80 % sure`; `None` when the reviewer did not say.
fn confidence(finding: &Finding) -> Option<String> {
    Some(format!("{} sure", finding.confidence?))
}

/// Joins the texts that are not blank by empty lines.
fn paragraphs(texts: &[&str]) -> String {
    texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests;
