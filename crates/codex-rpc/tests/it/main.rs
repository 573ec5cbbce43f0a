//! Integration tests of `codex-rpc`: one binary, one module a theme.

#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests, and say what they left out"
)]

mod child;
mod client;
mod envelope_model;
mod examples;
mod frame_model;
mod peer;
mod protocol_contract;
mod protocol_recorded;
mod turn_handle;
mod turn_model;
mod turn_property;
mod turn_replay;
mod turn_rows;
mod wire_frame;
mod wire_message;
