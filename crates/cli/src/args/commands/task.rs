//! `task`.

use clap::{Args, ValueEnum};

use super::common::{JsonArgs, RunArgs, non_empty};
use crate::prompt::PromptArgs;

/// `task`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    codex-companion task why does the build fail on Windows?\n  \
    codex-companion task --write --effort high make the parser linear\n  \
    codex-companion task --prompt-file plan.md\n  \
    git log -3 | codex-companion task\n\n\
    Everything after the first word that is not an option is the prompt, even words that look like options.\n\
    Codex can read the repository. It can change files only with --write.")]
pub struct TaskArgs {
    /// Allow Codex to change files in the work tree
    #[arg(long, conflicts_with = "read_only", help_heading = "Run")]
    pub write: bool,
    /// Allow Codex only to read (the default)
    #[arg(long, help_heading = "Run")]
    pub read_only: bool,
    /// When Codex requests approval
    #[arg(long, value_enum, help_heading = "Run", default_value_t = Approvals::Never)]
    pub approvals: Approvals,
    /// Resume the last task
    #[arg(long, alias = "resume", help_heading = "Thread", conflicts_with_all = ["fresh", "thread"])]
    pub resume_last: bool,
    /// Start a new thread (the default)
    #[arg(long, help_heading = "Thread", conflicts_with = "thread")]
    pub fresh: bool,
    /// Resume the thread with this id
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

/// When Codex requests approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Approvals {
    /// Never; Codex refuses what needs approval
    #[default]
    Never,
    /// When it is needed; the settings decide
    OnRequest,
}
