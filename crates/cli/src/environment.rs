//! The environment variables of this program, read in one place.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::settings::Variables;

/// The values of the environment. An empty variable counts as not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// The session of the calling agent: `CODEX_COMPANION_SESSION_ID`, else `CLAUDE_CODE_SESSION_ID`.
    pub session_id: Option<String>,
    /// `CODEX_COMPANION_TRANSCRIPT_PATH`: the session's transcript.
    pub transcript_path: Option<PathBuf>,
    /// `CODEX_COMPANION_STATE_DIR`.
    pub state_dir: Option<PathBuf>,
    /// `CODEX_COMPANION_APP_SERVER_ENDPOINT`: the broker to use.
    pub app_server_endpoint: Option<String>,
    /// `CODEX_HOME`.
    pub codex_home: Option<PathBuf>,
    /// `CLAUDE_ENV_FILE`: the file for a session's exports.
    pub claude_env_file: Option<PathBuf>,
    /// Whether `NO_COLOR` is set.
    pub no_color: bool,
    /// `RUST_LOG`: what is logged.
    pub log: Option<String>,
    /// `CODEX_COMPANION_LOG`: the log file.
    pub log_file: Option<PathBuf>,
    /// `PATH`, for finding programs.
    pub path: Option<OsString>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// `XDG_STATE_HOME`, or on Windows `LOCALAPPDATA`.
    pub state_home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, or on Windows `APPDATA`.
    pub config_home: Option<PathBuf>,
    /// The variables that set settings.
    pub variables: Variables,
    /// The names of the variables above that are set.
    pub names: BTreeSet<String>,
}

