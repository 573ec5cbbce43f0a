//! Notifications: what the server sends without a request.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::open::{from_object, lenient, named, null_as_default};
use super::{
    ExternalAgentConfigImportStatus, FileUpdateChange, ItemId, ProtocolError, RateLimitSnapshot, Thread,
    ThreadId, ThreadItem, ThreadStatus, ThreadTokenUsage, Turn, TurnError, TurnId,
};

macro_rules! notifications {
    ($($(#[$doc:meta])* $method:literal => $variant:ident($params:ty, $thread:expr),)+) => {
        /// A notification of the app-server.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum ServerNotification {
            $($(#[$doc])* $variant($params),)+
            /// A method that this version does not type.
            Other {
                /// The method.
                method: String,
                /// The params as they came.
                params: Option<Box<RawValue>>,
                /// The `threadId` of the params, if there is one.
                thread_id: Option<ThreadId>,
            },
        }

        impl ServerNotification {
            /// The methods that have a variant of their own.
            pub const METHODS: &[&str] = &[$($method,)+];

            /// Reads a notification; `params` is the JSON of its `params` member.
            ///
            /// # Errors
            ///
            /// The method is known and its params lack what makes them usable. Log it and go on.
            pub fn parse(method: &str, params: Option<&[u8]>) -> Result<Self, ProtocolError> {
                let json = params.unwrap_or(b"{}");
                match method {
                    $($method => from_object(json).map(Self::$variant),)+
                    _ => other(method, params),
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

            /// The thread that it is about, if it is about one.
            pub fn thread_id(&self) -> Option<&ThreadId> {
                match self {
                    $(Self::$variant(params) => {
                        let thread: fn(&$params) -> Option<&ThreadId> = $thread;
                        thread(params)
                    })+
                    Self::Other { thread_id, .. } => thread_id.as_ref(),
                }
            }
        }
    };
}

notifications! {
    /// Something broke; with `will_retry` it is not the end.
    "error" => Error(ErrorNotification, |p| Some(&p.thread_id)),
    /// A thread was made.
    "thread/started" => ThreadStarted(ThreadNotification, |p| Some(&p.thread.id)),
    /// A thread's status changed.
    "thread/status/changed" => ThreadStatusChanged(ThreadStatusNotification, |p| Some(&p.thread_id)),
    /// A thread was put away.
    "thread/archived" => ThreadArchived(ThreadRef, |p| Some(&p.thread_id)),
    /// A thread was taken back.
    "thread/unarchived" => ThreadUnarchived(ThreadRef, |p| Some(&p.thread_id)),
    /// A thread left memory.
    "thread/closed" => ThreadClosed(ThreadRef, |p| Some(&p.thread_id)),
    /// A thread was deleted.
    "thread/deleted" => ThreadDeleted(ThreadRef, |p| Some(&p.thread_id)),
    /// A thread has a new title.
    "thread/name/updated" => ThreadNameUpdated(ThreadNameNotification, |p| Some(&p.thread_id)),
    /// A thread used tokens.
    "thread/tokenUsage/updated" => ThreadTokenUsageUpdated(TokenUsageNotification, |p| Some(&p.thread_id)),
    /// A thread's history was summarised. Deprecated by Codex for the `contextCompaction` item.
    "thread/compacted" => ThreadCompacted(TurnRef, |p| Some(&p.thread_id)),
    /// A turn began.
    "turn/started" => TurnStarted(TurnNotification, |p| Some(&p.thread_id)),
    /// A turn ended.
    "turn/completed" => TurnCompleted(TurnNotification, |p| Some(&p.thread_id)),
    /// The diff of all the turn's changes so far.
    "turn/diff/updated" => TurnDiffUpdated(TurnDiffNotification, |p| Some(&p.thread_id)),
    /// The model's list of steps.
    "turn/plan/updated" => TurnPlanUpdated(TurnPlanNotification, |p| Some(&p.thread_id)),
    /// An item began.
    "item/started" => ItemStarted(ItemNotification, |p| Some(&p.thread_id)),
    /// An item ended.
    "item/completed" => ItemCompleted(ItemNotification, |p| Some(&p.thread_id)),
    /// A piece of a message.
    "item/agentMessage/delta" => AgentMessageDelta(TextDelta, |p| Some(&p.thread_id)),
    /// A piece of a plan.
    "item/plan/delta" => PlanDelta(TextDelta, |p| Some(&p.thread_id)),
    /// A piece of a command's output.
    "item/commandExecution/outputDelta" => CommandOutputDelta(TextDelta, |p| Some(&p.thread_id)),
    /// Something was typed into a command.
    "item/commandExecution/terminalInteraction" => TerminalInteraction(ItemRef, |p| Some(&p.thread_id)),
    /// A piece of a patch's output. No longer sent by Codex 0.169.0.
    "item/fileChange/outputDelta" => FileChangeOutputDelta(TextDelta, |p| Some(&p.thread_id)),
    /// A patch has grown.
    "item/fileChange/patchUpdated" => FileChangePatchUpdated(PatchNotification, |p| Some(&p.thread_id)),
    /// An MCP tool says how far it is.
    "item/mcpToolCall/progress" => McpToolCallProgress(ProgressNotification, |p| Some(&p.thread_id)),
    /// A piece of a reasoning summary.
    "item/reasoning/summaryTextDelta" => ReasoningSummaryDelta(TextDelta, |p| Some(&p.thread_id)),
    /// A new paragraph of a reasoning summary.
    "item/reasoning/summaryPartAdded" => ReasoningSummaryPartAdded(ItemRef, |p| Some(&p.thread_id)),
    /// A piece of the reasoning itself.
    "item/reasoning/textDelta" => ReasoningTextDelta(TextDelta, |p| Some(&p.thread_id)),
    /// A request of the server was answered, or lapsed.
    "serverRequest/resolved" => ServerRequestResolved(ServerRequestResolvedNotification, |p| Some(&p.thread_id)),
    /// Another model answers than the one that was asked.
    "model/rerouted" => ModelRerouted(ModelReroutedNotification, |p| Some(&p.thread_id)),
    /// A warning.
    "warning" => Warning(WarningNotification, |p| p.thread_id.as_ref()),
    /// A warning of the approval reviewer.
    "guardianWarning" => GuardianWarning(WarningNotification, |p| p.thread_id.as_ref()),
    /// Something that we use will go away.
    "deprecationNotice" => DeprecationNotice(NoticeNotification, |_| None),
    /// Something is wrong with the user's configuration.
    "configWarning" => ConfigWarning(NoticeNotification, |_| None),
    /// A hook began.
    "hook/started" => HookStarted(HookNotification, |p| Some(&p.thread_id)),
    /// A hook ended.
    "hook/completed" => HookCompleted(HookNotification, |p| Some(&p.thread_id)),
    /// The provider refused the credentials and new ones are fetched.
    "modelProvider/authRecoveryStarted" => AuthRecoveryStarted(ProviderNotification, |p| Some(&p.thread_id)),
    /// New credentials were fetched.
    "modelProvider/authRecoveryCompleted" => AuthRecoveryCompleted(ProviderNotification, |p| Some(&p.thread_id)),
    /// An MCP server started, or did not.
    "mcpServer/startupStatus/updated" => McpServerStatusUpdated(McpServerStatusNotification, |p| p.thread_id.as_ref()),
    /// A user signed in or out.
    "account/updated" => AccountUpdated(AccountNotification, |_| None),
    /// How much of the plan is used; sparse.
    "account/rateLimits/updated" => AccountRateLimitsUpdated(RateLimitsNotification, |_| None),
    /// A sign-in ended.
    "account/login/completed" => AccountLoginCompleted(LoginCompletedNotification, |_| None),
    /// How far an import is.
    "externalAgentConfig/import/progress" => ImportProgress(ExternalAgentConfigImportStatus, |_| None),
    /// An import ended.
    "externalAgentConfig/import/completed" => ImportCompleted(ExternalAgentConfigImportStatus, |_| None),
}

fn other(method: &str, params: Option<&[u8]>) -> Result<ServerNotification, serde_json::Error> {
    let params: Option<Box<RawValue>> = params.map(serde_json::from_slice).transpose()?;
    let thread_id = params.as_ref().and_then(|params| {
        let thread: ThreadRef = from_object(params.get().as_bytes()).ok()?;
        Some(thread.thread_id)
    });
    Ok(ServerNotification::Other { method: method.to_owned(), params, thread_id })
}

/// Something broke.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ErrorNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// What.
    pub error: TurnError,
    /// Codex tries again by itself. False is the end of the turn, whether or not `turn/completed` follows.
    #[serde(default)]
    pub will_retry: bool,
}

/// About a thread.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct ThreadNotification {
    /// The thread.
    #[serde(deserialize_with = "named")]
    pub thread: Thread,
}

/// A thread's status.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadStatusNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// Its status now.
    pub status: ThreadStatus,
}

/// Names a thread.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadRef {
    /// The thread.
    pub thread_id: ThreadId,
}

/// Names a turn.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnRef {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
}

