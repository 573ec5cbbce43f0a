//! `resume`.

use clap::Args;

/// `resume`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion resume JOB          runs `codex resume THREAD`")]
pub struct ResumeArgs {
    /// Job id, or a prefix of one
    pub job: Option<String>,
}
