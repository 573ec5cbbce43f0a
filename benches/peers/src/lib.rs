//! What peers are asked: the recorded messages, in the shape that each takes.
#![forbid(unsafe_code)]

/// The notifications that the real app-server sent in our recorded exchanges, one a line.
pub const NOTIFICATIONS: &str = include_str!("../../../crates/codex-rpc/tests/fixtures/notifications.jsonl");

/// Them by line.
pub fn notifications() -> Vec<&'static str> {
    NOTIFICATIONS.lines().collect()
}

/// Them with the member `jsonrpc`, which the app-server leaves out and JSON-RPC 2.0 demands.
pub fn with_version() -> Vec<String> {
    let versioned = |line: &str| line.replacen('{', r#"{"jsonrpc":"2.0","#, 1);
    NOTIFICATIONS.lines().map(versioned).collect()
}
