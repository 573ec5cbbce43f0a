//! A private home for Claude Code.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A private `HOME` and `CLAUDE_CONFIG_DIR`, removed when this is dropped.
///
/// The configuration is where a user's is, in `.claude` of the home: Codex looks for transcripts there and nowhere else.
/// The questions of a first start are answered already, so that the screen begins with the prompt.
#[derive(Debug)]
#[must_use = "dropping it removes the folder"]
pub struct ClaudeHome {
    home: PathBuf,
    config: PathBuf,
    _folder: TempDir,
}

impl ClaudeHome {
    /// A new one.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[expect(clippy::new_without_default, reason = "it makes folders, which no default should")]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("claude-home-").tempdir().expect("a folder can be made");
        let root = folder.path().canonicalize().expect("the folder was just made");
        let (home, config) = (root.join("home"), root.join("home/.claude"));
        std::fs::create_dir(&home).expect("a folder can be made");
        std::fs::create_dir(&config).expect("a folder can be made");
        let new = Self { home, config, _folder: folder };
        let answered = json!({
            "hasCompletedOnboarding": true,
            "lastOnboardingVersion": "99.0.0",
            "theme": "dark",
            "bypassPermissionsModeAccepted": true,
            "autoUpdates": false,
            "customApiKeyResponses": { "approved": [KEY], "rejected": [] },
        });
        new.write(".claude.json", &answered);
        new
    }

    /// The value of `HOME`.
    pub fn path(&self) -> &Path {
        &self.home
    }

    /// The value of `CLAUDE_CONFIG_DIR`.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Writes the user's `settings.json`.
    pub fn settings(&self, settings: &Value) -> &Self {
        self.write("settings.json", settings);
        self
    }

    /// Answers the question whether the files of this folder are trusted.
    pub fn trust(&self, folder: &Path) -> &Self {
        let file = self.config.join(".claude.json");
        let text = std::fs::read_to_string(file).expect("it was written");
        let mut answered: Value = serde_json::from_str(&text).expect("it is JSON");
        let name = folder.to_string_lossy().into_owned();
        let trusted = json!({ "hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true });
        let mut projects = answered["projects"].as_object().cloned().unwrap_or_else(Map::new);
        projects.insert(name, trusted);
        answered["projects"] = projects.into();
        self.write(".claude.json", &answered);
        self
    }

    /// The variables that keep Claude Code in this home and at the endpoint `url`.
    pub fn env(&self, url: &str) -> Vec<(&'static str, OsString)> {
        let mut env: Vec<(&'static str, OsString)> = vec![
            ("HOME", self.home.clone().into()),
            ("USERPROFILE", self.home.clone().into()),
            ("CLAUDE_CONFIG_DIR", self.config.clone().into()),
            ("ANTHROPIC_API_KEY", KEY.into()),
            ("ANTHROPIC_BASE_URL", url.into()),
            // Another request to the script otherwise, at a time of its own.
            ("CLAUDE_CODE_DISABLE_TERMINAL_TITLE", "1".into()),
        ];
        for name in [
            "DISABLE_TELEMETRY",
            "DISABLE_AUTOUPDATER",
            "DISABLE_ERROR_REPORTING",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        ] {
            env.push((name, "1".into()));
        }
        env
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.config.join(name), value.to_string()).expect("the home can be written");
    }
}

/// The key that is approved: its last 20 characters are what Claude Code compares.
const KEY: &str = "dummy";
