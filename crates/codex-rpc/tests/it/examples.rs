//! The programs under `examples/`, run as their readers would, with a scripted app-server for Codex.

use std::process::{Command, Output};

use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::program::{ScriptedCodex, example};

fn agent(script: Script) -> (Output, ScriptedCodex) {
    let codex = ScriptedCodex::new(script);
    let (name, value) = codex.env();
    let mut agent = Command::new(example(env!("CARGO_MANIFEST_DIR"), "agent"));
    let output = agent.arg(codex.program()).arg("What is here?").env(name, value).output();
    (output.expect("the example runs"), codex)
}

#[test]
fn the_agent_tells_what_goes_on_and_prints_the_answer() {
    let turn = Turn::new([Step::command("ls", "README.md\n"), Step::say("A readme.")]);
    let (output, codex) = agent(Script::new().turn(turn));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "A readme.\n");
    assert!(
        stderr.lines().any(|line| line.starts_with("commandExecution: ") && line.contains("ls")),
        "{stderr}"
    );
    let asked = codex.received().into_iter().find(|message| message["method"] == "turn/start");
    assert_eq!(asked.expect("a turn")["params"]["input"][0]["text"], "What is here?");
}

#[test]
fn the_agent_fails_with_the_reason() {
    let (output, _) = agent(Script::new().turn(Turn::new([Step::die(3, "out of memory")])));
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("the server process ended"), "{stderr}");
}
