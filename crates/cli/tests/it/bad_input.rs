//! What can be wrong before a turn begins: each has its message, its exit code, and leaves nothing behind.

use codex_testkit::app_server::{Fault, Noise, Script, Start};

use crate::support::Bed;

#[test]
fn d04_repositories_that_cannot_be_reviewed() {
    let (bed, codex) = Bed::scripted(Script::new());
    let outside = tempfile::tempdir().unwrap();
    let outside = outside.path().to_str().unwrap();
    bed.run(&["-C", outside, "review"]).exits(2).says(&["git repository"]);
    bed.run(&["-C", "/no/such/folder", "review"]).exits(2).says(&["no folder"]);
    bed.run(&["review", "--base", "mian"]).exits(2).says(&["mian", "main"]);
    bed.run(&["review", "--base", "-x"]).exits(2).says(&["-x"]);
    bed.run(&["review", "--commit", "0123456789"]).exits(2);

    bed.repo.commit("all of it");
    bed.run(&["review"]).exits(2).says(&["nothing"]);
    bed.run(&["adversarial-review"]).exits(2).says(&["nothing"]);

    // Row d04: no common history, said at once and without a model call.
    bed.repo.orphan("island").write("b.txt", "island\n").commit("elsewhere");
    for command in ["review", "adversarial-review"] {
        bed.run(&[command, "--base", "main"]).exits(2).says(&["main"]);
    }
    let error = bed.run(&["review", "--base", "main", "--json"]).exits(2).json();
    assert_eq!(error["error"]["kind"], "no-merge-base");
    assert!(error["error"]["hint"].is_string());
    assert!(codex.starts().is_empty(), "nothing was started for any of these");
}

#[test]
fn an_empty_repository_has_nothing_to_review() {
    let (bed, codex) = Bed::scripted(Script::new());
    let empty = codex_testkit::git::Repo::new();
    bed.run(&["-C", empty.path().to_str().unwrap(), "review"]).exits(2);
    assert!(codex.starts().is_empty());
}

#[test]
fn a_missing_codex_is_exit_code_5() {
    let bed = Bed::new().env("PATH", "/nonexistent");
    for words in [&["review"][..], &["task", "go"], &["adversarial-review"]] {
        bed.run(words).exits(5).says(&["`codex` is not in PATH", "npm install -g @openai/codex"]);
    }
    let report = bed.run(&["setup", "--json"]).exits(5).json();
    assert_eq!((&report["ready"], &report["codex"]["available"]), (&false.into(), &false.into()));
    bed.run(&["--codex", "/no/such/codex", "review"]).exits(5).says(&["/no/such/codex"]);
    bed.run(&["--codex", "/dev/null", "review"]).exits(5);
}

#[test]
fn a_codex_that_is_of_no_use_says_why() {
    let (bed, _codex) = Bed::scripted(Script::too_old());
    bed.run(&["review"]).exits(5).says(&["app-server", "npm install -g @openai/codex@latest"]);

    let (bed, _codex) = Bed::scripted(Script::dies(3, "cannot read the configuration"));
    bed.run(&["review"]).exits(1).says(&["exit status: 3", "cannot read the configuration"]);

    let garbage =
        Start::Exit { code: 0, stdout: "Welcome to something else!\n".into(), stderr: String::new() };
    let (bed, _codex) = Bed::scripted(Script::new().start(garbage));
    bed.run(&["review"]).exits(1);

    let quick = |script| {
        let (bed, codex) = Bed::scripted(script);
        (bed.env("CODEX_COMPANION_HANDSHAKE_TIMEOUT_MS", "300"), codex)
    };
    let (bed, _codex) = quick(Script::new().fault("initialize", Fault::stall()));
    bed.run(&["review"]).exits(1).says(&["did not answer within 300ms"]);
    let (bed, _codex) = quick(Script::new().fault("initialize", Fault::raw("what?")).noise(Noise::Log));
    bed.run(&["review"]).exits(1).says(&["no messages"]);

    let (bed, codex) = Bed::scripted(Script::not_signed_in());
    bed.run(&["review"]).exits(5).says(&["not signed in", "codex login"]);
    bed.run(&["task", "go"]).exits(5).says(&["not signed in"]);
    assert!(!codex.received().iter().any(|message| message["method"] == "turn/start"), "no turn was begun");
}

