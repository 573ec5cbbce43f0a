//! Brokers for the tests: in this process, or in one of their own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_broker::{
    BrokerStatus, ConnectOptions, Endpoint, Identity, Launcher, ServeOptions, Served, connect_or_start,
    serve, status,
};
use codex_rpc::client::{Client, ClientOptions, TurnLimits};
use codex_rpc::protocol::{ThreadId, thread::ThreadStartParams, turn::TurnStartParams};
use codex_rpc::transport::{ChildOptions, Connection};
use codex_rpc::turn::TurnOutcome;
use codex_testkit::LIMIT;
use codex_testkit::app_server::{Script, ScriptedAppServer};
use codex_testkit::process::LeakCheck;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The variable that makes the test program a broker, as JSON.
const PLAN: &str = "CODEX_BROKER_TEST_PLAN";

pub(crate) fn endpoint(root: &Path) -> Endpoint {
    let identity = Identity { workspace: "/w".as_ref(), home: "/h".as_ref(), program: "/p".as_ref() };
    Endpoint::locate(root, root, identity)
}

/// A broker in this process, over scripted servers in memory.
pub(crate) struct Inside {
    pub(crate) endpoint: Endpoint,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Served>,
    _root: TempDir,
}

impl Inside {
    pub(crate) fn start(script: Script, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let launch = Launcher::from_fn(move || {
            let (server, stream) = ScriptedAppServer::in_memory(script.clone());
            let (reader, writer) = tokio::io::split(stream);
            // It ends with its connection.
            std::mem::forget(server);
            Ok(Connection::from_io(reader, writer))
        });
        Self::launch(launch, change)
    }

    pub(crate) fn launch(launch: Launcher, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let endpoint = endpoint(root.path());
        let mut options = ServeOptions::new(endpoint.clone(), launch);
        change(&mut options);
        let (stop, stopped) = oneshot::channel();
        let served =
            tokio::spawn(async move { serve(options, async { drop(stopped.await) }).await.unwrap() });
        Self { endpoint, stop: Some(stop), served, _root: root }
    }

    pub(crate) async fn client(&self) -> Client {
        client(&self.endpoint, &ConnectOptions::new()).await
    }

    pub(crate) async fn status(&self) -> BrokerStatus {
        // It may just be about to listen.
        loop {
            if let Ok(status) = status(&self.endpoint, LIMIT).await {
                return status;
            }
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn until(&self, what: impl Fn(&BrokerStatus) -> bool) -> BrokerStatus {
        until(&self.endpoint, what).await
    }

    pub(crate) async fn finish(mut self) {
        drop(self.stop.take());
        assert_eq!(tokio::time::timeout(LIMIT, &mut self.served).await.unwrap().unwrap(), Served::Ended);
        assert!(!std::fs::exists(self.endpoint.to_string().trim_start_matches("unix:")).unwrap());
    }
}

/// Polls the status until the condition holds.
pub(crate) async fn until(endpoint: &Endpoint, what: impl Fn(&BrokerStatus) -> bool) -> BrokerStatus {
    let wait = async {
        loop {
            match status(endpoint, LIMIT).await {
                Ok(status) if what(&status) => return status,
                _ => poll_pause().await,
            }
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("the state comes in time")
}

/// A short pause between two checks of a state that has no notification.
pub(crate) async fn poll_pause() {
    tokio::time::sleep(Duration::from_millis(5)).await; // sleep: a check of a state, with a limit around it
}

pub(crate) async fn client(endpoint: &Endpoint, options: &ConnectOptions) -> Client {
    let connect = async {
        loop {
            match connect_or_start(endpoint, options).await {
                Ok(connection) => return connection,
                // One inside this process may just be about to listen.
                Err(error) if options.start.is_none() => {
                    drop(error);
                    poll_pause().await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    let connection = tokio::time::timeout(LIMIT, connect).await.expect("a broker in time");
    Client::connect(connection, ClientOptions::new("test", "0")).await.unwrap()
}

pub(crate) async fn thread(client: &Client) -> ThreadId {
    let mut params = ThreadStartParams::new();
    params.ephemeral = Some(true);
    client.start_thread(&params).await.unwrap().thread.id
}

pub(crate) async fn ask(client: &Client, prompt: &str) -> std::sync::Arc<TurnOutcome> {
    let thread = thread(client).await;
    let turn = client.start_turn(TurnStartParams::text(thread, prompt), TurnLimits::default()).await.unwrap();
    tokio::time::timeout(LIMIT, turn.outcome()).await.expect("an outcome in time")
}

/// Brokers that are processes of their own.
pub(crate) struct Outside {
    pub(crate) leaks: LeakCheck,
    pub(crate) root: TempDir,
    pub(crate) endpoint: Endpoint,
    plan: Value,
    env: Vec<(OsString, OsString)>,
}

impl Outside {
    /// Brokers that start this program with `app-server`.
    pub(crate) fn new(codex: &Path) -> Self {
        let root = tempfile::tempdir().unwrap();
        let endpoint = endpoint(root.path());
        let plan = json!({ "root": root.path(), "codex": codex, "watched": [], "brokerIdleMs": 60_000, "childIdleMs": 60_000 });
        Self { leaks: LeakCheck::new(), root, endpoint, plan, env: Vec::new() }
    }

    pub(crate) fn set(mut self, name: &str, value: Value) -> Self {
        self.plan[name] = value;
        self
    }

    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub(crate) fn options(&self) -> ConnectOptions {
        let mut program = ChildOptions::new(std::env::current_exe().unwrap())
            .args(["--exact", "support::be_a_broker", "--nocapture"])
            .env(PLAN, self.plan.to_string())
            .env(self.leaks.env().0, self.leaks.env().1);
        program.env.extend(self.env.iter().cloned());
        let mut options = ConnectOptions::new().start(program);
        // The machine may be busy with other tests.
        options.timeout = LIMIT;
        options.handshake_timeout = LIMIT / 2;
        options.queue_timeout = Some(LIMIT);
        options
    }

    pub(crate) async fn client(&self) -> Client {
        client(&self.endpoint, &self.options()).await
    }

    pub(crate) async fn status(&self) -> BrokerStatus {
        status(&self.endpoint, LIMIT).await.unwrap()
    }

    pub(crate) async fn stop(&self) {
        codex_broker::stop(&self.endpoint, true, LIMIT).await.unwrap();
    }
}

/// Not a test: the program of the brokers of [`Outside`].
#[test]
fn be_a_broker() {
    let Ok(plan) = std::env::var(PLAN) else { return };
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let path = |name: &str| PathBuf::from(plan[name].as_str().unwrap());
    let ms = |name: &str| Duration::from_millis(plan[name].as_u64().unwrap());
    let launch = Launcher::child(ChildOptions::new(path("codex")).args(["app-server"]));
    let mut options = ServeOptions::new(endpoint(&path("root")), launch);
    options.broker_idle = ms("brokerIdleMs");
    options.child_idle = ms("childIdleMs");
    options.watched_files =
        plan["watched"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().into()).collect();
    if let Some(limit) = plan["limit"].as_u64() {
        options.limits.max_active_turns = usize::try_from(limit).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(options, std::future::pending())).unwrap();
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may have ended already.
    let _ = rustix::process::kill_process(pid, signal);
}
