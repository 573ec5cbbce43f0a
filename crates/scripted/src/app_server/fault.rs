//! How a scripted app-server answers a method other than it should.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::step::{Death, Noise};
use crate::Gate;

/// A way in which a method is answered other than it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fault {
    #[serde(rename = "do")]
    pub(super) kind: FaultKind,
    /// How many requests it is for; for ever when not given.
    #[serde(default)]
    pub(super) times: Option<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum FaultKind {
    Stall,
    Late {
        ms: u64,
    },
    #[serde(skip)]
    Hold(Gate),
    HoldUntilFile(PathBuf),
    Twice,
    WrongId,
    Error {
        code: i64,
        message: String,
        #[serde(default)]
        data: Option<Value>,
    },
    Answer(Value),
    Raw(String),
    Noise(Noise),
    Die(Death),
    None,
}

impl Fault {
    /// The request is never answered and has no effect.
    pub fn stall() -> Self {
        FaultKind::Stall.into()
    }

    /// The request is dealt with after this many milliseconds.
    pub fn late(ms: u64) -> Self {
        FaultKind::Late { ms }.into()
    }

    /// The request is dealt with once the gate is released. For scripts in memory only.
    pub fn hold(gate: &Gate) -> Self {
        FaultKind::Hold(gate.clone()).into()
    }

    /// The request is dealt with once this file exists.
    pub fn hold_until_file(path: impl Into<PathBuf>) -> Self {
        FaultKind::HoldUntilFile(path.into()).into()
    }

    /// The answer is sent twice.
    pub fn twice() -> Self {
        FaultKind::Twice.into()
    }

    /// The answer carries an id of no request.
    pub fn wrong_id() -> Self {
        FaultKind::WrongId.into()
    }

    /// The request is answered with a JSON-RPC error and has no effect.
    pub fn error(code: i64, message: impl Into<String>) -> Self {
        FaultKind::Error { code, message: message.into(), data: None }.into()
    }

    /// Codex's own "overloaded, back off": -32001.
    pub fn overloaded() -> Self {
        Self::error(-32001, "Server overloaded; retry later.")
    }

    /// The request is answered with this result and has no other effect. Any method can be given one.
    pub fn answer(result: Value) -> Self {
        FaultKind::Answer(result).into()
    }

    /// This line is sent instead of the answer.
    pub fn raw(line: impl Into<String>) -> Self {
        FaultKind::Raw(line.into()).into()
    }

    /// A line of noise comes before the answer.
    pub fn noise(noise: Noise) -> Self {
        FaultKind::Noise(noise).into()
    }

    /// The server dies instead of answering.
    pub fn die(code: i32, stderr: impl Into<String>) -> Self {
        FaultKind::Die(Death { code, stderr: stderr.into(), abort: false }).into()
    }

    /// No fault: the request is answered as it should be. Precedes a fault that is for a later request.
    pub fn none() -> Self {
        FaultKind::None.into()
    }

    /// For how many requests; then the method's next fault counts, or none. Default: for ever.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self { kind, times: None }
    }
}
