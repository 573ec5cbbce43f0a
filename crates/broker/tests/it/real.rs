//! A broker with the real Codex: concurrency, and processes that are killed or stopped at random.

use std::time::{Duration, Instant};

use codex_broker::{ConnectErrorKind, release, status};
use codex_rpc::client::{Client, TurnLimits};
use codex_rpc::protocol::{
    review::{ReviewStartParams, ReviewTarget},
    thread::ThreadStartParams,
    turn::TurnStartParams,
};
use codex_testkit::LIMIT;
use codex_testkit::git::Repo;
use codex_testkit::home::CodexHome;
use codex_testkit::model::{ModelEndpoint, ModelRequest, Reply, Scenario};
use codex_testkit::process::Process;
use codex_testkit::raw::RawClient;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{Outside, ask, poll_pause, signal, thread, until};

/// A waiting call must have ended this long after the fault that ended it. Two seconds are promised; the machine may be busy
/// with other tests, and anything but the fault would take a turn's ten minutes.
const SOON: Duration = Duration::from_secs(20);

fn outside(codex: &std::path::Path, home: &CodexHome) -> Outside {
    let mut outside = Outside::new(codex);
    for (name, value) in home.env() {
        outside = outside.env(name, value);
    }
    outside
}

/// A small generator of numbers, so that a failure can be played again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn start_turn(client: &Client, prompt: &str) -> codex_rpc::client::TurnHandle {
    let params = TurnStartParams::text(thread(client).await, prompt);
    client.start_turn(params, TurnLimits::default()).await.unwrap()
}

/// Ten tasks at once on one app-server take as long as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_ten_tasks_share_one_codex() {
    let codex = codex_testkit::require_real_codex!();
    let endpoint = ModelEndpoint::start(Reply::new().pause(Duration::from_secs(1)).say("Done.")).unwrap();
    let home = CodexHome::new(endpoint.base_url()).unwrap();
    let outside = outside(&codex, &home)
        .set("limit", json!(10))
        .set("brokerIdleMs", json!(300))
        .set("childIdleMs", json!(100));
    let mut all = tokio::task::JoinSet::new();
    let began = Instant::now();
    for _ in 0..10 {
        let (endpoint, options) = (outside.endpoint.clone(), outside.options());
        all.spawn(async move {
            let client = crate::support::client(&endpoint, &options).await;
            let outcome = ask(&client, "go").await;
            assert_eq!(outcome.answer(), Some("Done."));
            client.shutdown().await;
        });
    }
    let status = until(&outside.endpoint, |status| status.active_turns == 10).await;
    assert_eq!(status.server_starts, 1);
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    eprintln!("ten tasks of 1 s took {:?} in all; {:?}", began.elapsed(), status.child);
    assert_eq!(outside.leaks.wait(LIMIT), []);
}

/// d10: after a release, another process resumes the thread that the broker's Codex held.
#[tokio::test]
async fn d10_a_released_thread_can_be_resumed_by_another_process() {
    let codex = codex_testkit::require_real_codex!();
    let endpoint = ModelEndpoint::start(Reply::message("Hello.")).unwrap();
    let home = CodexHome::new(endpoint.base_url()).unwrap();
    let outside = outside(&codex, &home);
    let client = outside.client().await;
    let mut params = ThreadStartParams::new();
    params.ephemeral = Some(false);
    let held = client.start_thread(&params).await.unwrap().thread.id;
    let turn =
        client.start_turn(TurnStartParams::text(held.clone(), "hi"), TurnLimits::default()).await.unwrap();
    assert_eq!(turn.outcome().await.answer(), Some("Hello."));
    drop(turn);
    client.shutdown().await;
    until(&outside.endpoint, |status| status.clients == 0).await;
    let resume = || {
        let mut other = RawClient::start(outside.leaks.mark(RawClient::app_server(&codex, &home)));
        let id = other.request("thread/resume", json!({"threadId": held}));
        let answer = other.until(|message| message["id"] == id && message["method"].is_null());
        other.finish();
        answer
    };
    let refused = resume();
    assert!(refused["error"].is_object(), "{refused}");
    assert!(release(&outside.endpoint, LIMIT).await.unwrap());
    let resumed = resume();
    assert_eq!(resumed["result"]["thread"]["id"], json!(held), "{resumed}");
    outside.stop().await;
}

/// A native review, a long answer and a command that outlives its turn, at once, each to whom it belongs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_a_long_answer_and_a_leftover_command_concurrently() {
    let codex = codex_testkit::require_real_codex!();
    let answer = |request: &ModelRequest| {
        let prompt = request.prompt();
        if prompt.contains("long") {
            Reply::huge(4_000_000)
        } else if prompt.contains("run") {
            Reply::command("sleep 600")
        } else {
            Reply::review("All is well.", &[])
        }
    };
    let endpoint = ModelEndpoint::start(Scenario::answer(answer)).unwrap();
    let home = CodexHome::new(endpoint.base_url()).unwrap();
    let outside = outside(&codex, &home);
    let repo = Repo::with_commit();
    repo.write("new.txt", "new\n");
    let reviewer = outside.client().await;
    let (writer, runner) = (outside.client().await, outside.client().await);
    let mut params = ThreadStartParams::new();
    params.ephemeral = Some(true);
    params.cwd = Some(repo.path().to_str().unwrap().to_owned());
    let held = reviewer.start_thread(&params).await.unwrap().thread.id;
    let review = ReviewStartParams::new(held, ReviewTarget::UncommittedChanges);
    let review = reviewer.start_review(review, TurnLimits::default()).await.unwrap();
    let running = start_turn(&runner, "run").await;
    let (long, reviewed) = tokio::join!(ask(&writer, "long"), review.outcome());
    assert_eq!(long.answer().map(str::len), Some(4_000_000));
    assert!(reviewed.answer().is_some_and(|text| text.contains("All is well.")), "{reviewed:?}");
    let sleeps = || outside.leaks.alive().iter().any(|process| process.command == "sleep 600");
    let began = async {
        while !sleeps() {
            poll_pause().await;
        }
    };
    tokio::time::timeout(LIMIT, began).await.expect("the command runs");
    // The client disconnects: its turn is interrupted, and the command that would outlive it is ended.
    runner.shutdown().await;
    drop(running);
    let ended = async {
        while sleeps() {
            poll_pause().await;
        }
    };
    tokio::time::timeout(LIMIT, ended).await.expect("the command is ended");
    until(&outside.endpoint, |status| status.active_turns == 0).await;
    let status = outside.status().await;
    assert_eq!((status.counters.early_dropped, status.counters.stray, status.server_starts), (0, 0, 1));
    drop((reviewer, writer));
    outside.stop().await;
}

