//! Small building blocks that the crates of codex-companion share.
//!
//! Each module is the only owner of its subject:
//!
//! - [`text`]: text from a model, a repository or another program, made safe to print
//! - [`duration`]: durations as people write and read them
//!
//! With the default feature `os`:
//!
//! - [`files`]: directories and files that only their user can read
//! - [`atomic`] and [`storage`]: files that are replaced whole and durably
//! - [`lock`]: locks of the operating system, taken with a deadline
//! - [`process`]: which process, is it alive, signals to exactly that one
//!
//! Nothing here reads the environment, the home directory or the terminal.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod duration;
pub mod text;

#[cfg(feature = "os")]
pub mod atomic;
#[cfg(feature = "os")]
mod error;
#[cfg(feature = "os")]
pub mod files;
#[cfg(feature = "os")]
pub mod lock;
#[cfg(feature = "os")]
pub mod process;
#[cfg(feature = "os")]
pub mod storage;

#[cfg(feature = "os")]
pub use error::PathError;
