//! The workspace's shared app-server, as commands use it.

use std::time::Duration;

use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::home::CodexHome;
use codex_testkit::model::{ModelEndpoint, Reply, Scenario};
use codex_testkit::require_real_codex;
use serde_json::{Value, json};

use crate::support::{Bed, wait};

fn status(bed: &Bed) -> Value {
    bed.start(&["broker", "status", "--json"], None).finish().exits(0).json()
}

fn start(bed: &Bed) -> String {
    let document = bed.start(&["task", "--background", "--json", "x"], None).finish().exits(0).json();
    document["jobId"].as_str().unwrap().to_owned()
}

fn signal(pid: &Value, name: &str) {
    let sent = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// d11: many jobs of one workspace share one broker and one Codex, and nothing is left when they are done.
#[test]
fn d11_one_broker_and_one_codex_for_many_jobs() {
    let hold = tempfile::tempdir().unwrap();
    let file = hold.path().join("go");
    let turn = Turn::new([Step::HoldUntilFile(file.clone()), Step::say("Let go.")]);
    let (bed, codex) = Bed::scripted(Script::new().turn(turn));
    let ids: Vec<String> = (0..5).map(|_| start(&bed)).collect();
    let busy =
        wait(|| Some(status(&bed)).filter(|status| status["activeTurns"] == 5)).expect("five turns at once");
    assert_eq!((&busy["running"], &busy["clients"], &busy["limit"]), (&json!(true), &json!(5), &json!(8)));
    assert_eq!(codex.starts().len(), 1, "one app-server");
    let shown = bed.start(&["status", "--json"], None).finish().exits(0).json();
    assert_eq!(shown["sessionRuntime"]["mode"], "shared");
    // A foreground command uses the one that runs.
    std::fs::write(&file, "").unwrap();
    let report = bed.start(&["task", "--json", "y"], None).finish().exits(0).json();
    assert_eq!(report["rawOutput"], "Let go.");
    let mut words = vec!["await"];
    words.extend(ids.iter().map(String::as_str));
    bed.start(&words, None).finish().exits(0);
    assert_eq!(codex.starts().len(), 1);
    bed.nothing_left();
}

#[test]
fn the_broker_is_used_as_asked() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    // In the foreground none is started, unless it is asked for.
    bed.run(&["task", "x"]).exits(0);
    assert_eq!(status(&bed)["running"], false);
    bed.start(&["task", "--broker", "always", "x"], None).finish().exits(0);
    assert_eq!(status(&bed)["running"], true);
    let before = codex.starts().len();
    bed.start(&["task", "--broker", "never", "x"], None).finish().exits(0);
    assert_eq!(codex.starts().len(), before + 1);
    bed.start(&["task", "--broker", "always", "-c", "a=1", "x"], None).finish().exits(2);
    bed.start(&["broker", "stop"], None).finish().exits(0);
    assert_eq!(status(&bed)["running"], false);
    bed.start(&["broker", "stop", "--json"], None).finish().exits(0);
    bed.nothing_left();
}

/// d03: an app-server that is killed under the broker fails what it ran, at once, and the next command works.
#[test]
fn d03_a_killed_app_server_fails_its_jobs_and_no_others() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])).turn(Turn::say("Again.")));
    let id = start(&bed);
    let busy =
        wait(|| Some(status(&bed)).filter(|status| status["activeTurns"] == 1)).expect("the turn begins");
    signal(&busy["child"]["pid"], "KILL");
    bed.start(&["await", &id], None).finish().exits(1);
    let job = bed.start(&["status", &id, "--json"], None).finish().exits(0).json()["job"].clone();
    assert_eq!(job["status"], "failed");
    assert!(job["errorMessage"].as_str().unwrap().contains("signal: 9"), "{job}");
    let next = start(&bed);
    bed.start(&["cancel", &next], None).finish();
    bed.nothing_left();
}

