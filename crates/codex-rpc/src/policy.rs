//! Who answers what the server asks.
//!
//! The app-server asks its client for approvals, for a user's answers, for tools, for tokens. A [`Policy`] answers; there
//! are two here. [`Decline`] grants nothing and answers every kind in its own words, so that a turn goes on without what
//! was asked for instead of failing on an error: approvals are declined, elicitations cancelled, questions left
//! unanswered. [`AllowList`] accepts what is named beforehand and declines all else.
//!
//! With `approvalPolicy: "never"` Codex asks nothing of the kind: it refuses by itself (0.169.0; so do MCP tools that
//! need approval). To let some of it pass, a thread is started with `on-request` and an [`AllowList`].

use std::path::{Component, Path, PathBuf};

pub use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use crate::message::RpcError;
use crate::protocol::{
    ApprovalDecision, ApprovalResponse, CommandApprovalRequest, CurrentTimeResponse, DynamicToolCallResponse,
    FileChangeApprovalRequest, McpElicitationRequest, McpElicitationResponse, PermissionsApprovalResponse,
    ReviewDecision, ReviewDecisionResponse, ServerRequest, ToolUserInputResponse,
};
use crate::setters::optional_setters;

/// Answers the server's requests.
#[async_trait]
pub trait Policy: Send + Sync + 'static {
    /// Answers one request. It may take its time (ask a person, say), up to
    /// [`ClientOptions::policy_deadline`](crate::client::ClientOptions::policy_deadline); after that [`decline`] answers.
    async fn answer(&self, request: &ServerRequest) -> PolicyAnswer;
}

/// The answer to a request. Exhaustive on purpose: JSON-RPC has no other answers.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyAnswer {
    /// This result.
    Result(Value),
    /// This error.
    Error(RpcError),
}

impl PolicyAnswer {
    /// A typed result, one of the `…Response` types of [`crate::protocol`].
    ///
    /// A result that cannot be written as JSON becomes an internal error.
    #[must_use]
    pub fn result(result: &impl Serialize) -> Self {
        match serde_json::to_value(result) {
            Ok(value) => Self::Result(value),
            Err(error) => Self::Error(RpcError::new(RpcError::INTERNAL_ERROR, error.to_string())),
        }
    }
}

/// Grants nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decline;

#[async_trait]
impl Policy for Decline {
    async fn answer(&self, request: &ServerRequest) -> PolicyAnswer {
        decline(request)
    }
}

/// The answer to a request that grants nothing and lets the turn go on. A JSON-RPC error only where the protocol has no
/// such answer: tokens, attestation, and methods that this version does not know.
#[must_use]
pub fn decline(request: &ServerRequest) -> PolicyAnswer {
    match request {
        ServerRequest::CommandApproval(_) | ServerRequest::FileChangeApproval(_) => {
            PolicyAnswer::result(&ApprovalResponse::new(ApprovalDecision::Decline))
        }
        ServerRequest::PermissionsApproval(_) => {
            PolicyAnswer::result(&PermissionsApprovalResponse::nothing())
        }
        ServerRequest::ToolUserInput(_) => PolicyAnswer::result(&ToolUserInputResponse::unanswered()),
        ServerRequest::DynamicToolCall(call) => {
            let text = format!("this client has no tool named {}", call.tool);
            PolicyAnswer::result(&DynamicToolCallResponse::text(text, false))
        }
        // Codex asks whether a tool may run: no. A server asks a user something: there is none.
        ServerRequest::McpElicitation(request) if request.is_tool_approval() => {
            PolicyAnswer::result(&McpElicitationResponse::decline())
        }
        ServerRequest::McpElicitation(_) => PolicyAnswer::result(&McpElicitationResponse::cancel()),
        ServerRequest::ApplyPatchApproval(_) | ServerRequest::ExecCommandApproval(_) => {
            let rejection = "this client approves nothing".to_owned();
            PolicyAnswer::result(&ReviewDecisionResponse::new(ReviewDecision::Denied { rejection }))
        }
        ServerRequest::CurrentTimeRead(_) => {
            let since =
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            PolicyAnswer::result(&CurrentTimeResponse::new(
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            ))
        }
        ServerRequest::ChatgptAuthTokensRefresh(_) | ServerRequest::AttestationGenerate(_) => {
            let message = format!("this client has no answer to {}", request.method());
            PolicyAnswer::Error(RpcError::new(RpcError::INVALID_REQUEST, message))
        }
        ServerRequest::Other { method, .. } => {
            PolicyAnswer::Error(RpcError::new(RpcError::METHOD_NOT_FOUND, format!("unknown method {method}")))
        }
    }
}

