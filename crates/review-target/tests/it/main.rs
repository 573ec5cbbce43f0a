//! What the crate says of repositories that real git made, beside what real git says of them.

#![expect(unreachable_pub, clippy::unwrap_used, reason = "a test binary: no API, and a panic is a failure")]

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
