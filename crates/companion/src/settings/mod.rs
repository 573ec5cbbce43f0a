//! Settings: two files, variables and flags, and which of them wins.
//!
//! Flags win over variables, variables over the project's file (`.codex-companion.toml` in the root of the work tree), the
//! project over the options of a plugin, these over the user's file (`config.toml`), and that over the defaults. A project
//! comes with a checkout and is not trusted: it can choose and tighten, never loosen.
//!
//! A key is defined in one place: [`KEYS`]. This module reads no environment: the caller passes the values in.

mod file;
mod keys;
mod read;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Value;

pub use file::{PROJECT_FILE, SettingsFile};
pub use keys::{KEYS, Key, Project, Settings, Timeouts};
pub use read::{MODEL_ALIASES, model};

use crate::error::{Error, Kind, Result};
use file::Entry;
use read::Text;

/// What happens to a session's background jobs when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionEnd {
    /// They continue.
    #[default]
    Keep,
    /// They are cancelled.
    Cancel,
}

/// When a command uses the workspace's broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerUse {
    /// If it saves time.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What the flags of a command set. Exhaustive on purpose: a front end must decide on each flag.
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
    /// `--timeout-ms` of a run: the total time of its turn
    pub timeout: Option<Duration>,
}

/// What environment variables set: pairs of a key's name and a text. A variable that is empty counts as not set.
///
/// The caller reads the variables: [`Key::variable`] and [`Key::option`] name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variables {
    /// The values of the variables of the keys.
    pub values: Vec<(&'static str, OsString)>,
    /// The values of the options of a plugin, which are weaker than a project's file.
    pub options: Vec<(&'static str, OsString)>,
}

impl Variables {
    /// Reads the variables of all keys by a lookup function.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let values = |name: fn(&Key) -> Option<&'static str>| {
            let value = |key: &Key| Some((key.name, lookup(name(key)?).filter(|value| !value.is_empty())?));
            KEYS.iter().filter_map(value).collect()
        };
        Self { values: values(|key| key.variable), options: values(|key| key.option) }
    }

    /// Returns the value of a key's variable.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&OsStr> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_os_str())
    }

    /// Returns the value of a key's variable, to change it.
    pub fn value_mut(&mut self, key: &str) -> Option<&mut OsString> {
        self.values.iter_mut().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Returns the value of a plugin's option, if it is Unicode.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.iter().find(|(name, _)| *name == key).and_then(|(_, value)| value.to_str())
    }
}

/// Where the value of a setting comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The default.
    #[default]
    Default,
    /// The user's file.
    User(PathBuf),
    /// An option of a plugin, which its host passes as this variable.
    Option(&'static str),
    /// The project's file.
    Project(PathBuf),
    /// An environment variable.
    Variable(&'static str),
    /// A flag of the command.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::User(path) | Self::Project(path) => write!(formatter, "{}", path.display()),
            Self::Option(variable) | Self::Variable(variable) => formatter.write_str(variable),
            Self::Flag => formatter.write_str("flag"),
        }
    }
}

/// Where each setting comes from, by the name of its key. A key that is not listed has its default.
pub type Origins = BTreeMap<&'static str, Origin>;

impl Settings {
    /// Resolves all layers.
    ///
    /// # Errors
    /// A file that is not TOML, an unknown key (the most similar one is the hint), an invalid value, a key that a project
    /// must not set. Errors about files have the line and the key, never the value: a project's file can be a link to a
    /// secret.
    pub fn resolve(
        user: Option<&SettingsFile>,
        project: Option<&SettingsFile>,
        variables: &Variables,
        flags: Flags,
    ) -> Result<Self> {
        Self::resolve_with_origins(user, project, variables, flags).map(|(settings, _)| settings)
    }

