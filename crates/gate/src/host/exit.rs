//! Any host that reads exit codes: CI jobs, scripts, other hook systems.

use crate::{Decision, DecisionKind, Wording};

/// Work may continue.
pub const PASS: u8 = 0;
/// A reviewer asks for changes.
pub const BLOCK: u8 = 4;
/// There is no verdict, and the policy blocks in this case.
pub const NOT_REVIEWED: u8 = 6;

/// What a process must print, and its exit code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// The exit code.
    pub code: u8,
    /// For standard output: what to change. Empty, or complete lines.
    pub stdout: String,
    /// For standard error: one complete line, or empty.
    pub stderr: String,
}

/// The exit code of a decision: [`PASS`], [`BLOCK`] or [`NOT_REVIEWED`].
#[must_use]
pub fn code(decision: &Decision) -> u8 {
    match &decision.kind {
        DecisionKind::Blocked { .. } => BLOCK,
        DecisionKind::NotReviewed { blocks: true, .. } => NOT_REVIEWED,
        DecisionKind::NotReviewed { .. } | DecisionKind::Allowed { .. } | DecisionKind::Skipped(_) => PASS,
    }
}

/// What to print, and the exit code.
#[must_use]
pub fn answer(decision: &Decision, wording: &Wording) -> Output {
    let lines = |text: Option<String>| text.map(|text| text + "\n").unwrap_or_default();
    Output {
        code: code(decision),
        stdout: lines(wording.feedback(decision)),
        stderr: lines(wording.note(decision)),
    }
}
