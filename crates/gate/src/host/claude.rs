//! Claude Code: the `Stop` and `SubagentStop` hooks.
//!
//! Observed with Claude Code 2.1.197. `additionalContext` makes the agent continue and is shown as neutral feedback, where
//! `decision: "block"` would be shown as an error; `systemMessage` is one line for the user. Claude Code ignores a hook that
//! prints anything but one JSON document, exits with 1, or times out, and mostly reports nothing: the caller prints the answer
//! last, as a whole, and in time ([`crate::Policy::deadline`]).

use serde_json::json;

use super::{BadInput, StopEvent, StopInput, read_stop};
use crate::{Decision, Wording};

/// Reads the hook's standard input, which may be of any length and arrive late: read it to its end first.
///
/// Unknown members are ignored, and missing ones are unknown: without `session_id`, the session's name is empty.
///
/// # Errors
/// [`BadInput`] for input that is not a JSON object, has members of other types than documented, or belongs to another hook.
pub fn read(input: &[u8]) -> Result<StopInput, BadInput> {
    read_stop(input)
}

/// The hook's standard output: one JSON document without a line break, for exit code 0. `None` when there is no output, because
/// the gate is off.
#[must_use]
pub fn answer(event: StopEvent, decision: &Decision, wording: &Wording) -> Option<String> {
    let document = match wording.feedback(decision) {
        Some(feedback) => {
            json!({ "hookSpecificOutput": { "hookEventName": event.name(), "additionalContext": feedback } })
        }
        None => json!({ "systemMessage": wording.note(decision)? }),
    };
    Some(document.to_string())
}