/// d27: a broker that is stopped hangs nobody: a foreground command does without, a background one starts anew.
#[cfg(target_os = "linux")]
#[test]
fn d27_a_stopped_broker_hangs_nobody() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let bed = bed.env("CODEX_COMPANION_BROKER_IDLE_MS", "2000");
    bed.start(&["task", "--broker", "always", "x"], None).finish().exits(0);
    signal(&status(&bed)["pid"], "STOP");
    bed.start(&["task", "x"], None).finish().exits(0);
    bed.start(&["setup", "--json"], None).finish().exits(0);
    bed.start(&["status"], None).finish().exits(0);
    let id = start(&bed);
    bed.start(&["await", &id], None).finish().exits(0);
    bed.nothing_left();
}

/// d13: `setup` tells the truth while the shared Codex is busy.
#[test]
fn d13_setup_is_right_while_busy() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([Step::Stall])));
    let id = start(&bed);
    wait(|| Some(status(&bed)).filter(|status| status["activeTurns"] == 1)).expect("the turn begins");
    let report = bed.start(&["setup", "--json"], None).finish().exits(0).json();
    assert_eq!((&report["ready"], &report["auth"]["loggedIn"]), (&json!(true), &json!(true)));
    assert_eq!(report["sessionRuntime"]["mode"], "shared");
    bed.start(&["broker", "stop"], None).finish().exits(1).says(&["--force"]);
    bed.start(&["cancel", &id], None).finish().exits(0);
    bed.nothing_left();
}

/// d07: a session that ends its client ends its own turn and no other.
#[test]
fn d07_a_cancelled_job_leaves_its_neighbour_alone() {
    let hold = tempfile::tempdir().unwrap();
    let file = hold.path().join("go");
    let turn = Turn::new([Step::HoldUntilFile(file.clone()), Step::say("Let go.")]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(turn));
    let (one, two) = (start(&bed), start(&bed));
    wait(|| Some(status(&bed)).filter(|status| status["activeTurns"] == 2)).expect("both turns run");
    bed.start(&["cancel", &one], None).finish().exits(0);
    std::fs::write(&file, "").unwrap();
    bed.start(&["await", &two], None).finish().exits(0);
    bed.start(&["await", &one], None).finish().exits(130);
    bed.nothing_left();
}

/// d10: the shared Codex holds a finished task's thread for a moment; `resume` has it let go.
#[test]
fn d10_resume_has_the_broker_let_go() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let bed = bed.env("CODEX_COMPANION_BROKER_IDLE_MS", "3000").env("CODEX_COMPANION_CHILD_IDLE_MS", "2000");
    let id = start(&bed);
    bed.start(&["await", &id], None).finish().exits(0);
    let result = bed.start(&["result", &id], None).finish().exits(0);
    assert!(result.stdout.contains(&format!("codex-companion resume {id}")), "{result:?}");
    let resumed = bed.start(&["resume", &id], None).finish().exits(0);
    assert!(resumed.stdout.starts_with("resumed "), "{resumed:?}");
    bed.start(&["broker", "stop", "--force"], None).finish().exits(0);
    bed.nothing_left();
}

/// d11, d31 with the real Codex: ten turns in one process, and a change of the login is seen.
#[test]
fn d11_ten_real_turns_share_one_codex() {
    let codex = require_real_codex!();
    let scenario = Scenario::always(Reply::new().pause(Duration::from_secs(1)).say("Slept well."));
    let endpoint = ModelEndpoint::start(scenario).unwrap();
    let home = CodexHome::new(endpoint.base_url()).unwrap();
    let bed = Bed::real(&codex, &home).env("CODEX_COMPANION_HANDSHAKE_TIMEOUT_MS", "30000");
    let running: Vec<_> =
        (0..10).map(|_| bed.start(&["task", "--background", "--json", "x"], None)).collect();
    let ids: Vec<String> = running
        .into_iter()
        .map(|run| run.finish().exits(0).json()["jobId"].as_str().unwrap().to_owned())
        .collect();
    assert!(wait(|| (endpoint.active() == 8).then_some(())).is_some(), "{} at once", endpoint.active());
    let mut words = vec!["await"];
    words.extend(ids.iter().map(String::as_str));
    bed.start(&words, None).finish().exits(0);
    assert_eq!(status(&bed)["serverStarts"], 1);
    bed.nothing_left();
}