/// Names an item.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ItemRef {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The item.
    pub item_id: ItemId,
}

/// A thread's title.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadNameNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The title; `None` when it was taken away.
    #[serde(default)]
    pub thread_name: Option<String>,
}

/// Tokens that a thread used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TokenUsageNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// All so far, and the last request.
    pub token_usage: ThreadTokenUsage,
}

/// A turn that began or ended.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    #[serde(deserialize_with = "named")]
    pub turn: Turn,
}

/// What a turn changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnDiffNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// One unified diff.
    #[serde(default)]
    pub diff: String,
}

/// What a turn plans.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnPlanNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// Why the plan changed.
    #[serde(default)]
    pub explanation: Option<String>,
    /// The steps.
    #[serde(default, deserialize_with = "null_as_default")]
    pub plan: Vec<TurnPlanStep>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct TurnPlanStep {
    /// The step.
    #[serde(default)]
    pub step: String,
    /// `pending`, `inProgress` or `completed`.
    #[serde(default)]
    pub status: String,
}

/// An item that began or ended.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ItemNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The item.
    pub item: ThreadItem,
}

/// A piece of an item's text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TextDelta {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The item.
    pub item_id: ItemId,
    /// What comes next.
    #[serde(default)]
    pub delta: String,
}

/// A patch as far as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PatchNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The item.
    pub item_id: ItemId,
    /// One entry a file.
    #[serde(default, deserialize_with = "null_as_default")]
    pub changes: Vec<FileUpdateChange>,
}

