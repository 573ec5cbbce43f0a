//! Integration tests of codex-rpc.

mod wire_frame;
mod wire_message;
