//! The program under `examples/`, run as its readers would.

use std::process::Command;
use std::time::Duration;

use codex_broker::{Endpoint, Identity, status, stop};
use codex_testkit::LIMIT;
use codex_testkit::app_server::{Script, Turn};
use codex_testkit::process::LeakCheck;
use codex_testkit::program::{ScriptedCodex, example};

#[tokio::test]
async fn two_runs_share_one_broker_and_one_server() {
    let leaks = LeakCheck::new();
    let (root, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let workspace = workspace.path().canonicalize().unwrap();
    let script =
        Script::new().when("What is here?", Turn::say("A readme.")).when("And?", Turn::say("No more."));
    let codex = ScriptedCodex::new(script);
    let (name, value) = codex.env();
    let ask = |prompt: &str| {
        let mut share = leaks.mark(Command::new(example(env!("CARGO_MANIFEST_DIR"), "share")));
        share.arg(root.path()).arg(codex.program()).arg(prompt).current_dir(&workspace);
        share.env(name, &value).env("CODEX_HOME", root.path()).env("TMPDIR", root.path());
        let output = share.output().expect("the example starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let identity = Identity { workspace: &workspace, home: root.path(), program: codex.program() };
    let endpoint = Endpoint::locate(root.path(), root.path(), identity);

    assert_eq!(ask("What is here?"), "A readme.\n");
    let first = status(&endpoint, LIMIT).await.unwrap().pid;
    assert_eq!(ask("And?"), "No more.\n");
    assert_eq!(status(&endpoint, LIMIT).await.unwrap().pid, first);
    stop(&endpoint, true, LIMIT).await.unwrap();
    leaks.assert_none(Duration::from_secs(10));
}
