//! `result`.

use clap::Args;

use super::common::JsonArgs;

/// `result`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion result              of the job that finished last\n  codex-companion result JOB --raw > answer.md"
)]
pub struct ResultArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
    /// The bytes as the model wrote them
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
