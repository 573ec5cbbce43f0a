//! Brokers as processes: one for all clients, replaced when it does not respond, ended when it is idle.

use std::time::Duration;

use codex_broker::{ConnectErrorKind, ConnectOptions, connect_or_start, release, status, stop};
use codex_rpc::client::TurnLimits;
use codex_rpc::protocol::{thread::ThreadStartParams, turn::TurnStartParams};
use codex_rpc::transport::ChildOptions;
use codex_testkit::LIMIT;
use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::program::ScriptedCodex;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{Outside, ask, poll_pause, signal, thread, until};

fn outside(codex: &ScriptedCodex) -> Outside {
    Outside::new(codex.program()).env(codex.env().0, codex.env().1)
}

/// d11: twenty commands at once make one broker with one server, and nothing is left when they are done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_twenty_concurrent_starts_make_one_broker_that_ends_when_idle() {
    let codex = ScriptedCodex::new(Script::new());
    let outside = outside(&codex).set("brokerIdleMs", json!(200)).set("childIdleMs", json!(100));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (endpoint, options) = (outside.endpoint.clone(), outside.options());
        all.spawn(async move {
            let client = crate::support::client(&endpoint, &options).await;
            assert_eq!(ask(&client, "hi").await.answer(), Some("OK."));
            // Concurrently: no client disconnects before all have connected.
            (status(&endpoint, LIMIT).await.unwrap().pid, client)
        });
    }
    let mut pids = Vec::new();
    let mut clients = Vec::new();
    while let Some(done) = all.join_next().await {
        let (pid, client) = done.unwrap();
        pids.push(pid);
        clients.push(client);
    }
    pids.dedup();
    assert_eq!((pids.len(), codex.pids().len()), (1, 1));
    drop(clients);
    assert_eq!(outside.leaks.wait(LIMIT), []);
    let gone = status(&outside.endpoint, LIMIT).await.unwrap_err();
    assert_eq!(gone.kind(), ConnectErrorKind::NotRunning);
}

/// d27: a stopped broker is distinguished from a slow one, and replaced.
#[tokio::test]
async fn d27_a_stopped_broker_is_replaced() {
    let codex = ScriptedCodex::new(Script::new().when("stall", Turn::new([Step::Stall])));
    let outside = outside(&codex);
    let first = outside.client().await;
    let held = thread(&first).await;
    let turn = first.start_turn(TurnStartParams::text(held, "stall"), TurnLimits::default()).await.unwrap();
    let old = outside.status().await.pid;
    signal(old, Signal::STOP);
    // A signal takes a moment to arrive.
    let seen = loop {
        match status(&outside.endpoint, LIMIT).await {
            Ok(_) => poll_pause().await,
            Err(error) => break error,
        }
    };
    assert_eq!(seen.kind(), ConnectErrorKind::Stopped);
    let refused = connect_or_start(&outside.endpoint, &ConnectOptions::new()).await.unwrap_err();
    assert_eq!(refused.kind(), ConnectErrorKind::Stopped);
    // A client with an active turn receives the reason of its failure.
    let outcome = tokio::time::timeout(LIMIT, turn.outcome()).await.unwrap();
    assert!(format!("{outcome:?}").contains("was stopped"), "{outcome:?}");
    let second = outside.client().await;
    assert_eq!(ask(&second, "hi").await.answer(), Some("OK."));
    assert_ne!(outside.status().await.pid, old);
    drop((first, second));
    outside.stop().await;
}

/// d02: a broker that is killed fails its clients at once, and its server ends too.
#[tokio::test]
async fn d02_a_killed_broker_fails_its_clients_and_its_server_ends() {
    let codex = ScriptedCodex::new(Script::new().when("stall", Turn::new([Step::Stall])));
    let outside = outside(&codex);
    let client = outside.client().await;
    let held = thread(&client).await;
    let turn = client.start_turn(TurnStartParams::text(held, "stall"), TurnLimits::default()).await.unwrap();
    signal(outside.status().await.pid, Signal::KILL);
    let outcome = tokio::time::timeout(LIMIT, turn.outcome()).await.unwrap();
    assert!(
        outcome.answer().is_none() && format!("{outcome:?}").contains("closed the connection"),
        "{outcome:?}"
    );
    assert_eq!(outside.leaks.wait(LIMIT), []);
    assert_eq!(ask(&outside.client().await, "hi").await.answer(), Some("OK."));
    outside.stop().await;
}

