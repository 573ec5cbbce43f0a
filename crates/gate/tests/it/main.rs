//! Tests of the public interface.

#![expect(clippy::unwrap_used, reason = "helpers outside of test functions unwrap too")]

mod answers;
mod examples;
mod hosts;
mod policy;
mod prompts;
mod transitions;

#[cfg(all(feature = "command", unix))]
mod command;
