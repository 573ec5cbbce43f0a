//! `demo`.

use clap::Args;

/// `demo`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion demo")]
pub struct DemoArgs {}
