//! The programs under `examples/`, run as their readers would.

use std::io::Write as _;
use std::path::Path;
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

/// Runs the gate's example once, with a Codex whose turn is like this, on a state directory.
fn gate_in(directory: &Path, turn: Turn) -> (Option<i32>, String, String) {
    let codex = ScriptedCodex::new(Script::new().turn(turn));
    let (name, value) = codex.env();
    let mut gate = Command::new(example(MANIFEST, "gate"));
    gate.arg(codex.program()).arg(directory).arg("c0ffee").env(name, value);
    let (output, stdout) = run(&mut gate, "+let shown = items.len() - 1;\n");
    for asked in codex.received().iter().filter(|message| message["method"] == "turn/start") {
        assert!(asked["params"]["input"][0]["text"].as_str().unwrap().contains("items.len() - 1"), "{asked}");
    }
    (output.status.code(), stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn gate(turn: Turn) -> (Option<i32>, String, String) {
    gate_in(tempfile::tempdir().unwrap().path(), turn)
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
fn e62_a_broken_reviewer_in_ci_exits_with_6_each_time() {
    let directory = tempfile::tempdir().unwrap();
    for attempt in 1..=3 {
        let (code, _, stderr) = gate_in(directory.path(), Turn::new([Step::fail("no quota")]));
        assert_eq!(code, Some(6), "attempt {attempt}: {stderr}");
    }
}

#[test]
fn the_gate_keeps_its_verdicts() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(gate_in(directory.path(), Turn::say("ALLOW: it is fine")).0, Some(0));
    // The same commit is not reviewed again, so that this answer is never asked for.
    let (code, _, stderr) = gate_in(directory.path(), Turn::say("BLOCK: it is not"));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("allowed already"), "{stderr}");
}

#[test]
fn a_foreign_hook_blocks_once_and_then_allows_no_unchanged_work() {
    let directory = tempfile::tempdir().unwrap();
    let call = r#"{"chat":"7","retry":false,"tree":"f00d","said":"Done."}"#;
    for _ in 0..2 {
        let mut hook = Command::new(example(MANIFEST, "foreign_hook"));
        let (output, stdout) = run(hook.arg(directory.path()), call);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(answer["finished"], false, "{stdout}");
        assert!(answer["say"].as_str().unwrap().contains("asserts nothing"), "{stdout}");
    }
}
