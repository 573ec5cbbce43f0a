//! Reviews and tasks by OpenAI Codex, as a library: what the `codex-companion` program and its MCP server are built on.
//!
//! Nothing in this crate reads the environment, the home directory or a terminal: the caller passes in what it knows.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod codex;
pub mod gate;
pub mod settings;

mod error;
mod observer;
mod state_dir;
mod stop;
mod workspace;

pub use error::{Error, Kind, Result};
pub use observer::{NoProgress, RunObserver, TICK};
pub use state_dir::StateDir;
pub use stop::{Stop, StopHandle, StopReason};
pub use workspace::Workspace;

/// The version of this crate, which Codex and brokers are told.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
