//! `resume`.

use clap::Args;

/// `resume`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion resume JOB          becomes `codex resume THREAD`")]
pub struct ResumeArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
}
