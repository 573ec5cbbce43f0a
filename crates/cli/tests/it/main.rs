//! The program as a process: what only shows from outside.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

mod bad_input;
#[cfg(unix)]
mod broker;
#[cfg(unix)]
mod claude;
#[cfg(unix)]
mod console;
mod diagnostics;
mod documents;
#[cfg(target_os = "linux")]
mod faults;
mod gate;
mod golden;
#[cfg(unix)]
mod jobs;
#[cfg(unix)]
mod mcp;
#[cfg(unix)]
mod plugin;
mod process;
mod prompts;
mod real;
mod scripted;
#[cfg(unix)]
mod slash;
mod support;