/// d31: a new login, or another configuration, is used by the next command.
#[tokio::test]
async fn d31_a_changed_configuration_is_used_by_the_next_command() {
    let codex = codex_testkit::require_real_codex!();
    let (one, two) = (
        ModelEndpoint::start(Reply::message("one")).unwrap(),
        ModelEndpoint::start(Reply::message("two")).unwrap(),
    );
    let home = CodexHome::new(one.base_url()).unwrap();
    let config = home.path().join("config.toml");
    let outside =
        outside(&codex, &home).set("watched", json!([config, home.path().join("auth.json"), codex]));
    let client = outside.client().await;
    assert_eq!(ask(&client, "who?").await.answer(), Some("one"));
    client.shutdown().await;
    until(&outside.endpoint, |status| status.clients == 0).await;
    std::fs::write(&config, home.config().unwrap().replace(one.base_url(), two.base_url())).unwrap();
    assert_eq!(ask(&outside.client().await, "who?").await.answer(), Some("two"));
    outside.stop().await;
}

/// d02, d03, d27: the wrapper, the native process, the broker or a client is killed or stopped in the middle of a turn: what
/// waits fails in time with a reason, and the next command works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_d03_d27_random_faults_end_waiting_clients_and_the_next_works() {
    let codex = codex_testkit::require_real_codex!();
    let rounds =
        std::env::var("CODEX_BROKER_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12);
    let answer = |request: &ModelRequest| {
        if request.prompt().contains("stall") { Reply::hang() } else { Reply::message("OK.") }
    };
    let endpoint = ModelEndpoint::start(Scenario::answer(answer)).unwrap();
    let home = CodexHome::new(endpoint.base_url()).unwrap();
    let outside = outside(&codex, &home);
    let mut dice = Dice(7);
    let (mut worst, mut worst_next) = (Duration::ZERO, Duration::ZERO);
    for round in 0..rounds {
        let client = outside.client().await;
        let turn = start_turn(&client, "stall").await;
        let status = outside.status().await;
        let broker = status.pid;
        let wrapper = status.child.as_ref().unwrap().pid;
        let is_native = |process: &&Process| process.pid != wrapper && process.command.contains("app-server");
        let native = outside.leaks.alive().iter().find(is_native).map_or(wrapper, |process| process.pid);
        let what = dice.roll(7);
        let (target, how) = match what {
            0 => (wrapper, Signal::KILL),
            1 => (native, Signal::KILL),
            2 => (wrapper, Signal::STOP),
            3 => (native, Signal::STOP),
            4 => (broker, Signal::KILL),
            _ => (broker, Signal::STOP),
        };
        if what == 6 {
            // The client disconnects: its turn must not continue.
            drop(turn);
            client.shutdown().await;
            until(&outside.endpoint, |status| status.active_turns == 0).await;
            continue;
        }
        let began = Instant::now();
        signal(target, how);
        if (what, target) == (2, wrapper) && native != wrapper {
            // Node does nothing while Codex works, and Codex responds: no client is affected.
            assert_eq!(ask(&client, "hi").await.answer(), Some("OK."));
            signal(target, Signal::CONT);
            tokio::time::timeout(LIMIT, turn.interrupt()).await.unwrap();
            client.shutdown().await;
            continue;
        }
        let outcome = tokio::time::timeout(LIMIT, turn.outcome()).await.expect("an outcome");
        let took = began.elapsed();
        worst = worst.max(took);
        assert!(outcome.answer().is_none());
        assert!(took < SOON, "round {round}: {what} took {took:?}: {outcome:?}");
        let text = format!("{outcome:?}");
        assert!(
            ["was stopped", "process ended", "closed the connection"]
                .iter()
                .any(|reason| text.contains(reason)),
            "{text}"
        );
        drop(turn);
        client.shutdown().await;
        let next = Instant::now();
        let client = outside.client().await;
        let answer = ask(&client, "hi").await;
        assert_eq!(answer.answer(), Some("OK."), "round {round}: {what}: {answer:?}");
        worst_next = worst_next.max(next.elapsed());
        client.shutdown().await;
    }
    eprintln!("{rounds} faults: the slowest end took {worst:?}, the slowest next command {worst_next:?}");
    outside.stop().await;
    assert_eq!(outside.leaks.wait(LIMIT), []);
    assert_eq!(status(&outside.endpoint, LIMIT).await.unwrap_err().kind(), ConnectErrorKind::NotRunning);
}
