//! Work that outlives the session that it was asked for in, and sessions that leave each other alone.

use codex_testkit::claude::{Say, Session};
use codex_testkit::model::{Reply, Scenario};
use codex_testkit::{Gate, LIMIT};
use serde_json::Value;

use super::{Desk, desk, has, job};

/// What the hooks of a session's beginning said.
fn beginning(session: &Session) -> String {
    session.hooks("SessionStart").concat()
}

fn status(desk: &Desk, job: &str) -> Value {
    desk.companion(&["status", job, "--json"]).json()["job"]["status"].clone()
}

/// d33, d07: a job goes on when its session ends and when others end; the next session is told, and finds the result.
#[test]
fn d33_background_work_outlives_its_session_and_is_told() {
    let gate = Gate::new();
    let desk = desk!(Scenario::in_turn([Reply::new().hold(&gate).say("The long answer.")]));
    let job = job(&desk.given("/codex:rescue --background think long"));
    assert!(gate.reached_within(1, LIMIT));

    // Another session begins, is told that something runs, and ends: nothing of the other one's ends with it.
    let other = desk.ask("hello");
    has(&beginning(&other), &[&job]);
    assert_eq!(status(&desk, &job), "running");

    gate.release();
    // Naming the job here would count as having been told.
    desk.companion(&["status", "--wait", "--all"]);
    let next = desk.ask("hello again");
    has(&beginning(&next), &[&job, "is done", "/codex:result"]);
    has(&desk.model.asked().last().unwrap().conversation(), &[&job, "is done"]);
    has(&desk.told(&format!("/codex:result {job}")), &["The long answer."]);
    // Once.
    assert!(!beginning(&desk.ask("and again")).contains("is done"));
}

/// A session that is still open is told at the end of its turn.
#[test]
fn the_end_of_a_job_is_told_in_its_own_session() {
    let desk = desk!(Reply::message("Quick."));
    desk.model
        .say(Say::bash("codex-companion task --background go"))
        .say(Say::bash("codex-companion status --wait --all"));
    let session = desk.work("ask Codex");
    has(session.hooks("Stop")[0], &["is done", "/codex:result"]);
}

/// A session that is killed has no SessionEnd: what it began goes on all the same, and what it held is let go.
#[test]
fn a_killed_session_takes_nothing_with_it() {
    let gate = Gate::new();
    let desk = desk!(Scenario::in_turn([Reply::new().hold(&gate).say("Still here.")]));
    desk.model
        .say(Say::bash("codex-companion task --background go"))
        .say(Say::text("never").hold(&Gate::new()));
    let running = desk.start(&["--allowedTools", "Bash"], "ask Codex");
    desk.model.asked_within(2, LIMIT);
    assert!(gate.reached_within(1, LIMIT));
    running.kill();
    gate.release();
    desk.companion(&["status", "--wait", "--all"]);
    has(&desk.companion(&["result"]).stdout, &["Still here."]);
}

/// `session_end = "cancel"`: a session's jobs end with it, and those of others do not.
#[test]
fn jobs_end_with_their_session_where_that_is_asked_for() {
    let gate = Gate::new();
    let held = || Reply::new().hold(&gate).say("Done at last.");
    let desk = desk!(Scenario::in_turn([held(), held()]));
    let settings = desk.home.path().join(".config/codex-companion");
    std::fs::create_dir_all(&settings).unwrap();
    std::fs::write(settings.join("config.toml"), "session_end = \"cancel\"\n").unwrap();
    let ours = job(&desk.companion(&["task", "--background", "from a terminal"]).stdout);
    assert!(gate.reached_within(1, LIMIT));
    let theirs = job(&desk.given("/codex:rescue --background in a session"));
    desk.claude
        .program(std::path::Path::new(env!("CARGO_BIN_EXE_codex-companion")), &["await", &theirs])
        .output()
        .unwrap();
    assert_eq!((status(&desk, &ours), status(&desk, &theirs)), ("running".into(), "cancelled".into()));
    gate.release();
    desk.companion(&["await", &ours]);
}

/// Two sessions in one workspace at the same time: each has its own words, answers and jobs.
#[test]
fn sessions_at_the_same_time_do_not_mix() {
    let gate = Gate::new();
    let desk = desk!(Scenario::answer({
        let gate = gate.clone();
        move |request| Reply::new().hold(&gate).say(format!("Answer to {}.", request.prompt()))
    }));
    let one = desk.start(&[], "/codex:rescue --wait question one");
    let two = desk.start(&[], "/codex:rescue --wait question two");
    assert!(gate.reached_within(2, LIMIT), "one waits for the other");
    gate.release();
    let (one, two) = (one.session(), two.session());
    assert_ne!(one.id(), two.id());
    let asked: Vec<String> = desk.model.asked().iter().map(codex_testkit::claude::Asked::newest).collect();
    assert_eq!(asked.len(), 2);
    for question in ["question one", "question two"] {
        let mine = asked.iter().find(|asked| asked.contains(&format!("--wait {question}<"))).unwrap();
        has(mine, &[&format!("Answer to {question}.")]);
    }
}

/// A session that is taken up again is the same: its jobs are still its own.
#[test]
fn a_resumed_session_knows_its_jobs() {
    let desk = desk!(Scenario::in_turn([Reply::message("The first."), Reply::message("The second.")]));
    let session = desk.ask("/codex:rescue --wait one");
    let resume = ["--resume", session.id()];
    has(desk.ask_with(&resume, "/codex:result").result(), &["The first."]);
    desk.ask_with(&resume, "/codex:rescue --wait --resume two");
    has(&desk.model.asked().last().unwrap().conversation(), &["The first.", "The second."]);
    let asked = desk.codex.requests();
    assert_eq!((asked[1].thread(), asked[1].prompt().as_str()), (asked[0].thread(), "two"));
    assert!(!desk.ask("/codex:result").result().contains("The second."));
}

/// What a session starts is there as long as it has a purpose, and then it is gone.
#[test]
fn no_process_outlives_the_session_and_its_work() {
    let gate = Gate::new();
    let desk = desk!(Scenario::in_turn([Reply::new().hold(&gate).say("Late."), Reply::message("Soon.")]));
    desk.given("/codex:rescue --background take your time");
    assert!(gate.reached_within(1, LIMIT));
    desk.given("/codex:rescue --wait be quick");
    let alive = desk.claude.leaks().alive();
    for (program, count) in [("job-worker", 1), ("broker serve", 1), ("/claude ", 0)] {
        let found = alive.iter().filter(|process| process.command.contains(program)).count();
        assert_eq!(found, count, "{program} in {alive:?}");
    }
    gate.release();
    desk.claude.leaks().assert_none(LIMIT);
}
