//! Codex as the host: its own `Stop` and `SubagentStop` hooks.
//!
//! From the schemas inside Codex 0.169.0 (`stop.command.input`, `stop.command.output` and their `subagent-stop` twins), and
//! observed with it. Its input is that of Claude Code with a `model` and a `turn_id`, which stays the same while the turn is
//! blocked. Its output knows `decision`, `reason`, `systemMessage`, `continue`, `stopReason` and `suppressOutput`; with any other
//! member, `hookSpecificOutput` included, the hook counts as failed and the turn ends. A block needs a reason, which becomes the
//! agent's next prompt. Codex does not bound the number of rounds: [`crate::Policy::max_rounds`] does.

use serde_json::json;

use super::{BadInput, StopInput, read_stop};
use crate::{Decision, Wording};

/// Reads the hook's standard input, as [`super::claude::read`] does.
///
/// # Errors
/// [`BadInput`] for input that is not a JSON object, has members of other types than documented, or belongs to another hook.
pub fn read(input: &[u8]) -> Result<StopInput, BadInput> {
    read_stop(input)
}

/// The hook's standard output: one JSON document without a line break, for exit code 0, the same for both hooks. `None` when
/// there is no output, because the gate is off.
#[must_use]
pub fn answer(decision: &Decision, wording: &Wording) -> Option<String> {
    let document = match wording.feedback(decision) {
        Some(feedback) => json!({ "decision": "block", "reason": feedback }),
        None => json!({ "systemMessage": wording.note(decision)? }),
    };
    Some(document.to_string())
}
