//! The messages that the router creates itself.

use bytes::Bytes;
use codex_rpc::message::RpcError;
use serde_json::{Value, json};

use super::Limits;
use crate::splice::Decimal;

/// Creates a request of the router.
pub(super) fn request(id: u64, method: &str, params: &Value) -> Bytes {
    let mut text = b"{\"id\":".to_vec();
    text.extend_from_slice(Decimal::new(id).text());
    text.extend_from_slice(b",\"method\":");
    text.extend_from_slice(Value::from(method).to_string().as_bytes());
    text.extend_from_slice(b",\"params\":");
    text.extend_from_slice(params.to_string().as_bytes());
    text.push(b'}');
    text.into()
}

/// Creates a notification of the router.
pub(super) fn notification(method: &str, params: Option<&Value>) -> Bytes {
    match params {
        Some(params) => json!({ "method": method, "params": params }).to_string().into(),
        None => json!({ "method": method }).to_string().into(),
    }
}

/// Creates the response to a request. `id` and `value` are JSON; `member` is `result` or `error`.
pub(crate) fn answer(id: &[u8], member: &str, value: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(id.len() + value.len() + 24);
    text.extend_from_slice(b"{\"id\":");
    text.extend_from_slice(id);
    text.extend_from_slice(b",\"");
    text.extend_from_slice(member.as_bytes());
    text.extend_from_slice(b"\":");
    text.extend_from_slice(value);
    text.push(b'}');
    text.into()
}

/// Creates an error response.
pub(crate) fn error(id: &[u8], error: &RpcError) -> Bytes {
    let text = serde_json::to_vec(error).unwrap_or_else(|_| b"{\"code\":-32603,\"message\":\"\"}".to_vec());
    answer(id, "error", &text)
}

/// The error for a request that cannot start a turn now.
pub(super) fn busy(limits: &Limits, active: usize) -> RpcError {
    let data = json!({
        "reason": "broker_busy",
        "activeTurns": active,
        "limit": limits.max_active_turns,
        "retryAfterMs": u64::try_from(limits.retry_after.as_millis()).unwrap_or(u64::MAX),
    });
    RpcError::new(RpcError::SERVER_BUSY, "The shared server is busy with other turns.").with_data(data)
}

/// The error for a request that names another client's thread.
pub(super) fn owned(thread: &str) -> RpcError {
    RpcError::new(RpcError::INVALID_REQUEST, "Another client owns this thread.")
        .with_data(json!({ "reason": "thread_owned", "threadId": thread }))
}
