//! `status`.

use clap::Args;

use super::common::JsonArgs;

/// `status`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion status              running and recent jobs of this session\n  codex-companion status --watch\n  codex-companion status JOB --wait --json"
)]
pub struct StatusArgs {
    /// Job id, or a prefix of one
    pub job: Option<String>,
    /// Show all jobs of all sessions
    #[arg(long)]
    pub all: bool,
    /// Wait until the shown jobs have finished
    #[arg(long, conflicts_with = "watch")]
    pub wait: bool,
    /// Wait at most N milliseconds
    #[arg(long, value_name = "N", requires = "wait")]
    pub timeout_ms: Option<u64>,
    /// Keep printing the current status
    #[arg(long)]
    pub watch: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
