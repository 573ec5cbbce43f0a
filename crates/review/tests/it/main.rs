//! Tests of the public interface.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

mod examples;
mod native;
mod properties;
mod sarif;
mod stored;
