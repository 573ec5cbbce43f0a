//! Reports as plain structs. Serialized, they are the documented JSON documents.

pub use codex_companion_core::SessionRuntime;
use serde::Serialize;

/// The answer of `setup`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupReport {
    /// Whether a review would work now.
    pub ready: bool,
    /// The codex program.
    pub codex: Tool,
    /// npm, which installs it.
    pub npm: Tool,
    /// The account.
    pub auth: Auth,
    /// How Codex is reached.
    pub session_runtime: SessionRuntime,
    /// Whether turns in this workspace are reviewed before they end.
    pub review_gate_enabled: bool,
    /// What `setup` has just done.
    pub actions_taken: Vec<String>,
    /// What is left to do.
    pub next_steps: Vec<String>,
}

/// A program that is there or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Whether it can be used.
    pub available: bool,
    /// Its version and place, or why it cannot be used.
    pub detail: String,
}

/// The account that Codex works with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// Whether the account could be asked for.
    pub available: bool,
    /// Whether there is one, or none is needed.
    pub logged_in: bool,
    /// `chatgpt`, `apikey`, …
    pub auth_method: Option<String>,
    /// The model provider.
    pub provider: Option<String>,
    /// In words.
    pub detail: String,
    /// Who said so: `app-server`, …
    pub source: String,
    /// Whether the provider itself has confirmed it; `None` when that was not asked.
    pub verified: Option<bool>,
    /// Whether the provider needs an OpenAI account at all; `None` when that is not known.
    pub requires_openai_auth: Option<bool>,
}
