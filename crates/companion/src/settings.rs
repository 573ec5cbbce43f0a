//! Settings: two files, variables and flags, and which of them wins.
//!
//! Flags win over variables, variables over the project's file (`.codex-companion.toml` in the root of the work tree), that
//! over the user's file (`config.toml`), that over the defaults. A project comes with a checkout and is not trusted: it can
//! choose and tighten, never loosen. Setting what a project may not set ([`KEYS`]) is an error.
//!
//! This module reads no environment: the caller passes the values of the variables in ([`Variables`]).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::error::{Error, Kind, Result};

/// The name of a project's settings file, at the work tree's root.
pub const PROJECT_FILE: &str = ".codex-companion.toml";

/// How long things may take. Each is set by a key of [`Timeouts::KEYS`] in milliseconds, or by `CODEX_COMPANION_` and the
/// key in capitals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// `idle_timeout_ms`: a turn without a sign of life; 10 minutes.
    pub idle: Duration,
    /// `turn_timeout_ms`: a turn in all; 1 hour.
    pub turn: Duration,
    /// `handshake_timeout_ms`: a broker or an app-server that does not answer; 5 seconds.
    pub handshake: Duration,
    /// `broker_idle_ms`: how long a broker without clients stays; 5 minutes.
    pub broker_idle: Duration,
    /// `child_idle_ms`: how long an app-server without turns stays; 2 seconds.
    pub child_idle: Duration,
    /// `gate_timeout_ms`: a review by the gate; 14 minutes.
    pub gate: Duration,
    /// `slash_wait_ms`: a slash command, whose work goes on behind it; 100 seconds.
    pub slash_wait: Duration,
}

impl Timeouts {
    /// The keys, in the order of the fields.
    pub const KEYS: &[&str] = &[
        "idle_timeout_ms",
        "turn_timeout_ms",
        "handshake_timeout_ms",
        "broker_idle_ms",
        "child_idle_ms",
        "gate_timeout_ms",
        "slash_wait_ms",
    ];

    fn field(&mut self, key: &str) -> Option<&mut Duration> {
        Some(match key {
            "idle_timeout_ms" => &mut self.idle,
            "turn_timeout_ms" => &mut self.turn,
            "handshake_timeout_ms" => &mut self.handshake,
            "broker_idle_ms" => &mut self.broker_idle,
            "child_idle_ms" => &mut self.child_idle,
            "gate_timeout_ms" => &mut self.gate,
            "slash_wait_ms" => &mut self.slash_wait,
            _ => return None,
        })
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            idle: ms(600_000),
            turn: ms(3_600_000),
            handshake: ms(5_000),
            broker_idle: ms(300_000),
            child_idle: ms(2_000),
            gate: ms(840_000),
            slash_wait: ms(100_000),
        }
    }
}

impl Timeouts {
    /// No time is longer than it was.
    fn tighten(&mut self, before: &Self) {
        self.idle = self.idle.min(before.idle);
        self.turn = self.turn.min(before.turn);
        self.handshake = self.handshake.min(before.handshake);
        self.broker_idle = self.broker_idle.min(before.broker_idle);
        self.child_idle = self.child_idle.min(before.child_idle);
    }
}

/// What becomes of a session's background jobs when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionEnd {
    /// They go on.
    #[default]
    Keep,
    /// They are cancelled.
    Cancel,
}

/// Whether a command goes through the workspace's broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerUse {
    /// When it pays.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The settings that hold, all layers taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// `codex`: the codex program; looked for on `PATH` when `None`.
    pub codex: Option<PathBuf>,
    /// `model`: the model; Codex's own default when `None`. Aliases are resolved.
    pub model: Option<String>,
    /// `effort`: how hard the model thinks; Codex's own default when `None`.
    pub effort: Option<String>,
    /// `broker`: whether to share an app-server.
    pub broker: BrokerUse,
    /// `session_end`: what becomes of background jobs.
    pub session_end: SessionEnd,
    /// `approvals.mcp`: MCP tools that `task --approvals on-request` accepts, as `server/tool` or `server/*`.
    pub approvals_mcp: Vec<String>,
    /// `gate_reviewer`: the program, with its arguments, that reviews for the gate; Codex when empty.
    pub gate_reviewer: Vec<String>,
    /// `review_gate`: whether turns are reviewed before they end, where `setup` has not said.
    pub review_gate: Option<bool>,
    /// How long things may take.
    pub timeouts: Timeouts,
}

