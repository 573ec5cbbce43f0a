//! What the crate says of repositories that real git made, beside what real git says of them.

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
#[cfg(unix)]
mod user;
