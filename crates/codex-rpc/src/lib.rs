//! A client for the Codex app-server.

pub mod frame;
pub mod message;
pub mod protocol;
pub mod turn;

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod peer;
#[cfg(feature = "client")]
pub mod policy;
#[cfg(feature = "scripted")]
pub mod scripted;
#[cfg(feature = "client")]
pub mod transport;
