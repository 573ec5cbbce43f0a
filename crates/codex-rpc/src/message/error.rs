//! Error objects, and what is wrong with a frame that is no message.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RequestId;

/// A JSON-RPC error object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// What kind of error it is. The constants of this type name those that JSON-RPC 2.0 and Codex define.
    pub code: i64,
    /// One sentence for people. What Codex writes here may repeat the model's or the user's text.
    pub message: String,
    /// Further data of the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl RpcError {
    /// The frame was not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The frame was JSON but no message. Codex also says this for an unknown method or a missing field.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The peer failed.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// The server is overloaded or at its bound: back off and try again (Codex, and our broker).
    pub const SERVER_BUSY: i64 = -32001;

    /// An error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The same error with data.
    #[must_use]
    pub fn with_data(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }
}

/// Why a frame is not a JSON-RPC message.
///
/// It knows the [code](Self::code) to answer with. Do not answer when it [is a response](Self::is_response): fail
/// the request that it names instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeError {
    problem: EnvelopeProblem,
    id: Option<RequestId>,
    response: bool,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EnvelopeProblem {
    /// Not UTF-8.
    NotUtf8,
    /// It ends before it is complete.
    Truncated,
    /// Something that JSON does not allow at the byte with this offset.
    Syntax(usize),
    /// A control character inside a string.
    ControlCharacter,
    /// JSON, but an array. Batches are not supported.
    Batch,
    /// JSON, but no object.
    NotAnObject,
    /// This member occurs twice.
    Duplicate(&'static str),
    /// None of `method`, `result` and `error`, or more than one of them; `params` without a method; or a response
    /// without an id.
    Members,
    /// `id` is neither a string nor an integer of 64 bits, or is null where it must not be.
    BadId,
    /// `method` is not a string.
    BadMethod,
    /// `params` is not an object, an array or null.
    BadParams,
    /// `error` is not an error object.
    BadError,
    /// `jsonrpc` is there and is not `"2.0"`.
    BadVersion,
}

impl EnvelopeError {
    pub(super) fn new(problem: EnvelopeProblem, id: Option<RequestId>, response: bool) -> Self {
        Self { problem, id, response }
    }

    /// What is wrong.
    pub fn problem(&self) -> EnvelopeProblem {
        self.problem
    }

    /// The JSON-RPC code to answer with: [`RpcError::PARSE_ERROR`] or [`RpcError::INVALID_REQUEST`].
    pub fn code(&self) -> i64 {
        use EnvelopeProblem::{ControlCharacter, NotUtf8, Syntax, Truncated};
        match self.problem {
            NotUtf8 | Truncated | Syntax(_) | ControlCharacter => RpcError::PARSE_ERROR,
            _ => RpcError::INVALID_REQUEST,
        }
    }

    /// The id, if the frame had exactly one that is valid and that precedes the fault.
    pub fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }

    /// Whether it was meant as a response: it has a `result` or `error`, and no `method`, as far as could be read.
    pub fn is_response(&self) -> bool {
        self.response
    }

    /// The error object to answer with.
    pub fn to_rpc_error(&self) -> RpcError {
        RpcError::new(self.code(), self.to_string())
    }
}

impl std::error::Error for EnvelopeError {}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use EnvelopeProblem as Problem;
        match self.problem {
            Problem::NotUtf8 => f.write_str("the frame is not UTF-8"),
            Problem::Truncated => f.write_str("the frame ends in the middle of a value"),
            Problem::Syntax(at) => write!(f, "the frame is not JSON (byte {at})"),
            Problem::ControlCharacter => f.write_str("a string in the frame holds a raw control character"),
            Problem::Batch => f.write_str("batches are not supported"),
            Problem::NotAnObject => f.write_str("the frame is not a JSON object"),
            Problem::Duplicate(name) => write!(f, "the member `{name}` occurs twice"),
            Problem::Members => {
                f.write_str("the members make up neither a request, a notification nor a response")
            }
            Problem::BadId => f.write_str("the id is neither a string nor an integer of 64 bits"),
            Problem::BadMethod => f.write_str("the method is not a string"),
            Problem::BadParams => f.write_str("the params are neither an object nor an array"),
            Problem::BadError => f.write_str("the error is not an error object"),
            Problem::BadVersion => f.write_str("the version is not \"2.0\""),
        }
    }
}
