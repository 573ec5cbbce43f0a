//! Any host that understands exit codes: CI jobs, scripts, other hook systems.

use crate::{Decided, Decision, Wording};

/// The work may go on.
pub const PASS: u8 = 0;
/// A reviewer wants changes.
pub const BLOCK: u8 = 4;
/// There is no verdict, and the policy blocks for that.
pub const NOT_REVIEWED: u8 = 6;

/// What a process is to print and to exit with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// For standard output: what to change. Empty, or whole lines.
    pub stdout: String,
    /// For standard error: one line. Empty, or a whole line.
    pub stderr: String,
}

/// The exit code of a decision: [`PASS`], [`BLOCK`] or [`NOT_REVIEWED`].
#[must_use]
pub fn code(decision: &Decision) -> u8 {
    match &decision.outcome {
        Decided::Blocked { .. } => BLOCK,
        Decided::NotReviewed { blocks: true, .. } => NOT_REVIEWED,
        Decided::NotReviewed { .. } | Decided::Allowed { .. } | Decided::Skipped(_) => PASS,
    }
}

/// What to print and to exit with.
#[must_use]
pub fn answer(decision: &Decision, wording: &Wording) -> Exit {
    let lines = |text: Option<String>| text.map(|text| text + "\n").unwrap_or_default();
    Exit {
        code: code(decision),
        stdout: lines(wording.feedback(decision)),
        stderr: lines(wording.note(decision)),
    }
}
