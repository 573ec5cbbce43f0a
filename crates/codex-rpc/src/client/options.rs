//! Options of a client and of its turns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{NoObserver, Observer};
use crate::peer::PeerOptions;
use crate::policy::{Decline, Policy};
use crate::protocol::{InitializeCapabilities, InitializeParams};
use crate::setters::setters;
use crate::transport::Grace;

/// Options of a [`super::Client`].
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The `initialize` request: the client's name and capabilities. Default: experimental methods are on, because
    /// `thread/backgroundTerminals/clean` is one (0.169.0 refuses it otherwise).
    pub initialize: InitializeParams,
    /// How long the server may take to answer the handshake. Default 5 s.
    pub handshake: Duration,
    /// The deadline of every other request. Default 60 s.
    pub request: Duration,
    /// How long each step of ending a process may take. Default: see [`Grace`].
    pub grace: Grace,
    /// The peer's queues and sizes.
    pub peer: PeerOptions,
    /// Answers the server's requests. Default: [`Decline`], which grants nothing.
    pub policy: Arc<dyn Policy>,
    /// How long the policy may take for one request; after that the request is declined. Default 60 s.
    pub policy_deadline: Duration,
    /// Receives what belongs to no turn. Default: [`NoObserver`].
    pub observer: Arc<dyn Observer>,
}

impl ClientOptions {
    /// The defaults. Codex sends `name` and `version` in its telemetry.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let capabilities = InitializeCapabilities::new().experimental_api(true);
        let initialize = InitializeParams::new(name, version).capabilities(capabilities);
        Self {
            initialize,
            handshake: Duration::from_secs(5),
            request: Duration::from_secs(60),
            grace: Grace::default(),
            peer: PeerOptions::default(),
            policy: Arc::new(Decline),
            policy_deadline: Duration::from_secs(60),
            observer: Arc::new(NoObserver),
        }
    }
}

setters! {
    ClientOptions {
        initialize: InitializeParams,
        handshake: Duration,
        request: Duration,
        grace: Grace,
        peer: PeerOptions,
        policy: Arc<dyn Policy>,
        policy_deadline: Duration,
        observer: Arc<dyn Observer>,
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("initialize", &self.initialize)
            .field("handshake", &self.handshake)
            .field("request", &self.request)
            .field("grace", &self.grace)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// How long a turn may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnLimits {
    /// The longest time without activity. Activity is a notification about the turn, other than of an error that the
    /// server retries. Default 10 min.
    pub idle: Duration,
    /// The longest time in all. Default 60 min.
    pub total: Duration,
    /// The longest wait for the server to confirm an interrupt; after that the turn counts as ended. Default 2 s.
    pub interrupt: Duration,
}

setters! {
    TurnLimits {
        idle: Duration,
        total: Duration,
        interrupt: Duration,
    }
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(600),
            total: Duration::from_secs(3600),
            interrupt: Duration::from_secs(2),
        }
    }
}
