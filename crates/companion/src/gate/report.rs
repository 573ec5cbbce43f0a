//! A gate's decision as a review, for the formats that show findings.

use codex_gate::{Decision, DecisionKind, Finding};
use codex_review::{ErrorReport, Review, ReviewKind, ReviewReport, ReviewVerdict, TargetSummary};

use crate::error::{Error, Kind};

/// Converts a decision about the changes with this label into the report of a review.
#[must_use]
pub fn review_report(label: &str, decision: &Decision) -> ReviewReport {
    let target = TargetSummary::new("gate", label).explicit(true);
    let mut report = ReviewReport::new(ReviewKind::Native, target);
    let result = |verdict, summary: &str, findings: &[Finding]| {
        Review::new(verdict, summary).findings(findings.to_vec())
    };
    match &decision.kind {
        DecisionKind::Blocked { reason, findings } => {
            report.result = Some(result(ReviewVerdict::NeedsAttention, reason, findings));
        }
        DecisionKind::Allowed { reason } => report.result = Some(result(ReviewVerdict::Approve, reason, &[])),
        DecisionKind::Skipped(skip) => {
            report.result = Some(result(ReviewVerdict::Approve, &skip.to_string(), &[]));
        }
        DecisionKind::NotReviewed { failure, .. } => {
            report.codex.status = 1;
            report.parse_error = Some(failure.to_string());
            let failure = Error::new(Kind::TurnFailed, format!("not reviewed: {failure}"));
            report.error = Some(ErrorReport::from(&failure));
        }
    }
    report
}
