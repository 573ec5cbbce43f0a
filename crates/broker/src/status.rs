//! What a broker says of itself.

use serde::{Deserialize, Serialize};

use crate::router::Counters;

/// The answer to `broker/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BrokerStatus {
    /// The broker's process.
    pub pid: u32,
    /// Where it listens.
    pub endpoint: String,
    /// The version of this library that it runs.
    pub version: String,
    /// The server's version, from the user agent of its handshake, while it is up.
    pub codex_version: Option<String>,
    /// How long it has served, in milliseconds.
    pub uptime_ms: u64,
    /// Clients that have shaken hands.
    pub clients: usize,
    /// Turns that count against the bound.
    pub active_turns: usize,
    /// The bound.
    pub limit: usize,
    /// Requests that wait for a turn.
    pub queued: usize,
    /// Requests that the server has not answered.
    pub in_flight: usize,
    /// Whether it is about to end and takes no new clients.
    pub stopping: bool,
    /// The broker's own resident memory in bytes, where the system tells.
    pub rss_bytes: Option<u64>,
    /// The server's process, while there is one.
    pub child: Option<ChildStatus>,
    /// How often a server was started.
    pub server_starts: u64,
    /// Why the last server was lost, if one was.
    pub last_loss: Option<String>,
    /// The last clients that were disconnected for a reason, the latest first, at most 16.
    pub departures: Vec<Departure>,
    /// Sums since the start.
    pub counters: Counters,
}

/// The server's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChildStatus {
    /// Its id, which is also that of its process group.
    pub pid: u32,
    /// The resident memory of the whole group in bytes, where the system tells.
    pub rss_bytes: Option<u64>,
}

/// A client that was disconnected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Departure {
    /// Its number.
    pub client: u64,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since the broker began.
    pub at_ms: u64,
}
