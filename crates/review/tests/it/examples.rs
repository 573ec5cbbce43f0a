//! The programs under `examples/`.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

#[test]
fn an_answer_becomes_sarif() {
    // The test is in `deps/`, next to `examples/`.
    let program = std::env::current_exe().unwrap().with_file_name("../examples/sarif");
    let mut child = Command::new(program.with_extension(std::env::consts::EXE_EXTENSION))
        .arg("/repo")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo builds the examples with the tests");
    let answer = "Bad.\n\nReview comment:\n\n- [P0] Drops the table — /repo/db.rs:4-6\n  Always.\n";
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    let location = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"], json!({"uri": "db.rs", "uriBaseId": "%SRCROOT%"}));
    assert_eq!(location["region"], json!({"startLine": 4, "endLine": 6}));
}