/// How far a tool is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProgressNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The item.
    pub item_id: ItemId,
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// A request of the server that needs no answer any more.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ServerRequestResolvedNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The id of the request: a number or a string.
    pub request_id: Value,
}

/// Another model answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModelReroutedNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// The model that was asked.
    #[serde(default)]
    pub from_model: String,
    /// The one that answers.
    #[serde(default)]
    pub to_model: String,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WarningNotification {
    /// The thread, if it is about one.
    #[serde(default)]
    pub thread_id: Option<ThreadId>,
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// A notice about the installation rather than about a thread.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct NoticeNotification {
    /// One line.
    #[serde(default)]
    pub summary: String,
    /// More.
    #[serde(default)]
    pub details: Option<String>,
    /// The file that it is about.
    #[serde(default)]
    pub path: Option<String>,
}

/// A hook of Codex's own configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HookNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn, if there is one.
    #[serde(default)]
    pub turn_id: Option<TurnId>,
    /// The run.
    pub run: HookRun,
}

/// One run of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HookRun {
    /// The event, for example `stop`.
    #[serde(default)]
    pub event_name: String,
    /// `running`, `completed`, `failed`, `blocked` or `stopped`.
    #[serde(default)]
    pub status: String,
    /// For people.
    #[serde(default)]
    pub status_message: Option<String>,
}

/// Something about the model's provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProviderNotification {
    /// The thread.
    pub thread_id: ThreadId,
    /// The turn.
    pub turn_id: TurnId,
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// How an MCP server's start went.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct McpServerStatusNotification {
    /// The thread that it was started for, if it was for one.
    #[serde(default)]
    pub thread_id: Option<ThreadId>,
    /// The server.
    pub name: String,
    /// `starting`, `ready`, `failed` or `cancelled`.
    #[serde(default)]
    pub status: String,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// Who is signed in now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AccountNotification {
    /// How; `None` when no user is signed in.
    #[serde(default)]
    pub auth_mode: Option<String>,
    /// The plan.
    #[serde(default)]
    pub plan_type: Option<String>,
}

