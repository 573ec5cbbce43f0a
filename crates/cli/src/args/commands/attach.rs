//! `attach`.

use clap::Args;

/// `attach`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion attach JOB\n\nThe job goes on when you leave.")]
pub struct AttachArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
}