/// A stopped server is distinguished from a slow one, and replaced.
#[tokio::test]
async fn d03_a_stopped_server_fails_active_turns_and_is_replaced() {
    let codex = ScriptedCodex::new(Script::new().when("stall", Turn::new([Step::Stall])));
    let outside = outside(&codex);
    let client = outside.client().await;
    let held = thread(&client).await;
    let turn = client.start_turn(TurnStartParams::text(held, "stall"), TurnLimits::default()).await.unwrap();
    let child = outside.status().await.child.unwrap().pid;
    signal(child, Signal::STOP);
    let outcome = tokio::time::timeout(LIMIT, turn.outcome()).await.unwrap();
    assert!(format!("{outcome:?}").contains("was stopped"), "{outcome:?}");
    assert_eq!(ask(&client, "hi").await.answer(), Some("OK."));
    assert_ne!(outside.status().await.child.unwrap().pid, child);
    outside.stop().await;
}

/// One that was stopped while it had nothing to do fails who comes next, in time, and not the one after.
#[tokio::test]
async fn d03_a_server_that_was_stopped_while_idle_is_replaced() {
    let codex = ScriptedCodex::new(Script::new());
    let outside = outside(&codex);
    let client = outside.client().await;
    let child = outside.status().await.child.unwrap().pid;
    signal(child, Signal::STOP);
    // A signal takes a moment to arrive: until then it answers.
    let failed = async {
        loop {
            match client.start_thread(&ThreadStartParams::new()).await {
                Ok(_) => poll_pause().await,
                Err(error) => return error,
            }
        }
    };
    let failed = tokio::time::timeout(LIMIT, failed).await.unwrap();
    let rpc = failed.request().unwrap().rpc().unwrap().clone();
    assert_eq!(rpc.data.unwrap()["reason"], "server_stopped");
    assert_eq!(ask(&client, "hi").await.answer(), Some("OK."));
    client.shutdown().await;
    outside.stop().await;
}

/// d31: a login that changed is seen by the next command, and not under a turn that runs.
#[tokio::test]
async fn d31_a_changed_login_restarts_the_server_when_no_turn_is_active() {
    let codex = ScriptedCodex::new(Script::new().when("stall", Turn::new([Step::Stall])));
    let files = tempfile::tempdir().unwrap();
    let login = files.path().join("auth.json");
    let outside = outside(&codex).set("watched", json!([login]));
    let client = outside.client().await;
    let held = thread(&client).await;
    let turn = client.start_turn(TurnStartParams::text(held, "stall"), TurnLimits::default()).await.unwrap();
    let before = outside.status().await.child.unwrap().pid;
    std::fs::write(&login, "{}").unwrap();
    let other = outside.client().await;
    assert_eq!(outside.status().await.child.unwrap().pid, before, "not under a turn");
    tokio::time::timeout(LIMIT, turn.interrupt()).await.unwrap();
    drop((turn, other));
    client.shutdown().await;
    until(&outside.endpoint, |status| status.clients == 0).await;
    let client = outside.client().await;
    assert_eq!(ask(&client, "hi").await.answer(), Some("OK."));
    assert_ne!(outside.status().await.child.unwrap().pid, before);
    assert_eq!(outside.status().await.counters.server_losses, 0);
    outside.stop().await;
}

