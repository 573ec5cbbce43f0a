//! What the server asks of its client, and the answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::open::{from_object, lenient, null_as_default, open_enum};
use super::{ApprovalDecision, CommandAction, ItemId, ProtocolError, ThreadId, TurnId};

/// The params of a request that the server may send; the type says the method and what the answer is made of.
pub trait ServerRequestParams {
    /// The method.
    const METHOD: &'static str;
    /// What the answer's `result` is made of.
    type Response: Serialize;
}

macro_rules! server_requests {
    ($($(#[$doc:meta])* $method:literal => $variant:ident($params:ident) -> $response:ty, $thread:expr;)+) => {
        /// A request of the app-server. Each must be answered: the turn waits.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum ServerRequest {
            $($(#[$doc])* $variant($params),)+
            /// A method that this version does not type. Answer with a JSON-RPC error.
            Other {
                /// The method.
                method: String,
                /// The params as they came.
                params: Option<Box<RawValue>>,
            },
        }

        impl ServerRequest {
            /// The methods that have a variant of their own.
            pub const METHODS: &[&str] = &[$($method,)+];

            /// Reads a request; `params` is the JSON of its `params` member.
            ///
            /// # Errors
            ///
            /// The method is known and its params are not. Answer with a JSON-RPC error, and go on.
            pub fn parse(method: &str, params: Option<&[u8]>) -> Result<Self, ProtocolError> {
                let json = params.unwrap_or(b"{}");
                match method {
                    $($method => from_object(json).map(Self::$variant),)+
                    _ => params.map(serde_json::from_slice).transpose().map(|params| Self::Other {
                        method: method.to_owned(),
                        params,
                    }),
                }
                .map_err(|cause| ProtocolError::new(method, cause))
            }

            /// The method.
            pub fn method(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $method,)+
                    Self::Other { method, .. } => method,
                }
            }

            /// The thread that asks, if it is about one.
            pub fn thread_id(&self) -> Option<&ThreadId> {
                match self {
                    $(Self::$variant(params) => {
                        let thread: fn(&$params) -> Option<&ThreadId> = $thread;
                        thread(params)
                    })+
                    Self::Other { .. } => None,
                }
            }
        }

        $(impl ServerRequestParams for $params {
            const METHOD: &'static str = $method;
            type Response = $response;
        })+
    };
}

server_requests! {
    /// May this command run?
    "item/commandExecution/requestApproval"
        => CommandApproval(CommandApprovalRequest) -> ApprovalResponse, |p| Some(&p.thread_id);
    /// May this patch be applied?
    "item/fileChange/requestApproval"
        => FileChangeApproval(FileChangeApprovalRequest) -> ApprovalResponse, |p| Some(&p.thread_id);
    /// May the turn have more permissions?
    "item/permissions/requestApproval"
        => PermissionsApproval(PermissionsApprovalRequest) -> PermissionsApprovalResponse, |p| Some(&p.thread_id);
    /// Questions to the user.
    "item/tool/requestUserInput"
        => ToolUserInput(ToolUserInputRequest) -> ToolUserInputResponse, |p| Some(&p.thread_id);
    /// A call of a tool that the client offered.
    "item/tool/call" => DynamicToolCall(DynamicToolCallRequest) -> DynamicToolCallResponse, |p| Some(&p.thread_id);
    /// An MCP server asks the user something, or Codex asks whether an MCP tool may run.
    "mcpServer/elicitation/request"
        => McpElicitation(McpElicitationRequest) -> McpElicitationResponse, |p| Some(&p.thread_id);
    /// Tokens that the client manages have run out.
    "account/chatgptAuthTokens/refresh"
        => ChatgptAuthTokensRefresh(ChatgptAuthTokensRefreshRequest) -> ChatgptAuthTokens, |_| None;
    /// A proof of what the client is. Only sent to clients that asked for it.
    "attestation/generate" => AttestationGenerate(AttestationGenerateRequest) -> AttestationResponse, |_| None;
    /// The time. Only sent to clients with the experimental surface.
    "currentTime/read" => CurrentTimeRead(CurrentTimeReadRequest) -> CurrentTimeResponse, |p| Some(&p.thread_id);
    /// May this patch be applied? The older protocol's way of asking.
    "applyPatchApproval"
        => ApplyPatchApproval(ApplyPatchApprovalRequest) -> ReviewDecisionResponse, |p| Some(&p.conversation_id);
    /// May this command run? The older protocol's way of asking.
    "execCommandApproval"
        => ExecCommandApproval(ExecCommandApprovalRequest) -> ReviewDecisionResponse, |p| Some(&p.conversation_id);
}

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
    /// A folder that would be writable for the rest of the session.
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
    /// The folder that it is about.
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

/// Questions to the user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolUserInputRequest {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The item.
    pub item_id: ItemId,
    /// The questions.
    #[serde(default, deserialize_with = "null_as_default")]
    pub questions: Vec<ToolUserInputQuestion>,
}

