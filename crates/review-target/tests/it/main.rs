//! Compares the results of the crate with those of the real git, on repositories that git made.

#![expect(unreachable_pub, clippy::unwrap_used, reason = "a test binary: no API, and a panic is a failure")]
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

mod collect;
#[cfg(unix)]
mod content;
mod examples;
mod fingerprint;
mod fixture;
mod measure;
#[cfg(unix)]
mod odd;
mod pin;
#[cfg(unix)]
mod property;
mod resolve;
mod root;
#[cfg(unix)]
mod user;
