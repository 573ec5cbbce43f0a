//! The commands and their options.

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

/// A parsed command line.
#[derive(Debug, Parser)]
#[command(
    name = "codex-companion",
    version,
    about = "Lets a coding agent ask OpenAI Codex for a review, a design challenge or a task",
    disable_help_subcommand = true,
    after_help = "Examples:\n  \
        codex-companion setup                          check that Codex is installed and signed in\n  \
        codex-companion review                         review the uncommitted changes\n  \
        codex-companion review --base main             review what this branch adds to main\n  \
        codex-companion task --write fix the flaky test\n  \
        codex-companion demo                           try it without an account or a network\n\n\
        Run `codex-companion COMMAND --help` for the options of a command."
)]
pub struct Cli {
    /// The options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Whether the output, errors included, must be one JSON document.
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

/// The options that every command accepts, before or after its name.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Run as if started in DIR
    #[arg(short = 'C', long, value_name = "DIR", global = true)]
    pub cwd: Option<PathBuf>,
    /// The codex program to use
    #[arg(long, value_name = "PATH", global = true)]
    pub codex: Option<PathBuf>,
    /// Print no progress on stderr
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Log to stderr; -vv and -vvv log more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Append the log to FILE instead of stderr (as much as with -vv, unless -v or RUST_LOG says otherwise)
    #[arg(long, value_name = "FILE", global = true)]
    pub log: Option<PathBuf>,
    /// Read more arguments from standard input: one string, options first, then the prompt unchanged
    #[arg(long, global = true)]
    pub arguments_stdin: bool,
}

/// The documented commands.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Check that Codex is installed, signed in and usable
    Setup(SetupArgs),
    /// Review a change with Codex's own reviewer (read-only)
    Review(ReviewArgs),
    /// Challenge the design and the assumptions of a change (read-only)
    AdversarialReview(AdversarialReviewArgs),
    /// Give Codex a task
    #[command(visible_alias = "rescue")]
    Task(TaskArgs),
    /// Show running and recent jobs, or one job
    Status(StatusArgs),
    /// Show the final output of a finished job
    Result(ResultArgs),
    /// Cancel a job and end its processes
    Cancel(CancelArgs),
    /// Follow a job's log until the job ends
    Attach(AttachArgs),
    /// Wait for jobs without printing anything
    Await(AwaitArgs),
    /// Resume a job's thread in Codex itself
    Resume(ResumeArgs),
    /// Print the thread that `task --resume-last` would resume
    #[command(after_help = "Examples:\n  codex-companion task-resume-candidate --json")]
    TaskResumeCandidate(JsonArgs),
    /// Import a Claude Code session into a Codex thread
    Transfer(TransferArgs),
    /// Run the review gate once
    Gate(GateArgs),
    /// Handle an agent's hook: JSON on stdin, JSON on stdout
    Hook(HookArgs),
    /// Run a slash command with the arguments that its hook stored
    Slash(SlashArgs),
    /// Serve, inspect or stop the workspace's shared app-server
    Broker(BrokerArgs),
    /// Serve the Model Context Protocol on stdio
    #[command(after_help = "Examples:\n  codex-companion mcp\n  codex-companion mcp -C ~/projects\n\n\
        MCP clients start this command; docs/mcp.md shows how to configure them.")]
    Mcp,
    /// Run a review in a temporary repository with a scripted model
    Demo(DemoArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page of the program or of one command
    Man(ManArgs),
}

impl Command {
    /// The name of the command, as the command line has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Review(_) => "review",
            Self::AdversarialReview(_) => "adversarial-review",
            Self::Task(_) => "task",
            Self::Status(_) => "status",
            Self::Result(_) => "result",
            Self::Cancel(_) => "cancel",
            Self::Attach(_) => "attach",
            Self::Await(_) => "await",
            Self::Resume(_) => "resume",
            Self::TaskResumeCandidate(_) => "task-resume-candidate",
            Self::Transfer(_) => "transfer",
            Self::Gate(_) => "gate",
            Self::Hook(_) => "hook",
            Self::Slash(_) => "slash",
            Self::Broker(_) => "broker",
            Self::Mcp => "mcp",
            Self::Demo(_) => "demo",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}
