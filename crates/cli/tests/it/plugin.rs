//! The plugin's files: what its launcher does, and that they agree with the program.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// All that the plugin adds to the model's context by default, in characters: what the issue allows, of which the real
/// host's own test measures the rest.
const IDLE_COST: usize = 2000;

fn plugin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/codex")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The front matter of a Markdown file, and its body.
fn document(path: &Path) -> (String, String) {
    let text = fs::read_to_string(path).unwrap();
    let (front, body) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
    (front.to_owned(), body.to_owned())
}

fn field(front: &str, name: &str) -> Option<String> {
    front.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(plugin().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_command_runs_its_slash_command_and_nothing_else() {
    let mut names = BTreeSet::new();
    for path in files("commands") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (front, body) = document(&path);
        let run = format!("!`\"${{CLAUDE_PLUGIN_ROOT}}/bin/codex-companion\" slash {name}`\n");
        assert!(body.starts_with(&run), "{name}: {body}");
        assert_eq!(body.matches("!`").count(), 1, "{name}");
        // The placeholder keeps the host from appending the arguments; no form of them may be in the file.
        assert!(body.contains("$99") && !body.contains("$ARGUMENTS"), "{name}");
        assert_eq!(field(&front, "disable-model-invocation").as_deref(), Some("true"), "{name}");
        // That and no other command of the program: what it prints may hold words of a repository.
        let allowed = format!("Bash(\"${{CLAUDE_PLUGIN_ROOT}}/bin/codex-companion\" slash {name})");
        assert_eq!(field(&front, "allowed-tools"), Some(allowed), "{name}");
        assert!(field(&front, "description").is_some_and(|text| text.len() < 100), "{name}");
        names.insert(name);
    }
    let expected = [
        "adversarial-review",
        "attach",
        "cancel",
        "gate",
        "rescue",
        "result",
        "review",
        "setup",
        "status",
        "transfer",
    ];
    assert_eq!(names, expected.map(str::to_owned).into());
    let program = Command::new(env!("CARGO_BIN_EXE_codex-companion"))
        .args(["slash", "?"])
        .env_clear()
        .output()
        .unwrap();
    let known = String::from_utf8(program.stdout).unwrap();
    assert!(names.iter().all(|name| known.contains(name.as_str())), "{known}");
}

#[test]
fn hooks_are_in_exec_form_and_end_after_our_own_deadlines() {
    let hooks = json(&plugin().join("hooks/hooks.json"));
    let hooks = hooks["hooks"].as_object().unwrap();
    let events = ["SessionEnd", "SessionStart", "Stop", "UserPromptExpansion", "UserPromptSubmit"];
    assert_eq!(hooks.keys().collect::<Vec<_>>(), events);
    for (event, entries) in hooks {
        let hook = &entries[0]["hooks"][0];
        assert_eq!(hook["command"], "${CLAUDE_PLUGIN_ROOT}/bin/codex-companion", "{event}");
        assert_eq!(hook["args"][0], "hook", "{event}");
        let least = match event.as_str() {
            // d35: the gate's own deadline is 840 s, a slash command's 108 s.
            "Stop" => 870,
            "UserPromptExpansion" => 110,
            _ => 1,
        };
        assert!(hook["timeout"].as_u64().unwrap() >= least, "{event}");
    }
    assert_eq!(hooks["UserPromptExpansion"][0]["matcher"], "codex:.*");
}

#[test]
fn the_manifests_agree_with_each_other_and_with_the_program() {
    let manifest = json(&plugin().join(".claude-plugin/plugin.json"));
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    let options: Vec<&String> = manifest["userConfig"].as_object().unwrap().keys().collect();
    assert_eq!(options, ["effort", "model", "review_gate"]);
    let marketplace = json(&plugin().join("../../.claude-plugin/marketplace.json"));
    let listed = &marketplace["plugins"][0];
    assert_eq!((&listed["name"], &listed["source"]), (&manifest["name"], &"./plugins/codex".into()));
}

#[test]
fn what_the_model_always_sees_is_short() {
    let skills = files("skills").into_iter().map(|folder| folder.join("SKILL.md"));
    let mut characters = 0;
    for path in files("agents").into_iter().chain(skills) {
        let (front, _) = document(&path);
        characters += field(&front, "name").unwrap().chars().count();
        characters += field(&front, "description").unwrap().chars().count();
    }
    assert!(characters <= IDLE_COST / 3, "{characters}");
}

/// A place with the launcher in it and nothing else.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("plugin/bin")).unwrap();
        let place = Self { folder };
        fs::copy(plugin().join("bin/codex-companion"), place.path("plugin/bin/codex-companion")).unwrap();
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// A program that says which it is.
    fn program(&self, path: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\necho {}: \"$@\"\n", path.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, words: &[&str], variables: &[(&str, &Path)]) -> Output {
        let mut command = Command::new(self.path("plugin/bin/codex-companion"));
        command.args(words).env_clear().env("HOME", self.path("home")).env("PATH", self.path("empty"));
        command.envs(variables.iter().copied()).current_dir(self.folder.path()).output().unwrap()
    }

    #[track_caller]
    fn finds(&self, program: &str, variables: &[(&str, &Path)]) {
        let output = self.run(&["a  b", "it's", "*"], variables);
        let expected = format!("{}: a  b it's *\n", self.path(program).display());
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            expected,
            "{:?}",
            String::from_utf8(output.stderr)
        );
    }
}

