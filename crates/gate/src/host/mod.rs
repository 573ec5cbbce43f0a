//! The protocols of the hosts: each module turns a host's input into a [`GateRequest`], and a
//! [`Decision`](crate::Decision) into the output that the host reads. All of it is pure: bytes in, values and text out.

pub mod claude;
pub mod codex;
pub mod exit;
pub mod git;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};

use crate::{FailureKind, GateRequest, NotReviewed, TurnPosition};

/// A host's input that does not have the documented form. Pass it to [`crate::decide_failed`], with
/// [`GateRequest::unreadable`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
#[non_exhaustive]
pub struct BadInput {
    /// What is wrong with it.
    pub detail: String,
}

impl BadInput {
    fn new(detail: impl Into<String>) -> Self {
        Self { detail: detail.into() }
    }
}

impl From<BadInput> for NotReviewed {
    fn from(bad: BadInput) -> Self {
        Self::new(FailureKind::BadInput, bad.detail)
    }
}

/// Which of an agent's hooks was called. Exhaustive on purpose: both have an output of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum StopEvent {
    /// The agent is about to end its turn. Also assumed when the input does not say.
    #[default]
    Stop,
    /// A sub-agent is about to end.
    SubagentStop,
}

impl StopEvent {
    /// The host's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "Stop",
            Self::SubagentStop => "SubagentStop",
        }
    }
}

/// The input of an agent's hook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopInput {
    /// Which hook.
    pub event: StopEvent,
    /// The request; the caller adds its tree and its reviewer.
    pub request: GateRequest,
    /// The session's transcript.
    pub transcript_path: Option<PathBuf>,
    /// The host's permission mode, as the host names it.
    pub permission_mode: Option<String>,
    /// The agent's model, if the host reports it.
    pub model: Option<String>,
}

/// The members that Claude Code and Codex have in common; others are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawStop {
    hook_event_name: Option<LossyString>,
    session_id: Option<LossyString>,
    turn_id: Option<LossyString>,
    agent_id: Option<LossyString>,
    cwd: Option<LossyString>,
    transcript_path: Option<LossyString>,
    permission_mode: Option<LossyString>,
    model: Option<LossyString>,
    stop_hook_active: Option<bool>,
    last_assistant_message: Option<LossyString>,
}

/// A string that need not be valid Unicode: a host that cuts a message in the middle of an emoji writes a lone surrogate, and
/// its input must be read nevertheless. The field is public on purpose: this is only a way to deserialise.
#[derive(Debug, Default)]
pub struct LossyString(pub String);

impl<'de> Deserialize<'de> for LossyString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = LossyString;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<LossyString, E> {
                Ok(LossyString(text.to_owned()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<LossyString, E> {
                Ok(LossyString(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

fn read_stop(input: &[u8]) -> Result<StopInput, BadInput> {
    let input = input.strip_prefix("\u{feff}".as_bytes()).unwrap_or(input);
    if input.iter().all(u8::is_ascii_whitespace) {
        return Err(BadInput::new("the input is empty"));
    }
    if !input.trim_ascii_start().starts_with(b"{") {
        return Err(BadInput::new("the input is not a JSON object"));
    }
    let raw: RawStop = serde_json::from_slice(input).map_err(|error| BadInput::new(error.to_string()))?;
    let text =
        |lossy: Option<LossyString>| lossy.map(|LossyString(text)| text).filter(|text| !text.is_empty());
    let path = |lossy: Option<LossyString>| text(lossy).map(PathBuf::from);

    let event = match text(raw.hook_event_name).as_deref() {
        None | Some("Stop") => StopEvent::Stop,
        Some("SubagentStop") => StopEvent::SubagentStop,
        Some(other) => return Err(BadInput::new(format!("the input belongs to the {other} hook"))),
    };
    let turn = match (text(raw.turn_id), raw.stop_hook_active.unwrap_or(false)) {
        (Some(name), _) => TurnPosition::Named(name),
        (None, true) => TurnPosition::Continuing,
        (None, false) => TurnPosition::First,
    };
    let mut request = GateRequest::new(text(raw.session_id).unwrap_or_default(), turn);
    request.agent = text(raw.agent_id).filter(|_| event == StopEvent::SubagentStop);
    request.cwd = path(raw.cwd);
    request.last_message = text(raw.last_assistant_message);
    Ok(StopInput {
        event,
        request,
        transcript_path: path(raw.transcript_path),
        permission_mode: text(raw.permission_mode),
        model: text(raw.model),
    })
}
