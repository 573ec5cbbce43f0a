//! `attach`.

use clap::Args;

/// `attach`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion attach JOB\n\nThe job continues when you press Ctrl-C.")]
pub struct AttachArgs {
    /// Job id, or a prefix of one
    pub job: Option<String>,
}
