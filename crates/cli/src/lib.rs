//! The parts of the `codex-companion` command that can be told apart from its running.
//!
//! This library is internal: it exists so that the pure parts of the command line have tests and so that the
//! binary stays a few lines long. Nothing here is a stable interface; whoever wants to embed the work itself takes
//! the libraries that the binary stands on.
//!
//! Every module is values in, values out. What touches the world does so in one place each: the environment in
//! [`environment::Environment::from_process`], standard input and output in [`stdio`], and the terminal's width in
//! [`progress::terminal_width`].
//!
//! - [`args`]: what was asked, from the words of the command line; [`prompt`]: prompts, byte for byte
//! - [`environment`] and [`settings`]: what is set outside of the command line, and who wins
//! - [`sanitize`]: model text made safe to print; [`render`]: reports that are not reviews, as text or JSON
//! - [`progress`]: what is printed while a turn runs; [`diagnostics`]: the log; [`redact`]: secrets kept out of it
//! - [`exit`]: exit codes and the one error type

pub mod args;
pub mod commands;
pub mod diagnostics;
pub mod environment;
pub mod exit;
pub mod progress;
pub mod prompt;
pub mod redact;
pub mod render;
pub mod sanitize;
pub mod signals;
pub mod stdio;

pub use codex_companion_core::settings;

/// The version of this program, as `--version` prints it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
