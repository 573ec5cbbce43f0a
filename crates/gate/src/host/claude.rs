//! Claude Code: the `Stop` and `SubagentStop` hooks.
//!
//! Observed with Claude Code 2.1.197. `additionalContext` makes the agent go on and shows as neutral feedback, where
//! `decision: "block"` would show as an error; `systemMessage` is one line for the user. A hook that prints anything but one
//! JSON document, exits with 1, or runs past its time is ignored, mostly in silence: the caller prints the answer last, whole,
//! and in time ([`crate::Policy::deadline`]).

use serde_json::json;

use super::{BadInput, StopEvent, StopInput, read_stop};
use crate::{Decision, Wording};

/// Reads the hook's standard input, which may be of any length and come late: read it to its end first.
///
/// Unknown members are ignored and missing ones taken for unknown: without `session_id`, the session's name is empty.
///
/// # Errors
/// [`BadInput`] for what is no JSON object, has members of other types than documented, or belongs to another hook.
pub fn read(input: &[u8]) -> Result<StopInput, BadInput> {
    read_stop(input)
}

/// The hook's standard output: one JSON document without a line break, for exit code 0. `None` when there is nothing to say,
/// because the gate is off.
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