/// The answer that grants what a request asks for, where an answer without further knowledge can: a command, a file change
/// or a tool call runs this once, and permissions hold for the turn. Requests that ask for text or a token (questions,
/// forms, tools of the client) cannot be accepted blindly and are answered as [`decline`] answers them.
///
/// An accepted command runs outside of Codex's sandbox. Call this only for requests that a person or a rule has checked.
#[must_use]
pub fn accept(request: &ServerRequest) -> PolicyAnswer {
    match request {
        ServerRequest::CommandApproval(_) | ServerRequest::FileChangeApproval(_) => {
            PolicyAnswer::result(&ApprovalResponse::new(ApprovalDecision::Accept))
        }
        ServerRequest::PermissionsApproval(request) => {
            PolicyAnswer::result(&PermissionsApprovalResponse::granting(request))
        }
        ServerRequest::McpElicitation(request) if request.is_tool_approval() => {
            PolicyAnswer::result(&McpElicitationResponse::accept())
        }
        ServerRequest::ApplyPatchApproval(_) | ServerRequest::ExecCommandApproval(_) => {
            PolicyAnswer::result(&ReviewDecisionResponse::new(ReviewDecision::Approved))
        }
        _ => decline(request),
    }
}

/// Accepts what was named beforehand, and declines all else.
///
/// An accepted command runs outside of Codex's sandbox: that is what Codex asks for when it asks. Accepting is therefore
/// bound to the directory that the user gave for writing, and never extends to the network or to more permissions.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AllowList {
    /// MCP tools that may run. Default: none.
    pub mcp_tools: Vec<ToolPattern>,
    /// The directory inside which file changes and commands are accepted; canonical. Default: none are.
    pub write_root: Option<PathBuf>,
}

impl AllowList {
    /// An empty list, which declines like [`Decline`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts these MCP tools in addition.
    #[must_use]
    pub fn mcp_tools(mut self, tools: impl IntoIterator<Item = ToolPattern>) -> Self {
        self.mcp_tools.extend(tools);
        self
    }

    fn tool_allowed(&self, request: &McpElicitationRequest) -> bool {
        let tool = request.meta.as_ref().and_then(|meta| meta.get("tool_name")).and_then(Value::as_str);
        request.is_tool_approval()
            && self.mcp_tools.iter().any(|pattern| pattern.matches(&request.server_name, tool))
    }

    fn command_allowed(&self, request: &CommandApprovalRequest) -> bool {
        let plain = request.kind.as_deref().is_none_or(|kind| kind == "command")
            && request.additional_permissions.is_none()
            && request.network_approval_context.is_none();
        plain && request.cwd.as_deref().is_some_and(|cwd| self.inside(cwd))
    }

    /// Codex asks because a patch leaves what its sandbox allows, so every path of it is looked at; a patch whose paths
    /// are not known is declined.
    fn change_allowed(&self, request: &FileChangeApprovalRequest) -> bool {
        let paths = request.paths.as_deref().unwrap_or_default();
        !paths.is_empty()
            && paths.iter().all(|path| self.inside(path))
            && request.grant_root.as_deref().is_none_or(|root| self.inside(root))
    }

    /// Whether a path is inside the writable directory. `..` and relative paths never are, and links are followed as far as the
    /// path exists: what a link points to counts, not where it is.
    fn inside(&self, path: &str) -> bool {
        let path = Path::new(path);
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return false;
        }
        let Some(root) = self.write_root.as_deref() else { return false };
        // The nearest ancestor that is there, even as a dangling link, decides.
        let there = path.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok());
        there.and_then(|there| there.canonicalize().ok()).is_some_and(|real| real.starts_with(root))
    }
}

optional_setters! { AllowList { write_root: PathBuf } }

#[async_trait]
impl Policy for AllowList {
    async fn answer(&self, request: &ServerRequest) -> PolicyAnswer {
        let allowed = match request {
            ServerRequest::McpElicitation(request) => self.tool_allowed(request),
            ServerRequest::CommandApproval(request) => self.command_allowed(request),
            ServerRequest::FileChangeApproval(request) => self.change_allowed(request),
            _ => false,
        };
        if allowed { accept(request) } else { decline(request) }
    }
}

