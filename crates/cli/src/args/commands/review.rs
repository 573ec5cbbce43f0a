//! `review`.

use std::ffi::OsString;

use clap::Args;

use super::common::{OutArgs, RunArgs, TargetArgs};

/// `review`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    codex-companion review                          the uncommitted changes, or else this branch\n  \
    codex-companion review --base origin/main       what this branch adds to origin/main\n  \
    codex-companion review --commit HEAD~1\n  \
    codex-companion review --format sarif > review.sarif")]
pub struct ReviewArgs {
    /// Target.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Output.
    #[command(flatten)]
    pub out: OutArgs,
    /// Words, which `review` does not accept: parsed to report where they belong.
    #[arg(hide = true, trailing_var_arg = true)]
    pub(in crate::args) words: Vec<OsString>,
}
