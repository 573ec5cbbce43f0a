//! kill -9 at random moments: every job ends in a final state with a reason, and nothing is left.

use std::time::{Duration, Instant};

use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::home::CodexHome;
use codex_testkit::model::{ModelEndpoint, Reply};
use codex_testkit::require_real_codex;
use serde_json::{Value, json};

use crate::support::{Bed, wait};

/// A generator that is the same in every run with the same seed; the seed is in every failure.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

/// How many rounds: a few in the suite, more when asked for.
fn rounds(usual: u64) -> u64 {
    let asked = std::env::var("CODEX_COMPANION_TEST_ROUNDS").ok();
    asked.and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

fn kill(pid: u32) {
    // It may be gone already, which is as good.
    let _ = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).output();
}

fn strike(bed: &Bed, rounds: u64, within: u64, seed: u64) {
    let mut random = Random(seed);
    for round in 0..rounds {
        let words = match round % 3 {
            0 => &["task", "--json", "x"][..],
            1 => &["task", "--background", "--json", "x"],
            _ => &["review", "--background", "--json"],
        };
        let running = bed.start(words, None);
        let moment = Instant::now() + Duration::from_millis(random.below(within));
        let _: Option<()> = wait(|| (Instant::now() >= moment).then_some(()));
        let processes = bed.processes();
        if !processes.is_empty() {
            let victim = usize::try_from(random.below(processes.len() as u64)).unwrap();
            kill(processes[victim].0);
        }
        running.finish();
        let status = wait(|| {
            let status = bed.start(&["status", "--all", "--json"], None).finish().exits(0).json();
            (status["running"] == json!([])).then_some(status)
        });
        let status = status.unwrap_or_else(|| panic!("round {round} of seed {seed}: a job never ends"));
        for job in status["recent"].as_array().unwrap() {
            let reasoned = match job["status"].as_str() {
                Some("completed" | "cancelled") => true,
                Some("failed") => job["errorMessage"].as_str().is_some_and(|why| !why.is_empty()),
                _ => false,
            };
            assert!(reasoned, "round {round} of seed {seed}: {job}");
        }
        bed.nothing_left();
    }
    let status = bed.run(&["status", "--all", "--json"]).exits(0).json();
    let statuses: Vec<&Value> =
        status["recent"].as_array().unwrap().iter().map(|job| &job["status"]).collect();
    assert!(!statuses.is_empty());
}

#[test]
fn d08_random_kills_leave_nothing_undecided() {
    let turn = || Turn::new([Step::command("make", "ok"), Step::Wait { ms: 40 }, Step::say("Done.")]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(turn()).review(turn()));
    strike(&bed, rounds(24), 100, 0x5eed_0001);
}

#[test]
fn d08_random_kills_with_the_real_codex() {
    let codex = require_real_codex!();
    let endpoint = ModelEndpoint::start(Reply::new().pause(Duration::from_millis(100)).say("Done.")).unwrap();
    let home = CodexHome::new(endpoint.base_url()).unwrap();
    let bed = Bed::real(&codex, &home).env("CODEX_COMPANION_HANDSHAKE_TIMEOUT_MS", "30000");
    strike(&bed, rounds(12), 500, 0x5eed_0002);
}