/// Names MCP tools: `server/tool`, or `server/*` for all of a server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolPattern {
    server: String,
    /// `None` for all.
    tool: Option<String>,
}

impl ToolPattern {
    fn matches(&self, server: &str, tool: Option<&str>) -> bool {
        self.server == server && self.tool.as_deref().is_none_or(|name| Some(name) == tool)
    }
}

/// A tool pattern that is not `server/tool` or `server/*`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no MCP tool: write server/tool, or server/* for all tools of a server")]
pub struct ToolPatternError(String);

impl std::str::FromStr for ToolPattern {
    type Err = ToolPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            // A star elsewhere would be read as a name, and accept nothing without anybody noticing.
            Some((server, tool)) if !server.is_empty() && !tool.is_empty() && !server.contains('*') => {
                match tool {
                    "*" => Ok(Self { server: server.to_owned(), tool: None }),
                    tool if tool.contains('*') => Err(ToolPatternError(text.to_owned())),
                    tool => Ok(Self { server: server.to_owned(), tool: Some(tool.to_owned()) }),
                }
            }
            _ => Err(ToolPatternError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(policy: &dyn Policy, method: &str, params: &Value) -> Value {
        let request = ServerRequest::parse(method, Some(params.to_string().as_bytes())).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(policy.answer(&request)) {
            PolicyAnswer::Result(value) => value,
            PolicyAnswer::Error(error) => json!({ "error": error.code }),
        }
    }

    fn ids(extra: &Value) -> Value {
        let mut all =
            json!({"threadId": "t", "turnId": "u", "itemId": "i", "callId": "c", "conversationId": "t"});
        all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        all
    }

    fn tool_approval(server: &str, tool: &str) -> Value {
        let meta = json!({"codex_approval_kind": "mcp_tool_call", "tool_name": tool});
        ids(&json!({"serverName": server, "mode": "form", "message": "?", "_meta": meta}))
    }

    /// d29: every kind that Codex has gets an answer of its own kind.
    #[test]
    fn d29_every_kind_is_declined_in_its_own_words() {
        let check = |method: &str, params: Value, expected: Value| {
            assert_eq!(ask(&Decline, method, &ids(&params)), expected, "{method}");
        };
        let decline = json!({"decision": "decline"});
        check("item/commandExecution/requestApproval", json!({"command": "rm"}), decline.clone());
        check("item/fileChange/requestApproval", json!({}), decline);
        check("item/permissions/requestApproval", json!({}), json!({"permissions": {}, "scope": "turn"}));
        check("item/tool/requestUserInput", json!({"questions": []}), json!({"answers": {}}));
        let no_tool = json!({"type": "inputText", "text": "this client has no tool named x"});
        check("item/tool/call", json!({"tool": "x"}), json!({"success": false, "contentItems": [no_tool]}));
        let cancelled = json!({"action": "cancel", "content": null});
        check("mcpServer/elicitation/request", json!({"serverName": "s", "mode": "form"}), cancelled);
        let denied = json!({"decision": {"denied": {"rejection": "this client approves nothing"}}});
        check("applyPatchApproval", json!({"fileChanges": {}}), denied.clone());
        check("execCommandApproval", json!({}), denied);
        check("account/chatgptAuthTokens/refresh", json!({"reason": "r"}), json!({"error": -32600}));
        check("attestation/generate", json!({}), json!({"error": -32600}));
        check("item/dance", json!({}), json!({"error": -32601}));
        let declined = json!({"action": "decline", "content": null});
        assert_eq!(ask(&Decline, "mcpServer/elicitation/request", &tool_approval("s", "x")), declined);
    }

    #[test]
    fn accept_grants_what_can_be_granted_and_declines_the_rest() {
        let check = |method: &str, params: Value, expected: Value| {
            let params = ids(&params).to_string();
            let request = ServerRequest::parse(method, Some(params.as_bytes())).unwrap();
            assert_eq!(accept(&request), PolicyAnswer::Result(expected), "{method}");
        };
        let accepted = json!({"decision": "accept"});
        check("item/commandExecution/requestApproval", json!({"command": "ls"}), accepted.clone());
        check("item/fileChange/requestApproval", json!({}), accepted);
        let network = json!({"network": {"enabled": true}});
        let granted = json!({"permissions": network, "scope": "turn"});
        check("item/permissions/requestApproval", json!({"permissions": network}), granted);
        check("execCommandApproval", json!({}), json!({"decision": "approved"}));
        check(
            "mcpServer/elicitation/request",
            tool_approval("s", "x"),
            json!({"action": "accept", "content": {}}),
        );
        // A question needs an answer that no rule can give.
        check("item/tool/requestUserInput", json!({"questions": []}), json!({"answers": {}}));
        let form = json!({"serverName": "s", "mode": "form", "message": "password?"});
        check("mcpServer/elicitation/request", form, json!({"action": "cancel", "content": null}));
    }

    #[test]
    fn d29_only_named_tools_run() {
        let mut list = AllowList::new();
        list.mcp_tools = vec!["files/read".parse().unwrap(), "notes/*".parse().unwrap()];
        let check = |server: &str, tool: &str, expected: &str| {
            let answer = ask(&list, "mcpServer/elicitation/request", &tool_approval(server, tool));
            assert_eq!(answer["action"], expected, "{server}/{tool}");
        };
        check("files", "read", "accept");
        check("files", "write", "decline");
        check("notes", "anything", "accept");
        check("note", "anything", "decline");
        // A form of a server that is on the list is a question to a person, not leave to run a tool.
        let form = ids(&json!({"serverName": "notes", "mode": "form", "message": "password?"}));
        assert_eq!(ask(&list, "mcpServer/elicitation/request", &form)["action"], "cancel");
    }

    #[test]
    fn d29_commands_and_changes_are_bound_to_the_writable_folder() {
        let mut list = AllowList::new();
        let method = "item/commandExecution/requestApproval";
        let inside = ids(&json!({"command": "make", "cwd": "/repo/sub"}));
        assert_eq!(ask(&list, method, &inside)["decision"], "decline");
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("repo/sub")).unwrap();
        std::fs::create_dir(root.join("repository")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc", root.join("repo/link")).unwrap();
        let at = |path: &str| root.join(path).to_string_lossy().into_owned();
        list.write_root = Some(root.join("repo"));
        let check = |extra: Value, expected: &str| {
            assert_eq!(ask(&list, method, &ids(&extra))["decision"], expected, "{extra}");
        };
        check(json!({"command": "make", "cwd": at("repo/sub")}), "accept");
        check(json!({"command": "make", "cwd": at("repo/../etc")}), "decline");
        check(json!({"command": "make", "cwd": at("repository")}), "decline");
        check(json!({"command": "make", "cwd": at("repo/link")}), "decline");
        check(json!({"command": "make", "cwd": "sub"}), "decline");
        check(json!({"command": "make"}), "decline");
        check(
            json!({"command": "curl", "cwd": at("repo"), "networkApprovalContext": {"host": "h"}}),
            "decline",
        );
        check(json!({"command": "x", "cwd": at("repo"), "additionalPermissions": {}}), "decline");
        check(json!({"kind": "writeStdin", "cwd": at("repo")}), "decline");
        let change = |extra: Value, paths: Option<&[&str]>| {
            let params = ids(&extra).to_string();
            let request =
                ServerRequest::parse("item/fileChange/requestApproval", Some(params.as_bytes())).unwrap();
            let ServerRequest::FileChangeApproval(mut request) = request else { panic!("{request:?}") };
            request.paths = paths.map(|paths| paths.iter().map(|path| at(path)).collect());
            list.change_allowed(&request)
        };
        assert!(change(json!({}), Some(&["repo/sub/new.rs", "repo/deep/down/new.rs"])));
        assert!(!change(json!({}), None), "a patch whose paths were not seen");
        assert!(!change(json!({}), Some(&[])));
        assert!(!change(json!({}), Some(&["repo/a.rs", "elsewhere/b.rs"])));
        assert!(!change(json!({}), Some(&["repo/link/passwd"])), "through a link");
        assert!(change(json!({"grantRoot": at("repo/sub")}), Some(&["repo/sub/a"])));
        assert!(!change(json!({"grantRoot": "/"}), Some(&["repo/sub/a"])));
    }

    #[test]
    fn a_pattern_that_would_match_nothing_is_refused() {
        for text in ["", "server", "/tool", "server/", "*/*", "*/tool", "server/re*"] {
            assert!(text.parse::<ToolPattern>().is_err(), "{text:?}");
        }
    }
}
