//! Flags that several commands take.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::settings;

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

impl From<BrokerUse> for settings::BrokerUse {
    fn from(broker: BrokerUse) -> Self {
        match broker {
            BrokerUse::Auto => Self::Auto,
            BrokerUse::Always => Self::Always,
            BrokerUse::Never => Self::Never,
        }
    }
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

/// A model's name with aliases resolved; surrounding white space and the case of an alias do not matter.
///
/// # Errors
/// When there is no name.
pub fn model(value: &str) -> Result<String, String> {
    settings::model(value).ok_or_else(|| "it is empty".to_owned())
}

pub(super) fn non_empty(value: &str) -> Result<String, String> {
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
