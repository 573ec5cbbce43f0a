//! The status of a broker.

use serde::{Deserialize, Serialize};

use crate::router::Counters;

/// The result of `broker/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BrokerStatus {
    /// The broker's process id.
    pub pid: u32,
    /// Where it listens.
    pub endpoint: String,
    /// The broker's version of this library.
    pub version: String,
    /// The server's version, from the user agent in its handshake, while it is up.
    pub codex_version: Option<String>,
    /// The time since its start, in milliseconds.
    pub uptime_ms: u64,
    /// Clients that completed the handshake.
    pub clients: usize,
    /// Turns that count toward the limit.
    pub active_turns: usize,
    /// The limit of concurrent turns.
    pub limit: usize,
    /// Queued requests for a turn.
    pub queued: usize,
    /// Requests without a response of the server.
    pub in_flight: usize,
    /// Whether it is stopping and accepts no new clients.
    pub stopping: bool,
    /// The broker's resident memory in bytes, where the system provides it.
    pub rss_bytes: Option<u64>,
    /// The server's process, while there is one.
    pub child: Option<ChildStatus>,
    /// The number of server starts.
    pub server_starts: u64,
    /// The reason that the last server ended unexpectedly, if one did.
    pub last_loss: Option<String>,
    /// The last clients that the broker disconnected, the latest first, at most 16.
    pub departures: Vec<Departure>,
    /// Counters since the start.
    pub counters: Counters,
}

/// The server's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChildStatus {
    /// Its process id, which is also the id of its process group.
    pub pid: u32,
    /// The resident memory of its process group in bytes, where the system provides it.
    pub rss_bytes: Option<u64>,
}

/// A client that the broker disconnected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Departure {
    /// Its number.
    pub client: u64,
    /// The reason.
    pub reason: String,
    /// The time, in milliseconds since the broker started.
    pub at_ms: u64,
}
