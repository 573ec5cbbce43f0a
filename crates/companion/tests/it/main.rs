//! Tests of the library as an embedder uses it, in one binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

mod environment;
#[cfg(unix)]
mod examples;
