//! What a run came to, as a document, as text, and in its stored form.

mod error;
mod task;

use codex_base::text::one_line;
pub use codex_review::ErrorReport;
pub use codex_review::render::Format;
use codex_review::render::{json, render};
use codex_review::{ReviewReport, ReviewVerdict};
use serde_json::Value;

pub use error::{error_document, error_line, error_text};
pub use task::TaskReport;

/// A report of either family.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// Of a review.
    Review(Box<ReviewReport>),
    /// Of a task.
    Task(Box<TaskReport>),
}

impl Report {
    /// Renders the report. A task has two forms: JSON, and the text for people for every other format.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        match (self, format) {
            (Self::Review(report), format) => render(report, format),
            (Self::Task(report), Format::Json) => json::document(&**report),
            (Self::Task(report), _) => report.text(),
        }
    }

    /// The document that `--json` prints, in the form that can be restored.
    #[must_use]
    pub fn to_stored(&self) -> Value {
        match self {
            Self::Review(report) => report.to_stored(),
            Self::Task(report) => serde_json::to_value(report).unwrap_or_default(),
        }
    }

    /// Restores a report; `class` is that of its job. `None` when the value is not a report that this program knows: a
    /// newer version, an error, or a record of another program.
    #[must_use]
    pub fn from_stored(class: &str, stored: &Value) -> Option<Self> {
        match class {
            "review" => Some(Self::Review(Box::new(ReviewReport::from_stored(stored).ok()?))),
            "task" => Some(Self::Task(Box::new(TaskReport::from_stored(stored)?))),
            _ => None,
        }
    }

    /// Sets the command that resumes the thread.
    pub fn set_resume(&mut self, command: Option<String>) {
        match self {
            Self::Review(report) => report.resume = command,
            Self::Task(report) => report.resume = command,
        }
    }

    /// Returns one line about the result.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Review(report) => match &report.result {
                Some(result) => {
                    let verdict = match result.verdict {
                        ReviewVerdict::Approve => "approve",
                        ReviewVerdict::NeedsAttention => "needs attention",
                    };
                    let count = result.findings.len();
                    let plural = if count == 1 { "" } else { "s" };
                    one_line(&format!("{verdict}, {count} finding{plural}: {}", result.summary), 200)
                }
                None => one_line(&report.raw_output, 200),
            },
            Self::Task(report) => one_line(&report.raw_output, 200),
        }
    }
}
