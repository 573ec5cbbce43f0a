//! Receives what belongs to no turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::frame::Noise;
use crate::policy::PolicyAnswer;
use crate::protocol::{ServerNotification, ServerRequest};

/// Receives what a connection carries. Called by the connection's task (and, for answers, by the task of the answer):
/// an implementation must not block. Every method defaults to nothing.
pub trait Observer: Send + Sync + 'static {
    /// Every notification, known or not, whether or not a turn takes it.
    fn notification(&self, notification: &ServerNotification) {
        let _ = notification;
    }

    /// A request of the server, and what it was answered.
    fn answered(&self, request: &ServerRequest, answer: &PolicyAnswer) {
        let _ = (request, answer);
    }

    /// Output of the server that is not a message: log lines, escape sequences, an over-long line.
    fn noise(&self, noise: &Noise) {
        let _ = noise;
    }

    /// A message that could not be used: malformed, or an answer to no pending request.
    fn stray(&self, what: &str) {
        let _ = what;
    }
}

/// Ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// Counts what was not a message, for the error of a handshake that fails on a program that is no app-server.
pub(super) struct NoiseCount {
    count: AtomicU64,
    inner: Arc<dyn Observer>,
}

impl NoiseCount {
    pub(super) fn new(inner: Arc<dyn Observer>) -> Self {
        Self { count: AtomicU64::new(0), inner }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Observer for NoiseCount {
    fn notification(&self, notification: &ServerNotification) {
        self.inner.notification(notification);
    }

    fn answered(&self, request: &ServerRequest, answer: &PolicyAnswer) {
        self.inner.answered(request, answer);
    }

    fn noise(&self, noise: &Noise) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.inner.noise(noise);
    }

    fn stray(&self, what: &str) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.inner.stray(what);
    }
}
