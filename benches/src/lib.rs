//! What the benches share. No more than is light to link: each bench is optimised with all that this crate uses.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

pub mod routing;
pub mod storing;

use std::sync::LazyLock;

/// The notifications that the real app-server sent in our recorded exchanges, one a line.
pub const NOTIFICATIONS: &[u8] = include_bytes!("../../crates/codex-rpc/tests/fixtures/notifications.jsonl");

/// Them by line.
pub fn notifications() -> &'static [&'static [u8]] {
    static LINES: LazyLock<Vec<&[u8]>> = LazyLock::new(|| {
        NOTIFICATIONS.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect()
    });
    &LINES
}

/// A notification of `length` bytes whose payload is one long text with an escaped line break every 64 bytes, as
/// a long answer arrives.
pub fn long_text(length: usize) -> Vec<u8> {
    let (head, tail) = (r#"{"method":"item/completed","params":{"item":{"text":""#, r#""},"threadId":"t"}}"#);
    let line = format!("{}\\n", "x".repeat(62));
    let body: String = line.chars().cycle().take(length.saturating_sub(head.len() + tail.len())).collect();
    // A cut escape would leave the text open.
    let body = body.strip_suffix('\\').map_or(body.clone(), |body| format!("{body}x"));
    format!("{head}{body}{tail}").into_bytes()
}

/// A notification of about `length` bytes whose payload is many small objects.
pub fn many_objects(length: usize) -> Vec<u8> {
    let item = r#"{"type":"text","text":"go","at":[1,2],"x":{}},"#;
    let items = item.repeat(length / item.len());
    format!(r#"{{"method":"m","params":{{"items":[{}],"threadId":"t"}}}}"#, items.trim_end_matches(','))
        .into_bytes()
}