#[test]
fn the_launcher_finds_the_program_wherever_it_is_installed() {
    let place = Place::new();
    place.program("plugin/bin/codex-companion-native");
    place.finds("plugin/bin/codex-companion-native", &[]);
    place.program("home/.cargo/bin/codex-companion");
    place.finds("home/.cargo/bin/codex-companion", &[]);
    place.program("cargo/bin/codex-companion");
    place.finds("cargo/bin/codex-companion", &[("CARGO_HOME", &place.path("cargo"))]);
    place.program("with space/codex-companion");
    let folders = std::env::join_paths([place.path("nowhere"), place.path("with space")]).unwrap();
    let path = ("PATH", Path::new(&folders));
    place.finds("with space/codex-companion", &[path]);
    place.program("named");
    place.finds("named", &[path, ("CODEX_COMPANION_BIN", &place.path("named"))]);
    place.finds("with space/codex-companion", &[path, ("CODEX_COMPANION_BIN", &place.path("gone"))]);
}

/// Claude Code puts the launcher's own folder on the PATH, and there may be a second copy of the plugin.
#[test]
fn launchers_do_not_start_each_other_for_ever() {
    let place = Place::new();
    fs::create_dir_all(place.path("other/bin")).unwrap();
    fs::copy(plugin().join("bin/codex-companion"), place.path("other/bin/codex-companion")).unwrap();
    symlink(place.path("plugin/bin"), place.path("link")).unwrap();
    let mut folders = vec![place.path("link"), place.path("other/bin"), place.path("plugin/bin")];
    let launchers = std::env::join_paths(&folders).unwrap();
    let output = place.run(&["status"], &[("PATH", Path::new(&launchers))]);
    assert_eq!(output.status.code(), Some(127));
    place.program("real/codex-companion");
    folders.push(place.path("real"));
    let path = std::env::join_paths(folders).unwrap();
    place.finds("real/codex-companion", &[("PATH", Path::new(&path))]);
}

#[test]
fn a_missing_program_is_told_in_the_shape_that_each_caller_reads() {
    let place = Place::new();
    let run = |words: &[&str]| {
        let output = place.run(words, &[]);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    for event in ["session-start", "prompt-expansion", "stop", "prompt-submit", "session-end"] {
        let (code, stdout, stderr) = run(&["hook", event]);
        let document: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((code, stderr.as_str(), &document["decision"]), (Some(0), "", &Value::Null), "{event}");
        let told = document["systemMessage"].as_str().is_some_and(|text| text.contains("cargo install"));
        assert_eq!(told, !matches!(event, "prompt-submit" | "session-end"), "{event}");
    }
    let (code, stdout, stderr) = run(&["slash", "review"]);
    assert_eq!((code, stdout.lines().count(), stderr.as_str()), (Some(0), 1, ""));
    for words in [&["status"][..], &["mcp"], &[]] {
        let (code, stdout, stderr) = run(words);
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(127), "", 1), "{words:?}");
    }
}