/// How much of the plan is used.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RateLimitsNotification {
    /// What is known anew; merge it.
    pub rate_limits: RateLimitSnapshot,
}

/// How a sign-in ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LoginCompletedNotification {
    /// Which one.
    #[serde(default, deserialize_with = "lenient")]
    pub login_id: Option<String>,
    /// Whether it worked.
    #[serde(default)]
    pub success: bool,
    /// Why not.
    #[serde(default)]
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_notifications_are_carried_with_their_thread() {
        let params = br#"{"threadId":"t1","mood":"good"}"#;
        let notification = ServerNotification::parse("thread/mood/changed", Some(params)).unwrap();
        assert_eq!(notification.method(), "thread/mood/changed");
        assert_eq!(notification.thread_id().unwrap().as_str(), "t1");
        let ServerNotification::Other { params: Some(raw), .. } = notification else { panic!() };
        assert_eq!(raw.get().as_bytes(), params);

        let bare = ServerNotification::parse("thread/mood/changed", None).unwrap();
        assert!(bare.thread_id().is_none());
        let odd = ServerNotification::parse("thread/mood/changed", Some(b"[1,2]")).unwrap();
        assert!(odd.thread_id().is_none());
    }

    /// Found by fuzzing: serde takes an array for a type of ours, its elements for the fields in their order.
    #[test]
    fn what_has_no_names_names_no_thread() {
        for params in [r#"["t"]"#, r#"["t", "u", "i", "d"]"#, "[]", "null", "\"t\"", "{} {}"] {
            let other = ServerNotification::parse("thread/mood/changed", Some(params.as_bytes()));
            assert!(other.is_ok_and(|other| other.thread_id().is_none()) || params == "{} {}", "{params}");
            for method in ServerNotification::METHODS {
                assert!(
                    ServerNotification::parse(method, Some(params.as_bytes())).is_err(),
                    "{method} {params}"
                );
            }
        }
        let unnamed = [
            ("turn/completed", r#"{"threadId":"t","turn":["u",null,[],"completed"]}"#),
            ("thread/started", r#"{"thread":["t"]}"#),
        ];
        for (method, params) in unnamed {
            assert!(ServerNotification::parse(method, Some(params.as_bytes())).is_err(), "{params}");
        }
        let item = r#"{"threadId":"t","turnId":"u","item":["agentMessage","i"]}"#;
        let Ok(ServerNotification::ItemCompleted(read)) =
            ServerNotification::parse("item/completed", Some(item.as_bytes()))
        else {
            panic!("an item never fails the message that carries it")
        };
        assert!(matches!(read.item, ThreadItem::Other(item) if item.id.is_none() && item.kind.is_empty()));
    }

    #[test]
    fn what_cannot_be_read_says_method_and_cause() {
        let check = |method: &str, params: Option<&[u8]>, cause: &str| {
            let error = ServerNotification::parse(method, params).unwrap_err();
            assert_eq!(error.method, method);
            assert!(error.cause.to_string().contains(cause), "{}", error.cause);
        };
        check("turn/completed", Some(br#"{"turn":{"id":"x"}}"#), "threadId");
        check("turn/completed", Some(br#"{"threadId":7,"turn":{"id":"x"}}"#), "invalid type");
        check("item/started", None, "missing field");
        check("brand/new", Some(b"{"), "EOF");
    }

    #[test]
    fn a_turns_end_survives_whatever_else_is_odd_about_it() {
        let params = br#"{"threadId":"t","turn":{"id":"u","status":"evaporated","items":[{"type":"x"},
            {"type":"agentMessage","id":"m"}],"error":"text","durationMs":"fast","rootTurnId":null}}"#;
        let Ok(ServerNotification::TurnCompleted(read)) =
            ServerNotification::parse("turn/completed", Some(params))
        else {
            panic!()
        };
        assert_eq!(read.turn.status.as_str(), "evaporated");
        assert_eq!(read.turn.items.len(), 2);
        assert_eq!(read.turn.error.unwrap().message, "text");
        assert_eq!(read.turn.duration_ms, None);
    }
}
