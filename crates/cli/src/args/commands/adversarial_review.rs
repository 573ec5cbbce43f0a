//! `adversarial-review`.

use clap::Args;

use super::common::{OutArgs, RunArgs, TargetArgs};
use crate::prompt::PromptArgs;

/// `adversarial-review`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    codex-companion adversarial-review\n  \
    codex-companion adversarial-review --base main what happens when the cache is cold?\n  \
    codex-companion adversarial-review --prompt-file focus.md --json\n\n\
    Everything after the first word that is not an option is the focus text.")]
pub struct AdversarialReviewArgs {
    /// Target.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Output.
    #[command(flatten)]
    pub out: OutArgs,
    /// Focus text.
    #[command(flatten)]
    pub prompt: PromptArgs,
}