/// What the flags of a command set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--codex`
    pub codex: Option<PathBuf>,
    /// `--model`, its alias resolved
    pub model: Option<String>,
    /// `--effort`
    pub effort: Option<String>,
    /// `--broker`
    pub broker: Option<BrokerUse>,
    /// `--timeout-ms` of a run: a turn in all
    pub timeout: Option<Duration>,
}

/// What the variables `CODEX_COMPANION_…` set. The caller reads them; one that is empty counts as not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// `CODEX_COMPANION_CODEX`
    pub codex: Option<PathBuf>,
    /// `CODEX_COMPANION_MODEL`
    pub model: Option<String>,
    /// `CODEX_COMPANION_EFFORT`
    pub effort: Option<String>,
    /// Whether `CODEX_COMPANION_REVIEW_GATE` is `true`.
    pub review_gate: bool,
    /// The `CODEX_COMPANION_…_MS` variables as they are, by their settings key ([`Timeouts::KEYS`]).
    pub timeouts: Vec<(&'static str, OsString)>,
    /// The options of a plugin, weaker than the above and than a project's file.
    pub options: PluginOptions,
}

/// The options of the Claude Code plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginOptions {
    /// `model`
    pub model: Option<String>,
    /// `effort`
    pub effort: Option<String>,
    /// Whether `review_gate` is `true`.
    pub review_gate: bool,
}

/// The variable of a timeout: `idle_timeout_ms` is set by `CODEX_COMPANION_IDLE_TIMEOUT_MS`.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("CODEX_COMPANION_{}", key.to_ascii_uppercase())
}

/// Short names of models. The first is that of the plugin `codex-plugin-cc`.
pub const MODEL_ALIASES: &[(&str, &str)] = &[("spark", "gpt-5.3-codex-spark")];

/// Resolves the alias of a model; surrounding white space and the case of an alias do not matter. `None` when the name is
/// empty.
#[must_use]
pub fn model(name: &str) -> Option<String> {
    let name = name.trim();
    let alias = MODEL_ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
    let name = alias.map_or(name, |(_, model)| model);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The largest settings file that is read, in bytes.
const MOST: u64 = 1024 * 1024;

/// Where a settings file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The user's own.
    User,
    /// The project's.
    Project,
}

/// A settings file: where it is and what is in it.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    /// Its path, for messages.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl SettingsFile {
    /// Reads a file; `None` when there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        // Looked at before it is opened: a pipe that a repository has in its place would be waited for.
        let read = path.metadata().and_then(|data| match data.is_file() && data.len() <= MOST {
            true => std::fs::read_to_string(path),
            false => Err(std::io::Error::other("it is no regular file of at most 1 MiB")),
        });
        match read {
            Ok(text) => Ok(Some(Self { path: path.to_owned(), text })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(Error::new(Kind::Settings, format!("cannot read {}", path.display())).caused_by(error))
            }
        }
    }
}

/// Every key, and what a project may do with it.
pub const KEYS: &[(&str, Project)] = &[
    ("codex", Project::Never("it would choose the program that runs")),
    ("model", Project::Any),
    ("effort", Project::Any),
    ("broker", Project::Any),
    ("session_end", Project::Any),
    ("approvals", Project::Never("it would approve what the user has not approved")),
    ("review_gate", Project::Only("true", "it would turn the gate off")),
    ("idle_timeout_ms", Project::Any),
    ("turn_timeout_ms", Project::Any),
    ("handshake_timeout_ms", Project::Any),
    ("broker_idle_ms", Project::Any),
    ("child_idle_ms", Project::Any),
    ("gate_reviewer", Project::Never("it would choose the program that runs")),
    ("gate_timeout_ms", Project::Never("it would starve the gate")),
    ("slash_wait_ms", Project::Never("it is about the user's host")),
];

/// What a project's file may do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Project {
    /// Set it to anything.
    Any,
    /// Set it to this value; any other would loosen, as the second text says.
    Only(&'static str, &'static str),
    /// Not set it, and why.
    Never(&'static str),
}

