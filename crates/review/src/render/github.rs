//! Reviews as GitHub Actions annotations.

use codex_base::text::{clean, one_line};

use super::paragraphs;
use super::text::LINE;
use crate::{ReviewReport, ReviewVerdict, Severity};

/// Returns a report as GitHub Actions workflow commands (`::error file=…,line=…::message`), one line each, with the
/// escapes that GitHub's runner decodes: `%`, CR and LF everywhere, `:` and `,` in properties as well.
#[must_use]
pub fn github(report: &ReviewReport) -> String {
    let title = format!("Codex {} of {}", report.kind.words(), one_line(&report.target.label, LINE));
    let (level, message, findings) = match &report.result {
        Some(review) => {
            let level = if review.verdict == ReviewVerdict::Approve { "notice" } else { "warning" };
            let message = format!("{}: {}", review.verdict.words(), review.summary.trim());
            (level, message, &review.findings[..])
        }
        None => {
            let without = report.without_verdict();
            let level = if without.failed { "warning" } else { "notice" };
            (level, format!("no verdict: {}", without.reason), &[][..])
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
        if let Some(file) = &finding.file {
            properties.push(("file", file.clone()));
            if let Some(lines) = finding.lines {
                properties.push(("line", lines.start().to_string()));
                properties.push(("endLine", lines.end().to_string()));
            }
        }
        let title = one_line(&finding.title, LINE);
        properties.push(("title", format!("[{}] {title}", finding.severity.as_str())));
        let message = paragraphs(&[&finding.body, finding.recommendation.as_deref().unwrap_or_default()]);
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
    clean(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
