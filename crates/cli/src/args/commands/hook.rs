//! `hook`: an agent's hooks.

use clap::{Args, ValueEnum};

/// `hook`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion hook stop < input.json\n\n\
    Agents run these commands. Each reads the hook's input and prints the decision for the agent, or nothing.")]
pub struct HookArgs {
    /// The event
    #[arg(value_enum)]
    pub event: HookEvent,
}

/// The agent events that have an entry point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HookEvent {
    /// A session begins
    SessionStart,
    /// A session ends
    SessionEnd,
    /// The user sent a prompt
    PromptSubmit,
    /// The user typed a slash command
    PromptExpansion,
    /// A turn is about to end
    Stop,
}
