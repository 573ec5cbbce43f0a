//! `broker serve|status|stop`

use std::time::Duration;

use codex_base::duration;
use codex_broker::{ConnectErrorKind, Endpoint, Launcher, ServeOptions, Served};
use codex_companion_core::codex::{Codex, child};
use serde_json::json;

use super::{Answer, App, block_on, work_tree};
use crate::args::{BrokerAction, BrokerStopArgs, JsonArgs, RunArgs};
use crate::exit::{Failure, Kind};
use crate::settings::Settings;

/// How long a stop may take: turns that still run are finished.
const STOP: Duration = Duration::from_secs(30);

pub(super) fn run(app: &App, action: &BrokerAction) -> Result<Answer, Failure> {
    let root = work_tree(&app.cwd);
    let settings = app.settings(Some(&root), None)?;
    let codex = app.codex(&settings, &root, &RunArgs::default())?;
    let endpoint = app.companion().broker_endpoint_of(&codex)?;
    match action {
        BrokerAction::Serve => serve(app, &settings, &codex, endpoint),
        BrokerAction::Status(flags) => status(&settings, &endpoint, flags),
        BrokerAction::Stop(flags) => stop(&endpoint, flags),
    }
}

fn serve(app: &App, settings: &Settings, codex: &Codex, endpoint: Endpoint) -> Result<Answer, Failure> {
    let mut watched = vec![codex.program.clone()];
    if let Some(home) = app.environment.codex_home() {
        watched.extend([home.join("config.toml"), home.join("auth.json")]);
    }
    let options = ServeOptions::new(endpoint, Launcher::child(child(codex)))
        .child_idle(settings.timeouts.child_idle)
        .broker_idle(settings.timeouts.broker_idle)
        .watched_files(watched);
    let served = block_on(async |stop, _| {
        let shutdown = async {
            stop.stopped().await;
        };
        codex_broker::serve(options, shutdown)
            .await
            .map_err(|error| Failure::new(Kind::Broker, error.to_string()).caused_by(error))
    })?;
    match served {
        Served::Ended => Ok(Answer::done(String::new())),
        Served::AlreadyRunning => Ok(Answer::done("A broker serves this workspace already.\n".to_owned())),
    }
}

fn status(settings: &Settings, endpoint: &Endpoint, flags: &JsonArgs) -> Result<Answer, Failure> {
    let asked = block_on(async |_, _| Ok(codex_broker::status(endpoint, settings.timeouts.handshake).await))?;
    let status = match asked {
        Ok(status) => Some(status),
        Err(error) if error.kind() == ConnectErrorKind::NotRunning => None,
        Err(error) => return Err(Failure::from(error)),
    };
    let stdout = match (&status, flags.json) {
        (Some(status), true) => {
            let mut value = serde_json::to_value(status).unwrap_or_default();
            value["running"] = true.into();
            format!("{value:#}\n")
        }
        (None, true) => {
            let value = json!({
                "running": false, "pid": null, "endpoint": endpoint.to_string(), "version": null, "codexVersion": null,
                "uptimeMs": null, "clients": 0, "activeTurns": 0, "limit": null, "queued": 0, "child": null, "counters": null,
            });
            format!("{value:#}\n")
        }
        (None, false) => "No broker runs for this workspace.\n".to_owned(),
        (Some(status), false) => {
            let codex = status.codex_version.as_deref().unwrap_or("none at the moment");
            let child =
                status.child.as_ref().map(|child| format!(", process {}", child.pid)).unwrap_or_default();
            format!(
                "Broker {} (process {}), up {}\n  endpoint  {}\n  codex     {codex}{child}\n  clients   {}\n  turns     {} of {}, {} waiting\n",
                status.version,
                status.pid,
                duration::format(Duration::from_millis(status.uptime_ms)),
                status.endpoint,
                status.clients,
                status.active_turns,
                status.limit,
                status.queued,
            )
        }
    };
    Ok(Answer::done(stdout))
}

fn stop(endpoint: &Endpoint, flags: &BrokerStopArgs) -> Result<Answer, Failure> {
    let stopped = block_on(async |_, _| Ok(codex_broker::stop(endpoint, flags.force, STOP).await))?;
    let (text, was) = match stopped {
        Ok(()) => ("The broker has ended.\n", true),
        Err(error) if error.kind() == ConnectErrorKind::NotRunning => {
            ("No broker runs for this workspace.\n", false)
        }
        Err(error) => return Err(Failure::from(error)),
    };
    let stdout = if flags.out.json { format!("{:#}\n", json!({ "stopped": was })) } else { text.to_owned() };
    Ok(Answer::done(stdout))
}
