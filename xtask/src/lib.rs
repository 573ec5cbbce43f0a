//! What `cargo xtask` shares with the other programs of this workspace that are never published: starting programs, what cargo
//! and git report about the workspace, and the pinned programs from npm.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "for programs at a terminal")]

pub mod codex;
pub mod npm;
pub mod program;
pub mod workspace;
