//! The keys: what each is called, what it accepts, who may set it.

use std::time::Duration;

use toml::Value;

use super::read::{self, Read as _, Text};
use super::{BrokerUse, SessionEnd};

/// What a project's file may do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Project {
    /// Set it to anything.
    Any,
    /// Set it to less than it would be without the project; more is ignored.
    OnlyLess,
    /// Set it to `true`; why not to `false`.
    OnlyTrue(&'static str),
    /// Nothing; why.
    Never(&'static str),
}

/// A key of the settings.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Key {
    /// Its name in files; a dot separates the name of a table.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub summary: &'static str,
    /// The values that it accepts, as a noun phrase.
    pub values: &'static str,
    /// What holds if nothing sets it.
    pub default: &'static str,
    /// The environment variable that sets it.
    pub variable: Option<&'static str>,
    /// The variable with which the host passes the plugin's option that sets it.
    pub option: Option<&'static str>,
    /// What a project's file may do with it.
    pub project: Project,
    /// Sets it to a value of a file; returns `false` if the value is invalid.
    pub(super) set: fn(&mut Settings, &Value) -> bool,
    /// Sets it to the text of a variable.
    pub(super) text: fn(&mut Settings, &str) -> Text,
    /// Its value; `None` if it is not set and has no default of ours.
    pub(super) get: fn(&Settings) -> Option<Value>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Key {
    /// Returns the key with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Returns the value in some settings, as JSON; `None` if Codex's own default applies.
    #[must_use]
    pub fn value(&self, settings: &Settings) -> Option<String> {
        (self.get)(settings).map(|value| serde_json::to_string(&value).unwrap_or_default())
    }
}

/// Defines a group of settings: the struct, its defaults, and the keys of its fields.
macro_rules! settings {
    (
        $(#[$meta:meta])* $name:ident as $keys:ident, $settings:ident => $place:expr;
        $($(#[doc = $doc:literal])+ $field:ident: $reader:ty = $value:expr => {
            key: $key:literal, values: $values:expr, default: $default:literal,
            variable: $variable:expr, option: $option:expr, project: $project:expr,
        })*
        $(plus { $($(#[$more_meta:meta])* $more:ident: $more_type:ty,)* })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[doc = $doc])+ #[doc = concat!("\n\nThe key `", $key, "`.")] pub $field: <$reader as read::Read>::Value,)*
            $($($(#[$more_meta])* pub $more: $more_type,)*)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $value,)* $($($more: <$more_type>::default(),)*)? }
            }
        }

        const $keys: &[Key] = &[$(Key {
            name: $key,
            summary: concat!($($doc),+).trim_ascii(),
            values: $values,
            default: $default,
            variable: $variable,
            option: $option,
            project: $project,
            set: |$settings, value| match <$reader>::from_toml(value) {
                Some(value) => { $place.$field = value; true }
                None => false,
            },
            text: |$settings, text| match <$reader>::from_text(text) {
                Ok(Some(value)) => { $place.$field = value; Text::Value }
                Ok(None) => Text::Ignored,
                Err(()) => Text::Invalid,
            },
            get: |$settings| <$reader>::to_toml(&$place.$field),
        }),*];
    };
}

const MS: &str = "a number of milliseconds";
const POSITIVE_MS: &str = "a number of milliseconds above 0";

settings! {
    /// The settings, all layers taken together.
    Settings as GENERAL, settings => settings;

    /// The codex program. A path is relative to the current directory.
    codex: read::Program = None => {
        key: "codex", values: "the path of a program", default: "`codex` on `PATH`",
        variable: Some("CODEX_COMPANION_CODEX"), option: None,
        project: Project::Never("it would choose the program that runs"),
    }
    /// The model. `spark` is short for `gpt-5.3-codex-spark`.
    model: read::Model = None => {
        key: "model", values: "the name of a model", default: "Codex's own",
        variable: Some("CODEX_COMPANION_MODEL"), option: Some("CLAUDE_PLUGIN_OPTION_MODEL"),
        project: Project::Any,
    }
    /// The reasoning effort. A value that the model does not list is passed on with a warning.
    effort: read::Word = None => {
        key: "effort", values: "the name of an effort", default: "Codex's own",
        variable: Some("CODEX_COMPANION_EFFORT"), option: Some("CLAUDE_PLUGIN_OPTION_EFFORT"),
        project: Project::Any,
    }
    /// When a command uses the workspace's shared app-server.
    broker: read::Choice<BrokerUse> = BrokerUse::Auto => {
        key: "broker", values: "`auto`, `always` or `never`", default: "`auto`",
        variable: None, option: None,
        project: Project::Any,
    }
    /// Whether a session's background jobs continue or are cancelled when it ends.
    session_end: read::Choice<SessionEnd> = SessionEnd::Keep => {
        key: "session_end", values: "`keep` or `cancel`", default: "`keep`",
        variable: None, option: None,
        project: Project::Any,
    }
    /// The MCP tools that `task --approvals on-request` accepts.
    approvals_mcp: read::Tools = Vec::new() => {
        key: "approvals.mcp", values: "a list of `server/tool` or `server/*`", default: "none",
        variable: None, option: None,
        project: Project::Never("it would approve what the user has not approved"),
    }
    /// Whether turns are reviewed before they end, in workspaces where `setup` has not turned the gate on or off.
    review_gate: read::Switch = None => {
        key: "review_gate", values: "true or false", default: "false",
        variable: Some("CODEX_COMPANION_REVIEW_GATE"), option: Some("CLAUDE_PLUGIN_OPTION_REVIEW_GATE"),
        project: Project::OnlyTrue("it would turn the gate off"),
    }
    /// The program, with its arguments, that reviews for the gate instead of Codex.
    gate_reviewer: read::CommandLine = Vec::new() => {
        key: "gate_reviewer", values: "a list of a program and its arguments", default: "Codex",
        variable: None, option: None,
        project: Project::Never("it would choose the program that runs"),
    }

    plus {
        /// How long things may take.
        timeouts: Timeouts,
    }
}

settings! {
    /// How long things may take.
    Timeouts as TIMEOUTS, settings => settings.timeouts;

    /// The time without any activity of Codex after which a turn times out.
    idle: read::Milliseconds<1> = Duration::from_secs(10 * 60) => {
        key: "idle_timeout_ms", values: POSITIVE_MS, default: "600000",
        variable: Some("CODEX_COMPANION_IDLE_TIMEOUT_MS"), option: None,
        project: Project::OnlyLess,
    }
    /// The total time of a turn.
    turn: read::Milliseconds<1> = Duration::from_secs(60 * 60) => {
        key: "turn_timeout_ms", values: POSITIVE_MS, default: "3600000",
        variable: Some("CODEX_COMPANION_TURN_TIMEOUT_MS"), option: None,
        project: Project::OnlyLess,
    }
    /// The time in which an app-server or a broker must answer the first request.
    handshake: read::Milliseconds<1> = Duration::from_secs(5) => {
        key: "handshake_timeout_ms", values: POSITIVE_MS, default: "5000",
        variable: Some("CODEX_COMPANION_HANDSHAKE_TIMEOUT_MS"), option: None,
        project: Project::OnlyLess,
    }
    /// The time after which a broker without clients exits.
    broker_idle: read::Milliseconds<0> = Duration::from_secs(5 * 60) => {
        key: "broker_idle_ms", values: MS, default: "300000",
        variable: Some("CODEX_COMPANION_BROKER_IDLE_MS"), option: None,
        project: Project::OnlyLess,
    }
    /// The time after which a broker ends an app-server without turns.
    child_idle: read::Milliseconds<0> = Duration::from_secs(2) => {
        key: "child_idle_ms", values: MS, default: "2000",
        variable: Some("CODEX_COMPANION_CHILD_IDLE_MS"), option: None,
        project: Project::OnlyLess,
    }
    /// The time of a review by the gate. It must be less than the host gives its hook.
    gate: read::Milliseconds<1> = Duration::from_secs(14 * 60) => {
        key: "gate_timeout_ms", values: POSITIVE_MS, default: "840000",
        variable: Some("CODEX_COMPANION_GATE_TIMEOUT_MS"), option: None,
        project: Project::Never("it would make the gate time out"),
    }
    /// The time that a slash command waits for its job. The job continues after it. Hosts end a command after 120 seconds.
    slash_wait: read::Milliseconds<0> = Duration::from_secs(100) => {
        key: "slash_wait_ms", values: MS, default: "100000",
        variable: Some("CODEX_COMPANION_SLASH_WAIT_MS"), option: None,
        project: Project::Never("it depends on the user's host"),
    }
}

const COUNT: usize = GENERAL.len() + TIMEOUTS.len();

/// All keys, in the order of the documentation.
pub const KEYS: &[Key] = &{
    let mut keys = [GENERAL[0]; COUNT];
    let mut at = 1;
    while at < COUNT {
        keys[at] = if at < GENERAL.len() { GENERAL[at] } else { TIMEOUTS[at - GENERAL.len()] };
        at += 1;
    }
    keys
};
