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

/// Everything that could be secret is planted; nothing of it is in the report.
#[test]
fn a_report_has_the_state_and_no_secret() {
    let (bed, _codex) = bed();
    let config = bed.home.path().join(".config/codex-companion");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("config.toml"),
        "model = \"m-1\"\ngate_reviewer = [\"review\", \"--api-key=planted-key-of-a-reviewer\"]\n",
    )
    .unwrap();
    bed.run(&["task", PROMPT]).exits(0);
    let bed = bed.env("CODEX_COMPANION_EFFORT", "high").env("CODEX_COMPANION_SESSION_ID", "planted-session");
    let file = bed.home.path().join("report.txt");
    bed.run(&["setup", "--report", file.to_str().unwrap()]).exits(0);
    let report = fs::read_to_string(&file).unwrap();
    for expected in [
        concat!("codex-companion       ", env!("CARGO_PKG_VERSION")),
        "git version",
        "model                 \"m-1\" [~/.config/codex-companion/config.toml]",
        "effort                \"high\" [CODEX_COMPANION_EFFORT]",
        "idle_timeout_ms       600000 [default]",
        "  CODEX_COMPANION_EFFORT\n",
        "  CODEX_COMPANION_SESSION_ID\n",
        "jobs completed        1",
        "last errors",
    ] {
        assert!(report.contains(expected), "no {expected:?} in {report}");
    }
    for secret in ["planted", bed.home.path().to_str().unwrap(), "someone@"] {
        assert!(!report.contains(secret), "{secret} is in {report}");
    }
    // The same on standard output; an existing file is never replaced.
    let run = bed.run(&["setup", "--report"]).exits(0);
    assert!(run.stdout.starts_with("codex-companion report\n"), "{run:?}");
    bed.run(&["setup", "--report", file.to_str().unwrap()])
        .exits(2)
        .says(&["cannot write the report", "help: "]);
    assert_eq!(fs::read_to_string(&file).unwrap(), report);
}

#[test]
fn a_report_is_written_when_the_settings_are_invalid() {
    let (bed, _codex) = bed();
    bed.repo.write(".codex-companion.toml", "\nmodle = \"planted\"\n");
    let run = bed.run(&["setup", "--report"]).exits(0);
    assert!(run.stdout.contains(".codex-companion.toml:2: unknown key `modle`"), "{run:?}");
    assert!(!run.stdout.contains("planted"), "{run:?}");
}
