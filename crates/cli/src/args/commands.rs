//! The commands and their flags.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::prompt::PromptArgs;

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

/// What is to be reviewed.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// Review what this branch adds to REF
    #[arg(long, value_name = "REF", conflicts_with = "commit")]
    pub base: Option<String>,
    /// Review one commit
    #[arg(long, value_name = "SHA", conflicts_with = "scope")]
    pub commit: Option<String>,
    /// What to review when neither is given
    #[arg(long, value_enum, default_value_t = Scope::Auto)]
    pub scope: Scope,
}

/// What a review looks at when it is told neither a base nor a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The working tree when it has changes, else the branch
    #[default]
    Auto,
    /// What is not committed yet
    WorkingTree,
    /// What this branch adds to the default branch
    Branch,
}

/// How the work is run.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Wait for the answer (the default)
    #[arg(long, conflicts_with = "background")]
    pub wait: bool,
    /// Start a job, print its id and return
    #[arg(long)]
    pub background: bool,
    /// Model to use; `spark` is short for gpt-5.3-codex-spark
    #[arg(short, long, value_name = "MODEL", value_parser = model)]
    pub model: Option<String>,
    /// How hard the model is to think
    #[arg(long, value_name = "EFFORT", value_parser = non_empty)]
    pub effort: Option<String>,
    /// Give up after N milliseconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_ms: Option<u64>,
    /// Override a setting of Codex; may be repeated
    #[arg(short = 'c', long = "config", value_name = "KEY=VALUE", value_parser = override_)]
    pub config: Vec<String>,
    /// Whether to share the workspace's app-server
    #[arg(long, value_enum)]
    pub broker: Option<BrokerUse>,
}

/// Whether a command goes through the workspace's shared app-server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerUse {
    /// When it pays
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How the answer is written.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutArgs {
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

impl OutArgs {
    /// The format, however it was asked for.
    #[must_use]
    pub const fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// The forms in which a review can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For pull requests and chat
    Markdown,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// GitHub Actions annotations
    Github,
}

/// `--json`, where it is the only choice.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct JsonArgs {
    /// Write one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `setup`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion setup\n  codex-companion setup --json\n  codex-companion setup --enable-review-gate"
)]
pub struct SetupArgs {
    /// Have every turn in this workspace reviewed before it ends
    #[arg(long, conflicts_with = "disable_review_gate")]
    pub enable_review_gate: bool,
    /// Stop having turns reviewed before they end
    #[arg(long)]
    pub disable_review_gate: bool,
    /// Install Codex with npm when it is missing
    #[arg(long)]
    pub install: bool,
    /// Take over the jobs that codex-plugin-cc recorded in DIR (the folder with its state.json)
    #[arg(long, value_name = "DIR")]
    pub import_jobs: Option<PathBuf>,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}

/// `review`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    codex-companion review                          what is not committed, else this branch\n  \
    codex-companion review --base origin/main       what this branch adds to origin/main\n  \
    codex-companion review --commit HEAD~1\n  \
    codex-companion review --format sarif > review.sarif")]
pub struct ReviewArgs {
    /// Target.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Output.
    #[command(flatten)]
    pub out: OutArgs,
    /// Words that `review` does not take: caught to say where they belong.
    #[arg(hide = true, trailing_var_arg = true)]
    pub(super) words: Vec<OsString>,
}

/// `adversarial-review`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    codex-companion adversarial-review\n  \
    codex-companion adversarial-review --base main what happens when the cache is cold?\n  \
    codex-companion adversarial-review --prompt-file focus.md --json\n\n\
    Everything after the first word that is not a flag belongs to the focus text.")]
pub struct AdversarialReviewArgs {
    /// Target.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Output.
    #[command(flatten)]
    pub out: OutArgs,
    /// Focus text.
    #[command(flatten)]
    pub prompt: PromptArgs,
}

/// `task`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    codex-companion task why does the build fail on Windows?\n  \
    codex-companion task --write --effort high make the parser linear\n  \
    codex-companion task --prompt-file plan.md\n  \
    git log -3 | codex-companion task\n\n\
    Everything after the first word that is not a flag belongs to the prompt, flags and all.\n\
    Codex may read the repository; it may change files only with --write.")]
pub struct TaskArgs {
    /// Let Codex change files in the work tree
    #[arg(long, conflicts_with = "read_only", help_heading = "Run")]
    pub write: bool,
    /// Let Codex only read (the default)
    #[arg(long, help_heading = "Run")]
    pub read_only: bool,
    /// When Codex asks for approval
    #[arg(long, value_enum, help_heading = "Run", default_value_t = Approvals::Never)]
    pub approvals: Approvals,
    /// Continue the last task
    #[arg(long, alias = "resume", help_heading = "Thread", conflicts_with_all = ["fresh", "thread"])]
    pub resume_last: bool,
    /// Begin a new thread (the default)
    #[arg(long, help_heading = "Thread", conflicts_with = "thread")]
    pub fresh: bool,
    /// Continue the thread with this id
    #[arg(long, value_name = "ID", help_heading = "Thread", value_parser = non_empty)]
    pub thread: Option<String>,
    /// Run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
    /// Prompt.
    #[command(flatten)]
    pub prompt: PromptArgs,
}

/// Whether Codex asks before it does what needs approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approvals {
    /// It never asks, and refuses by itself
    #[default]
    Never,
    /// It asks; the settings decide
    OnRequest,
}

