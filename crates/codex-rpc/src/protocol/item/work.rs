//! Commands that ran and files that changed.

use serde::Deserialize;

use crate::protocol::ItemId;
use crate::protocol::open::{lenient, null_as_default, open_enum};

/// A command that the model ran.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CommandExecutionItem {
    /// The item.
    pub id: ItemId,
    /// The whole command line, usually `/bin/bash -lc '…'`.
    pub command: String,
    /// Where it ran.
    #[serde(default)]
    pub cwd: String,
    /// Its state.
    #[serde(default = "in_progress")]
    pub status: ItemStatus,
    /// What Codex understands the command to do; one entry a part of a pipe.
    #[serde(default, deserialize_with = "null_as_default")]
    pub command_actions: Vec<CommandAction>,
    /// Standard output and error together, once it ended.
    #[serde(default)]
    pub aggregated_output: Option<String>,
    /// The exit code, once it ended by itself.
    #[serde(default, deserialize_with = "lenient")]
    pub exit_code: Option<i64>,
    /// How long it took, in milliseconds.
    #[serde(default, deserialize_with = "lenient")]
    pub duration_ms: Option<i64>,
}

pub(super) fn in_progress() -> ItemStatus {
    ItemStatus::InProgress
}

open_enum! {
    /// The state of a command, a file change or a tool call.
    ItemStatus {
        /// Running.
        InProgress = "inProgress",
        /// Done.
        Completed = "completed",
        /// Failed; for a command, an exit code other than 0.
        Failed = "failed",
        /// Not allowed.
        Declined = "declined",
        /// Stopped (calls of sub-agents).
        Interrupted = "interrupted",
    }
}

/// What a command is understood to do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WireCommandAction")]
#[non_exhaustive]
pub enum CommandAction {
    /// Reads a file.
    Read {
        /// The part of the command line.
        command: String,
        /// The file's name.
        name: String,
    },
    /// Lists a directory.
    ListFiles {
        /// The part of the command line.
        command: String,
        /// The directory, if one is named.
        path: Option<String>,
    },
    /// Searches.
    Search {
        /// The part of the command line.
        command: String,
        /// What is searched for.
        query: Option<String>,
        /// Where.
        path: Option<String>,
    },
    /// Something else.
    Unknown {
        /// The part of the command line.
        command: String,
    },
}

impl CommandAction {
    /// The part of the command line that does it.
    pub fn command(&self) -> &str {
        match self {
            Self::Read { command, .. }
            | Self::ListFiles { command, .. }
            | Self::Search { command, .. }
            | Self::Unknown { command } => command,
        }
    }
}

#[derive(Deserialize)]
struct WireCommandAction {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    command: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    query: Option<String>,
}

impl From<WireCommandAction> for CommandAction {
    fn from(wire: WireCommandAction) -> Self {
        let WireCommandAction { r#type, command, name, path, query } = wire;
        match r#type.as_str() {
            "read" => Self::Read { command, name: name.or(path).unwrap_or_default() },
            "listFiles" => Self::ListFiles { command, path },
            "search" => Self::Search { command, query, path },
            _ => Self::Unknown { command },
        }
    }
}

/// A patch that the model applied.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct FileChangeItem {
    /// The item.
    pub id: ItemId,
    /// One entry a file.
    #[serde(default, deserialize_with = "null_as_default")]
    pub changes: Vec<FileUpdateChange>,
    /// Its state.
    #[serde(default = "in_progress")]
    pub status: ItemStatus,
}

/// A change of one file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct FileUpdateChange {
    /// The file's absolute path.
    pub path: String,
    /// What happens to it.
    pub kind: PatchChangeKind,
    /// The unified diff; for a new file, its content.
    #[serde(default)]
    pub diff: String,
}

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WirePatchChangeKind")]
#[non_exhaustive]
pub enum PatchChangeKind {
    /// It is made.
    Add,
    /// It is removed.
    Delete,
    /// It changes.
    Update {
        /// Its new path, if it moves.
        move_path: Option<String>,
    },
    /// Something new.
    Other(String),
}

#[derive(Deserialize)]
struct WirePatchChangeKind {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    move_path: Option<String>,
}

impl From<WirePatchChangeKind> for PatchChangeKind {
    fn from(wire: WirePatchChangeKind) -> Self {
        match wire.r#type.as_str() {
            "add" => Self::Add,
            "delete" => Self::Delete,
            "update" => Self::Update { move_path: wire.move_path },
            _ => Self::Other(wire.r#type),
        }
    }
}