/// d10: after a release the server's process has ended, so that nothing locks its threads.
#[tokio::test]
async fn d10_after_a_release_the_server_has_ended() {
    let codex = ScriptedCodex::new(Script::new());
    let outside = outside(&codex);
    let client = outside.client().await;
    ask(&client, "hi").await;
    let child = outside.status().await.child.unwrap().pid;
    client.shutdown().await;
    until(&outside.endpoint, |status| status.clients == 0).await;
    assert!(release(&outside.endpoint, LIMIT).await.unwrap());
    assert!(outside.leaks.alive().iter().all(|process| process.pid != child));
    outside.stop().await;
    assert!(!release(&outside.endpoint, LIMIT).await.unwrap(), "no broker holds nothing");
}

#[tokio::test]
async fn the_output_of_a_program_that_cannot_serve_is_reported() {
    let outside = Outside::new("codex".as_ref());
    let program = ChildOptions::new("sh").args(["-c", "echo no such thing >&2; exit 3"]);
    let mut options = ConnectOptions::new().start(program);
    options.timeout = LIMIT;
    let error = connect_or_start(&outside.endpoint, &options).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::NotStarted);
    assert_eq!(error.to_string(), "the program of the broker ended (exit status: 3): no such thing");
    let error = connect_or_start(&outside.endpoint, &ConnectOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::NotRunning);
}

/// The socket and the lock file of a dead broker do not prevent a new one, and neither does a path that is too long for a socket.
#[tokio::test]
async fn the_lock_decides_and_not_leftover_files() {
    let codex = ScriptedCodex::new(Script::new());
    let outside = outside(&codex);
    let directory = outside.endpoint.directory().unwrap().to_owned();
    std::fs::create_dir_all(&directory).unwrap();
    for name in ["socket", "lock", "start.lock"] {
        std::fs::write(directory.join(name), "leftover").unwrap();
    }
    assert_eq!(ask(&outside.client().await, "hi").await.answer(), Some("OK."));
    stop(&outside.endpoint, true, LIMIT).await.unwrap();
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let log = std::fs::read_to_string(outside.endpoint.log().unwrap()).unwrap();
    assert!(log.contains("the broker ended"), "{log}");
    assert!(outside.root.path().exists());
    // A second broker that is started next to the first does nothing.
    let first = outside.client().await;
    let mut second = std::process::Command::new(std::env::current_exe().unwrap());
    second.args(["--exact", "support::be_a_broker", "--nocapture"]);
    let start = outside.options().start.unwrap();
    second.envs(start.env.iter().cloned()).stdout(std::process::Stdio::null());
    assert!(second.status().unwrap().success());
    assert_eq!(ask(&first, "hi").await.answer(), Some("OK."));
    drop(first);
    outside.stop().await;
}

/// The broker's own wait: nothing in it waits for a state that does not come.
#[tokio::test]
async fn a_client_that_leaves_lets_the_server_go_after_its_time() {
    let codex = ScriptedCodex::new(Script::new());
    let outside = outside(&codex).set("childIdleMs", json!(100));
    ask(&outside.client().await, "hi").await;
    let status = until(&outside.endpoint, |status| status.child.is_none()).await;
    assert_eq!(status.counters.server_losses, 0);
    assert!(Duration::from_millis(status.uptime_ms) < LIMIT);
    outside.stop().await;
}

/// Dropped at any await point, a start leaves at most a broker that ends by itself, and does not prevent another start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starting_can_be_cancelled_at_any_point() {
    let codex = ScriptedCodex::new(Script::new());
    let outside = outside(&codex).set("brokerIdleMs", json!(500)).set("childIdleMs", json!(100));
    let options = outside.options();
    for polls in [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 40] {
        let mut starting = Box::pin(connect_or_start(&outside.endpoint, &options));
        let mut left = polls;
        std::future::poll_fn(|cx| {
            left -= 1;
            if left == 0 || starting.as_mut().poll(cx).is_ready() {
                return std::task::Poll::Ready(());
            }
            std::task::Poll::Pending
        })
        .await;
    }
    let client = outside.client().await;
    assert_eq!(ask(&client, "hi").await.answer(), Some("OK."));
    client.shutdown().await;
    assert_eq!(outside.leaks.wait(LIMIT), []);
}
