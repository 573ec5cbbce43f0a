//! Whether a run goes through the workspace's broker, and where that listens.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use codex_broker::Endpoint;
use serde::Serialize;

use crate::Companion;
use crate::codex::{BrokerRoute, Codex, Transport, is_listening};
use crate::error::{Error, Kind, Result};
use crate::settings::{BrokerUse, Flags, Settings};

impl Companion {
    /// The broker that the caller named.
    ///
    /// # Errors
    /// When the name is not an endpoint.
    pub fn named_broker(&self) -> Result<Option<Endpoint>> {
        let Some(text) = &self.broker_endpoint else { return Ok(None) };
        let endpoint = Endpoint::parse(text).ok_or_else(|| {
            let message =
                format!("CODEX_COMPANION_APP_SERVER_ENDPOINT is {text:?}, not unix:PATH or pipe:NAME");
            Error::new(Kind::Settings, message)
        })?;
        Ok(Some(endpoint))
    }

    /// Where the broker of this workspace, Codex home and codex program listens. `None` when one of the directories for it
    /// is not set.
    #[must_use]
    pub fn broker_of(&self, codex: &Codex) -> Option<Endpoint> {
        let (state, home, temporary) =
            (self.state.as_ref()?, self.codex_home.as_ref()?, self.temporary.as_ref()?);
        Some(state.broker(temporary, &codex.cwd, home, &codex.program))
    }

    /// The endpoint that commands about the broker use.
    ///
    /// # Errors
    /// When the named endpoint is not one, or the directories for one are not set.
    pub fn broker_endpoint_of(&self, codex: &Codex) -> Result<Endpoint> {
        self.named_broker()?.or_else(|| self.broker_of(codex)).ok_or_else(no_directory)
    }

    /// The broker of a workspace, if one listens. Errors count as none.
    #[must_use]
    pub fn listening_broker(
        &self,
        directory: &Path,
        root: &Path,
        program: Option<PathBuf>,
    ) -> Option<Endpoint> {
        let flags = Flags { codex: program, ..Flags::default() };
        let settings = self.settings(Some(root), flags).ok()?;
        let codex = self.codex(&settings, directory, root).ok()?;
        self.broker_endpoint_of(&codex).ok().filter(is_listening)
    }

    /// How a run reaches Codex. For work in the background a broker is started when it pays; in the foreground one that
    /// already runs is used.
    ///
    /// # Errors
    /// When a broker is required and cannot be used.
    pub fn transport(&self, settings: &Settings, codex: &Codex, background: bool) -> Result<Transport> {
        if settings.broker == BrokerUse::Never {
            return Ok(Transport::Direct);
        }
        let named = self.named_broker()?;
        let always = settings.broker == BrokerUse::Always || named.is_some();
        if !codex.overrides.is_empty() {
            return if always { Err(overrides_and_broker()) } else { Ok(Transport::Direct) };
        }
        if let Some(endpoint) = named {
            return Ok(through(settings, endpoint, None, false, background));
        }
        let Some(endpoint) = self.broker_of(codex) else {
            return if always { Err(no_directory()) } else { Ok(Transport::Direct) };
        };
        let start = if always || background { self.broker_command_for(codex) } else { None };
        // In the foreground a running broker saves the start of Codex; to start one would only cost.
        if start.is_none() && !is_listening(&endpoint) {
            return Ok(Transport::Direct);
        }
        Ok(through(settings, endpoint, start, !always, background))
    }

    fn broker_command_for(&self, codex: &Codex) -> Option<Vec<OsString>> {
        let mut words = self.broker.clone()?;
        words.extend([
            "--cwd".into(),
            codex.cwd.clone().into(),
            "--codex".into(),
            codex.program.clone().into(),
        ]);
        Some(words)
    }
}

fn overrides_and_broker() -> Error {
    Error::usage("-c changes the settings of a Codex of its own, and a broker shares one")
        .with_hint("leave -c out, or use --broker never")
}

fn no_directory() -> Error {
    Error::new(
        Kind::Settings,
        "there is no directory for the broker: neither HOME nor CODEX_COMPANION_STATE_DIR is set",
    )
}

fn through(
    settings: &Settings,
    endpoint: Endpoint,
    start: Option<Vec<OsString>>,
    or_direct: bool,
    background: bool,
) -> Transport {
    // In the background a turn can wait in the queue; in the foreground the caller waits for it.
    let queue = background.then_some(settings.timeouts.turn);
    let handshake = settings.timeouts.handshake;
    Transport::Broker(Box::new(BrokerRoute { endpoint, start, or_direct, handshake, queue }))
}

/// How Codex is reached, as `status` and `setup` report it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRuntime {
    /// `direct` or `shared`.
    pub mode: String,
    /// In a few words.
    pub label: String,
    /// In more words.
    pub detail: String,
    /// The endpoint of the broker.
    pub endpoint: Option<String>,
}

impl SessionRuntime {
    /// The runtime with this broker, or without one.
    #[must_use]
    pub fn new(broker: Option<&Endpoint>) -> Self {
        let (mode, detail) = match broker {
            Some(_) => {
                ("shared", "a broker serves this workspace; `codex-companion broker status` shows more")
            }
            None => {
                ("direct", "every command starts a Codex of its own and ends it, or a broker when that pays")
            }
        };
        Self {
            mode: mode.to_owned(),
            label: mode.to_owned(),
            detail: detail.to_owned(),
            endpoint: broker.map(ToString::to_string),
        }
    }
}