impl Settings {
    /// All layers, the strongest last.
    ///
    /// # Errors
    /// A file that is not TOML, an unknown key (the nearest is named), a value of the wrong type, a key that a project may
    /// not set, a variable that is not a number.
    pub fn resolve(
        user: Option<&SettingsFile>,
        project: Option<&SettingsFile>,
        variables: &Variables,
        flags: Flags,
    ) -> Result<Self> {
        let mut settings = Self::default();
        for (layer, file) in [(Layer::User, user), (Layer::Project, project)] {
            if layer == Layer::Project {
                settings.choose(&variables.options);
            }
            if let Some(file) = file {
                let before = settings.timeouts.clone();
                settings.apply(layer, &file.text).map_err(|error| file.name(error))?;
                if layer == Layer::Project {
                    // A project may ask for less time, not for more.
                    settings.timeouts.tighten(&before);
                }
            }
        }
        for (key, value) in &variables.timeouts {
            let timeout =
                value.to_str().and_then(|value| value.trim().parse().ok()).and_then(|ms| duration(key, ms));
            let field = settings.timeouts.field(key).expect("variables have the keys of timeouts");
            *field = timeout.ok_or_else(|| {
                Error::new(
                    Kind::Settings,
                    format!("{} is {value:?}, not {}", variable(key), milliseconds(key)),
                )
            })?;
        }
        settings.codex = flags.codex.or_else(|| variables.codex.clone()).or(settings.codex);
        let named = match variables.model.as_deref() {
            Some(name) => Some(
                model(name)
                    .ok_or_else(|| Error::new(Kind::Settings, "CODEX_COMPANION_MODEL: it is empty"))?,
            ),
            None => None,
        };
        settings.model = flags.model.or(named).or(settings.model);
        settings.effort = flags.effort.or_else(|| variables.effort.clone()).or(settings.effort);
        if variables.review_gate {
            // A variable can turn it on; whoever turned it on elsewhere meant it.
            settings.review_gate = Some(true);
        }
        settings.broker = flags.broker.unwrap_or(settings.broker);
        settings.timeouts.turn = flags.timeout.unwrap_or(settings.timeouts.turn);
        Ok(settings)
    }

    /// What the user chose in a plugin's options stands beside the user's own file.
    fn choose(&mut self, options: &PluginOptions) {
        let named = |value: &Option<String>| value.as_deref().map(str::trim).map(str::to_owned);
        let named = |value| named(value).filter(|name| !name.is_empty());
        self.model = named(&options.model).and_then(|name| model(&name)).or(self.model.take());
        self.effort = named(&options.effort).or(self.effort.take());
        if options.review_gate {
            self.review_gate = Some(true);
        }
    }

    fn apply(&mut self, layer: Layer, text: &str) -> Result<()> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            Error::new(Kind::Settings, "it is not valid TOML").caused_by(error)
        })?;
        for (key, value) in table {
            let Some((_, project)) = KEYS.iter().find(|(name, _)| *name == key) else {
                return Err(unknown(&key, KEYS.iter().map(|(name, _)| *name)));
            };
            if layer == Layer::Project {
                match project {
                    Project::Any => {}
                    Project::Only(allowed, _) if show(&value) == *allowed => {}
                    Project::Only(_, why) | Project::Never(why) => {
                        let message = format!("a project cannot set `{key}` to {}: {why}", show(&value));
                        return Err(Error::new(Kind::Settings, message).with_hint(
                            "a project's file may tighten, never loosen; set it in your own config.toml",
                        ));
                    }
                }
            }
            self.set(&key, &value)?;
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<()> {
        let wrong = |expected: &str| {
            Error::new(Kind::Settings, format!("`{key}` is {}, not {expected}", show(value)))
        };
        let text = || value.as_str().map(str::trim).filter(|text| !text.is_empty());
        if let Some(field) = self.timeouts.field(key) {
            let ms = value.as_integer().and_then(|ms| u64::try_from(ms).ok());
            *field = ms.and_then(|ms| duration(key, ms)).ok_or_else(|| wrong(milliseconds(key)))?;
            return Ok(());
        }
        match key {
            "codex" => self.codex = Some(text().ok_or_else(|| wrong("a path"))?.into()),
            "model" => {
                let model = text().and_then(model);
                self.model = Some(model.ok_or_else(|| wrong("a model's name"))?);
            }
            "effort" => self.effort = Some(text().ok_or_else(|| wrong("an effort"))?.to_owned()),
            "broker" => {
                self.broker = match text() {
                    Some("auto") => BrokerUse::Auto,
                    Some("always") => BrokerUse::Always,
                    Some("never") => BrokerUse::Never,
                    _ => return Err(wrong("\"auto\", \"always\" or \"never\"")),
                }
            }
            "session_end" => {
                self.session_end = match text() {
                    Some("keep") => SessionEnd::Keep,
                    Some("cancel") => SessionEnd::Cancel,
                    _ => return Err(wrong("\"keep\" or \"cancel\"")),
                }
            }
            "gate_reviewer" => {
                self.gate_reviewer = words(value).ok_or_else(|| wrong("a program and its arguments"))?;
            }
            "review_gate" => self.review_gate = Some(value.as_bool().ok_or_else(|| wrong("true or false"))?),
            "approvals" => {
                let tools = approvals(value).ok_or_else(|| wrong("a table with `mcp = […]`"))?;
                self.approvals_mcp = tools?;
            }
            _ => unreachable!("every key in KEYS is set here"),
        }
        Ok(())
    }
}

