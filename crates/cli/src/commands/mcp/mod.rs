//! `mcp`: reviews, tasks and jobs as tools of the Model Context Protocol, on standard input and output.
//!
//! Every review and task is a job with a worker of its own, as with `--background`; a call in the foreground follows its job.
//! So whatever becomes of the call, the work is recorded, and what ends a job elsewhere ends it here: a call that is
//! cancelled, or whose client goes away, has its job cancelled. A call that has waited long enough hands its job over and
//! answers with the id; from then on the job is one in the background, which nothing but `job_cancel` ends.
//!
//! Starting costs no Codex and no git: both are looked for when a call needs them.

mod arguments;
mod calls;
mod follow;
mod reply;
mod resources;
mod roots;
mod server;
mod stdio;
mod tools;

use std::time::Duration;

use rmcp::ServiceExt as _;
use tokio_util::sync::CancellationToken;

use super::{Answer, App, block_on};
use crate::exit::Failure;

/// How long the calls that are waited for may take to end their jobs: a worker's time, a kill, and the answers.
const END: Duration = Duration::from_secs(12);

/// How long the last answers may take to be written.
const FLUSH: Duration = Duration::from_secs(1);

/// Serves until standard input ends or a signal comes, then ends what was started in the foreground.
pub(super) fn run(app: &App) -> Result<Answer, Failure> {
    let app = app.anchored();
    let stopped = block_on(async |stop, _| {
        let closing = CancellationToken::new();
        let (transport, written) = stdio::open(&closing);
        let server = server::Server::new(app);
        let calls = server.calls();
        let serving = async {
            if let Ok(running) = server.serve_with_ct(transport, closing.clone()).await {
                // How it ended does not matter: it has.
                let _ = running.waiting().await;
            }
        };
        let mut serving = std::pin::pin!(serving);
        let stopped = tokio::select! {
            () = &mut serving => None,
            stopped = stop.stopped() => Some(stopped),
        };
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
        Ok(stopped)
    })?;
    stopped.map_or_else(|| Ok(Answer::done(String::new())), |stopped| Err(stopped.into()))
}
