//! Lets many clients share one JSON-RPC server.
//!
//! # Theory of operation
//!
//! A server such as `codex app-server` speaks newline-delimited JSON-RPC with exactly one client, over its standard streams,
//! and can run many turns at once. A broker is a process between the server and any number of clients. It listens on a local
//! socket, starts the server when a client needs it, and routes each message: requests of clients to the server with
//! unique ids, and everything about a thread to the client that owns it. It limits the number of concurrent turns, interrupts
//! the turns of a client that disconnects, and ends the server and itself when they are idle.
//!
//! The routing is a pure state machine, [`router`]: events in, actions out. A small shell around it owns the socket, the
//! server's process and the timers.
//!
//! | layer | purpose | needs a runtime |
//! |---|---|---|
//! | [`router`] | the state machine: ids, ownership, admission | no |
//! | [`conventions`] | the router's knowledge of the server's protocol | no |
//! | [`serve()`] | runs a broker: the socket, the server's process, the timers | tokio |
//! | [`connect_or_start`], [`status()`], [`stop`], [`release`] | find, start and control a broker | tokio |
//!
//! # Connecting to a broker
//!
//! ```no_run
//! use codex_broker::{ConnectOptions, Endpoint, Identity, connect_or_start};
//! use codex_rpc::client::{Client, ClientOptions};
//! use codex_rpc::transport::ChildOptions;
//!
//! # async fn share() -> Result<(), Box<dyn std::error::Error>> {
//! # let (workspace, home, program) = ("/w".as_ref(), "/h".as_ref(), "/usr/bin/codex".as_ref());
//! let identity = Identity { workspace, home, program };
//! let endpoint = Endpoint::locate("/home/me/.local/state/x".as_ref(), "/tmp".as_ref(), identity);
//! // Your program that calls `codex_broker::serve` for the same endpoint.
//! let broker = ChildOptions::new("my-broker").args(["serve"]);
//! let connection = connect_or_start(&endpoint, &ConnectOptions::new().start(broker)).await?;
//! let client = Client::connect(connection, ClientOptions::new("my-agent", "1.0")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Other servers
//!
//! The router has no knowledge of Codex except through [`Conventions`](conventions::Conventions). Implement it for another
//! protocol, and use the router with your own shell or with this one:
//!
//! ```
//! use bytes::Bytes;
//! use codex_broker::conventions::{MethodKind, Conventions, Handshake, NotificationKind};
//! use codex_broker::router::{Action, ClientId, Event, Limits, Router};
//!
//! struct Kitchen;
//!
//! impl Conventions for Kitchen {
//!     fn method_kind(&self, method: &str) -> MethodKind {
//!         match method {
//!             "cook" => MethodKind::StartTurn,
//!             "order" => MethodKind::OpenThread,
//!             _ => MethodKind::Modify,
//!         }
//!     }
//!     fn notification_kind(&self, method: &str) -> NotificationKind {
//!         if method == "served" { NotificationKind::TurnEnded } else { NotificationKind::Plain }
//!     }
//!     fn handshake(&self) -> Option<Handshake> {
//!         None
//!     }
//! }
//!
//! let mut router = Router::new(Kitchen, Limits::default());
//! let mut output = Vec::new();
//! let request = Bytes::from_static(br#"{"id":"a","method":"order","params":{}}"#);
//! for event in [Event::ClientConnected(ClientId::new(1)), Event::FromClient(ClientId::new(1), &request), Event::ServerUp] {
//!     router.handle(event, &mut |action| match action {
//!         Action::StartServer => output.push(b"start".to_vec()),
//!         Action::ToServer { frame } => output.push(frame.to_vec()),
//!         other => unreachable!("{other:?}"),
//!     });
//! }
//! assert_eq!(output, [b"start".to_vec(), br#"{"id":1,"method":"order","params":{}}"#.to_vec()]);
//! ```
//!
//! # Guarantees
//!
//! - A message reaches its owner once, in the order of its thread, and no other client. Payloads are never serialised again.
//! - A lock of the operating system ensures that there is one broker for each workspace, home and program.
//! - Every wait ends. When the server ends, every pending request fails at once, with the exit status and the last lines on
//!   stderr; the next request starts a new server. A server or a broker whose process is stopped is distinguished from a slow
//!   one.
//! - The server's output is always read, regardless of its clients. A client that does not read is disconnected, and the
//!   status of the broker has the reason.
//! - An idle server ends by itself, and then the idle broker.
//!
//! # Limits
//!
//! - Clients share one handshake: the server receives the broker's name and capabilities, not those of the clients.
//! - Threads are state of the server's process. When it ends, threads that were not persisted are lost.
//! - Turns of sub-agents do not count toward the limit of turns.
//! - Stopped processes are detected on Linux only; on other systems, deadlines decide. On Windows, a broker that does not
//!   respond is reported, not replaced.
//!
//! The messages on the wire are specified in `docs/broker-protocol.md` of the repository.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

pub mod conventions;
pub mod router;

mod connect;
mod deadline;
mod endpoint;
mod fingerprint;
mod guard;
mod listener;
mod log;
mod options;
mod queue;
mod serve;
mod shell;
mod splice;
mod status;
mod trace;

pub use connect::{ConnectError, ConnectErrorKind, ConnectOptions, connect_or_start, release, status, stop};
pub use endpoint::{Endpoint, Identity};
pub use options::{Launcher, Liveness, ServeOptions};
pub use serve::{ServeError, Served, serve};
pub use splice::Spliced;
pub use status::{BrokerStatus, ChildStatus, Departure};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