/// A program with its arguments.
fn words(value: &Value) -> Option<Vec<String>> {
    let words: Option<Vec<_>> =
        value.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect();
    words.filter(|words| words.first().is_some_and(|program| !program.trim().is_empty()))
}

/// The tools of `approvals.mcp`; `None` when the value is not a table.
fn approvals(value: &Value) -> Option<Result<Vec<String>>> {
    let table = value.as_table()?;
    if let Some(key) = table.keys().find(|key| *key != "mcp") {
        return Some(Err(unknown(&format!("approvals.{key}"), ["approvals.mcp"].into_iter())));
    }
    let tools = table.get("mcp").map_or(Some(&[][..]), |tools| tools.as_array().map(Vec::as_slice))?;
    Some(tools.iter().map(tool).collect())
}

/// `server/tool` or `server/*`.
fn tool(value: &Value) -> Result<String> {
    let parts = value.as_str().and_then(|name| name.split_once('/'));
    match parts {
        Some((server, tool)) if !server.is_empty() && !tool.is_empty() && !server.contains('*') => {
            Ok(format!("{server}/{tool}"))
        }
        _ => Err(Error::new(
            Kind::Settings,
            format!("`approvals.mcp` has {}, not \"server/tool\" or \"server/*\"", show(value)),
        )),
    }
}

/// A value as messages show it.
fn show(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A timeout; idle times may be 0 (leave at once), deadlines may not.
fn duration(key: &str, ms: u64) -> Option<Duration> {
    (ms > 0 || may_be_zero(key)).then(|| Duration::from_millis(ms))
}

fn may_be_zero(key: &str) -> bool {
    !key.contains("timeout")
}

fn milliseconds(key: &str) -> &'static str {
    if may_be_zero(key) { "a number of milliseconds" } else { "a number of milliseconds above 0" }
}

fn unknown(key: &str, known: impl Iterator<Item = &'static str>) -> Error {
    let error = Error::new(Kind::Settings, format!("unknown key `{key}`"));
    let nearest =
        known.map(|name| (strsim::jaro_winkler(key, name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, name)) => error.with_hint(format!("the nearest key is `{name}`")),
        None => error,
    }
}

impl SettingsFile {
    /// The same error, with the file's name before its message.
    fn name(&self, error: Error) -> Error {
        let message = format!("{}: {error}", self.path.display());
        error.with_message(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SettingsFile {
        SettingsFile { path: "s.toml".into(), text: text.into() }
    }

    fn user(text: &str) -> Result<Settings> {
        Settings::resolve(Some(&file(text)), None, &Variables::default(), Flags::default())
    }

    fn project(text: &str) -> Result<Settings> {
        Settings::resolve(None, Some(&file(text)), &Variables::default(), Flags::default())
    }

    const ALL: &str = r#"
        codex = "/opt/codex"
        model = "spark"
        effort = "high"
        broker = "never"
        session_end = "cancel"
        gate_reviewer = ["claude", "-p"]
        review_gate = true
        idle_timeout_ms = 1
        turn_timeout_ms = 2
        handshake_timeout_ms = 3
        broker_idle_ms = 0
        child_idle_ms = 5
        gate_timeout_ms = 6
        slash_wait_ms = 7
        [approvals]
        mcp = ["files/read", "web/*"]
    "#;

    #[test]
    fn every_key_is_read() {
        let ms = Duration::from_millis;
        let expected = Settings {
            codex: Some("/opt/codex".into()),
            model: Some("gpt-5.3-codex-spark".into()),
            effort: Some("high".into()),
            broker: BrokerUse::Never,
            session_end: SessionEnd::Cancel,
            approvals_mcp: vec!["files/read".into(), "web/*".into()],
            gate_reviewer: vec!["claude".into(), "-p".into()],
            review_gate: Some(true),
            timeouts: Timeouts {
                idle: ms(1),
                turn: ms(2),
                handshake: ms(3),
                broker_idle: ms(0),
                child_idle: ms(5),
                gate: ms(6),
                slash_wait: ms(7),
            },
        };
        assert_eq!(user(ALL).unwrap(), expected);
        let all: Table = ALL.parse().unwrap();
        for (key, _) in KEYS {
            assert!(all.contains_key(*key), "{key} is not in the test");
        }
        assert_eq!(user("").unwrap(), Settings::default());
    }

    #[test]
    fn flags_win_over_environment_project_user_and_defaults() {
        let user = file(
            "model = \"u\"\neffort = \"u\"\ncodex = \"u\"\nturn_timeout_ms = 1\nidle_timeout_ms = 1\nbroker = \"never\"",
        );
        let project = file(
            "model = \"p\"\neffort = \"p\"\nturn_timeout_ms = 2\nidle_timeout_ms = 2\nchild_idle_ms = 2",
        );
        let variables = Variables {
            codex: Some("e".into()),
            timeouts: vec![("idle_timeout_ms", "3".into()), ("turn_timeout_ms", "3".into())],
            ..Variables::default()
        };
        let flags =
            Flags { model: Some("f".into()), timeout: Some(Duration::from_millis(4)), ..Flags::default() };
        let settings = Settings::resolve(Some(&user), Some(&project), &variables, flags).unwrap();
        let ms = Duration::from_millis;
        assert_eq!(settings.model.as_deref(), Some("f"));
        assert_eq!(settings.effort.as_deref(), Some("p"));
        assert_eq!(settings.codex, Some("e".into()));
        assert_eq!(settings.broker, BrokerUse::Never);
        assert_eq!(
            (settings.timeouts.turn, settings.timeouts.idle, settings.timeouts.child_idle),
            (ms(4), ms(3), ms(2))
        );
        assert_eq!(settings.timeouts.gate, ms(840_000));
    }

    #[test]
    fn a_project_tightens_and_never_loosens() {
        assert_eq!(project("review_gate = true\nmodel = \"m\"").unwrap().review_gate, Some(true));
        let table = [
            (
                "codex = \"./evil\"",
                "s.toml: a project cannot set `codex` to \"./evil\": it would choose the program that runs",
            ),
            (
                "review_gate = false",
                "s.toml: a project cannot set `review_gate` to false: it would turn the gate off",
            ),
            (
                "approvals.mcp = [\"x/*\"]",
                "s.toml: a project cannot set `approvals` to {\"mcp\":[\"x/*\"]}: it would approve what the user has not approved",
            ),
        ];
        for (text, message) in table {
            let error = project(text).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.kind()), (message, Kind::Settings));
        }
        // There is no key for the sandbox at all.
        for key in ["sandbox = \"workspace-write\"", "write = true", "approval_policy = \"on-request\""] {
            assert!(project(key).unwrap_err().to_string().contains("unknown key"));
        }
    }

