//! `completions`.

use clap::Args;

/// `completions`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion completions bash > codex-companion.bash")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