impl Environment {
    /// Reads the environment of this process. Nothing else in this program reads it.
    #[must_use]
    pub fn from_process() -> Self {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// Reads the environment by a lookup function.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let names = RefCell::new(BTreeSet::new());
        let value = |name: &str| {
            let value = lookup(name).filter(|value| !value.is_empty())?;
            names.borrow_mut().insert(name.to_owned());
            Some(value)
        };
        let path = |name: &str| value(name).map(PathBuf::from);
        let text = |name: &str| value(name).map(|value| value.to_string_lossy().into_owned());
        let mut environment = Self {
            session_id: text("CODEX_COMPANION_SESSION_ID").or_else(|| text("CLAUDE_CODE_SESSION_ID")),
            transcript_path: path("CODEX_COMPANION_TRANSCRIPT_PATH"),
            state_dir: path("CODEX_COMPANION_STATE_DIR"),
            app_server_endpoint: text("CODEX_COMPANION_APP_SERVER_ENDPOINT"),
            codex_home: path("CODEX_HOME"),
            claude_env_file: path("CLAUDE_ENV_FILE"),
            no_color: value("NO_COLOR").is_some(),
            log: text("RUST_LOG"),
            log_file: path("CODEX_COMPANION_LOG"),
            path: value("PATH"),
            home: path(if cfg!(windows) { "USERPROFILE" } else { "HOME" }),
            state_home: path(if cfg!(windows) { "LOCALAPPDATA" } else { "XDG_STATE_HOME" }),
            config_home: path(if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME" }),
            variables: Variables::from_lookup(value),
            names: BTreeSet::new(),
        };
        environment.names = names.into_inner();
        environment
    }

    /// The state directory: `CODEX_COMPANION_STATE_DIR`, otherwise `codex-companion` in the system's directory for state. `None`
    /// without a home. It depends on no variable that only some callers set.
    #[must_use]
    pub fn state_root(&self) -> Option<PathBuf> {
        if let Some(dir) = &self.state_dir {
            return Some(dir.clone());
        }
        Some(self.system_folder(&self.state_home, ".local/state")?.join("codex-companion"))
    }

    /// The path of the user's settings file, which need not exist. `None` without a home.
    #[must_use]
    pub fn settings_file(&self) -> Option<PathBuf> {
        let folder = self.system_folder(&self.config_home, ".config")?;
        Some(folder.join("codex-companion").join("config.toml"))
    }

    /// Codex's home: `CODEX_HOME`, otherwise `.codex` in the user's home. `None` without a home.
    #[must_use]
    pub fn codex_home(&self) -> Option<PathBuf> {
        self.codex_home.clone().or_else(|| Some(self.home.as_ref()?.join(".codex")))
    }

    fn system_folder(&self, named: &Option<PathBuf>, default: &str) -> Option<PathBuf> {
        // The XDG specification says to ignore relative paths.
        if let Some(named) = named.as_ref().filter(|path| path.is_absolute()) {
            return Some(named.clone());
        }
        let home = self.home.as_ref()?;
        Some(home.join(match () {
            () if cfg!(target_os = "macos") => "Library/Application Support",
            () if cfg!(windows) => "AppData/Local",
            () => default,
        }))
    }
}

/// The values of this process's variables whose names say that they are secret, for their removal from logs and reports.
#[must_use]
pub fn secret_values() -> Vec<String> {
    let secret = |name: &OsString| codex_base::text::is_secret_name(&name.to_string_lossy());
    let variables = std::env::vars_os().filter(|(name, _)| secret(name));
    variables.map(|(_, value)| value.to_string_lossy().into_owned()).collect()
}

/// The working directory of this process.
///
/// # Errors
/// It was deleted or cannot be entered.
pub fn working_directory() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

/// The system's directory for temporary files.
#[must_use]
pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

/// The file of this program.
///
/// # Errors
/// The operating system does not report it.
pub fn this_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::from_lookup(|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn an_empty_environment_is_the_default() {
        assert_eq!(environment(&[]), Environment::default());
        assert_eq!(environment(&[("NO_COLOR", ""), ("CODEX_HOME", "")]), Environment::default());
        assert_eq!(Environment::default().state_root(), None);
        assert_eq!(Environment::default().settings_file(), None);
    }

    #[test]
    fn our_session_variable_overrides_that_of_claude_code() {
        let both = [("CLAUDE_CODE_SESSION_ID", "theirs"), ("CODEX_COMPANION_SESSION_ID", "ours")];
        assert_eq!(environment(&both).session_id.as_deref(), Some("ours"));
        assert_eq!(environment(&both[..1]).session_id.as_deref(), Some("theirs"));
    }

    #[test]
    fn variables_of_settings_keep_their_text() {
        let environment =
            environment(&[("CODEX_COMPANION_IDLE_TIMEOUT_MS", "x"), ("CODEX_COMPANION_BROKER_IDLE_MS", "7")]);
        assert_eq!(
            environment.variables.values,
            [("idle_timeout_ms", "x".into()), ("broker_idle_ms", "7".into())]
        );
        let names: Vec<_> = environment.names.iter().map(String::as_str).collect();
        assert_eq!(names, ["CODEX_COMPANION_BROKER_IDLE_MS", "CODEX_COMPANION_IDLE_TIMEOUT_MS"]);
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn d34_directories_follow_the_conventions_and_nothing_else() {
        let home = ("HOME", "/home/me");
        let root = |variables: &[(&str, &str)]| environment(variables).state_root().unwrap();
        assert_eq!(root(&[home]), PathBuf::from("/home/me/.local/state/codex-companion"));
        assert_eq!(root(&[home, ("XDG_STATE_HOME", "/s")]), PathBuf::from("/s/codex-companion"));
        assert_eq!(
            root(&[home, ("XDG_STATE_HOME", "s")]),
            PathBuf::from("/home/me/.local/state/codex-companion")
        );
        assert_eq!(root(&[home, ("CODEX_COMPANION_STATE_DIR", "/d")]), PathBuf::from("/d"));
        assert_eq!(root(&[home, ("CLAUDE_PLUGIN_DATA", "/p")]), root(&[home]));

        let file = |variables: &[(&str, &str)]| environment(variables).settings_file().unwrap();
        assert_eq!(file(&[home]), PathBuf::from("/home/me/.config/codex-companion/config.toml"));
        assert_eq!(file(&[home, ("XDG_CONFIG_HOME", "/c")]), PathBuf::from("/c/codex-companion/config.toml"));

        assert_eq!(environment(&[home]).codex_home(), Some("/home/me/.codex".into()));
        assert_eq!(environment(&[home, ("CODEX_HOME", "/x")]).codex_home(), Some("/x".into()));
    }
}
