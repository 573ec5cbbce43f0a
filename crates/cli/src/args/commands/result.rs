//! `result`.

use clap::Args;

use super::common::JsonArgs;

/// `result`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion result              the job that finished last\n  codex-companion result JOB --raw > answer.md"
)]
pub struct ResultArgs {
    /// Job id, or a prefix of one
    pub job: Option<String>,
    /// Print the answer exactly as the model wrote it
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
