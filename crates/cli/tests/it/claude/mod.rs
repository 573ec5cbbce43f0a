//! The plugin in the real Claude Code, with the real Codex behind it; the models of both are scripted.

mod agents;
mod arguments;
mod commands;
mod gate;
mod install;
mod mcp;
mod options;
mod screen;
mod sessions;

use std::path::{Path, PathBuf};

use codex_testkit::claude::{Claude, ClaudeHome, Messages, Output, Running, Session};
use codex_testkit::git::Repo;
use codex_testkit::home::CodexHome;
use codex_testkit::model::{ModelEndpoint, Scenario};
use serde_json::Value;

/// A user's place: a repository with one commit and one change, Claude Code with the plugin, and Codex.
pub(crate) struct Desk {
    // First, so that what it left running is looked for while the endpoints still are there.
    pub(crate) claude: Claude,
    pub(crate) model: Messages,
    pub(crate) codex: ModelEndpoint,
    pub(crate) repo: Repo,
    pub(crate) home: ClaudeHome,
    _codex_home: CodexHome,
}

/// A desk whose Codex is told these answers; the test returns where Claude Code or Codex is not installed.
macro_rules! desk {
    ($scenario:expr) => {{
        let (claude, codex) = (codex_testkit::require_real_claude!(), codex_testkit::require_real_codex!());
        $crate::claude::Desk::new(&claude, &codex, $scenario)
    }};
}
pub(crate) use desk;

impl Desk {
    pub(crate) fn new(claude: &Path, codex: &Path, scenario: impl Into<Scenario>) -> Self {
        let repo = Repo::with_commit();
        repo.write("a.txt", "one\ntwo\n");
        let (home, model) = (ClaudeHome::new(), Messages::start());
        let endpoint = ModelEndpoint::start(scenario).unwrap();
        let codex_home = CodexHome::new(endpoint.base_url()).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_codex-companion"));
        let claude = Claude::new(claude, &home, &model, repo.path())
            .path(program.parent().unwrap())
            .env("CODEX_HOME", codex_home.path())
            .env("CODEX_COMPANION_CODEX", codex)
            // A broker that a test starts is gone a moment after it.
            .env("CODEX_COMPANION_BROKER_IDLE_MS", "400")
            .env("CODEX_COMPANION_CHILD_IDLE_MS", "100")
            .env("LLVM_PROFILE_FILE", "/dev/null");
        home.trust(repo.path());
        Self { claude, model, codex: endpoint, repo, home, _codex_home: codex_home }
    }

    /// Sets a variable for Claude Code and all that it starts.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.claude.set(name, value);
        self
    }

    /// Takes another model in the place of the one that was there.
    pub(crate) fn change_model(&mut self, model: Messages) {
        self.model = model;
        self.claude.set("ANTHROPIC_BASE_URL", self.model.url());
    }

    /// A whole session in print mode, with the plugin and without any leave beyond what the plugin gives.
    #[track_caller]
    pub(crate) fn ask(&self, prompt: &str) -> Session {
        self.ask_with(&[], prompt)
    }

    /// A session in which Claude may run commands.
    #[track_caller]
    pub(crate) fn work(&self, prompt: &str) -> Session {
        self.ask_with(&["--allowedTools", "Bash"], prompt)
    }

    #[track_caller]
    pub(crate) fn ask_with(&self, words: &[&str], prompt: &str) -> Session {
        self.start(words, prompt).session()
    }

    /// Begins a session.
    pub(crate) fn start(&self, words: &[&str], prompt: &str) -> Running {
        let plugin = plugin();
        let plugin = ["--plugin-dir", plugin.to_str().unwrap()];
        self.claude.start(&[words, &plugin].concat(), prompt)
    }

    /// What a slash command tells the user without asking Claude's model.
    #[track_caller]
    pub(crate) fn told(&self, command: &str) -> String {
        let before = self.model.asked().len();
        let session = self.ask(command);
        assert_eq!(self.model.asked().len(), before, "{command}: a model was asked");
        session.result().to_owned()
    }

    /// What a slash command gives Claude's model, which is asked once.
    #[track_caller]
    pub(crate) fn given(&self, command: &str) -> String {
        let before = self.model.asked().len();
        self.ask(command);
        let asked = self.model.asked();
        assert_eq!(asked.len(), before + 1, "{command}");
        asked[before].newest()
    }

    /// Our own program as a user's shell beside Claude Code has it.
    #[track_caller]
    pub(crate) fn companion(&self, words: &[&str]) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_codex-companion"));
        let output = self.claude.program(program, words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Output { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }.good()
    }

    /// The prompts that Codex's model was given, in order.
    pub(crate) fn prompts(&self) -> Vec<String> {
        self.codex.requests().iter().map(codex_testkit::model::ModelRequest::prompt).collect()
    }
}

/// The root of this repository, where the plugin and the marketplace are.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The plugin in this repository.
pub(crate) fn plugin() -> PathBuf {
    root().join("plugins/codex")
}

/// Asserts that a text has all of these.
#[track_caller]
pub(crate) fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

/// The id of the job that a text tells of first.
#[track_caller]
pub(crate) fn job(text: &str) -> String {
    let mut words = text.split(|c: char| c.is_whitespace() || "`,.()".contains(c));
    words.find(|word| word.starts_with("job-")).unwrap_or_else(|| panic!("no job in {text}")).to_owned()
}

/// A folder for `PATH` that has what Claude Code needs, and nothing of ours.
pub(crate) fn bare_path() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for program in ["sh", "bash", "git", "cat"] {
        let found =
            std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file());
        std::os::unix::fs::symlink(found.unwrap(), folder.path().join(program)).unwrap();
    }
    folder
}

/// The one JSON document that a hook printed.
#[track_caller]
pub(crate) fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}
