//! What can be wrong: a message that does not parse, a request that was refused, a turn that failed.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A message of a known method whose body is not what that method promises.
///
/// It says which method and why. The stream goes on: log it and read the next message.
#[derive(Debug, thiserror::Error)]
#[error("the app-server's {method} message could not be read")]
#[non_exhaustive]
pub struct ProtocolError {
    /// The method of the message.
    pub method: String,
    /// What the parser says.
    #[source]
    pub cause: serde_json::Error,
}

impl ProtocolError {
    /// An error for a message of `method`.
    pub fn new(method: impl Into<String>, cause: serde_json::Error) -> Self {
        Self { method: method.into(), cause }
    }
}

/// An error of a turn: the payload of an `error` notification, and of a failed [`Turn`](super::Turn).
///
/// Reading one never fails: it decides how a turn ends, so any other shape becomes the message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnError {
    /// The cause in English, for people.
    pub message: String,
    /// What kind of error it is, when Codex knows.
    pub codex_error_info: Option<CodexErrorInfo>,
    /// More about the cause: for a retry, what broke the stream.
    pub additional_details: Option<String>,
}

impl TurnError {
    /// An error that has a message only.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), codex_error_info: None, additional_details: None }
    }

    /// The HTTP status that the model endpoint answered with, when Codex passes it on.
    pub fn http_status(&self) -> Option<u16> {
        self.codex_error_info.as_ref().and_then(|info| info.http_status)
    }
}

impl<'de> Deserialize<'de> for TurnError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let member = |name: &str| value.get(name).filter(|member| !member.is_null());
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Ok(Self {
            message: text(member("message").unwrap_or(&value)),
            codex_error_info: member("codexErrorInfo").map(CodexErrorInfo::from),
            additional_details: member("additionalDetails").map(text),
        })
    }
}

/// What kind of error a turn ended with.
///
/// On the wire it is a string (`"usageLimitExceeded"`) or an object of one member
/// (`{"httpConnectionFailed":{"httpStatusCode":502}}`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodexErrorInfo {
    /// The kind.
    pub kind: CodexErrorKind,
    /// The HTTP status that the model endpoint answered with, if one did.
    pub http_status: Option<u16>,
}

impl CodexErrorInfo {
    /// A kind without an HTTP status.
    pub fn new(kind: CodexErrorKind) -> Self {
        Self { kind, http_status: None }
    }
}

super::open::open_enum! {
    /// The kinds of error that Codex names.
    CodexErrorKind {
        /// The conversation is longer than the model can take.
        ContextWindowExceeded = "contextWindowExceeded",
        /// The session's own budget is spent.
        SessionBudgetExceeded = "sessionBudgetExceeded",
        /// The account's plan is used up.
        UsageLimitExceeded = "usageLimitExceeded",
        /// Too many requests for now.
        RateLimitExceeded = "rateLimitExceeded",
        /// The model endpoint is overloaded.
        ServerOverloaded = "serverOverloaded",
        /// The model does not exist, or not for this account.
        ModelNotFound = "modelNotFound",
        /// The answer was refused by the cyber-security policy.
        CyberPolicy = "cyberPolicy",
        /// The model endpoint could not be reached.
        HttpConnectionFailed = "httpConnectionFailed",
        /// The answer's stream could not be opened.
        ResponseStreamConnectionFailed = "responseStreamConnectionFailed",
        /// The answer's stream broke.
        ResponseStreamDisconnected = "responseStreamDisconnected",
        /// All retries are used up.
        ResponseTooManyFailedAttempts = "responseTooManyFailedAttempts",
        /// The model endpoint failed (HTTP 5xx).
        InternalServerError = "internalServerError",
        /// Not signed in, or no longer.
        Unauthorized = "unauthorized",
        /// The model endpoint refused the request (HTTP 400).
        BadRequest = "badRequest",
        /// A thread could not be rolled back. Does not end a turn.
        ThreadRollbackFailed = "threadRollbackFailed",
        /// A command's sandbox could not be set up.
        SandboxError = "sandboxError",
        /// A steering message came for a turn that takes none (a review, a compaction). Does not end that turn.
        ActiveTurnNotSteerable = "activeTurnNotSteerable",
        /// Codex has no better name for it.
        Unclassified = "other",
    }
}

