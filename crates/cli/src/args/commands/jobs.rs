//! The commands that look at jobs.

use std::path::PathBuf;

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

/// `cancel`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion cancel JOB\n  codex-companion cancel --all")]
pub struct CancelArgs {
    /// Job id, or the beginning of one
    #[arg(conflicts_with = "all")]
    pub job: Option<String>,
    /// All active jobs in view
    #[arg(long)]
    pub all: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}

/// `attach`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion attach JOB\n\nThe job goes on when you leave.")]
pub struct AttachArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
}

/// `await`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion await JOB && codex-companion result JOB\n  codex-companion await JOB JOB --timeout-ms 60000"
)]
pub struct AwaitArgs {
    /// Job ids, or their beginnings
    #[arg(required = true)]
    pub jobs: Vec<String>,
    /// Give up waiting after N milliseconds
    #[arg(long, value_name = "N")]
    pub timeout_ms: Option<u64>,
}

/// `resume`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion resume JOB          becomes `codex resume THREAD`")]
pub struct ResumeArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
}

/// `transfer`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion transfer            the session that this runs in\n  codex-companion transfer --source session.jsonl"
)]
pub struct TransferArgs {
    /// The session's transcript
    #[arg(long, value_name = "FILE")]
    pub source: Option<PathBuf>,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
