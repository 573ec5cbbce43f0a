//! What a turn may do: approval policies and sandboxes.

use serde::{Deserialize, Serialize};

use super::open::open_enum;

open_enum! {
    /// When Codex asks its client for leave. Per-kind policies, which Codex writes as objects, are read as `Other`.
    ApprovalPolicy {
        /// Ask before everything but what is known to be harmless.
        Untrusted = "untrusted",
        /// Ask when the model says that it needs more than the sandbox gives.
        OnRequest = "on-request",
        /// Never ask. MCP tools that need approval are then refused by Codex itself, without asking anyone.
        Never = "never",
    }
}

open_enum! {
    /// What the commands of a thread may do.
    ///
    /// Starting a thread with anything but `ReadOnly` makes Codex write `trust_level = "trusted"` for the directory
    /// into the user's `config.toml` (seen with 0.169.0). To write without that, start the thread read-only and
    /// pass a [`SandboxPolicy`] with the turn.
    SandboxMode {
        /// Read everything, write nothing, no network.
        ReadOnly = "read-only",
        /// Write inside the workspace.
        WorkspaceWrite = "workspace-write",
        /// No sandbox.
        DangerFullAccess = "danger-full-access",
    }
}

/// What the commands of a turn, and of those after it, may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum SandboxPolicy {
    /// No sandbox.
    DangerFullAccess,
    /// Read everything, write nothing.
    ReadOnly {
        /// Whether commands may use the network.
        #[serde(default)]
        network_access: bool,
    },
    /// Write inside the workspace.
    WorkspaceWrite {
        /// Absolute directories that may be written in addition to the workspace.
        #[serde(default)]
        writable_roots: Vec<String>,
        /// Whether commands may use the network.
        #[serde(default)]
        network_access: bool,
        /// Keeps `$TMPDIR` read-only.
        #[serde(default)]
        exclude_tmpdir_env_var: bool,
        /// Keeps `/tmp` read-only.
        #[serde(default)]
        exclude_slash_tmp: bool,
    },
}

impl SandboxPolicy {
    /// Read everything, write nothing, no network.
    pub fn read_only() -> Self {
        Self::ReadOnly { network_access: false }
    }

    /// Write inside the workspace and the temporary directories, no network.
    pub fn workspace_write() -> Self {
        Self::WorkspaceWrite {
            writable_roots: Vec::new(),
            network_access: false,
            exclude_tmpdir_env_var: false,
            exclude_slash_tmp: false,
        }
    }
}

open_enum! {
    /// The answer to a request for approval of a command or a file change.
    ApprovalDecision {
        /// Do it.
        Accept = "accept",
        /// Do it, and do not ask about the like again in this session.
        AcceptForSession = "acceptForSession",
        /// Do not do it; the turn continues and the model is informed.
        Decline = "decline",
        /// Do not do it, and interrupt the turn.
        Cancel = "cancel",
    }
}
