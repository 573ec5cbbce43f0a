//! The programs of this package, for tests that need one to start.
//!
//! - `scripted-codex` is called as `codex` is: `scripted-codex app-server`, with any `-c key=value` before it.
//!   What it does comes from a script in its environment; [`scripted_codex`] and [`ScriptedCodex`] set that up.
//! - `scripted-mcp` is an MCP server on stdio with a tool that writes and one that looks, for the real Codex to call.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use codex_scripted::app_server::Script;
use serde_json::Value;
use tempfile::TempDir;

/// The variable with the script itself, as JSON.
pub const SCRIPT: &str = "SCRIPTED_CODEX_SCRIPT";
/// The variable with the path of a file with the script.
pub const SCRIPT_FILE: &str = "SCRIPTED_CODEX_SCRIPT_FILE";

/// The path of the program `scripted-codex`, which is built first.
///
/// # Panics
///
/// When it cannot be built.
pub fn scripted_codex() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("scripted-codex"))
}

/// The path of the program `scripted-mcp`, which is built first.
///
/// # Panics
///
/// When it cannot be built.
pub fn scripted_mcp() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("scripted-mcp"))
}

/// A `scripted-codex` with a script of its own, and a record of how it was called and what it received.
#[derive(Debug)]
pub struct ScriptedCodex {
    folder: TempDir,
}

impl ScriptedCodex {
    /// Writes the script into a temporary folder. A record that the script names is replaced.
    ///
    /// # Panics
    ///
    /// When it cannot be written, or has steps that exist in memory only.
    pub fn new(script: Script) -> Self {
        let folder =
            tempfile::Builder::new().prefix("scripted-codex-").tempdir().expect("a folder can be made");
        let script = script.record(folder.path().join("record.jsonl"));
        let json = script.to_json().expect("the script is for a program");
        std::fs::write(folder.path().join("script.json"), json).expect("the script can be written");
        Self { folder }
    }

    /// The program to start.
    pub fn program(&self) -> &'static Path {
        scripted_codex()
    }

    /// The variable to set for whoever starts it.
    pub fn env(&self) -> (&'static str, PathBuf) {
        (SCRIPT_FILE, self.folder.path().join("script.json"))
    }

    /// A path beside the script, for [`Step::HoldUntilFile`](codex_scripted::app_server::Step::HoldUntilFile) and
    /// [`Step::Touch`](codex_scripted::app_server::Step::Touch) (the script is rewritten by [`ScriptedCodex::new`]
    /// only, so make such paths in a folder of the test).
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command `scripted-codex app-server`.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        let (name, value) = self.env();
        command.arg("app-server").env(name, value);
        command
    }

    /// The argument lists of all starts so far, in order.
    pub fn starts(&self) -> Vec<Vec<String>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let starts = self.record().into_iter().filter_map(|entry| entry.get("argv")?.as_array().cloned());
        starts.map(|argv| argv.iter().map(text).collect()).collect()
    }

    /// The messages that it received so far, by all its processes, in order.
    pub fn received(&self) -> Vec<Value> {
        self.record().into_iter().filter_map(|mut entry| entry.get_mut("received").map(Value::take)).collect()
    }

    /// The ids of the processes that were started, in order.
    pub fn pids(&self) -> Vec<u32> {
        let starts = self.record().into_iter().filter(|entry| entry.get("argv").is_some());
        starts.filter_map(|entry| u32::try_from(entry["pid"].as_u64()?).ok()).collect()
    }

    fn record(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("record.jsonl")).unwrap_or_default();
        // The last line may be half written yet.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// The program of an example of the package whose manifest is in `package`: the test's own `CARGO_MANIFEST_DIR`.
///
/// `cargo test` builds a package's examples before its tests run; where it was told not to (`--test it`), they are
/// built here.
///
/// # Panics
///
/// When it cannot be built.
pub fn example(package: impl AsRef<Path>, name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its program");
    let examples = test.parent().and_then(Path::parent).map(|profile| profile.join("examples"));
    let built = examples.map(|folder| folder.join(name).with_extension(std::env::consts::EXE_EXTENSION));
    built.filter(|program| program.exists()).unwrap_or_else(|| build_in(package.as_ref(), "--example", name))
}

/// Builds a program of this package with the cargo that runs the test, and gives its path.
///
/// Cargo tells the path of a program only to the tests of its own package; for the others this asks cargo, which
/// costs a fraction of a second when there is nothing to do.
fn build(name: &str) -> PathBuf {
    build_in(Path::new(env!("CARGO_MANIFEST_DIR")), "--bin", name)
}

/// The variable that `cargo xtask test` sets: all programs of the workspace are built.
const ALL_BUILT: &str = "CODEX_TESTKIT_RUN";

/// The program next to the running test's directory, if `cargo xtask test` has built everything. Under nextest every test is a process, and
/// each would call cargo.
fn built(name: &str) -> Option<PathBuf> {
    std::env::var_os(ALL_BUILT)?;
    let test = std::env::current_exe().ok()?;
    let program = test.parent()?.parent()?.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    program.is_file().then_some(program)
}

fn build_in(package: &Path, kind: &str, name: &str) -> PathBuf {
    if let Some(program) = built(name).filter(|_| kind == "--bin") {
        return program;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--message-format=json", kind, name, "--manifest-path"])
        .arg(package.join("Cargo.toml"));
    if kind == "--example" {
        // An example may require features.
        command.arg("--all-features");
    }
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().expect("cargo can be run");
    assert!(output.status.success(), "cannot build {name}: {}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == name).then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    executables.next_back().expect("cargo tells the path of what it built")
}
