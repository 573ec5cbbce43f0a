//! What `cargo xtask` shares with the other programs of this workspace that are never published: starting programs, what cargo
//! and git report about the workspace, and the pinned programs from npm.

pub mod codex;
pub mod npm;
pub mod program;
pub mod workspace;
