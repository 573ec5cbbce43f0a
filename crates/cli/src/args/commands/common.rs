//! Options that several commands share.

use clap::{Args, ValueEnum};

use crate::settings;

/// The change to review.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// Review what this branch adds to REF
    #[arg(long, value_name = "REF", conflicts_with = "commit")]
    pub base: Option<String>,
    /// Review one commit
    #[arg(long, value_name = "SHA", conflicts_with = "scope")]
    pub commit: Option<String>,
    /// What to review without --base and --commit
    #[arg(long, value_enum, default_value_t = Scope::Auto)]
    pub scope: Scope,
}

/// What is reviewed if neither a base nor a commit is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// The working tree if it has changes, otherwise the branch
    #[default]
    Auto,
    /// The uncommitted changes
    WorkingTree,
    /// What this branch adds to the default branch
    Branch,
}

/// How Codex is run.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Wait for the answer (the default)
    #[arg(long, conflicts_with = "background")]
    pub wait: bool,
    /// Start a background job, print its id and return
    #[arg(long)]
    pub background: bool,
    /// Model to use; `spark` is short for gpt-5.3-codex-spark
    #[arg(short, long, value_name = "MODEL", value_parser = model)]
    pub model: Option<String>,
    /// Reasoning effort of the model
    #[arg(long, value_name = "EFFORT", value_parser = non_empty)]
    pub effort: Option<String>,
    /// Time out after N milliseconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_ms: Option<u64>,
    /// Override a setting of Codex; can be repeated
    #[arg(short = 'c', long = "config", value_name = "KEY=VALUE", value_parser = override_)]
    pub config: Vec<String>,
    /// When to use the workspace's shared app-server
    #[arg(long, value_enum)]
    pub broker: Option<BrokerUse>,
}

/// When a command uses the workspace's shared app-server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BrokerUse {
    /// If it saves time
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<BrokerUse> for settings::BrokerUse {
    fn from(broker: BrokerUse) -> Self {
        match broker {
            BrokerUse::Auto => Self::Auto,
            BrokerUse::Always => Self::Always,
            BrokerUse::Never => Self::Never,
        }
    }
}

/// The output format.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutArgs {
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

impl OutArgs {
    /// The format that `--json` or `--format` chose.
    #[must_use]
    pub const fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// The output formats of a review.
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

impl From<Format> for codex_review::render::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Markdown => Self::Markdown,
            Format::Json => Self::Json,
            Format::Sarif => Self::Sarif,
            Format::Github => Self::Github,
        }
    }
}

/// `--json` of commands without `--format`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct JsonArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Resolves an alias of a model. Surrounding whitespace and the case of an alias are ignored.
///
/// # Errors
/// The name is empty.
pub fn model(value: &str) -> Result<String, String> {
    settings::model(value).ok_or_else(|| "must not be empty".to_owned())
}

pub(super) fn non_empty(value: &str) -> Result<String, String> {
    match value.trim() {
        "" => Err("must not be empty".to_owned()),
        name => Ok(name.to_owned()),
    }
}

fn override_(value: &str) -> Result<String, String> {
    match value.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(value.to_owned()),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}
