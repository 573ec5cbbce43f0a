//! Reviews as Markdown.

use codex_base::text::{clean, one_line};

use super::text::LINE;
use super::{confidence, location};
use crate::ReviewReport;

/// Returns a report as Markdown, for pull requests and chat.
#[must_use]
pub fn markdown(report: &ReviewReport) -> String {
    let kind = report.kind.words();
    let mut out = format!("## Codex {kind} of {}\n", one_line(&report.target.label, LINE));
    if let Some(context) = report.context.as_ref().filter(|context| !context.summary.is_empty()) {
        out += &format!("\n_{}_\n", one_line(&context.summary, LINE));
    }
    match &report.result {
        Some(review) => {
            out += &format!("\n**Verdict: {}**\n", review.verdict.words());
            out += &paragraph(&review.summary);
            if review.findings.is_empty() {
                out += "\nNo findings.\n";
            }
            for (index, finding) in review.findings.iter().enumerate() {
                let (number, severity) = (index + 1, finding.severity.as_str());
                out += &format!("\n### {number}. [{severity}] {}\n", one_line(&finding.title, LINE));
                let location = location(finding).map(|location| code(&location));
                let facts: Vec<String> = [location, confidence(finding)].into_iter().flatten().collect();
                if !facts.is_empty() {
                    out += &format!("\n{}\n", facts.join(", "));
                }
                out += &paragraph(&finding.body);
                let fix = finding.recommendation.as_deref().unwrap_or_default().trim();
                if !fix.is_empty() {
                    out += &paragraph(&format!("**Fix:** {fix}"));
                }
            }
            out += &list("Next steps", &review.next_steps);
        }
        None => {
            let reason = report.without_verdict().reason;
            out += &format!("\n**Verdict: none**; {}\n", one_line(&reason, 10 * LINE));
            out += &paragraph(&report.raw_output);
        }
    }
    out += &list("Notes", &report.notes);
    if let Some(command) = &report.resume {
        out += &format!("\nContinue this thread: {}\n", code(&one_line(command, LINE)));
    }
    out
}

fn paragraph(text: &str) -> String {
    match clean(text).trim() {
        "" => String::new(),
        text => format!("\n{text}\n"),
    }
}

fn list(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: String = items.iter().map(|item| format!("- {}\n", one_line(item, 10 * LINE))).collect();
    format!("\n### {title}\n\n{items}")
}

/// A code span that its content cannot close.
fn code(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let mark = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{mark}{pad}{text}{pad}{mark}")
}
