//! `cancel`.

use clap::Args;

use super::common::JsonArgs;

/// `cancel`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion cancel JOB\n  codex-companion cancel --all")]
pub struct CancelArgs {
    /// Job id, or a prefix of one
    #[arg(conflicts_with = "all")]
    pub job: Option<String>,
    /// Cancel all active jobs of this session
    #[arg(long)]
    pub all: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
