//! Requests for approval, of today's protocol and of the older one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::protocol::open::null_as_default;
use crate::protocol::{ApprovalDecision, CommandAction, ItemId, ThreadId, TurnId};

/// May this command run?
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CommandApprovalRequest {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The command's item.
    pub item_id: ItemId,
    /// What is asked: a command (`command`, also when left out), one for a person only (`humanCommand`), or input for
    /// a running one (`writeStdin`).
    #[serde(default)]
    pub kind: Option<String>,
    /// The command line.
    #[serde(default)]
    pub command: Option<String>,
    /// Where it would run.
    #[serde(default)]
    pub cwd: Option<String>,
    /// Why it is asked.
    #[serde(default)]
    pub reason: Option<String>,
    /// What Codex understands the command to do.
    #[serde(default, deserialize_with = "null_as_default")]
    pub command_actions: Vec<CommandAction>,
    /// Set when the command asks for more than the sandbox gives, the network for example.
    #[serde(default)]
    pub additional_permissions: Option<Value>,
    /// Set when what is asked for is access to a host.
    #[serde(default)]
    pub network_approval_context: Option<Value>,
}

/// May this patch be applied?
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileChangeApprovalRequest {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The patch's item; its files came with the item's `item/started`.
    pub item_id: ItemId,
    /// Why it is asked.
    #[serde(default)]
    pub reason: Option<String>,
    /// A directory that would be writable for the rest of the session.
    #[serde(default)]
    pub grant_root: Option<String>,
    /// The files that the patch touches, targets of moves included, as absolute paths. Not part of the request: a
    /// [`Client`](crate::client::Client) fills it in from the item's `item/started`. `None` when that was not seen.
    #[serde(skip)]
    pub paths: Option<Vec<String>>,
}

/// The answer to a request for approval of a command or a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalResponse {
    /// The decision.
    pub decision: ApprovalDecision,
}

impl ApprovalResponse {
    /// This decision.
    pub fn new(decision: ApprovalDecision) -> Self {
        Self { decision }
    }
}

/// May the turn have more permissions?
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PermissionsApprovalRequest {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The item.
    pub item_id: ItemId,
    /// The directory that it is about.
    #[serde(default)]
    pub cwd: String,
    /// Why it is asked.
    #[serde(default)]
    pub reason: Option<String>,
    /// What is asked for: `network` and `fileSystem`, each of which may be null.
    #[serde(default)]
    pub permissions: Map<String, Value>,
}

/// Which permissions are given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PermissionsApprovalResponse {
    /// What is given; empty is nothing.
    pub permissions: Map<String, Value>,
    /// For how long: `turn` or `session`.
    pub scope: String,
}

impl PermissionsApprovalResponse {
    /// Nothing.
    pub fn nothing() -> Self {
        Self { permissions: Map::new(), scope: "turn".to_owned() }
    }

    /// All that was asked for, for this turn.
    pub fn granting(request: &PermissionsApprovalRequest) -> Self {
        let asked = request.permissions.iter().filter(|(_, permission)| !permission.is_null());
        let permissions = asked.map(|(name, permission)| (name.clone(), permission.clone())).collect();
        Self { permissions, scope: "turn".to_owned() }
    }
}

/// May this patch be applied?
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ApplyPatchApprovalRequest {
    /// The thread.
    pub conversation_id: ThreadId,
    /// The call.
    pub call_id: String,
    /// The files' paths.
    #[serde(default, rename = "fileChanges", deserialize_with = "keys")]
    pub files: Vec<String>,
    /// Why it is asked.
    #[serde(default)]
    pub reason: Option<String>,
    /// A directory that would be writable for the rest of the session.
    #[serde(default)]
    pub grant_root: Option<String>,
}

fn keys<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Map::deserialize(deserializer)?.into_iter().map(|(key, _)| key).collect())
}

/// May this command run?
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExecCommandApprovalRequest {
    /// The thread.
    pub conversation_id: ThreadId,
    /// The call.
    pub call_id: String,
    /// The program and its arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// Where it would run.
    #[serde(default)]
    pub cwd: String,
    /// Why it is asked.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A decision in the older protocol's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReviewDecision {
    /// Do it.
    Approved,
    /// Do it, and do not ask about the like again.
    ApprovedForSession,
    /// Do not do it; the turn goes on.
    Denied {
        /// The text for the model.
        rejection: String,
    },
    /// Do not do it, and interrupt the turn.
    Abort,
}

/// The answer to the older protocol's approval requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReviewDecisionResponse {
    /// The decision.
    pub decision: ReviewDecision,
}

impl ReviewDecisionResponse {
    /// This decision.
    pub fn new(decision: ReviewDecision) -> Self {
        Self { decision }
    }
}
