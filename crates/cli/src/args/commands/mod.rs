//! The commands and their flags.

mod adversarial_review;
mod attach;
mod await_jobs;
mod broker;
mod cancel;
mod common;
mod completions;
mod demo;
mod gate;
mod hook;
mod man;
mod result;
mod resume;
mod review;
mod setup;
mod slash;
mod status;
mod task;
mod transfer;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use adversarial_review::*;
pub use attach::*;
pub use await_jobs::*;
pub use broker::*;
pub use cancel::*;
pub use common::*;
pub use completions::*;
pub use demo::*;
pub use gate::*;
pub use hook::*;
pub use man::*;
pub use result::*;
pub use resume::*;
pub use review::*;
pub use setup::*;
pub use slash::*;
pub use status::*;
pub use task::*;
pub use transfer::*;

/// What was asked on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "codex-companion",
    version,
    about = "Lets one coding agent ask OpenAI Codex for a review, a challenge or a piece of work",
    disable_help_subcommand = true,
    after_help = "Examples:\n  \
        codex-companion setup                          is Codex there and signed in?\n  \
        codex-companion review                         review what is not committed yet\n  \
        codex-companion review --base main             review this branch\n  \
        codex-companion task --write fix the flaky test\n  \
        codex-companion demo                           the whole flow, without account or network\n\n\
        `codex-companion COMMAND --help` has more on each."
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Whether the answer, an error included, is to be one JSON document.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        match &self.command {
            Command::Setup(flags) => flags.out.json,
            Command::Review(flags) => flags.out.format() == Format::Json,
            Command::AdversarialReview(flags) => flags.out.format() == Format::Json,
            Command::Task(flags) => flags.out.json,
            Command::Status(flags) => flags.out.json,
            Command::Result(flags) => flags.out.json,
            Command::Cancel(flags) => flags.out.json,
            Command::TaskResumeCandidate(flags) => flags.json,
            Command::Transfer(flags) => flags.out.json,
            Command::Gate(flags) => flags.out.format() == Format::Json,
            Command::Broker(flags) => match &flags.action {
                BrokerAction::Serve => false,
                BrokerAction::Status(flags) => flags.json,
                BrokerAction::Stop(flags) => flags.out.json,
            },
            _ => false,
        }
    }
}

/// Flags that every command takes, before or after its name.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalArgs {
    /// Work as if started in DIR
    #[arg(short = 'C', long, value_name = "DIR", global = true)]
    pub cwd: Option<PathBuf>,
    /// The codex program to use
    #[arg(long, value_name = "PATH", global = true)]
    pub codex: Option<PathBuf>,
    /// Say nothing on stderr while working
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Read more arguments from standard input: one string, flags first, then the prompt as it is
    #[arg(long, global = true)]
    pub arguments_stdin: bool,
}

/// The commands of the documented command line, those of later versions included.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Check that Codex is there, signed in and usable
    Setup(SetupArgs),
    /// Have Codex's own reviewer look at a change (read-only)
    Review(ReviewArgs),
    /// Have the design and the assumptions of a change challenged (read-only)
    AdversarialReview(AdversarialReviewArgs),
    /// Hand a piece of work to Codex
    #[command(visible_alias = "rescue")]
    Task(TaskArgs),
    /// Show running and recent jobs, or one job
    Status(StatusArgs),
    /// Show the final output of a finished job
    Result(ResultArgs),
    /// Interrupt a job and end its processes
    Cancel(CancelArgs),
    /// Follow a job's log to its end
    Attach(AttachArgs),
    /// Wait for jobs in silence
    Await(AwaitArgs),
    /// Continue a job's thread in Codex itself
    Resume(ResumeArgs),
    /// Name the thread that `task --resume-last` would continue
    #[command(after_help = "Examples:\n  codex-companion task-resume-candidate --json")]
    TaskResumeCandidate(JsonArgs),
    /// Import a Claude Code session into a Codex thread
    Transfer(TransferArgs),
    /// Run the review gate once
    Gate(GateArgs),
    /// Answer an agent's hook: JSON on stdin, JSON on stdout
    Hook(HookArgs),
    /// Run a slash command with the arguments that its hook stored
    Slash(SlashArgs),
    /// Serve, inspect or stop the app-server that this workspace shares
    Broker(BrokerArgs),
    /// Serve the Model Context Protocol on stdio
    #[command(after_help = "Examples:\n  codex-companion mcp\n  codex-companion mcp -C ~/projects\n\n\
        For the settings of MCP clients; docs/mcp.md shows them.")]
    Mcp,
    /// Show the whole flow on a throw-away repository with a scripted model
    Demo(DemoArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page of the program or of one command
    Man(ManArgs),
}
