//! The front end of the `codex-companion` program.
//!
//! This library is internal: it exists so that the parts of the command line have tests. Nothing here is a stable
//! interface. To embed reviews and tasks, use `codex-companion-core`.
//!
//! The environment is read in [`environment::Environment::from_process`], standard input and output are used in
//! [`stdio`], and the width of the terminal is read in [`progress::terminal_width`].
//!
//! - [`args`]: the arguments of the command line; [`prompt`]: prompts, byte for byte
//! - [`environment`] and [`settings`]: what is set outside of the command line
//! - [`render`]: reports that are not reviews, as text or JSON; model text is made safe by `codex_base::text`
//! - [`progress`]: what is printed while a turn runs; [`diagnostics`]: the log
//! - [`exit`]: exit codes and the one error type
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

pub mod args;
pub mod commands;
pub mod diagnostics;
pub mod environment;
pub mod exit;
pub mod progress;
pub mod prompt;
pub mod render;
pub mod signals;
pub mod stdio;

pub use codex_companion_core::settings;

/// The version of this program, as `--version` prints it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