/// `status`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion status              running and recent jobs of this session\n  codex-companion status --watch\n  codex-companion status JOB --wait --json"
)]
pub struct StatusArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
    /// Jobs of every session, without a limit
    #[arg(long)]
    pub all: bool,
    /// Wait until the jobs in view have ended
    #[arg(long, conflicts_with = "watch")]
    pub wait: bool,
    /// Give up waiting after N milliseconds
    #[arg(long, value_name = "N", requires = "wait")]
    pub timeout_ms: Option<u64>,
    /// Keep the view up to date
    #[arg(long)]
    pub watch: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}

/// `result`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion result              of the job that finished last\n  codex-companion result JOB --raw > answer.md"
)]
pub struct ResultArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
    /// The bytes as the model wrote them
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}

/// `cancel`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion cancel JOB\n  codex-companion cancel --all")]
pub struct CancelArgs {
    /// Job id, or the beginning of one
    #[arg(conflicts_with = "all")]
    pub job: Option<String>,
    /// All active jobs in view
    #[arg(long)]
    pub all: bool,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}

/// `attach`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion attach JOB\n\nThe job goes on when you leave.")]
pub struct AttachArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
}

/// `await`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion await JOB && codex-companion result JOB\n  codex-companion await JOB JOB --timeout-ms 60000"
)]
pub struct AwaitArgs {
    /// Job ids, or their beginnings
    #[arg(required = true)]
    pub jobs: Vec<String>,
    /// Give up waiting after N milliseconds
    #[arg(long, value_name = "N")]
    pub timeout_ms: Option<u64>,
}

/// `resume`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion resume JOB          becomes `codex resume THREAD`")]
pub struct ResumeArgs {
    /// Job id, or the beginning of one
    pub job: Option<String>,
}

/// `transfer`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion transfer            the session that this runs in\n  codex-companion transfer --source session.jsonl"
)]
pub struct TransferArgs {
    /// The session's transcript
    #[arg(long, value_name = "FILE")]
    pub source: Option<PathBuf>,
    /// Output.
    #[command(flatten)]
    pub out: JsonArgs,
}

/// `gate`
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  codex-companion gate --base origin/main --format github\n  \
    codex-companion gate --json --on-error allow\n  codex-companion gate install git-pre-push\n\n\
    Exits 0 when the change may go on, 4 when it may not, 6 when it could not be reviewed."
)]
pub struct GateArgs {
    /// Put the gate before every push or commit, or take it away again.
    #[command(subcommand)]
    pub action: Option<GateAction>,
    /// Target.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Output.
    #[command(flatten)]
    pub out: OutArgs,
    /// What a gate that could not review says
    #[arg(long, value_enum, default_value_t = OnError::Block)]
    pub on_error: OnError,
    /// What a git hook of ours passes on.
    #[arg(long, value_enum, hide = true, conflicts_with_all = ["base", "commit", "scope"])]
    pub git_hook: Option<GitHook>,
}

/// What can be done with the gate besides asking it.
#[derive(Debug, Subcommand)]
pub enum GateAction {
    /// Put the gate into this repository as a git hook
    Install(InstallArgs),
    /// Take the gate's git hook away
    Uninstall(InstallArgs),
}

/// `gate install` and `gate uninstall`
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// Which hook
    #[arg(value_enum)]
    pub hook: InstallHook,
}

/// The hooks that the gate can be installed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InstallHook {
    /// Before every push: what it adds to the remote branch
    GitPrePush,
    /// Before every commit: what is not committed
    GitPreCommit,
}

/// The git hooks that can call the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GitHook {
    /// `pre-push`
    PrePush,
    /// `pre-commit`
    PreCommit,
}

/// What a gate that could not review says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// Exit 0
    Allow,
    /// Exit 6
    #[default]
    Block,
}

/// `hook`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion hook stop < input.json\n\n\
    For agents' settings: each reads the hook's input and writes what the agent is to do, or nothing.")]
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

/// `slash`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion slash review\n\n\
    For the command files of an agent's plugin: the arguments are those that `hook prompt-expansion` stored for this\n\
    session. Prints for a person and always exits 0.")]
pub struct SlashArgs {
    /// The command to run
    pub command: String,
}

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

/// `demo`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion demo")]
pub struct DemoArgs {}

/// `completions`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  codex-companion completions bash > codex-companion.bash")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  codex-companion man | man -l -\n  codex-companion man review > codex-companion-review.1"
)]
pub struct ManArgs {
    /// The command; without one, the program's page
    pub command: Option<String>,
}

/// Short names of models. The first is the reference plugin's.
pub const MODEL_ALIASES: &[(&str, &str)] = &[("spark", "gpt-5.3-codex-spark")];

/// A model's name with aliases resolved; surrounding white space and the case of an alias do not matter.
///
/// # Errors
/// When there is no name.
pub fn model(value: &str) -> Result<String, String> {
    let name = non_empty(value)?;
    let alias = MODEL_ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(&name));
    Ok(alias.map_or(name, |(_, model)| (*model).to_owned()))
}

fn non_empty(value: &str) -> Result<String, String> {
    match value.trim() {
        "" => Err("it is empty".to_owned()),
        name => Ok(name.to_owned()),
    }
}

fn override_(value: &str) -> Result<String, String> {
    match value.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(value.to_owned()),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}
