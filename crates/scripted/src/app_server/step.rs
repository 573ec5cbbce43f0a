//! What happens in a scripted turn.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Gate;

/// The steps of one turn. When they are done the turn completes, unless a step ended it otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Turn(pub Vec<Step>);

/// One step of a turn. Events, members and their order are those of Codex 0.169.0.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Step {
    /// A message of the agent.
    Say {
        /// Its text.
        text: String,
        /// Its phase: `commentary`, `final_answer` or none.
        #[serde(default)]
        phase: Option<String>,
        /// In how many deltas it comes; 0 counts as 1.
        #[serde(default)]
        pieces: usize,
        /// Over how many milliseconds they are spread.
        #[serde(default)]
        over_ms: u64,
    },
    /// A reasoning item with a summary.
    Reason {
        /// The summary.
        summary: String,
    },
    /// A shell command; nothing is run.
    Command {
        /// The command line.
        command: String,
        /// What it printed.
        #[serde(default)]
        output: String,
        /// Its exit code.
        #[serde(default)]
        exit_code: i32,
    },
    /// A change of one file; nothing is written.
    Edit {
        /// The path of the file.
        path: String,
        /// The unified diff, or the content of an added file.
        diff: String,
    },
    /// A call of an MCP tool.
    CallMcp {
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// Whether the client is asked first (`mcpServer/elicitation/request`); a refusal fails the call.
        #[serde(default)]
        ask: bool,
    },
    /// A command that needs approval (`item/commandExecution/requestApproval`): `accept` runs it, `decline` and an
    /// error refuse it, `cancel` interrupts the turn.
    ApproveCommand {
        /// The command line.
        command: String,
    },
    /// A file change that needs approval (`item/fileChange/requestApproval`), decided as a command is.
    ApproveEdit {
        /// The path of the file.
        path: String,
        /// The diff.
        diff: String,
    },
    /// Any request of the server to the client. The turn waits for any answer. In `params` the
    /// strings `{threadId}` and `{turnId}` are replaced.
    Ask {
        /// The method.
        method: String,
        /// The parameters.
        params: Value,
    },
    /// A sub-agent on a thread of its own, started and then waited for.
    SubAgent {
        /// The text for the sub-agent.
        prompt: String,
        /// What it does.
        turn: Turn,
    },
    /// A notification of any method, known or not. In `params` the strings `{threadId}` and `{turnId}` are replaced.
    Notify {
        /// The method.
        method: String,
        /// The parameters.
        params: Value,
    },
    /// A time in which nothing is sent.
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// Waits until the gate is released. For scripts in memory only.
    #[serde(skip)]
    Hold(Gate),
    /// Waits until this file exists. For scripts of the program.
    HoldUntilFile(PathBuf),
    /// Creates this empty file, so that another process knows how far the turn has come.
    Touch(PathBuf),
    /// A line of noise.
    Noise(Noise),
    /// Many notifications (`item/agentMessage/delta`), as fast as they are read.
    Flood {
        /// How many.
        count: usize,
        /// The bytes of text in each.
        bytes: usize,
    },
    /// One notification that is about this many bytes long.
    LongLine {
        /// Bytes.
        bytes: usize,
    },
    /// An `error` with `willRetry: true`: the stream broke and is tried again.
    Retry {
        /// The message, such as `Reconnecting... 1/2`.
        message: String,
    },
    /// The turn fails: `error` with `willRetry: false`, then `turn/completed` with the status `failed`.
    Fail {
        /// The message.
        message: String,
        /// The `codexErrorInfo`. Default `"other"`.
        #[serde(default = "other")]
        info: Value,
    },
    /// The turn fails and `turn/completed` never comes, as after a base without a merge base.
    FatalError {
        /// The message.
        message: String,
    },
    /// Nothing more comes until the turn is interrupted.
    Stall,
    /// The turn completes, and `turn/completed` is sent twice.
    CompleteTwice,
    /// The turn ends as interrupted without anybody having asked.
    Interrupted,
    /// The server dies. What was sent before it arrives.
    Die(Death),
}

/// How a server ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Death {
    /// The exit code.
    pub code: i32,
    /// What it prints on stderr before it goes.
    pub stderr: String,
    /// Whether it ends by a signal (SIGABRT) instead, as a crash does. Means nothing in memory.
    pub abort: bool,
}

/// A line that is no message, or a way of writing all lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Noise {
    /// A line of a log.
    Log,
    /// A line of ANSI escapes.
    Ansi,
    /// A line in another language than ASCII's.
    Banner,
    /// An empty line.
    Blank,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// JSON that is no object.
    Scalar,
    /// The beginning of a message, cut off by the end of the line.
    HalfMessage,
    /// A UTF-8 byte order mark before the first line of all.
    Bom,
    /// Lines end with CR LF.
    Crlf,
}

impl Turn {
    /// A turn that says this and completes.
    pub fn say(text: impl Into<String>) -> Self {
        Self(Vec::new()).then(Step::say(text))
    }

    /// A turn of these steps. Without any it completes with no message.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }

    /// Adds a step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }
}

impl From<Step> for Turn {
    fn from(step: Step) -> Self {
        Self(vec![step])
    }
}

impl Step {
    /// A message without a phase, in one delta.
    pub fn say(text: impl Into<String>) -> Self {
        Self::Say { text: text.into(), phase: None, pieces: 1, over_ms: 0 }
    }

    /// A message with a phase (`commentary`, `final_answer`), in one delta.
    pub fn say_as(phase: &str, text: impl Into<String>) -> Self {
        Self::Say { text: text.into(), phase: Some(phase.to_owned()), pieces: 1, over_ms: 0 }
    }

    /// A command that printed this and succeeded.
    pub fn command(command: impl Into<String>, output: impl Into<String>) -> Self {
        Self::Command { command: command.into(), output: output.into(), exit_code: 0 }
    }

    /// Waits until the gate is released.
    pub fn hold(gate: &Gate) -> Self {
        Self::Hold(gate.clone())
    }

    /// The turn fails with this message.
    pub fn fail(message: impl Into<String>) -> Self {
        Self::Fail { message: message.into(), info: other() }
    }

    /// The server exits with this code and this text on stderr.
    pub fn die(code: i32, stderr: impl Into<String>) -> Self {
        Self::Die(Death { code, stderr: stderr.into(), abort: false })
    }
}

fn other() -> Value {
    "other".into()
}
