//! The broker's own methods that need the shell.

use std::sync::Arc;
use std::time::Duration;

use codex_base::process;
use codex_rpc::message::RpcError;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Hub;
use super::state::{BrokerRequest, End, Release, State};
use crate::conventions::Conventions;
use crate::deadline::due;
use crate::router::{answer, error};
use crate::status::{BrokerStatus, ChildStatus};

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Params {
    force: bool,
    deadline_ms: u64,
}

impl<C: Conventions + Clone> Hub<C> {
    pub(super) fn answer_requests(self: &Arc<Self>, state: &mut State<C>) {
        while let Some(request) = state.requests.pop_front() {
            let params = serde_json::from_slice::<Params>(request.params.as_deref().unwrap_or(b"{}"));
            let reply = match (request.method.as_str(), params) {
                (_, Err(problem)) => Err(RpcError::new(RpcError::INVALID_PARAMS, problem.to_string())),
                ("broker/status", _) => serde_json::to_value(self.status(state))
                    .map_err(|problem| RpcError::new(RpcError::INTERNAL_ERROR, problem.to_string())),
                ("broker/shutdown", Ok(params)) => self.shutdown(state, &request, params.force),
                (_, Ok(params)) => {
                    let due = due(Duration::from_millis(params.deadline_ms));
                    state.releases.push(Release { client: request.client, id: request.id, due });
                    self.serve_releases(state);
                    continue;
                }
            };
            let frame = match reply {
                Ok(result) => answer(&request.id, "result", result.to_string().as_bytes()),
                Err(problem) => error(&request.id, &problem),
            };
            state.send(request.client, &frame);
        }
    }

    fn shutdown(
        &self,
        state: &mut State<C>,
        request: &BrokerRequest,
        force: bool,
    ) -> Result<Value, RpcError> {
        let own = usize::from(state.router.is_ready(request.client));
        let others = state.router.status_clients() - own;
        if others > 0 && !force {
            let message = format!("{others} other clients are connected");
            let data = json!({ "reason": "clients_connected", "clients": others });
            return Err(RpcError::new(RpcError::INVALID_REQUEST, message).with_data(data));
        }
        self.log.write(if force {
            "a client requested an immediate stop"
        } else {
            "a client requested a stop"
        });
        self.end(
            state,
            if force { End::Now } else { End::Drained(Instant::now() + self.options.drain_timeout) },
        );
        self.attention.notify_one();
        Ok(json!({ "stopping": true, "pid": std::process::id() }))
    }

    /// Ends the server for the clients that requested a release, as soon as no turn is active.
    pub(super) fn serve_releases(self: &Arc<Self>, state: &mut State<C>) {
        let now = Instant::now();
        for release in std::mem::take(&mut state.releases) {
            let owned = state.router.others_own_threads(Some(release.client));
            if state.server.is_none() || (!owned && self.retire(state, "a client requested its release")) {
                let (previous, grace) = (state.previous.clone(), self.options.grace);
                let hub = Arc::clone(self);
                tokio::spawn(async move {
                    if let Some(previous) = previous {
                        previous.shutdown(grace).await;
                    }
                    let mut state = hub.lock();
                    state.send(release.client, &answer(&release.id, "result", b"{\"released\":true}"));
                    hub.follow_up(&mut state);
                });
            } else if now >= release.due {
                let status = state.router.status();
                let reason = if owned { "threads_owned" } else { "broker_busy" };
                let data = json!({ "reason": reason, "activeTurns": status.active_turns });
                let problem = RpcError::new(RpcError::SERVER_BUSY, "the server is in use").with_data(data);
                state.send(release.client, &error(&release.id, &problem));
            } else {
                state.releases.push(release);
            }
        }
    }

    fn status(&self, state: &State<C>) -> BrokerStatus {
        let router = state.router.status();
        let child = state.server.as_ref().and_then(|server| server.child.as_ref()).map(|child| ChildStatus {
            pid: child.id(),
            rss_bytes: process::group_resident_bytes(child.id()),
        });
        BrokerStatus {
            pid: std::process::id(),
            endpoint: self.options.endpoint.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            codex_version: state.router.handshake().and_then(server_version),
            uptime_ms: u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            clients: router.clients,
            active_turns: router.active_turns,
            limit: router.limit,
            queued: router.queued,
            in_flight: router.in_flight,
            stopping: state.end.is_some(),
            rss_bytes: process::own_resident_bytes(),
            child,
            server_starts: state.server_starts,
            last_loss: state.last_loss.clone(),
            departures: state.departures.iter().cloned().collect(),
            counters: router.counters,
        }
    }
}

/// The version in a user agent such as `codex-broker/0.169.0 (…)`.
fn server_version(handshake: &[u8]) -> Option<String> {
    let handshake: Value = serde_json::from_slice(handshake).ok()?;
    let agent = handshake["userAgent"].as_str()?;
    agent.split_once('/')?.1.split_ascii_whitespace().next().map(str::to_owned)
}
