//! Reviews as Markdown, for pull requests and chat.

use super::report::ReviewReport;
use super::text::LINE;
use super::{place, sureness, verdict_words, without_verdict};
use crate::sanitize::{one_line, sanitize};

pub(super) fn review(report: &ReviewReport) -> String {
    let kind = report.review.words();
    let mut out = format!("## Codex {kind} of {}\n", one_line(&report.target.label, LINE));
    if let Some(context) = report.context.as_ref().filter(|context| !context.summary.is_empty()) {
        out += &format!("\n_{}_\n", one_line(&context.summary, LINE));
    }
    let paragraph = |text: &str| match sanitize(text).trim() {
        "" => String::new(),
        text => format!("\n{text}\n"),
    };
    match &report.result {
        Some(result) => {
            out += &format!("\n**Verdict: {}**\n", verdict_words(result.verdict));
            out += &paragraph(&result.summary);
            if result.findings.is_empty() {
                out += "\nNo findings.\n";
            }
            for (index, finding) in result.findings.iter().enumerate() {
                let (number, severity) = (index + 1, finding.severity.as_str());
                out += &format!("\n### {number}. [{severity}] {}\n", one_line(&finding.title, LINE));
                let place = place(finding).map(|place| code(&place));
                let facts: Vec<String> = [place, sureness(finding)].into_iter().flatten().collect();
                if !facts.is_empty() {
                    out += &format!("\n{}\n", facts.join(", "));
                }
                out += &paragraph(&finding.body);
                if !finding.recommendation.trim().is_empty() {
                    out += &paragraph(&format!("**Fix:** {}", finding.recommendation.trim()));
                }
            }
            out += &list("Next steps", &result.next_steps);
        }
        None => {
            out += &format!("\n**Verdict: none**; {}\n", one_line(&without_verdict(report).0, 10 * LINE));
            out += &paragraph(&report.raw_output);
        }
    }
    out += &list("Notes", &report.notes);
    if let Some(command) = &report.resume {
        out += &format!("\nContinue this thread: {}\n", code(&one_line(command, LINE)));
    }
    out
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
