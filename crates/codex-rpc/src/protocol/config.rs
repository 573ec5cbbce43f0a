//! `config/read`, and `externalAgentConfig/*`, which imports another agent's sessions.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::open::{null_as_default, open_enum};
use super::request::client_requests;

client_requests! {
    ConfigReadParams => "config/read" => ConfigReadResponse,
    ExternalAgentConfigDetectParams => "externalAgentConfig/detect" => ExternalAgentConfigDetectResponse,
    ExternalAgentConfigImportParams => "externalAgentConfig/import" => ExternalAgentConfigImportResponse,
}

/// Asks for the effective configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ConfigReadParams {
    /// Also the layers that it was merged from. Default false.
    pub include_layers: bool,
    /// Absolute directory whose project layers count. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

impl ConfigReadParams {
    /// The user's configuration, without project layers.
    pub fn new() -> Self {
        Self::default()
    }
}

/// The effective configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ConfigReadResponse {
    /// The values that we use.
    pub config: CodexConfig,
}

/// The part of Codex's configuration that a companion looks at. Keys are those of `config.toml`; unset is `None`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CodexConfig {
    /// The model of turns.
    pub model: Option<String>,
    /// The model of reviews, when it differs.
    pub review_model: Option<String>,
    /// The provider's key, for example `openai`.
    pub model_provider: Option<String>,
    /// When the user is asked.
    pub approval_policy: Option<super::ApprovalPolicy>,
    /// What commands may do.
    pub sandbox_mode: Option<super::SandboxMode>,
    /// The effort of turns.
    pub model_reasoning_effort: Option<String>,
    /// The service tier.
    pub service_tier: Option<String>,
}

/// Asks what another agent (Claude Code) has that could be imported.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ExternalAgentConfigDetectParams {
    /// Also look in the user's home. Default false.
    pub include_home: bool,
    /// Absolute directories to look in. Default none.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub cwds: Vec<String>,
    /// How old a session may be, in days. Default: the server's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_age_days: Option<u32>,
    /// How many sessions to name. Default: the server's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sessions: Option<u32>,
}

impl ExternalAgentConfigDetectParams {
    /// Looks nowhere until a directory or the home is named.
    pub fn new() -> Self {
        Self::default()
    }
}

/// What could be imported.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct ExternalAgentConfigDetectResponse {
    /// One entry a kind and scope.
    #[serde(default, deserialize_with = "null_as_default")]
    pub items: Vec<MigrationItem>,
}

open_enum! {
    /// What kind of thing is imported.
    MigrationItemType {
        /// Instructions for agents.
        AgentsMd = "AGENTS_MD",
        /// Settings.
        Config = "CONFIG",
        /// Skills.
        Skills = "SKILLS",
        /// Plugins.
        Plugins = "PLUGINS",
        /// MCP servers.
        McpServerConfig = "MCP_SERVER_CONFIG",
        /// Sub-agents.
        Subagents = "SUBAGENTS",
        /// Hooks.
        Hooks = "HOOKS",
        /// Slash commands.
        Commands = "COMMANDS",
        /// Memory.
        Memory = "MEMORY",
        /// Sessions, each of which becomes a thread.
        Sessions = "SESSIONS",
    }
}

/// Something to import. What `detect` returned goes back to `import` verbatim.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MigrationItem {
    /// Its kind.
    pub item_type: MigrationItemType,
    /// One line about it.
    #[serde(default)]
    pub description: String,
    /// The directory that it belongs to; `None` is the user's home.
    #[serde(default)]
    pub cwd: Option<String>,
    /// What exactly, as JSON. For sessions: `{"sessions":[{"path","cwd","title"}]}`.
    #[serde(default)]
    pub details: Option<Box<RawValue>>,
}

impl MigrationItem {
    /// One session file of another agent.
    ///
    /// `path` is the absolute path of the transcript, `cwd` the absolute directory that the session worked in.
    pub fn session(path: impl Into<String>, cwd: impl Into<String>, title: Option<&str>) -> Self {
        let cwd = cwd.into();
        let details = serde_json::json!({
            "sessions": [{ "path": path.into(), "cwd": cwd, "title": title }],
        });
        Self {
            item_type: MigrationItemType::Sessions,
            description: "Import one session".to_owned(),
            cwd: Some(cwd),
            details: serde_json::value::to_raw_value(&details).ok(),
        }
    }
}

/// Imports. The answer comes at once; `externalAgentConfig/import/completed` reports the result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExternalAgentConfigImportParams {
    /// What to import.
    pub migration_items: Vec<MigrationItem>,
    /// Who asked, for the import's history. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl ExternalAgentConfigImportParams {
    /// Imports `items`.
    pub fn new(items: Vec<MigrationItem>) -> Self {
        Self { migration_items: items, source: None }
    }
}

/// The import has begun.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExternalAgentConfigImportResponse {
    /// What the import's notifications carry.
    pub import_id: String,
}

/// How far an import is (`…/progress`), or how it ended (`…/completed`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExternalAgentConfigImportStatus {
    /// The import.
    pub import_id: String,
    /// One entry a kind.
    #[serde(default, deserialize_with = "null_as_default")]
    pub item_type_results: Vec<ImportTypeResult>,
}

/// What became of the things of one kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImportTypeResult {
    /// The kind.
    pub item_type: MigrationItemType,
    /// What was imported.
    #[serde(default, deserialize_with = "null_as_default")]
    pub successes: Vec<ImportSuccess>,
    /// What was not.
    #[serde(default, deserialize_with = "null_as_default")]
    pub failures: Vec<ImportFailure>,
}

/// Something that was imported.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ImportSuccess {
    /// Where it came from; for a session, the transcript's path.
    #[serde(default)]
    pub source: Option<String>,
    /// What it became; for a session, the id of its thread.
    #[serde(default)]
    pub target: Option<String>,
    /// A session's title.
    #[serde(default)]
    pub title: Option<String>,
}

/// Something that was not imported.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImportFailure {
    /// Where it came from.
    #[serde(default)]
    pub source: Option<String>,
    /// Why not, for people.
    #[serde(default)]
    pub message: String,
    /// What kind of error it was.
    #[serde(default)]
    pub error_type: Option<String>,
    /// The step that failed.
    #[serde(default)]
    pub failure_stage: String,
}
