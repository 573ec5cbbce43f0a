//! `await`.

use clap::Args;

/// `await`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion await JOB && codex-companion result JOB\n  codex-companion await JOB JOB --timeout-ms 60000"
)]
pub struct AwaitArgs {
    /// Job ids, or prefixes of them
    #[arg(required = true)]
    pub jobs: Vec<String>,
    /// Wait at most N milliseconds
    #[arg(long, value_name = "N")]
    pub timeout_ms: Option<u64>,
}
