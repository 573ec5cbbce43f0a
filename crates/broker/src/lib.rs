//! Many clients, one JSON-RPC server.

pub mod conventions;
pub mod router;
mod splice;

pub use splice::Spliced;
