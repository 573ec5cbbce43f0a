//! What the tests of this workspace share. Not published.
//!
//! - [`app_server`], [`model`], [`home`], [`Gate`]: the scripted servers of [`codex_scripted`], re-exported.
//! - [`program`]: the program `scripted-codex`, which tests pass as `--codex PATH`, and `scripted-mcp`.
//! - [`git`]: fixture repositories made by real `git`, free of the machine's configuration.
//! - [`git_server`]: such a repository on loopback, as programs find one on the network.
//! - [`process`]: finds the processes that a test left behind.
//! - [`raw`]: a client that only writes and reads lines: what our own client is compared with.
//! - [`real`]: the real Codex and the real Claude Code, for the tests that need them.
//! - [`claude`]: Claude Code offline: a scripted Messages endpoint, a private home, sessions in print mode and on a screen.
//!
//! A test against the real Codex, whole:
//!
//! ```no_run
//! use codex_testkit::{git::Repo, home::CodexHome, model::{ModelEndpoint, Reply}, process::LeakCheck, raw::RawClient};
//!
//! # fn test() {
//! let codex = codex_testkit::require_real_codex!();
//! let (leaks, repo) = (LeakCheck::new(), Repo::with_commit());
//! let endpoint = ModelEndpoint::start(Reply::message("Hello.")).unwrap();
//! let home = CodexHome::new(endpoint.base_url()).unwrap();
//! let mut client = RawClient::start(leaks.mark(RawClient::app_server(&codex, &home)));
//! let thread = client.thread(repo.path());
//! client.turn(&thread, "Say hello.");
//! assert_eq!(client.completed()["items"][0]["text"], "Hello.");
//! assert_eq!(endpoint.requests()[0].prompt(), "Say hello.");
//! client.finish();
//! # }
//! ```
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

pub mod claude;
pub mod git;
pub mod git_server;
pub mod process;
pub mod program;
pub mod raw;
pub mod real;

pub use codex_scripted::{Gate, app_server, home, model};

/// How long a wait of a test may take before it fails: far longer than anything takes on a slow machine.
pub const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);
