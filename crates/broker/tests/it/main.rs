//! Tests of the broker, in one binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

#[cfg(unix)]
mod examples;
#[cfg(unix)]
mod lifecycle;
mod model;
mod property;
#[cfg(target_os = "linux")]
mod real;
mod router;
#[cfg(unix)]
mod shell;
#[cfg(unix)]
mod support;
mod table;
