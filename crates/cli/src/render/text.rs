//! Reports for people.

use codex_review::render::text::{LINE, list, resume};

use super::{SetupReport, TaskReport};
use crate::exit::Failure;
use crate::sanitize::{one_line, sanitize};

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
    let available = |yes| if yes { "there" } else { "missing" };
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
