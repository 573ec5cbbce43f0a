//! `slash`: a slash command with stored arguments.

use clap::Args;

/// `slash`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion slash review\n\n\
    Command files of an agent's plugin run this. The arguments are those that `hook prompt-expansion` stored for this\n\
    session. Prints text for people and always exits with 0.")]
pub struct SlashArgs {
    /// The command to run
    pub command: String,
}
