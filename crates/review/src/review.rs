//! What a review says about a change.

use serde::{Deserialize, Serialize};

use crate::Finding;

/// The judgement of a change as a whole.
///
/// Exhaustive on purpose: these are the two words of the output schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewVerdict {
    /// The change can be merged as it is.
    Approve,
    /// The change needs work first.
    NeedsAttention,
}

impl ReviewVerdict {
    /// Returns the word of the output schema: `approve` or `needs-attention`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::NeedsAttention => "needs-attention",
        }
    }

    /// Returns the words for people: `approve` or `needs attention`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::NeedsAttention => "needs attention",
        }
    }
}

/// A review: the verdict, and what was found. Serializes with the members of [`output_schema`](crate::output_schema).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Review {
    /// The judgement.
    pub verdict: ReviewVerdict,
    /// The judgement and its main reason, in a few sentences.
    pub summary: String,
    /// What was found. The readers of this crate sort it, see [`Review::sort_findings`].
    pub findings: Vec<Finding>,
    /// What to do next.
    #[serde(default)]
    pub next_steps: Vec<String>,
}

impl Review {
    /// A review without findings.
    #[must_use]
    pub fn new(verdict: ReviewVerdict, summary: impl Into<String>) -> Self {
        Self { verdict, summary: summary.into(), findings: Vec::new(), next_steps: Vec::new() }
    }

    /// Sets [`Review::findings`].
    #[must_use]
    pub fn findings(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings;
        self
    }

    /// Sets [`Review::next_steps`].
    #[must_use]
    pub fn next_steps(mut self, next_steps: Vec<String>) -> Self {
        self.next_steps = next_steps;
        self
    }

    /// Sorts the findings: the most serious first, then the surest (unknown last), then by file and line. Stable.
    pub fn sort_findings(&mut self) {
        let line = |finding: &Finding| finding.lines.map_or(1, crate::LineRange::start);
        self.findings.sort_by(|left, right| {
            (right.severity.cmp(&left.severity))
                .then_with(|| right.confidence.cmp(&left.confidence))
                .then_with(|| left.file.cmp(&right.file))
                .then_with(|| line(left).cmp(&line(right)))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Confidence, Severity};

    fn finding(severity: Severity, confidence: Option<f64>, file: &str, line: u32) -> Finding {
        let finding = Finding::new("").severity(severity).file(file).lines(line);
        Finding { confidence: confidence.map(Confidence::new), ..finding }
    }

    #[test]
    fn findings_are_sorted_by_severity_then_place() {
        let expected = vec![
            finding(Severity::Critical, Some(0.1), "z", 9),
            finding(Severity::High, Some(0.9), "b", 1),
            finding(Severity::High, Some(0.5), "a", 2),
            finding(Severity::High, Some(0.5), "a", 10),
            finding(Severity::High, Some(0.5), "b", 1),
            finding(Severity::High, None, "a", 1),
            finding(Severity::Low, Some(1.0), "a", 1),
        ];
        let mut review =
            Review::new(ReviewVerdict::Approve, "").findings(expected.iter().rev().cloned().collect());
        review.sort_findings();
        assert_eq!(review.findings, expected);
    }
}
