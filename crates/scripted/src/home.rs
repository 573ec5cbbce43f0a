//! A private `CODEX_HOME` that makes the real Codex use a scripted model endpoint and nothing else.
//!
//! Codex is kept from everything that would leave the machine or read the user's own files: updates, analytics,
//! telemetry exporters, plugins, apps, and the shell's start-up files (commands run as `bash -lc`, so `HOME` has to
//! be an empty directory). Observed with Codex 0.169.0.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A private `CODEX_HOME` and an empty `HOME` next to it, removed when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it removes the directory"]
pub struct CodexHome {
    codex_home: PathBuf,
    home: PathBuf,
    directory: TempDir,
}

/// What `config.toml` says, as TOML text, on top of what a scripted endpoint needs.
///
/// Keys that are there already are replaced.
#[derive(Clone, Debug)]
pub struct HomeConfig {
    settings: BTreeMap<String, String>,
    features: BTreeMap<String, String>,
    provider: BTreeMap<String, String>,
    tables: String,
}

impl HomeConfig {
    /// The configuration with which Codex calls `base_url` and nothing else: the model `mock-model`, approval policy
    /// `never`, sandbox `read-only`, no retries.
    ///
    /// The model decides which tools Codex offers and takes. For `mock-model`, a name that it does not know, these
    /// are `exec_command`, those of MCP servers and sub-agents, but not `apply_patch`: for a patch use
    /// [`model`](HomeConfig::model) with `gpt-5.5`, which in turn has no sub-agents. The other models of Codex's own
    /// list send no tools at all.
    pub fn new(base_url: &str) -> Self {
        let table = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let mut config = Self {
            settings: table(&[
                ("model", "\"mock-model\""),
                ("model_provider", "\"mock\""),
                ("approval_policy", "\"never\""),
                ("sandbox_mode", "\"read-only\""),
                ("check_for_update_on_startup", "false"),
            ]),
            features: table(&[
                // Else Codex runs `git ls-remote` against the internet when it starts.
                ("plugins", "false"),
                ("remote_plugin", "false"),
                ("apps", "false"),
                // Else it sources the user's shell start-up files.
                ("shell_snapshot", "false"),
                ("daemon_auto_start", "false"),
            ]),
            provider: table(&[
                ("name", "\"mock\""),
                ("wire_api", "\"responses\""),
                ("requires_openai_auth", "false"),
                ("request_max_retries", "0"),
                ("stream_max_retries", "0"),
                ("stream_idle_timeout_ms", "20000"),
                ("supports_websockets", "false"),
            ]),
            tables: String::new(),
        };
        config.provider.insert("base_url".into(), format!("\"{base_url}\""));
        config
    }

    /// The model. Default `mock-model`.
    #[must_use]
    pub fn model(self, name: &str) -> Self {
        self.setting("model", &format!("\"{name}\""))
    }

    /// A top-level key, its value in TOML: `setting("model_reasoning_effort", "\"low\"")`.
    #[must_use]
    pub fn setting(mut self, key: &str, toml: &str) -> Self {
        self.settings.insert(key.to_owned(), toml.to_owned());
        self
    }

    /// A key of the model provider, its value in TOML: `provider("stream_max_retries", "2")`.
    #[must_use]
    pub fn provider(mut self, key: &str, toml: &str) -> Self {
        self.provider.insert(key.to_owned(), toml.to_owned());
        self
    }

    /// Turns a feature of Codex on or off. With `unbounded_connection_retries` off a refused connection fails the
    /// turn; by default Codex tries it again for ever.
    #[must_use]
    pub fn feature(mut self, name: &str, on: bool) -> Self {
        self.features.insert(name.to_owned(), on.to_string());
        self
    }

    /// Whole tables at the end of the file, such as `[mcp_servers.demo]`.
    #[must_use]
    pub fn tables(mut self, toml: &str) -> Self {
        self.tables.push_str(toml);
        self.tables.push('\n');
        self
    }

    /// The text of `config.toml`.
    pub fn to_toml(&self) -> String {
        let lines = |table: &BTreeMap<String, String>| -> String {
            table.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
        };
        format!(
            "{settings}[analytics]\nenabled = false\n[feedback]\nenabled = false\n[otel]\nexporter = \"none\"\n\
             trace_exporter = \"none\"\nmetrics_exporter = \"none\"\n[features]\n{features}\
             [model_providers.mock]\n{provider}{tables}",
            settings = lines(&self.settings),
            features = lines(&self.features),
            provider = lines(&self.provider),
            tables = self.tables,
        )
    }
}

impl CodexHome {
    /// Writes a home for this endpoint in the system's directory for temporary files.
    ///
    /// # Errors
    ///
    /// When the directory or the file cannot be written.
    pub fn new(base_url: &str) -> io::Result<Self> {
        Self::with(&HomeConfig::new(base_url))
    }

    /// Writes a home with this configuration.
    ///
    /// # Errors
    ///
    /// When the directory or the file cannot be written.
    pub fn with(config: &HomeConfig) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("codex-home-").tempdir()?;
        // Codex reports paths as the system names them; a symlinked temporary directory would not compare equal.
        let root = directory.path().canonicalize()?;
        let (codex_home, home) = (root.join("codex"), root.join("home"));
        std::fs::create_dir(&codex_home)?;
        std::fs::create_dir(&home)?;
        std::fs::write(codex_home.join("config.toml"), config.to_toml())?;
        Ok(Self { codex_home, home, directory })
    }

    /// The value of `CODEX_HOME`.
    pub fn path(&self) -> &Path {
        &self.codex_home
    }

    /// The empty directory that is the value of `HOME`.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The text of `config.toml` as it is now: Codex may have changed it.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn config(&self) -> io::Result<String> {
        std::fs::read_to_string(self.codex_home.join("config.toml"))
    }

    /// The variables to set for a child: `CODEX_HOME`, `HOME` and, for Windows, `USERPROFILE`.
    pub fn env(&self) -> [(&'static str, &Path); 3] {
        [("CODEX_HOME", &self.codex_home), ("HOME", &self.home), ("USERPROFILE", &self.home)]
    }

    /// Removes the directory now, and reports an error. Dropping does the same and reports none.
    ///
    /// # Errors
    ///
    /// When something in it cannot be removed.
    pub fn close(self) -> io::Result<()> {
        self.directory.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_written_and_removed() {
        let home = CodexHome::new("http://127.0.0.1:1/v1").unwrap();
        let path = home.path().to_owned();
        let config = home.config().unwrap();
        assert!(
            config.contains("base_url = \"http://127.0.0.1:1/v1\"\n") && config.contains("plugins = false\n")
        );
        assert_eq!(std::fs::read_dir(home.home()).unwrap().count(), 0);
        home.close().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn settings_replace_and_keep_their_tables() {
        let config = HomeConfig::new("http://x/v1")
            .model("gpt-5.5")
            .provider("stream_max_retries", "2")
            .feature("unbounded_connection_retries", false)
            .tables("[mcp_servers.demo]\ncommand = \"demo\"");
        let text = config.to_toml();
        let (top, rest) = text.split_once("[analytics]").unwrap();
        assert!(top.contains("model = \"gpt-5.5\"\n") && !top.contains("mock-model"));
        let (features, provider) = rest.split_once("[model_providers.mock]").unwrap();
        assert!(features.contains("unbounded_connection_retries = false\n"));
        assert!(provider.contains("stream_max_retries = 2\n") && provider.ends_with("command = \"demo\"\n"));
    }
}
