//! The programs under `examples/`, run as their readers would.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::program::{ScriptedCodex, example};

const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");

fn run(command: &mut Command, input: &str) -> (Output, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, stdout)
}

fn gate(turn: Turn) -> (Option<i32>, String, String) {
    let codex = ScriptedCodex::new(Script::new().turn(turn));
    let (name, value) = codex.env();
    let mut gate = Command::new(example(MANIFEST, "gate"));
    let (output, stdout) = run(gate.arg(codex.program()).env(name, value), "+let shown = items.len() - 1;\n");
    let asked = codex.received().into_iter().find(|message| message["method"] == "turn/start").unwrap();
    assert!(asked["params"]["input"][0]["text"].as_str().unwrap().contains("items.len() - 1"), "{asked}");
    (output.status.code(), stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_gate_allows() {
    let (code, stdout, stderr) = gate(Turn::say("ALLOW: the list is never empty here"));
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    assert!(stderr.contains("the list is never empty here"), "{stderr}");
}

#[test]
fn the_gate_blocks() {
    let (code, stdout, _) =
        gate(Turn::say("BLOCK: it underflows\n- [high] src/list.rs:3: an empty list panics"));
    assert_eq!(code, Some(4));
    assert!(stdout.contains("src/list.rs:3") && stdout.contains("an empty list panics"), "{stdout}");
}

#[test]
fn the_gate_does_not_allow_what_was_not_reviewed() {
    for turn in
        [Turn::say("Looks good to me."), Turn::new([Step::fail("no quota")]), Turn::new([Step::die(3, "")])]
    {
        let (code, _, stderr) = gate(turn);
        assert_eq!(code, Some(6), "{stderr}");
    }
}

#[test]
fn a_foreign_hook_blocks_once_and_then_allows_no_unchanged_work() {
    let folder = tempfile::tempdir().unwrap();
    let call = r#"{"chat":"7","retry":false,"tree":"f00d","said":"Done."}"#;
    for _ in 0..2 {
        let mut hook = Command::new(example(MANIFEST, "foreign_hook"));
        let (output, stdout) = run(hook.arg(folder.path().join("state.json")), call);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(answer["finished"], false, "{stdout}");
        assert!(answer["say"].as_str().unwrap().contains("asserts nothing"), "{stdout}");
    }
}
