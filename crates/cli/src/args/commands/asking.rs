//! The commands that ask Codex for something.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::common::{JsonArgs, OutArgs, RunArgs, TargetArgs, non_empty};
use crate::prompt::PromptArgs;

/// `review`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    codex-companion review                          what is not committed, else this branch\n  \
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
    /// Words that `review` does not take: caught to say where they belong.
    #[arg(hide = true, trailing_var_arg = true)]
    pub(in crate::args) words: Vec<OsString>,
}

/// `adversarial-review`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    codex-companion adversarial-review\n  \
    codex-companion adversarial-review --base main what happens when the cache is cold?\n  \
    codex-companion adversarial-review --prompt-file focus.md --json\n\n\
    Everything after the first word that is not a flag belongs to the focus text.")]
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

/// `task`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    codex-companion task why does the build fail on Windows?\n  \
    codex-companion task --write --effort high make the parser linear\n  \
    codex-companion task --prompt-file plan.md\n  \
    git log -3 | codex-companion task\n\n\
    Everything after the first word that is not a flag belongs to the prompt, flags and all.\n\
    Codex may read the repository; it may change files only with --write.")]
pub struct TaskArgs {
    /// Let Codex change files in the work tree
    #[arg(long, conflicts_with = "read_only", help_heading = "Run")]
    pub write: bool,
    /// Let Codex only read (the default)
    #[arg(long, help_heading = "Run")]
    pub read_only: bool,
    /// When Codex asks for approval
    #[arg(long, value_enum, help_heading = "Run", default_value_t = Approvals::Never)]
    pub approvals: Approvals,
    /// Continue the last task
    #[arg(long, alias = "resume", help_heading = "Thread", conflicts_with_all = ["fresh", "thread"])]
    pub resume_last: bool,
    /// Begin a new thread (the default)
    #[arg(long, help_heading = "Thread", conflicts_with = "thread")]
    pub fresh: bool,
    /// Continue the thread with this id
    #[arg(long, value_name = "ID", help_heading = "Thread", value_parser = non_empty)]
    pub thread: Option<String>,
    /// Run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
    /// Prompt.
    #[command(flatten)]
    pub prompt: PromptArgs,
}

/// Whether Codex asks before it does what needs approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approvals {
    /// It never asks, and refuses by itself
    #[default]
    Never,
    /// It asks; the settings decide
    OnRequest,
}
