//! The router's limits, counters and status.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The router's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest number of concurrent turns. Default: 8. With 1, one client at a time uses the server.
    pub max_active_turns: usize,
    /// The largest number of queued requests. Default: 1024.
    pub max_queued: usize,
    /// The largest size of all queued requests, in bytes. Default: 64 MiB.
    pub max_queued_bytes: usize,
    /// The time after which a refused client should try again; it is in the error's data. Default: 1 s.
    pub retry_after: Duration,
    /// The time that an interrupted turn of a disconnected client may take to end. After it, the turn no longer counts.
    /// Default: 10 s.
    pub abandon_grace: Duration,
    /// The largest number of early messages. Default: 1024.
    pub max_early_frames: usize,
    /// The largest size of all early messages, in bytes. Default: 4 MiB.
    pub max_early_bytes: usize,
}

impl Limits {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the largest number of concurrent turns; 8 by default.
    #[must_use]
    pub fn max_active_turns(mut self, turns: usize) -> Self {
        self.max_active_turns = turns;
        self
    }

    /// Sets the largest number of queued requests; 1024 by default.
    #[must_use]
    pub fn max_queued(mut self, requests: usize) -> Self {
        self.max_queued = requests;
        self
    }

    /// Sets the largest size of all queued requests; 64 MiB by default.
    #[must_use]
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_bytes = bytes;
        self
    }

    /// Sets the time after which a refused client should try again; 1 s by default.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = after;
        self
    }

    /// Sets the time that an interrupted turn of a disconnected client may take to end; 10 s by default.
    #[must_use]
    pub fn abandon_grace(mut self, grace: Duration) -> Self {
        self.abandon_grace = grace;
        self
    }

    /// Sets the largest number of early messages; 1024 by default.
    #[must_use]
    pub fn max_early_frames(mut self, frames: usize) -> Self {
        self.max_early_frames = frames;
        self
    }

    /// Sets the largest size of all early messages; 4 MiB by default.
    #[must_use]
    pub fn max_early_bytes(mut self, bytes: usize) -> Self {
        self.max_early_bytes = bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_active_turns: 8,
            max_queued: 1024,
            max_queued_bytes: 64 * 1024 * 1024,
            retry_after: Duration::from_secs(1),
            abandon_grace: Duration::from_secs(10),
            max_early_frames: 1024,
            max_early_bytes: 4 * 1024 * 1024,
        }
    }
}

/// The router's counters since its creation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Counters {
    /// Client requests that were sent to the server.
    pub requests: u64,
    /// Turns that were started.
    pub turns: u64,
    /// Requests that were refused because the limit of turns was reached or the thread was busy.
    pub refused: u64,
    /// Requests that waited in the queue.
    pub queued: u64,
    /// Delivered notifications, counted once for each receiving client.
    pub notifications: u64,
    /// Notifications of threads without an owner.
    pub unowned: u64,
    /// Early messages that were dropped: no owner became known, or a limit was reached.
    pub early_dropped: u64,
    /// Server requests that got the safe response.
    pub declined: u64,
    /// Turns that were interrupted because their client disconnected.
    pub abandoned: u64,
    /// Messages without use: malformed ones, and responses without a pending request.
    pub stray: u64,
    /// Servers that ended unexpectedly.
    pub server_losses: u64,
}

/// The router's state in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterStatus {
    /// Clients that completed the handshake.
    pub clients: usize,
    /// Turns that count toward the limit.
    pub active_turns: usize,
    /// The limit of concurrent turns.
    pub limit: usize,
    /// Requests in the queue.
    pub queued: usize,
    /// Client requests without a response of the server.
    pub in_flight: usize,
    /// Threads with an owner.
    pub owned_threads: usize,
    /// Held early messages.
    pub early: usize,
    /// The counters.
    pub counters: Counters,
}
