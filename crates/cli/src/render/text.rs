//! Reports for people.

use codex_companion_core::readiness::Readiness;
use codex_review::render::text::{LINE, list};

use codex_base::text::one_line;

pub(super) fn setup(report: &Readiness) -> String {
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