/// A question to the user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ToolUserInputQuestion {
    /// What the answer is filed under.
    pub id: String,
    /// The question.
    #[serde(default)]
    pub question: String,
}

/// Answers of the user; leaving a question out is not answering it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolUserInputResponse {
    /// By question id.
    pub answers: BTreeMap<String, ToolUserInputAnswer>,
}

impl ToolUserInputResponse {
    /// No answers: nobody is there.
    pub fn unanswered() -> Self {
        Self::default()
    }
}

/// An answer of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolUserInputAnswer {
    /// The chosen options, or what was typed.
    pub answers: Vec<String>,
}

/// A call of a tool that the client offered.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DynamicToolCallRequest {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The call.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// What it is called with.
    #[serde(default)]
    pub arguments: Value,
}

/// What a tool of the client says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DynamicToolCallResponse {
    /// Parts, as `{"type":"inputText","text":…}`.
    pub content_items: Vec<Value>,
    /// Whether it worked.
    pub success: bool,
}

impl DynamicToolCallResponse {
    /// A text.
    pub fn text(text: impl Into<String>, success: bool) -> Self {
        let item = serde_json::json!({ "type": "inputText", "text": text.into() });
        Self { content_items: vec![item], success }
    }
}

/// An MCP server asks the user something, or Codex asks whether an MCP tool may run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct McpElicitationRequest {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn, as far as Codex can tell.
    #[serde(default)]
    pub turn_id: Option<TurnId>,
    /// The MCP server.
    pub server_name: String,
    /// How it is to be asked: `form`, `url`, ….
    #[serde(default)]
    pub mode: String,
    /// The question.
    #[serde(default)]
    pub message: String,
    /// For the mode `url`, where the user is to go.
    #[serde(default)]
    pub url: Option<String>,
    /// The form's fields, as a JSON Schema.
    #[serde(default)]
    pub requested_schema: Option<Value>,
    /// What Codex adds. When it asks for leave itself, `codex_approval_kind` is here.
    #[serde(default, rename = "_meta", deserialize_with = "lenient")]
    pub meta: Option<Map<String, Value>>,
}

impl McpElicitationRequest {
    /// Whether Codex asks if an MCP tool may run (and no MCP server asks the user something).
    pub fn is_tool_approval(&self) -> bool {
        let kind = self.meta.as_ref().and_then(|meta| meta.get("codex_approval_kind"));
        kind.and_then(Value::as_str) == Some("mcp_tool_call")
    }
}

open_enum! {
    /// What becomes of an elicitation.
    ElicitationAction {
        /// Answered.
        Accept = "accept",
        /// Refused.
        Decline = "decline",
        /// Put aside: nobody is there.
        Cancel = "cancel",
    }
}

/// The answer to an elicitation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct McpElicitationResponse {
    /// What becomes of it.
    pub action: ElicitationAction,
    /// The form's values when it is accepted.
    pub content: Option<Value>,
}

impl McpElicitationResponse {
    /// Accepts with an empty form: what lets an MCP tool run.
    pub fn accept() -> Self {
        Self { action: ElicitationAction::Accept, content: Some(Value::Object(Map::new())) }
    }

    /// Refuses.
    pub fn decline() -> Self {
        Self { action: ElicitationAction::Decline, content: None }
    }

    /// Puts it aside.
    pub fn cancel() -> Self {
        Self { action: ElicitationAction::Cancel, content: None }
    }
}

/// Tokens that the client manages have run out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChatgptAuthTokensRefreshRequest {
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The account that they were for.
    #[serde(default)]
    pub previous_account_id: Option<String>,
}

/// New tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChatgptAuthTokens {
    /// The access token. Never shown by `Debug`.
    pub access_token: String,
    /// The account.
    pub chatgpt_account_id: String,
}

