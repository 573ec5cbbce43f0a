//! Tests of the library as an embedder uses it, in one binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod environment;
#[cfg(unix)]
mod examples;
