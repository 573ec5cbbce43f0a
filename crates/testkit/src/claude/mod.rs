//! The real Claude Code, offline, with a scripted model behind it.
//!
//! ```text
//! the test ──► real `claude` ──► messages::Messages      what its model says, and what it was asked
//!                   ▲  └──► hooks, plugins, commands, MCP servers: real, in the test's repository
//!                   └── ClaudeHome                       a private home and configuration
//! ```
//!
//! - [`Messages`]: a Messages endpoint on loopback that answers from a script and keeps every request.
//! - [`ClaudeHome`]: a home in which Claude Code asks nobody anything and leaves the user's own files alone.
//! - [`Claude`]: starts the program; [`Session`] is what one `claude -p` left behind.
//! - [`Screen`]: Claude Code's screen under tmux, for what only shows there.
//!
//! Observed with Claude Code 2.1.197.
//!
//! # Example
//!
//! ```no_run
//! use codex_testkit::{claude::{Claude, ClaudeHome, Messages, Say}, git::Repo};
//!
//! # fn test() {
//! let program = codex_testkit::require_real_claude!();
//! let (repo, home, model) = (Repo::with_commit(), ClaudeHome::new(), Messages::start());
//! model.say(Say::tool("Bash", serde_json::json!({ "command": "cat a.txt", "description": "look" })));
//! model.say(Say::text("It says one."));
//! let claude = Claude::new(&program, &home, &model, repo.path());
//! let session = claude.ask(&["--allowedTools", "Bash"], "What does a.txt say?");
//! assert_eq!(session.result(), "It says one.");
//! assert_eq!(model.asked()[1].tool_results(), ["one"]);
//! # }
//! ```

mod home;
mod messages;
mod say;
#[cfg(unix)]
mod screen;
mod session;

pub use home::ClaudeHome;
pub use messages::{Asked, Messages};
pub use say::Say;
#[cfg(unix)]
pub use screen::Screen;
pub use session::{Claude, Output, Running, Session};
