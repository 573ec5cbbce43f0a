//! Answers for people.

use super::report::{ReviewReport, SetupReport, TaskReport};
use super::{place, sureness, verdict_words, without_verdict};
use crate::exit::Failure;
use crate::sanitize::{one_line, sanitize};

/// Longest one-line text (a title, a label) in characters.
pub(super) const LINE: usize = 300;

pub(super) fn review(report: &ReviewReport) -> String {
    let mut out = format!("Codex {} of {}\n", report.review.words(), one_line(&report.target.label, LINE));
    if let Some(context) = report.context.as_ref().filter(|context| !context.summary.is_empty()) {
        out += &format!("{}\n", one_line(&context.summary, LINE));
    }
    match &report.result {
        Some(result) => {
            out += &format!("Verdict: {}\n", verdict_words(result.verdict));
            paragraph(&mut out, &result.summary);
            if result.findings.is_empty() {
                out += "\nNo findings.\n";
            } else {
                out += &format!("\nFindings ({})\n", result.findings.len());
            }
            for (index, finding) in result.findings.iter().enumerate() {
                out += &format!(
                    "\n{}. [{}] {}\n",
                    index + 1,
                    finding.severity.as_str(),
                    one_line(&finding.title, LINE)
                );
                let facts: Vec<String> = [place(finding), sureness(finding)].into_iter().flatten().collect();
                if !facts.is_empty() {
                    out += &format!("   {}\n", facts.join(", "));
                }
                indented(&mut out, &finding.body);
                if !finding.recommendation.trim().is_empty() {
                    indented(&mut out, &format!("Fix: {}", finding.recommendation.trim()));
                }
            }
            list(&mut out, "Next steps", &result.next_steps);
        }
        None => {
            out += &format!("Verdict: none; {}\n", sanitize(&without_verdict(report).0));
            paragraph(&mut out, &report.raw_output);
        }
    }
    list(&mut out, "Notes", &report.notes);
    resume(&mut out, report.resume.as_deref());
    out
}

pub(super) fn task(report: &TaskReport) -> String {
    let mut out = sanitize(&report.raw_output).into_owned();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    list(&mut out, "Changed files", &report.touched_files);
    resume(&mut out, report.resume.as_deref());
    out
}

pub(super) fn setup(report: &SetupReport) -> String {
    let available = |yes| if yes { "available" } else { "missing" };
    let account = match (report.auth.available, report.auth.logged_in) {
        (true, true) => "signed in",
        (true, false) => "not signed in",
        (false, _) => "unknown",
    };
    let gate = if report.review_gate_enabled { "on" } else { "off" };
    let rows = [
        ("codex", available(report.codex.available), &report.codex.detail),
        ("npm", available(report.npm.available), &report.npm.detail),
        ("account", account, &report.auth.detail),
        ("runtime", report.session_runtime.label.as_str(), &report.session_runtime.detail),
        ("review gate", gate, &String::new()),
    ];
    let mut out =
        format!("{}\n\n", if report.ready { "Codex is ready to work." } else { "Codex cannot work yet." });
    for (name, state, detail) in rows {
        let line = format!("  {name:<12} {:<14} {}", one_line(state, LINE), one_line(detail, LINE));
        out += &format!("{}\n", line.trim_end());
    }
    list(&mut out, "Done", &report.actions_taken);
    list(&mut out, "Next steps", &report.next_steps);
    out
}

pub(super) fn failure(failure: &Failure, colour: bool) -> String {
    let paint = |code: &str, word: &str| {
        if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
    };
    let message = failure.to_string();
    let mut out = format!("{} {}\n", paint("1;31", "error:"), sanitize(message.trim()));
    for cause in failure.causes() {
        out += &format!("  caused by: {}\n", sanitize(cause.trim()).replace('\n', "\n    "));
    }
    if let Some(hint) = failure.hint() {
        out += &format!("{} {}\n", paint("1;32", "help:"), sanitize(hint.trim()));
    }
    out
}

/// A text of its own, after an empty line.
fn paragraph(out: &mut String, text: &str) {
    let text = sanitize(text);
    if !text.trim().is_empty() {
        *out += &format!("\n{}\n", text.trim_matches('\n').trim_end());
    }
}

/// A text below a numbered heading.
fn indented(out: &mut String, text: &str) {
    for line in sanitize(text).trim_matches('\n').lines() {
        *out += format!("   {line}").trim_end();
        out.push('\n');
    }
}

/// A titled list of single lines, after an empty line; nothing when there are none.
fn list(out: &mut String, title: &str, items: &[String]) {
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

fn resume(out: &mut String, command: Option<&str>) {
    if let Some(command) = command {
        let gap = if out.is_empty() { "" } else { "\n" };
        *out += &format!("{gap}Continue this thread: {}\n", one_line(command, LINE));
    }
}
