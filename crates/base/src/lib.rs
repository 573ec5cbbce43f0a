//! Small building blocks that the crates of codex-companion share.
//!
//! Each module is the only owner of its subject:
//!
//! - [`text`]: text from a model, a repository or another program, made safe to print
//!
//! Nothing here reads the environment, the home directory or the terminal.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

pub mod text;
