//! Exit codes, streams and their ends.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex-companion"));
    command.args(words).env_clear().stdin(Stdio::null());
    command
}

fn run(words: &[&str]) -> Output {
    command(words).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the program writes UTF-8")
}

#[test]
fn version_and_help_go_to_stdout() {
    let expected = format!("codex-companion {}\n", env!("CARGO_PKG_VERSION"));
    for words in [&["--version"][..], &["-V"], &["--quiet", "--version"]] {
        let output = run(words);
        assert_eq!((text(&output.stdout), text(&output.stderr)), (expected.as_str(), ""));
        assert!(output.status.success());
    }
    let output = run(&["--help"]);
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(text(&output.stdout).contains("adversarial-review") && !text(&output.stdout).contains('\x1b'));
}

#[test]
fn wrong_usage_is_exit_code_2_on_stderr() {
    let output = run(&["review", "--bse", "main"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let expected = "error: unexpected argument '--bse' found\nhelp: did you mean `--base`?\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn errors_are_one_json_document_when_json_was_asked_for() {
    let output = run(&["review", "--bse", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.is_empty());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["kind"], "usage");
    assert_eq!(document["error"]["hint"], "did you mean `--base`?");
}

#[test]
fn completions_and_manual_pages_are_written() {
    for words in [&["completions", "bash"][..], &["completions", "fish"], &["man"], &["man", "task"]] {
        let output = run(words);
        assert!(output.status.success() && text(&output.stdout).contains("codex"), "{words:?}");
    }
}

/// A reader that leaves early is no fault of ours: no panic, no message, the command's own exit code.
#[test]
fn a_closed_stdout_is_no_panic() {
    for words in [&["--version"][..], &["--help"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(words).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{words:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(&["man"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: cannot write to standard output\n  caused by: "));
}
