//! The testkit against the real Codex, against what the real Codex was recorded to do, and by itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

mod claude;
mod endpoint;
mod program;
mod real;
mod same;
mod shape;
mod transcripts;
