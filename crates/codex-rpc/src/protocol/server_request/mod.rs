//! What the server asks of its client, and the answers.

mod approvals;
mod client;
mod questions;

use serde_json::value::RawValue;

use super::open::from_object;
use super::{ProtocolError, ThreadId};

pub use approvals::*;
pub use client::*;
pub use questions::*;

macro_rules! server_requests {
    ($($(#[$doc:meta])* $method:literal => $variant:ident($params:ident) -> $response:ident, $thread:expr;)+) => {
        /// A request of the app-server. Each must be answered: the turn waits.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum ServerRequest {
            $(
                $(#[$doc])*
                ///
                #[doc = concat!("Answered with [`", stringify!($response), "`].")]
                $variant($params),
            )+
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

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::protocol::ApprovalDecision;

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
