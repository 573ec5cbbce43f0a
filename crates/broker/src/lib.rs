//! Many clients, one JSON-RPC server.

pub mod conventions;
pub mod router;

mod connect;
mod endpoint;
mod fingerprint;
mod guard;
mod listener;
mod log;
mod process;
mod queue;
mod serve;
mod shell;
mod splice;
mod status;

pub use connect::{ConnectError, ConnectErrorKind, ConnectOptions, connect_or_start, release, status, stop};
pub use endpoint::{Endpoint, Identity};
pub use serve::{Launch, Liveness, ServeError, ServeOptions, Served, serve};
pub use splice::Spliced;
pub use status::{BrokerStatus, ChildStatus, Departure};
