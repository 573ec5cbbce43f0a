//! The log: off unless requested, without secrets, and never in the way of a command.

use std::fs;

use codex_testkit::app_server::{Script, Turn};
use codex_testkit::program::ScriptedCodex;

use crate::support::Bed;

const TOKEN: &str = "planted-value-of-a-token";
const PROMPT: &str = "planted words of a prompt";

fn bed() -> (Bed, ScriptedCodex) {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("planted words of an answer")));
    let bed = bed.env("OPENAI_API_KEY", TOKEN).env("UNKNOWN_VARIABLE", "planted-value-of-a-variable");
    (bed, codex)
}

#[test]
fn nothing_is_logged_unless_requested() {
    let (bed, _codex) = bed();
    let run = bed.run(&["task", PROMPT]).exits(0);
    assert!(!run.stderr.contains("INFO") && !run.stderr.contains("DEBUG"), "{}", run.stderr);
}

#[test]
fn a_log_has_what_happened_and_no_secret() {
    for request in ["-v", "-vvv", "RUST_LOG", "CODEX_COMPANION_LOG"] {
        let (bed, _codex) = bed();
        let file = bed.home.path().join("log");
        let path = file.to_str().unwrap().to_owned();
        let (bed, words) = match request {
            "RUST_LOG" => (bed.env(request, "trace"), vec!["--log", &path, "task", PROMPT]),
            "CODEX_COMPANION_LOG" => (bed.env(request, &path), vec!["task", PROMPT]),
            verbose => (bed, vec![verbose, "--log", &path, "task", PROMPT]),
        };
        let run = bed.run(&words).exits(0);
        assert!(!run.stderr.contains("INFO"), "{}", run.stderr);
        let log = fs::read_to_string(&file).unwrap();
        for expected in ["INFO codex_companion", "started", "command=\"task\"", "finished", "code=0"] {
            assert!(log.contains(expected), "{request}: no {expected} in {log}");
        }
        assert!(!log.contains("planted"), "{request}: {log}");
        assert!(!log.contains(bed.home.path().to_str().unwrap()), "{request}: {log}");
    }
}

#[test]
fn verbose_logs_to_stderr() {
    let (bed, _codex) = bed();
    let run = bed.run(&["-v", "task", PROMPT]).exits(0).says(&["INFO codex_companion", "started"]);
    assert!(!run.stderr.contains(TOKEN) && !run.stderr.contains(PROMPT), "{}", run.stderr);
}

#[test]
fn a_log_that_cannot_be_written_is_one_error_before_anything_is_done() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let directory = bed.home.path().to_str().unwrap().to_owned();
    let missing = format!("{directory}/missing/log");
    for path in [&directory, &missing] {
        let run =
            bed.run(&["--log", path, "task", "x"]).exits(2).says(&["cannot write the log file", "help: "]);
        assert!(run.stderr.matches("error: ").count() == 1 && run.stdout.is_empty(), "{run:?}");
        let error = bed.run(&["status", "--json", "--log", path]).exits(2).json();
        assert_eq!(error["error"]["kind"], "usage");
    }
    assert!(codex.starts().is_empty());
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "nothing is left behind");
}

/// A log must not change what an agent's hook decides.
#[test]
fn a_hook_runs_without_a_log_that_cannot_be_written() {
    let (bed, _codex) = bed();
    let directory = bed.home.path().to_path_buf();
    let bed = bed.env("CODEX_COMPANION_LOG", directory);
    let input = br#"{"hook_event_name":"Stop","session_id":"s","cwd":"/"}"#;
    bed.run_with(&["hook", "stop"], Some(input))
        .exits(0)
        .says(&["nothing is logged", "cannot write the log file"]);
}

#[test]
fn a_filter_that_is_not_understood_is_ignored() {
    let (bed, _codex) = bed();
    let bed = bed.env("RUST_LOG", "[span{field=planted}]=no-level");
    let run = bed.run(&["task", PROMPT]).exits(0).says(&["RUST_LOG is ignored"]);
    assert!(!run.stderr.contains("planted"), "{}", run.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_log_and_not_the_command() {
    let (bed, _codex) = bed();
    let run = bed.run(&["-v", "--log", "/dev/full", "task", PROMPT]).exits(0);
    assert_eq!(run.stderr.matches("the log is incomplete").count(), 1, "{}", run.stderr);
}