    /// Resolves all layers, and reports where each value comes from.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    pub fn resolve_with_origins(
        user: Option<&SettingsFile>,
        project: Option<&SettingsFile>,
        variables: &Variables,
        flags: Flags,
    ) -> Result<(Self, Origins)> {
        let (mut settings, mut origins) = (Self::default(), Origins::new());
        if let Some(file) = user {
            for entry in file.entries()? {
                settings.set(file, &entry)?;
                origins.insert(entry.key.name, Origin::User(file.path.clone()));
            }
        }
        for (key, text) in named(&variables.options) {
            // The host's dialog accepts any text; one that is invalid is ignored.
            if let Text::Value = (key.text)(&mut settings, &text.to_string_lossy()) {
                origins.insert(key.name, Origin::Option(key.option.unwrap_or_default()));
            }
        }
        if let Some(file) = project {
            for entry in file.entries()? {
                if settings.tighten(file, &entry)? {
                    origins.insert(entry.key.name, Origin::Project(file.path.clone()));
                }
            }
        }
        for (key, text) in named(&variables.values) {
            let variable = key.variable.unwrap_or_default();
            match text.to_str().map_or(Text::Invalid, |text| (key.text)(&mut settings, text)) {
                Text::Value => drop(origins.insert(key.name, Origin::Variable(variable))),
                Text::Ignored => {}
                Text::Invalid => {
                    let message = format!("{variable} is {text:?}: it must be {}", key.values);
                    return Err(Error::new(Kind::Settings, message));
                }
            }
        }
        for key in settings.apply(flags) {
            origins.insert(key, Origin::Flag);
        }
        Ok((settings, origins))
    }

    /// Sets a key from a file.
    fn set(&mut self, file: &SettingsFile, entry: &Entry) -> Result<()> {
        if (entry.key.set)(self, &entry.value) {
            return Ok(());
        }
        Err(file.error(entry.line, &format!("`{}` must be {}", entry.key.name, entry.key.values)))
    }

    /// Sets a key from a project's file if the project may; returns whether the value changed anything.
    fn tighten(&mut self, file: &SettingsFile, entry: &Entry) -> Result<bool> {
        let key = entry.key;
        let refused = |what: &str, why: &str| {
            let message = format!("a project cannot set `{}`{what}: {why}", key.name);
            file.error(entry.line, &message).with_hint(
                "a project's file can tighten settings, never loosen them; set it in your own config.toml",
            )
        };
        match key.project {
            Project::Any => self.set(file, entry)?,
            Project::Never(why) => return Err(refused("", why)),
            Project::OnlyTrue(why) => match entry.value {
                Value::Boolean(false) => return Err(refused(" to false", why)),
                _ => self.set(file, entry)?,
            },
            Project::OnlyLess => {
                let before = self.clone();
                self.set(file, entry)?;
                let number = |settings: &Self| (key.get)(settings).and_then(|value| value.as_integer());
                if number(self) > number(&before) {
                    *self = before;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Applies flags; returns the keys that they set.
    fn apply(&mut self, flags: Flags) -> Vec<&'static str> {
        let mut keys = Vec::new();
        let mut note = |is_set: bool, key| keys.extend(is_set.then_some(key));
        note(flags.codex.is_some(), "codex");
        note(flags.model.is_some(), "model");
        note(flags.effort.is_some(), "effort");
        note(flags.broker.is_some(), "broker");
        note(flags.timeout.is_some(), "turn_timeout_ms");
        self.codex = flags.codex.or(self.codex.take());
        self.model = flags.model.or(self.model.take());
        self.effort = flags.effort.or(self.effort.take());
        self.broker = flags.broker.unwrap_or(self.broker);
        self.timeouts.turn = flags.timeout.unwrap_or(self.timeouts.turn);
        keys
    }
}

/// The keys of variables, with their texts.
fn named<'a>(values: &'a [(&'static str, OsString)]) -> impl Iterator<Item = (&'static Key, &'a OsString)> {
    values.iter().filter_map(|(name, text)| Some((Key::find(name)?, text)))
}

#[cfg(test)]
mod tests;