impl From<&Value> for CodexErrorInfo {
    fn from(value: &Value) -> Self {
        match value {
            Value::String(kind) => Self::new(kind.as_str().into()),
            Value::Object(members) if members.len() == 1 => {
                let (kind, body) = members.iter().next().expect("there is one member");
                let status = body.get("httpStatusCode").and_then(Value::as_u64);
                let http_status = status.and_then(|status| u16::try_from(status).ok());
                Self { kind: kind.as_str().into(), http_status }
            }
            other => Self::new(CodexErrorKind::Other(other.to_string())),
        }
    }
}

/// The error that a request was answered with.
///
/// Codes seen from Codex 0.169.0: `-32600` for nearly everything (an unknown method and a missing field included),
/// `-32602` for an input over 1,048,576 characters (`data.input_error_code`), `-32001` for an overloaded server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} (code {code})")]
#[non_exhaustive]
pub struct RequestFailure {
    /// The JSON-RPC error code.
    pub code: i64,
    /// What the server says, for people.
    #[serde(default)]
    pub message: String,
    /// Further data of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl RequestFailure {
    /// The server is overloaded: back off and try again.
    pub const OVERLOADED: i64 = -32001;

    /// An answer with `code` and `message`.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }
}

/// An answer without content (`{}`); members of a newer server are ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Empty;

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde::ser::SerializeMap::end(serializer.serialize_map(Some(0))?)
    }
}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_info_is_a_string_or_an_object_of_one_member() {
        let check = |json: &str, kind: CodexErrorKind, http_status: Option<u16>| {
            let read: TurnError =
                serde_json::from_str(&format!(r#"{{"message":"m","codexErrorInfo":{json}}}"#)).unwrap();
            let read = read.codex_error_info.unwrap();
            assert_eq!(read, CodexErrorInfo { kind, http_status }, "{json}");
        };
        check("\"other\"", CodexErrorKind::Unclassified, None);
        check("\"usageLimitExceeded\"", CodexErrorKind::UsageLimitExceeded, None);
        check(
            r#"{"httpConnectionFailed":{"httpStatusCode":502}}"#,
            CodexErrorKind::HttpConnectionFailed,
            Some(502),
        );
        check(
            r#"{"responseStreamDisconnected":{"httpStatusCode":null}}"#,
            CodexErrorKind::ResponseStreamDisconnected,
            None,
        );
        check("\"brandNew\"", CodexErrorKind::Other("brandNew".into()), None);
        check(r#"{"brandNew":7}"#, CodexErrorKind::Other("brandNew".into()), None);
        check("[1]", CodexErrorKind::Other("[1]".into()), None);
    }

    #[test]
    fn a_turn_error_of_another_shape_becomes_the_message() {
        let check = |json: &str, message: &str, details: Option<&str>| {
            let read: TurnError = serde_json::from_str(json).unwrap();
            assert_eq!(
                (read.message.as_str(), read.additional_details.as_deref()),
                (message, details),
                "{json}"
            );
        };
        check(r#"{"message":"m","additionalDetails":"d","new":1}"#, "m", Some("d"));
        check(r#"{"message":7,"additionalDetails":null}"#, "7", None);
        check("\"only text\"", "only text", None);
        check(r#"{"reason":"x"}"#, r#"{"reason":"x"}"#, None);
    }

    #[test]
    fn a_protocol_error_names_the_method_and_keeps_the_cause() {
        let cause = serde_json::from_str::<u8>("\"x\"").unwrap_err();
        let error = ProtocolError::new("turn/completed", cause);
        assert!(error.to_string().contains("turn/completed"));
        assert!(std::error::Error::source(&error).is_some());
    }
}
