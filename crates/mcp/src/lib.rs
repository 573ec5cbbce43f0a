//! Codex reviews, tasks and jobs as tools of the Model Context Protocol, on any pair of byte streams.
//!
//! # Theory of operation
//!
//! Every review and task is a background job with a worker of its own; a call in the foreground follows its job. So the work
//! is recorded however the call ends, and what ends a job elsewhere ends it here: a call that is cancelled, or whose
//! client goes away, has its job cancelled. A call that has waited long enough answers with the job's id and leaves it; from
//! then on only `job_cancel` ends it.
//!
//! Starting costs no Codex and no git: both are searched for when a call needs them.
//!
//! # Limits
//!
//! - Tools and resources only: no prompts, sampling or subscriptions, and no HTTP. The server is for the user who starts it.
//! - Nothing waits for a client that does not read: answers go into a bounded queue whose overflow ends the connection.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

mod arguments;
mod calls;
mod follow;
mod reply;
mod resources;
mod roots;
mod server;
mod stdio;
mod tools;
mod trace;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_companion_core::{Companion, Stop, StopReason};
use rmcp::ServiceExt as _;
use tokio_util::sync::CancellationToken;

/// How long foreground calls may take to end their jobs: a worker's time, a kill, and the answers.
const END: Duration = Duration::from_secs(12);
/// How long the last answers may take to be written.
const FLUSH: Duration = Duration::from_secs(1);

/// The MCP server.
#[derive(Clone, Debug)]
pub struct McpServer {
    companion: Companion,
    directory: PathBuf,
    codex: Option<PathBuf>,
}

impl McpServer {
    /// A server for clients without roots in `directory`. It needs a state directory and a worker command
    /// ([`Companion::worker_command`]).
    #[must_use]
    pub fn new(companion: Companion, directory: impl AsRef<Path>) -> Self {
        Self { companion, directory: directory.as_ref().to_path_buf(), codex: None }
    }

    /// Names the codex program for all calls.
    #[must_use]
    pub fn codex(mut self, program: Option<PathBuf>) -> Self {
        self.codex = program;
        self
    }

    /// Serves until the input ends or `stop` is asked, then cancels the jobs of foreground calls. Returns why it stopped; `None`
    /// when the client left.
    ///
    /// Reading and writing happen on threads of their own, and `output` must return an error once the client is gone.
    pub async fn serve(
        self,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        stop: &mut Stop,
    ) -> Option<StopReason> {
        let closing = CancellationToken::new();
        let (transport, written) = stdio::open(input, output, &closing);
        let server = server::Server::new(self.companion, &self.directory, self.codex);
        let calls = server.calls();
        let serving = async {
            if let Ok(running) = server.serve_with_ct(transport, closing.clone()).await {
                trace::event!(INFO, "client connected");
                // How it ended does not matter.
                let _ = running.waiting().await;
            }
        };
        let mut serving = std::pin::pin!(serving);
        let stopped = tokio::select! {
            () = &mut serving => None,
            stopped = stop.stopped() => Some(stopped),
        };
        trace::event!(INFO, stopped = stopped.is_some(), calls = calls.len(), "connection ended");
        closing.cancel();
        let end = async {
            if stopped.is_some() {
                serving.await;
            }
            calls.close();
            calls.wait().await;
            // A client that does not read is no reason to stay.
            let _ = tokio::time::timeout(FLUSH, written).await;
        };
        tokio::select! {
            _ = tokio::time::timeout(END, end) => {}
            _ = stop.stopped_again() => {}
        }
        stopped
    }
}
