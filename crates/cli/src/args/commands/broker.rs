//! `broker`.

use clap::{Args, Subcommand};

use super::common::JsonArgs;

/// `broker`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion broker status --json\n  codex-companion broker stop\n\n\
    Commands start the broker when sharing saves time. It exits when it has been unused for a while."
)]
pub struct BrokerArgs {
    /// The action
    #[command(subcommand)]
    pub action: BrokerAction,
}

/// The actions on the shared app-server.
#[derive(Debug, Subcommand)]
pub enum BrokerAction {
    /// Serve until idle
    Serve,
    /// Print its status
    Status(JsonArgs),
    /// Stop it
    Stop(BrokerStopArgs),
}

/// `broker stop`
#[derive(Args, Debug)]
pub struct BrokerStopArgs {
    /// Stop it even if clients are connected
    #[arg(long)]
    pub force: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}