#[test]
fn settings_and_flags_that_are_wrong() {
    let (bed, codex) = Bed::scripted(Script::new());
    bed.run(&["review", "--effort", ""]).exits(2);
    bed.run(&["review", "--timeout-ms", "0"]).exits(2);
    bed.run(&["review", "--wait", "--background"]).exits(2);
    bed.run(&["task", "--fresh", "--thread", "x", "go"]).exits(2);
    bed.repo.write(".codex-companion.toml", "modle = \"x\"\n");
    bed.run(&["review"]).exits(2).says(&["modle", "model"]);
    bed.repo.write(".codex-companion.toml", "codex = \"/tmp/evil\"\n");
    bed.run(&["review"]).exits(2).says(&["codex"]);
    assert!(codex.starts().is_empty());
}

/// A home in which nothing can be written is no reason to fail: nothing is written there.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_home_is_enough() {
    use codex_testkit::app_server::Turn;
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let bed = bed.env("HOME", "/proc");
    bed.run(&["task", "go"]).exits(0);
}

/// A reader that leaves early is no fault of ours.
#[test]
fn a_closed_stdout_is_no_panic() {
    use codex_testkit::app_server::Turn;
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("x".repeat(1_000_000))));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output =
        bed.command(&["task", "go"]).stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panic"));
    bed.nothing_left();
}

/// Pipes, devices and floods in the place of files and prompts end nothing but the command.
#[cfg(target_os = "linux")]
#[test]
fn what_never_ends_is_not_read_to_its_end() {
    let (bed, codex) = Bed::scripted(Script::new());
    let fifo = bed.repo.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    bed.run(&["task", "--prompt-file", fifo.to_str().unwrap()]).exits(2).says(&["not a regular file"]);
    bed.run(&["task", "--prompt-file", "/dev/zero"]).exits(2).says(&["not a regular file"]);
    std::fs::rename(&fifo, bed.repo.path().join(".codex-companion.toml")).unwrap();
    bed.run(&["task", "x"]).exits(2).says(&[".codex-companion.toml"]);
    std::fs::remove_file(bed.repo.path().join(".codex-companion.toml")).unwrap();
    let endless = std::fs::File::open("/dev/zero").unwrap();
    let output = bed.command(&["task"]).stdin(endless).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(codex.starts().is_empty());
}

/// A path of Codex is the user's, wherever in the work tree the user stands.
#[cfg(unix)]
#[test]
fn a_relative_codex_is_relative_to_the_user() {
    use codex_testkit::app_server::Turn;
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let sub = bed.repo.path().join("sub");
    std::fs::create_dir(&sub).unwrap();
    std::os::unix::fs::symlink(codex.program(), sub.join("codex-here")).unwrap();
    let mut command = bed.command(&["--codex", "./codex-here", "task", "x"]);
    let output = command.current_dir(&sub).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The program that is named is the one that runs: no extension is replaced, and no version is cut off at its dots.
#[cfg(unix)]
#[test]
fn e46_a_codex_on_the_path_is_found_by_its_whole_name() {
    use codex_testkit::app_server::Turn;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    for name in ["codex.sh", "codex-0.169.0"] {
        let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
        let programs = tempfile::tempdir().unwrap();
        let other = programs.path().join("codex");
        std::fs::write(&other, "#!/bin/sh\nexit 9\n").unwrap();
        std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink(codex.program(), programs.path().join(name)).unwrap();
        let path = std::env::join_paths([programs.path(), "/usr/bin".as_ref(), "/bin".as_ref()]).unwrap();
        bed.env("PATH", path).run(&["--codex", name, "task", "x"]).exits(0);
        assert_eq!(codex.starts().len(), 1, "{name}");
    }
}
