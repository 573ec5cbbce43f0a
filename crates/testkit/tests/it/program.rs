//! `scripted-codex` as a program.

use std::process::{Command, Stdio};

use codex_testkit::app_server::{Fault, Noise, Script, Start, Step, Turn};
use codex_testkit::process::LeakCheck;
use codex_testkit::program::{ScriptedCodex, scripted_codex};
use codex_testkit::raw::RawClient;
use serde_json::json;

#[test]
fn a_turn_runs_and_is_recorded() {
    let leaks = LeakCheck::new();
    let codex = ScriptedCodex::new(Script::new().turn(Turn::say("Hello.")));
    let mut command = Command::new(codex.program());
    let (name, value) = codex.env();
    command.args(["-c", "model=\"x\"", "app-server"]).env(name, value);
    let mut client = RawClient::start(leaks.mark(command));
    let thread = client.thread("/w".as_ref());
    client.turn(&thread, "hi");
    assert_eq!(client.completed()["items"][0]["text"], "Hello.");
    let pid = client.pid();
    let (status, stderr) = client.finish();
    assert!(status.success() && stderr.is_empty(), "{status} {stderr}");
    assert_eq!(codex.starts(), [["-c", "model=\"x\"", "app-server"]]);
    assert_eq!(codex.pids(), [pid]);
    let methods: Vec<_> = codex.received().into_iter().map(|mut message| message["method"].take()).collect();
    assert_eq!(methods, ["initialize", "initialized", "thread/start", "turn/start"]);
}

#[test]
fn starts_and_deaths_have_their_code_and_words() {
    let exit = Start::Exit { code: 9, stdout: "garbage\n".into(), stderr: "gone\n".into() };
    for (script, code, words) in [
        (Script::new().start(exit), 9, "gone\n"),
        (Script::dies(1, "thread 'main' panicked"), 1, "panicked"),
        (Script::too_old(), 2, "unrecognized subcommand 'app-server'"),
        (Script::new().fault("initialize", Fault::die(7, "at initialize")), 7, "at initialize"),
    ] {
        let leaks = LeakCheck::new();
        let codex = ScriptedCodex::new(script);
        let mut client = RawClient::spawn(leaks.mark(codex.command()));
        client.request("initialize", json!({}));
        let (status, stderr) = client.wait();
        assert_eq!(status.code(), Some(code));
        assert!(stderr.contains(words), "{stderr}");
    }
}

#[test]
fn it_answers_for_its_version_and_refuses_what_it_does_not_know() {
    let run =
        |words: &[&str]| Command::new(scripted_codex()).args(words).stdin(Stdio::null()).output().unwrap();
    assert_eq!(run(&["--version"]).stdout, b"codex-cli 0.169.0\n");
    assert_eq!(run(&["login"]).status.code(), Some(125));
    assert_eq!(run(&["resume", "abc"]).stdout, b"resumed abc\n");
    let wrong = Command::new(scripted_codex())
        .arg("app-server")
        .env("SCRIPTED_CODEX_SCRIPT", "{\"a\":1}")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("the script is wrong"));
}

#[test]
fn noise_on_stdout_comes_between_the_messages() {
    let script = Script::new().noise(Noise::InvalidUtf8).noise(Noise::HalfMessage).noise(Noise::Bom);
    let codex = ScriptedCodex::new(script);
    let mut client = RawClient::spawn(codex.command());
    client.request("initialize", json!({}));
    client.until(|message| message["id"] == 1);
    assert!(client.log()[0].as_str().unwrap().starts_with('\u{feff}'));
    assert_eq!(client.log().iter().filter(|message| message.is_string()).count(), 2);
}

#[test]
fn files_hold_a_turn_and_tell_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (reached, go) = (folder.path().join("reached"), folder.path().join("go"));
    let steps = [Step::Touch(reached.clone()), Step::HoldUntilFile(go.clone()), Step::say("went on")];
    let codex = ScriptedCodex::new(Script::new().turn(Turn::new(steps)));
    let mut client = RawClient::start(codex.command());
    let thread = client.thread("/w".as_ref());
    client.turn(&thread, "hi");
    while !reached.exists() {
        std::thread::yield_now();
    }
    assert_eq!(client.count("turn/completed"), 0);
    std::fs::write(go, "").unwrap();
    assert_eq!(client.completed()["items"][0]["text"], "went on");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::process::ExitStatusExt as _;

    use codex_testkit::app_server::Death;
    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    fn with_turn(script: Script) -> (ScriptedCodex, RawClient) {
        let codex = ScriptedCodex::new(script);
        let mut client = RawClient::start(codex.command());
        let thread = client.thread("/w".as_ref());
        client.turn(&thread, "hi");
        (codex, client)
    }

    #[test]
    fn a_crash_is_a_signal() {
        let death = Death { abort: true, ..Death::default() };
        let (_codex, mut client) = with_turn(Script::new().turn(Step::Die(death)));
        assert_eq!(client.wait().0.signal(), Some(Signal::ABORT.as_raw()));
    }

    #[test]
    fn sigterm_ends_it_unless_it_is_ignored() {
        for ignore in [false, true] {
            let script = Script::new().turn(Step::Stall).ignore_sigterm(ignore);
            let (_codex, mut client) = with_turn(script);
            kill_process(Pid::from_raw(i32::try_from(client.pid()).unwrap()).unwrap(), Signal::TERM).unwrap();
            if ignore {
                let answer = client.call("thread/loaded/list", json!({}));
                assert_eq!(answer["result"]["data"].as_array().unwrap().len(), 1);
            } else {
                assert_eq!(client.wait().0.signal(), Some(Signal::TERM.as_raw()));
            }
        }
    }
}
