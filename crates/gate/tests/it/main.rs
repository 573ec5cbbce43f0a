//! Tests of the public interface.

#![expect(clippy::unwrap_used, reason = "helpers outside of test functions unwrap too")]
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

mod answers;
#[cfg(feature = "store")]
mod examples;
mod hosts;
#[cfg(all(feature = "store", feature = "testing"))]
mod judge;
mod policy;
mod prompts;
mod transitions;

#[cfg(all(feature = "command", unix))]
mod command;
