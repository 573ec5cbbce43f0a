//! Reviews as GitHub Actions annotations.
//!
//! Workflow commands (`::error file=…,line=…::message`), with the escapes that GitHub's runner takes back: `%`, CR and LF
//! everywhere, `:` and `,` in properties as well.

use super::report::ReviewReport;
use super::text::LINE;
use super::{verdict_words, without_verdict};
use crate::review_output::{Severity, Verdict};
use crate::sanitize::{one_line, sanitize};

pub(super) fn review(report: &ReviewReport) -> String {
    let title = format!("Codex {} of {}", report.review.words(), one_line(&report.target.label, LINE));
    let (level, message, findings) = match &report.result {
        Some(result) => {
            let level = if result.verdict == Verdict::Approve { "notice" } else { "warning" };
            let message = format!("{}: {}", verdict_words(result.verdict), result.summary.trim());
            (level, message, &result.findings[..])
        }
        None => {
            let (why, failed) = without_verdict(report);
            (if failed { "warning" } else { "notice" }, format!("no verdict: {why}"), &[][..])
        }
    };
    let mut out = command(level, &[("title", title)], &message);
    for finding in findings {
        let level = match finding.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "notice",
        };
        let mut properties = Vec::new();
        if !finding.file.is_empty() {
            properties.push(("file", finding.file.clone()));
            properties.push(("line", finding.line_start.to_string()));
            properties.push(("endLine", finding.line_end.to_string()));
        }
        let title = one_line(&finding.title, LINE);
        properties.push(("title", format!("[{}] {title}", finding.severity.as_str())));
        let parts = [finding.body.trim(), finding.recommendation.trim()];
        let message = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
        let message = if message.is_empty() { title } else { message };
        out += &command(level, &properties, &message);
    }
    out
}

fn command(level: &str, properties: &[(&str, String)], message: &str) -> String {
    let properties: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value).replace(':', "%3A").replace(',', "%2C")))
        .collect();
    format!("::{level} {}::{}\n", properties.join(","), escape(message))
}

fn escape(text: &str) -> String {
    sanitize(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