    #[test]
    fn mistakes_are_told_with_the_nearest_key() {
        let table = [
            ("modle = \"x\"", "s.toml: unknown key `modle`", Some("the nearest key is `model`")),
            (
                "idle_timeout = 5",
                "s.toml: unknown key `idle_timeout`",
                Some("the nearest key is `idle_timeout_ms`"),
            ),
            (
                "approvals.mpc = []",
                "s.toml: unknown key `approvals.mpc`",
                Some("the nearest key is `approvals.mcp`"),
            ),
            ("model = 5", "s.toml: `model` is 5, not a model's name", None),
            (
                "broker = \"maybe\"",
                "s.toml: `broker` is \"maybe\", not \"auto\", \"always\" or \"never\"",
                None,
            ),
            (
                "idle_timeout_ms = 0",
                "s.toml: `idle_timeout_ms` is 0, not a number of milliseconds above 0",
                None,
            ),
            ("broker_idle_ms = -1", "s.toml: `broker_idle_ms` is -1, not a number of milliseconds", None),
            (
                "approvals.mcp = [\"x\"]",
                "s.toml: `approvals.mcp` has \"x\", not \"server/tool\" or \"server/*\"",
                None,
            ),
            ("model = ", "s.toml: it is not valid TOML", None),
        ];
        for (text, message, hint) in table {
            let error = user(text).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.hint()), (message, hint));
            assert_eq!(error.kind(), Kind::Settings);
        }
        assert!(!user("model = ").unwrap_err().causes().is_empty());
    }

    #[test]
    fn a_variable_that_is_no_number_is_an_error() {
        for value in ["soon", "-1", "0", "1.5"] {
            let timeouts = vec![("turn_timeout_ms", value.into())];
            let variables = Variables { timeouts, ..Variables::default() };
            let error = Settings::resolve(None, None, &variables, Flags::default()).unwrap_err();
            let message =
                format!("CODEX_COMPANION_TURN_TIMEOUT_MS is {value:?}, not a number of milliseconds above 0");
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PROJECT_FILE);
        assert!(SettingsFile::read(&path).unwrap().is_none());
        std::fs::write(&path, "model = \"m\"").unwrap();
        assert_eq!(SettingsFile::read(&path).unwrap().unwrap().text, "model = \"m\"");
        let error = SettingsFile::read(folder.path()).unwrap_err();
        assert_eq!(error.kind(), Kind::Settings);
    }
}
