//! `status`.

use clap::Args;

use super::common::JsonArgs;

/// `status`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion status              running and recent jobs of this session\n  codex-companion status --watch\n  codex-companion status JOB --wait --json"
)]
pub struct StatusArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
    /// Jobs of every session, without a limit
    #[arg(long)]
    pub all: bool,
    /// Wait until the jobs in view have ended
    #[arg(long, conflicts_with = "watch")]
    pub wait: bool,
    /// Give up waiting after N milliseconds
    #[arg(long, value_name = "N", requires = "wait")]
    pub timeout_ms: Option<u64>,
    /// Keep the view up to date
    #[arg(long)]
    pub watch: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
