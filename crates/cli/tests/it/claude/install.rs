//! Installing the plugin, and what it costs when nobody uses it.

use std::path::Path;

use codex_testkit::claude::Say;
use codex_testkit::git::Repo;
use codex_testkit::git_server::GitServer;
use codex_testkit::model::Reply;
use serde_json::Value;

use super::{Desk, bare_path, desk, has, plugin, root};

/// What the plugin may add to every first request, in characters.
const IDLE: usize = 2_000;

#[test]
fn the_manifests_are_valid() {
    let desk = desk!(Reply::message("unused"));
    for path in [root(), plugin()] {
        let output = desk.claude.run(&["plugin", "validate", "--strict", path.to_str().unwrap()]).good();
        has(&output.stdout, &["Validation passed"]);
    }
}

/// d35: the gate ends before its host would end it.
#[test]
fn d35_the_hosts_limit_is_above_the_gates() {
    let hooks = std::fs::read_to_string(plugin().join("hooks/hooks.json")).unwrap();
    let hooks: Value = serde_json::from_str(&hooks).unwrap();
    let stop = &hooks["hooks"]["Stop"][0]["hooks"][0];
    let seconds = stop["timeout"].as_u64().unwrap();
    assert!(seconds * 1000 >= 840_000 + 30_000, "{stop}");
}

/// Installs from a marketplace, uses the plugin, and takes it away again.
#[track_caller]
fn installs_from(desk: &Desk, source: &str) {
    let run = |words: &[&str]| desk.claude.run(words).good().stdout;
    run(&["plugin", "marketplace", "add", source]);
    run(&["plugin", "install", "codex@codex-companion"]);
    has(&run(&["plugin", "list", "--json"]), &["codex@codex-companion"]);
    let plain = |prompt: &str| desk.claude.ask(&[], prompt);
    has(plain("/codex:setup").result(), &["Codex", "ready"]);
    plain("/codex:rescue --wait say hello");
    has(&desk.model.asked().last().unwrap().newest(), &["Hello from Codex."]);
    run(&["plugin", "uninstall", "codex@codex-companion"]);
    let commands = plain("hello").init()["slash_commands"].to_string();
    assert!(!commands.contains("codex:"), "{commands}");
}

#[test]
fn it_installs_from_a_folder() {
    let desk = desk!(Reply::message("Hello from Codex."));
    installs_from(&desk, root().to_str().unwrap());
}

#[test]
fn it_installs_from_a_git_server() {
    let desk = desk!(Reply::message("Hello from Codex."));
    let published = Repo::new();
    for folder in [".claude-plugin", "plugins"] {
        copy(&root().join(folder), &published.path().join(folder));
    }
    published.commit("Publish");
    let server = GitServer::start(published.path());
    installs_from(&desk, &server.url(".git"));
    assert!(server.requests() > 0);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// `cargo install` puts the program where not every PATH leads: hooks, commands and Claude's own shell find it all the same.
#[test]
fn it_finds_the_program_where_cargo_puts_it() {
    let desk = desk!(Reply::message("unused"));
    let (path, bin) = (bare_path(), desk.home.path().join(".cargo/bin"));
    std::fs::create_dir_all(&bin).unwrap();
    let program = bin.join("codex-companion");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_codex-companion"), program).unwrap();
    let desk = desk.env("PATH", path.path().to_str().unwrap());
    has(&desk.told("/codex:status"), &["No jobs yet."]);
    desk.model.say(Say::bash("codex-companion --version"));
    desk.work("which one is it?");
    let version = concat!("codex-companion ", env!("CARGO_PKG_VERSION"));
    has(&desk.model.asked().last().unwrap().tool_results().concat(), &[version]);
}

/// People keep their checkouts in folders with any name.
#[test]
fn it_works_from_a_folder_with_an_odd_name() {
    let desk = desk!(Reply::message("Hello from Codex."));
    let folder = tempfile::tempdir().unwrap();
    for name in ["My Code", "it's (so) & so; 世"] {
        let plugin = folder.path().join(name).join("codex");
        copy(&super::plugin(), &plugin);
        desk.claude.ask(&["--plugin-dir", plugin.to_str().unwrap()], "/codex:rescue --wait say hello");
        has(&desk.model.asked().last().unwrap().newest(), &["Hello from Codex."]);
    }
}

/// What a session costs that never asks for Codex.
#[test]
fn it_costs_little_when_it_is_not_used() {
    let desk = desk!(Reply::message("unused"));
    let with = desk.ask("hello");
    desk.claude.ask(&[], "hello");
    let asked = desk.model.asked();
    let (more, less) = (asked[0].size(), asked[1].size());
    assert!(more > less, "the plugin is not there: {more} {less}");
    assert!(more - less <= IDLE, "the plugin costs {} characters", more - less);
    println!("the plugin costs {} characters", more - less);
    // No tool of its own unless somebody asks for them.
    assert_eq!(asked[0].tools(), asked[1].tools());
    assert_eq!(with.init()["mcp_servers"].as_array().map(Vec::len), Some(0));
    has(&with.init()["agents"].to_string(), &["codex:codex-rescue", "codex:codex-reviewer"]);
    for hook in ["SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"] {
        assert_eq!(with.hooks(hook).concat(), "", "{hook}");
    }
    assert!(desk.codex.requests().is_empty());
}
