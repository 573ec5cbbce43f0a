//! `transfer`.

use std::path::PathBuf;

use clap::Args;

use super::common::JsonArgs;

/// `transfer`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion transfer            the current Claude Code session\n  codex-companion transfer --source session.jsonl"
)]
pub struct TransferArgs {
    /// The transcript of the session
    #[arg(long, value_name = "FILE")]
    pub source: Option<PathBuf>,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
