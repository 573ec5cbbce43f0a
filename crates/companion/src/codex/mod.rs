//! One run of Codex: start the app-server, open a thread, run a turn, end it.
//!
//! A caller describes a turn ([`TurnRequest`]) and gets what it came to ([`FinishedTurn`]), or an [`Error`]
//! when no turn was started.

mod broker;
mod connect;
mod locate;
mod models;
mod requests;
mod thread;
mod turn;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use codex_rpc::client::TurnLimits;
use codex_rpc::policy::AllowList;
use codex_rpc::protocol::review::ReviewTarget;
use codex_rpc::turn::TurnOutcome;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use broker::{BrokerRoute, Transport, is_listening};
pub use connect::{child, connect, connect_observed};
pub use locate::{codex as locate, in_path};
pub use turn::run;

use crate::error::{self, Error};

/// The name that Codex knows us by.
pub const CLIENT_NAME: &str = "codex-companion";

/// How Codex is started.
#[derive(Clone, Debug)]
pub struct Codex {
    /// The program.
    pub program: PathBuf,
    /// Settings to override, as `key=value`; passed on with `-c`.
    pub overrides: Vec<String>,
    /// Variables to set for it.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory: the root of the work tree.
    pub cwd: PathBuf,
    /// How long it may take to answer the handshake.
    pub handshake: Duration,
    /// How it is reached.
    pub transport: Transport,
}

impl Codex {
    /// A process of its own for each run, with a handshake of at most 5 seconds.
    pub fn new(program: impl Into<PathBuf>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            overrides: Vec::new(),
            env: Vec::new(),
            cwd: cwd.into(),
            handshake: Duration::from_secs(5),
            transport: Transport::Direct,
        }
    }

    /// Overrides settings, as `key=value`.
    #[must_use]
    pub fn overrides(mut self, overrides: Vec<String>) -> Self {
        self.overrides = overrides;
        self
    }

    /// Sets variables of its environment.
    #[must_use]
    pub fn env(mut self, env: Vec<(OsString, OsString)>) -> Self {
        self.env = env;
        self
    }

    /// Limits the handshake.
    #[must_use]
    pub fn handshake(mut self, limit: Duration) -> Self {
        self.handshake = limit;
        self
    }

    /// Sets how it is reached.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }
}

/// The thread that a turn runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThreadChoice {
    /// A new one that Codex does not keep.
    Ephemeral,
    /// A new one that can be resumed.
    Persistent,
    /// The one with this id.
    Resume(String),
    /// The newest task of this directory.
    ResumeLast,
}

/// What Codex is asked.
#[derive(Clone, Debug)]
pub enum TurnInput {
    /// A review by Codex's own reviewer.
    Review(ReviewTarget),
    /// A prompt, with a schema for the answer or without one.
    Prompt {
        /// The prompt, byte for byte.
        text: String,
        /// The JSON Schema of the answer.
        output_schema: Option<Value>,
    },
}

/// What a turn may do.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Whether it may change files in the work tree.
    pub write: bool,
    /// What is approved when Codex asks. `None`: Codex does not ask, and refuses by itself.
    pub approvals: Option<AllowList>,
}

/// A turn to run.
#[derive(Clone, Debug)]
pub struct TurnRequest {
    /// The thread.
    pub thread: ThreadChoice,
    /// What is asked.
    pub input: TurnInput,
    /// What it may do.
    pub access: Access,
    /// The model; Codex's default when `None`.
    pub model: Option<String>,
    /// The reasoning effort; Codex's default when `None`.
    pub effort: Option<String>,
    /// How long it may take.
    pub limits: TurnLimits,
}

impl TurnRequest {
    /// A read-only turn on a thread that Codex does not keep, with the default model and limits.
    #[must_use]
    pub fn new(input: TurnInput) -> Self {
        Self {
            thread: ThreadChoice::Ephemeral,
            input,
            access: Access::default(),
            model: None,
            effort: None,
            limits: TurnLimits::default(),
        }
    }
}

/// A turn that ended.
#[derive(Clone, Debug)]
pub struct FinishedTurn {
    /// How it ended.
    pub outcome: Arc<TurnOutcome>,
    /// The thread that it ran on.
    pub thread_id: String,
    /// The last that the codex program wrote on stderr.
    pub stderr_tail: String,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Whether a broker holds the thread for another moment.
    pub held: bool,
}

impl FinishedTurn {
    /// Why the turn did not succeed; `None` when it did.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        error::from_turn(self)
    }
}