impl ChatgptAuthTokens {
    /// These tokens.
    pub fn new(access_token: impl Into<String>, chatgpt_account_id: impl Into<String>) -> Self {
        Self { access_token: access_token.into(), chatgpt_account_id: chatgpt_account_id.into() }
    }
}

impl std::fmt::Debug for ChatgptAuthTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatgptAuthTokens")
            .field("chatgpt_account_id", &self.chatgpt_account_id)
            .finish_non_exhaustive()
    }
}

/// A proof of what the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct AttestationGenerateRequest {}

/// The proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttestationResponse {
    /// Opaque.
    pub token: String,
}

impl AttestationResponse {
    /// This token.
    pub fn new(token: impl Into<String>) -> Self {
        Self { token: token.into() }
    }
}

/// The time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CurrentTimeReadRequest {
    /// The thread.
    pub thread_id: ThreadId,
}

/// The time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CurrentTimeResponse {
    /// Seconds since the Unix epoch.
    pub current_time_at: i64,
}

impl CurrentTimeResponse {
    /// This many seconds since the Unix epoch.
    pub fn new(current_time_at: i64) -> Self {
        Self { current_time_at }
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
    /// A folder that would be writable for the rest of the session.
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
        /// What the model is told.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_names_asks_for_nothing() {
        for method in ServerRequest::METHODS {
            for params in [r#"["t","u","i","c"]"#, "[]"] {
                assert!(ServerRequest::parse(method, Some(params.as_bytes())).is_err(), "{method} {params}");
            }
        }
    }

    #[test]
    fn unknown_requests_are_carried() {
        let request = ServerRequest::parse("item/dance", Some(b"{\"threadId\":\"t\"}")).unwrap();
        assert_eq!(request.method(), "item/dance");
        assert!(matches!(request, ServerRequest::Other { .. }));
        let error = ServerRequest::parse("item/tool/call", Some(b"{}")).unwrap_err();
        assert_eq!(error.method, "item/tool/call");
    }

    #[test]
    fn answers_look_as_codex_expects_them() {
        fn check(answer: &impl Serialize, expected: &str) {
            assert_eq!(serde_json::to_string(answer).unwrap(), expected);
        }
        check(&ApprovalResponse::new(ApprovalDecision::Decline), r#"{"decision":"decline"}"#);
        check(&McpElicitationResponse::accept(), r#"{"action":"accept","content":{}}"#);
        check(&McpElicitationResponse::cancel(), r#"{"action":"cancel","content":null}"#);
        check(&PermissionsApprovalResponse::nothing(), r#"{"permissions":{},"scope":"turn"}"#);
        check(&ToolUserInputResponse::unanswered(), r#"{"answers":{}}"#);
        check(
            &ReviewDecisionResponse::new(ReviewDecision::Denied { rejection: "no".into() }),
            r#"{"decision":{"denied":{"rejection":"no"}}}"#,
        );
        check(&ReviewDecisionResponse::new(ReviewDecision::Approved), r#"{"decision":"approved"}"#);
    }

    #[test]
    fn granting_leaves_out_what_was_not_asked_for() {
        let params = br#"{"threadId":"t","turnId":"u","itemId":"i","cwd":"/x","permissions":
            {"network":{"enabled":true},"fileSystem":null}}"#;
        let Ok(ServerRequest::PermissionsApproval(request)) =
            ServerRequest::parse("item/permissions/requestApproval", Some(params))
        else {
            panic!()
        };
        let answer = serde_json::to_value(PermissionsApprovalResponse::granting(&request)).unwrap();
        assert_eq!(answer.to_string(), r#"{"permissions":{"network":{"enabled":true}},"scope":"turn"}"#);
    }

    #[test]
    fn mcp_tool_approvals_are_told_from_questions() {
        let check = |meta: &str, expected: bool| {
            let params =
                format!(r#"{{"threadId":"t","serverName":"s","mode":"form","message":"m","_meta":{meta}}}"#);
            let request =
                ServerRequest::parse("mcpServer/elicitation/request", Some(params.as_bytes())).unwrap();
            let ServerRequest::McpElicitation(request) = request else { panic!() };
            assert_eq!(request.is_tool_approval(), expected, "{meta}");
        };
        check(r#"{"codex_approval_kind":"mcp_tool_call"}"#, true);
        check(r#"{"codex_approval_kind":"other"}"#, false);
        check("null", false);
        check("[]", false);
    }
}
