//! `man`.

use clap::Args;

/// `man`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion man | man -l -\n  codex-companion man review > codex-companion-review.1"
)]
pub struct ManArgs {
    /// The command; if omitted, the page of the program
    pub command: Option<String>,
}
