//! `gate`: the review gate, once, and its git hooks.

use clap::{Args, Subcommand, ValueEnum};

use super::common::{OutArgs, TargetArgs};

/// `gate`
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  codex-companion gate --base origin/main --format github\n  \
    codex-companion gate --json --on-error allow\n  codex-companion gate install git-pre-push\n\n\
    Exits 0 when the change may go on, 4 when it may not, 6 when it could not be reviewed."
)]
pub struct GateArgs {
    /// Put the gate before every push or commit, or take it away again.
    #[command(subcommand)]
    pub action: Option<GateAction>,
    /// Target.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Output.
    #[command(flatten)]
    pub out: OutArgs,
    /// What a gate that could not review says
    #[arg(long, value_enum, default_value_t = OnError::Block)]
    pub on_error: OnError,
    /// What a git hook of ours passes on.
    #[arg(long, value_enum, hide = true, conflicts_with_all = ["base", "commit", "scope"])]
    pub git_hook: Option<GitHook>,
}

/// What can be done with the gate besides asking it.
#[derive(Debug, Subcommand)]
pub enum GateAction {
    /// Put the gate into this repository as a git hook
    Install(InstallArgs),
    /// Take the gate's git hook away
    Uninstall(InstallArgs),
}

/// `gate install` and `gate uninstall`
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// Which hook
    #[arg(value_enum)]
    pub hook: InstallHook,
}

/// The hooks that the gate can be installed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InstallHook {
    /// Before every push: what it adds to the remote branch
    GitPrePush,
    /// Before every commit: what is not committed
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

/// What a gate that could not review says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// Exit 0
    Allow,
    /// Exit 6
    #[default]
    Block,
}
