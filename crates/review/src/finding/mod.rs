//! What a reviewer found: one type for every reader, renderer and gate.

mod confidence;
mod lines;
mod severity;
mod wire;

pub use confidence::Confidence;
pub use lines::LineRange;
pub use severity::Severity;

/// One problem that a reviewer reported.
///
/// All text is the reviewer's, as it was written: clean it before it is printed, as [`render`](crate::render) does.
///
/// Serializes with the members of [`output_schema`](crate::output_schema), all of them: `file` and `recommendation` are
/// empty, the lines are 1 and `confidence` is null when they are not known. Deserializing accepts missing members.
///
/// ```
/// use codex_review::{Finding, Severity};
///
/// let finding = Finding::new("The lock is released too early")
///     .severity(Severity::High)
///     .file("src/writer.rs")
///     .lines(3..=7);
/// assert_eq!(finding.location().as_deref(), Some("src/writer.rs:3-7"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Finding {
    /// How serious it is.
    pub severity: Severity,
    /// The problem in a few words.
    pub title: String,
    /// The problem at length; may be empty.
    pub body: String,
    /// The file: relative to the root of the work tree with `/` between its parts, absolute when it is elsewhere. A claim
    /// of the reviewer, not a checked path. `None` when the finding concerns the change as a whole.
    pub file: Option<String>,
    /// The lines of the file; `None` when the reviewer named none.
    pub lines: Option<LineRange>,
    /// How sure the reviewer is; `None` when it did not say.
    pub confidence: Option<Confidence>,
    /// What to change; `None` when the reviewer proposed nothing.
    pub recommendation: Option<String>,
}

impl Finding {
    /// A finding of medium severity with only a title.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Sets [`Finding::severity`].
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets [`Finding::body`].
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets [`Finding::file`]; an empty name is `None`.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = non_empty(file.into());
        self
    }

    /// Sets [`Finding::lines`]: one line, or a range such as `3..=7`.
    #[must_use]
    pub fn lines(mut self, lines: impl Into<LineRange>) -> Self {
        self.lines = Some(lines.into());
        self
    }

    /// Sets [`Finding::confidence`].
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// Sets [`Finding::recommendation`]; an empty text is `None`.
    #[must_use]
    pub fn recommendation(mut self, recommendation: impl Into<String>) -> Self {
        self.recommendation = non_empty(recommendation.into());
        self
    }

    /// Returns `file:3-7`, `file:3` or `file`, not cleaned; `None` without a file.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let file = self.file.as_deref()?;
        Some(match self.lines {
            Some(lines) => format!("{file}:{lines}"),
            None => file.to_owned(),
        })
    }
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_has_only_what_is_known() {
        let at = |finding: Finding| finding.location().unwrap_or_default();
        assert_eq!(at(Finding::new("t").lines(3)), "");
        assert_eq!(at(Finding::new("t").file("a.rs")), "a.rs");
        assert_eq!(at(Finding::new("t").file("a.rs").lines(3)), "a.rs:3");
        assert_eq!(at(Finding::new("t").file("a.rs").lines(3..=7)), "a.rs:3-7");
        assert_eq!(at(Finding::new("t").file("").lines(3)), "");
    }
}
