//! Starting Codex, or connecting to the broker's.

use std::sync::Arc;

use codex_rpc::client::{Client, ClientOptions, NoObserver, Observer};
use codex_rpc::policy::{Decline, Policy};
use codex_rpc::transport::ChildOptions;

use super::{CLIENT_NAME, Codex, Transport};
use crate::VERSION;
use crate::error::{Error, Result};
use crate::stop::Stop;

/// Starts Codex and completes the handshake.
///
/// # Errors
/// When Codex cannot be started or does not complete the handshake, or the run is to stop.
pub async fn connect(codex: &Codex, policy: Arc<dyn Policy>, stop: &mut Stop) -> Result<Client> {
    start(codex, policy, Arc::new(NoObserver), stop).await
}

/// As [`connect`], with an observer of the notifications that belong to no turn. Every request of the server is declined.
///
/// # Errors
/// As [`connect`].
pub async fn connect_observed(codex: &Codex, observer: Arc<dyn Observer>, stop: &mut Stop) -> Result<Client> {
    start(codex, Arc::new(Decline), observer, stop).await
}

pub(super) async fn start(
    codex: &Codex,
    policy: Arc<dyn Policy>,
    observer: Arc<dyn Observer>,
    stop: &mut Stop,
) -> Result<Client> {
    let mut options = ClientOptions::new(CLIENT_NAME, VERSION);
    options.handshake = codex.handshake;
    options.policy = policy;
    options.observer = observer;
    let client = async {
        if let Transport::Broker(broker) = &codex.transport
            && let Some(connection) = broker.connect(&codex.cwd).await?
        {
            return Client::connect(connection, options).await.map_err(Error::from);
        }
        Client::spawn(&child(codex), options).await.map_err(Error::from)
    };
    tokio::select! {
        client = client => client,
        stopped = stop.stopped() => Err(stopped.into()),
    }
}

/// The command line of a Codex process of its own.
#[must_use]
pub fn child(codex: &Codex) -> ChildOptions {
    let mut child = ChildOptions::new(&codex.program).cwd(&codex.cwd);
    for entry in &codex.overrides {
        child = child.args(["-c", entry]);
    }
    child = child.args(["app-server"]);
    child.env.clone_from(&codex.env);
    child
}
