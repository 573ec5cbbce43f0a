//! `broker serve|status|stop`, and whether a command goes through the broker.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use codex_broker::{ConnectErrorKind, Endpoint, Launch, ServeOptions, Served};
use serde_json::json;

use super::{Answer, App, block_on, work_tree};
use crate::args::{BrokerAction, BrokerStopArgs, JsonArgs, RunArgs};
use crate::environment;
use crate::exit::{Exit, Failure, Kind};
use crate::render::SessionRuntime;
use crate::settings::Settings;
use codex_companion_core::StateDir;
use codex_companion_core::codex::{BrokerRoute, Codex, Transport, child, is_listening};
use codex_companion_core::settings::BrokerUse;

/// How long a stop may take: the turns that still run are seen out.
const STOP: Duration = Duration::from_secs(30);

pub(super) fn run(app: &App, action: &BrokerAction) -> Result<Answer, Failure> {
    let root = work_tree(&app.cwd);
    let settings = app.settings(Some(&root), None)?;
    let codex = app.codex(&settings, &root, &RunArgs::default())?;
    let endpoint = named(app)?.or_else(|| endpoint(app, &codex)).ok_or_else(no_folder)?;
    match action {
        BrokerAction::Serve => serve(app, &settings, &codex, endpoint),
        BrokerAction::Status(flags) => status(&settings, &endpoint, flags),
        BrokerAction::Stop(flags) => stop(&endpoint, flags),
    }
}

fn no_folder() -> Failure {
    Failure::new(
        Kind::Settings,
        "there is no folder for the broker: neither HOME nor CODEX_COMPANION_STATE_DIR is set",
    )
}

/// The broker that the environment names.
fn named(app: &App) -> Result<Option<Endpoint>, Failure> {
    let Some(text) = &app.environment.app_server_endpoint else { return Ok(None) };
    let endpoint = Endpoint::parse(text).ok_or_else(|| {
        let message = format!("CODEX_COMPANION_APP_SERVER_ENDPOINT is {text:?}, not unix:PATH or pipe:NAME");
        Failure::new(Kind::Settings, message)
    })?;
    Ok(Some(endpoint))
}

/// Where the broker of this workspace, Codex home and codex program is. `None` without a folder for state.
pub(super) fn endpoint(app: &App, codex: &Codex) -> Option<Endpoint> {
    let (state_root, home) = (app.environment.state_root()?, app.environment.codex_home()?);
    Some(StateDir::new(state_root).broker(
        &environment::temporary_folder(),
        &codex.cwd,
        &home,
        &codex.program,
    ))
}

/// The broker of this workspace, if one listens. Cheap, and wrong about nothing that matters when Codex is missing.
pub(super) fn listening(app: &App, root: &Path) -> Option<Endpoint> {
    let settings = app.settings(Some(root), None).ok()?;
    let codex = app.codex(&settings, root, &RunArgs::default()).ok()?;
    named(app).ok()?.or_else(|| endpoint(app, &codex)).filter(is_listening)
}

/// How Codex is reached, for `status` and `setup`.
pub(super) fn runtime(endpoint: Option<&Endpoint>) -> SessionRuntime {
    let (mode, detail) = match endpoint {
        Some(_) => ("shared", "a broker serves this workspace; `codex-companion broker status` tells more"),
        None => ("direct", "every command starts a Codex of its own and ends it, or a broker when that pays"),
    };
    SessionRuntime {
        mode: mode.to_owned(),
        label: mode.to_owned(),
        detail: detail.to_owned(),
        endpoint: endpoint.map(ToString::to_string),
    }
}

/// Whether a command goes through the broker.
pub(super) fn transport(
    app: &App,
    settings: &Settings,
    codex: &Codex,
    background: bool,
) -> Result<Transport, Failure> {
    if settings.broker == BrokerUse::Never {
        return Ok(Transport::Direct);
    }
    let named = named(app)?;
    let always = settings.broker == BrokerUse::Always || named.is_some();
    if always && !codex.overrides.is_empty() {
        return Err(Failure::usage("-c changes the settings of a Codex of its own, and a broker shares one")
            .with_hint("leave -c out, or use --broker never"));
    }
    if !codex.overrides.is_empty() {
        return Ok(Transport::Direct);
    }
    if let Some(endpoint) = named {
        return Ok(through(settings, endpoint, None, false, background));
    }
    let Some(endpoint) = endpoint(app, codex) else {
        return if always { Err(no_folder()) } else { Ok(Transport::Direct) };
    };
    let start = (always || background).then(|| command(codex)).transpose()?;
    // In the foreground, one that runs already saves its start; to start one would only cost.
    if start.is_none() && !is_listening(&endpoint) {
        return Ok(Transport::Direct);
    }
    Ok(through(settings, endpoint, start, !always, background))
}

fn through(
    settings: &Settings,
    endpoint: Endpoint,
    start: Option<Vec<OsString>>,
    or_direct: bool,
    background: bool,
) -> Transport {
    // Work in the background can wait for its turn; in the foreground somebody waits for us.
    let queue = background.then_some(settings.timeouts.turn);
    Transport::Broker(Box::new(BrokerRoute {
        endpoint,
        start,
        or_direct,
        handshake: settings.timeouts.handshake,
        queue,
    }))
}

/// The command line of this workspace's broker.
fn command(codex: &Codex) -> Result<Vec<OsString>, Failure> {
    let program = environment::this_program()
        .map_err(|error| Failure::new(Kind::Internal, "cannot find this program").caused_by(error))?;
    let mut words: Vec<OsString> = vec![program.into(), "broker".into(), "serve".into()];
    words.extend(["--cwd".into(), codex.cwd.clone().into(), "--codex".into(), codex.program.clone().into()]);
    Ok(words)
}

fn serve(app: &App, settings: &Settings, codex: &Codex, endpoint: Endpoint) -> Result<Answer, Failure> {
    let mut options = ServeOptions::new(endpoint, Launch::child(child(codex)));
    options.child_idle = settings.timeouts.child_idle;
    options.broker_idle = settings.timeouts.broker_idle;
    options.watched.push(codex.program.clone());
    if let Some(home) = app.environment.codex_home() {
        options.watched.extend([home.join("config.toml"), home.join("auth.json")]);
    }
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
                crate::progress::elapsed(Duration::from_millis(status.uptime_ms)),
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
    Ok(Answer { stdout, exit: Exit::Done, failure: None })
}
