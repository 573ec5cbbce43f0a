//! Findings in the documents of this crate: the state and the reports leave out what is not known.

use codex_review::{Confidence, Finding, LineRange, Severity};
use serde::{Serialize, Serializer};

#[derive(Serialize)]
struct Written<'a> {
    severity: Severity,
    title: &'a str,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_start: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_end: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommendation: Option<&'a str>,
}

/// Writes findings. [`Finding`] itself reads this form.
pub(crate) fn serialize<F: AsRef<[Finding]>, S: Serializer>(
    findings: &F,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.as_ref().iter().map(|finding| Written {
        severity: finding.severity,
        title: &finding.title,
        body: &finding.body,
        file: finding.file.as_deref(),
        line_start: finding.lines.map(LineRange::start),
        line_end: finding.lines.map(LineRange::end),
        confidence: finding.confidence.map(Confidence::value),
        recommendation: finding.recommendation.as_deref(),
    }))
}
