//! `broker`.

use clap::{Args, Subcommand};

use super::common::JsonArgs;

/// `broker`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion broker status --json\n  codex-companion broker stop\n\n\
    Commands start it when it pays, and it ends by itself when nobody uses it."
)]
pub struct BrokerArgs {
    /// What to do
    #[command(subcommand)]
    pub action: BrokerAction,
}

/// What can be done with the shared app-server.
#[derive(Debug, Subcommand)]
pub enum BrokerAction {
    /// Serve until idle
    Serve,
    /// Say how it fares
    Status(JsonArgs),
    /// End it
    Stop(BrokerStopArgs),
}

/// `broker stop`
#[derive(Args, Debug)]
pub struct BrokerStopArgs {
    /// Even under clients that are still connected
    #[arg(long)]
    pub force: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
