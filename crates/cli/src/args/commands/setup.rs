//! `setup`.

use std::path::PathBuf;

use clap::Args;

use super::common::JsonArgs;

/// `setup`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion setup\n  codex-companion setup --json\n  codex-companion setup --enable-review-gate\n  codex-companion setup --report report.txt"
)]
pub struct SetupArgs {
    /// Review every turn in this workspace before it ends
    #[arg(long, conflicts_with = "disable_review_gate")]
    pub enable_review_gate: bool,
    /// Turn the review gate off for this workspace
    #[arg(long)]
    pub disable_review_gate: bool,
    /// Install Codex with npm if it is missing
    #[arg(long)]
    pub install: bool,
    /// Import the jobs that codex-plugin-cc recorded in DIR (the directory with its state.json)
    #[arg(long, value_name = "DIR")]
    pub import_jobs: Option<PathBuf>,
    /// Write a report for bug reports to FILE, or to standard output: versions, settings, state, errors; no secrets
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "json")]
    pub report: Option<Option<PathBuf>>,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
