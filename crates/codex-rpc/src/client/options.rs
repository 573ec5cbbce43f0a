//! What can be chosen about a client and its turns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{NoObserver, Observer};
use crate::peer::PeerOptions;
use crate::policy::{Decline, Policy};
use crate::protocol::{InitializeCapabilities, InitializeParams};
use crate::transport::Grace;

/// How a [`super::Client`] behaves where there is a choice.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Who we say that we are, and what we can. Default: the experimental methods on, because
    /// `thread/backgroundTerminals/clean` is one (0.169.0 refuses it otherwise).
    pub initialize: InitializeParams,
    /// How long the server may take to answer the handshake. Default 5 s.
    pub handshake: Duration,
    /// The deadline of every other request. Default 60 s.
    pub request: Duration,
    /// How long a process is given at each step to its end.
    pub grace: Grace,
    /// The peer's queues and sizes.
    pub peer: PeerOptions,
    /// Who answers the server's requests. Default: [`Decline`], which grants nothing.
    pub policy: Arc<dyn Policy>,
    /// How long the policy may take; after that the request is declined. Default 60 s.
    pub policy_deadline: Duration,
    /// Who is told what belongs to no turn. Default: nobody.
    pub observer: Arc<dyn Observer>,
}

impl ClientOptions {
    /// The defaults, under a name and a version of yours. Codex shows them to its operators.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let mut initialize = InitializeParams::new(name, version);
        let mut capabilities = InitializeCapabilities::new();
        capabilities.experimental_api = true;
        initialize.capabilities = Some(capabilities);
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
pub struct TurnLimits {
    /// Without a sign of life: no notification that concerns the turn, other than of errors that the server retries.
    /// Default 10 min.
    pub idle: Duration,
    /// In all. Default 60 min.
    pub total: Duration,
    /// From an interrupt to the server's word that the turn has ended; after that it is taken as ended. Default 2 s.
    pub interrupt: Duration,
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
