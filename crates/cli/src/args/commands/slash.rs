//! `slash`: a slash command with stored arguments.

use clap::Args;

/// `slash`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion slash review\n\n\
    For the command files of an agent's plugin: the arguments are those that `hook prompt-expansion` stored for this\n\
    session. Prints for a person and always exits 0.")]
pub struct SlashArgs {
    /// The command to run
    pub command: String,
}
