//! `gate`: the review gate, once, and its git hooks.

use clap::{Args, Subcommand, ValueEnum};

use super::common::{OutArgs, TargetArgs};

/// `gate`
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  codex-companion gate --base origin/main --format github\n  \
    codex-companion gate --json --on-error allow\n  codex-companion gate install git-pre-push\n\n\
    Exits with 0 if the change is allowed, 4 if it is blocked, 6 if it could not be reviewed."
)]
pub struct GateArgs {
    /// Install or remove a git hook that runs the gate.
    #[command(subcommand)]
    pub action: Option<GateAction>,
    /// Target.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Output.
    #[command(flatten)]
    pub out: OutArgs,
    /// The decision if the change could not be reviewed
    #[arg(long, value_enum, default_value_t = OnError::Block)]
    pub on_error: OnError,
    /// The git hook that runs this command; set by the hooks that `gate install` writes.
    #[arg(long, value_enum, hide = true, conflicts_with_all = ["base", "commit", "scope"])]
    pub git_hook: Option<GitHook>,
}

/// The subcommands of the gate.
#[derive(Debug, Subcommand)]
pub enum GateAction {
    /// Install the gate as a git hook of this repository
    Install(InstallArgs),
    /// Remove the gate's git hook
    Uninstall(InstallArgs),
}

/// `gate install` and `gate uninstall`
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// The hook
    #[arg(value_enum)]
    pub hook: InstallHook,
}

/// The hooks that the gate can be installed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InstallHook {
    /// Review what a push adds to the remote branch
    GitPrePush,
    /// Review the uncommitted changes before each commit
    GitPreCommit,
}

/// The git hooks that can call the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GitHook {
    /// `pre-push`
    PrePush,
    /// `pre-commit`
    PreCommit,
}

/// The decision of a gate that could not review.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// Exit 0
    Allow,
    /// Exit 6
    #[default]
    Block,
}
