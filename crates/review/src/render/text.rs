//! Reviews as plain text, and the parts that other reports in the same style are made of.

use codex_base::text::{clean, one_line};

use super::{confidence, location};
use crate::ReviewReport;

/// The most characters of a text on one line, such as a title or a label.
pub const LINE: usize = 300;

/// Returns a report as plain text.
#[must_use]
pub fn review(report: &ReviewReport) -> String {
    let mut out = format!("Codex {} of {}\n", report.kind.words(), one_line(&report.target.label, LINE));
    if let Some(context) = report.context.as_ref().filter(|context| !context.summary.is_empty()) {
        out += &format!("{}\n", one_line(&context.summary, LINE));
    }
    match &report.result {
        Some(review) => {
            out += &format!("Verdict: {}\n", review.verdict.words());
            paragraph(&mut out, &review.summary);
            if review.findings.is_empty() {
                out += "\nNo findings.\n";
            } else {
                out += &format!("\nFindings ({})\n", review.findings.len());
            }
            for (index, finding) in review.findings.iter().enumerate() {
                let title = one_line(&finding.title, LINE);
                out += &format!("\n{}. [{}] {title}\n", index + 1, finding.severity.as_str());
                let facts: Vec<String> =
                    [location(finding), confidence(finding)].into_iter().flatten().collect();
                if !facts.is_empty() {
                    out += &format!("   {}\n", facts.join(", "));
                }
                indented(&mut out, &finding.body);
                let fix = finding.recommendation.as_deref().unwrap_or_default().trim();
                if !fix.is_empty() {
                    indented(&mut out, &format!("Fix: {fix}"));
                }
            }
            list(&mut out, "Next steps", &review.next_steps);
        }
        None => {
            out += &format!("Verdict: none; {}\n", clean(&report.without_verdict().reason));
            paragraph(&mut out, &report.raw_output);
        }
    }
    list(&mut out, "Notes", &report.notes);
    resume(&mut out, report.resume.as_deref());
    out
}

/// Appends a text, cleaned, after an empty line; nothing when it is blank.
fn paragraph(out: &mut String, text: &str) {
    let text = clean(text);
    if !text.trim().is_empty() {
        *out += &format!("\n{}\n", text.trim_matches('\n').trim_end());
    }
}

/// Appends a text, cleaned, below a numbered heading.
fn indented(out: &mut String, text: &str) {
    for line in clean(text).trim_matches('\n').lines() {
        *out += format!("   {line}").trim_end();
        out.push('\n');
    }
}

/// Appends a titled list of single lines, cleaned, after an empty line; nothing when there are no items.
pub fn list(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    *out += &format!("{title}\n");
    for item in items {
        *out += &format!("- {}\n", one_line(item, 10 * LINE));
    }
}

/// Appends the command that continues a thread, cleaned, after an empty line; nothing without one.
pub fn resume(out: &mut String, command: Option<&str>) {
    if let Some(command) = command {
        let gap = if out.is_empty() { "" } else { "\n" };
        *out += &format!("{gap}Continue this thread: {}\n", one_line(command, LINE));
    }
}
