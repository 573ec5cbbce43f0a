//! Many clients, one JSON-RPC server.
//!
//! A server such as `codex app-server` speaks newline-delimited JSON-RPC to exactly one client, over its standard streams,
//! and can do many things at once. A broker lets several clients share it: one process instead of many, one place that knows
//! what runs, and one that cleans up.
//!
//! | layer | what it is | needs a runtime |
//! |---|---|---|
//! | [`router`] | events in, actions out: ids, ownership, admission | no |
//! | [`conventions`] | what the router must know of the server's protocol | no |
//! | [`serve()`] | the broker: a socket, the server's process, the clock | tokio |
//! | [`connect_or_start`], [`status()`], [`stop`], [`release`] | finding one, starting one, asking it | tokio |
//!
//! # Being served
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
//! // A program of yours that calls `codex_broker::serve` for the same endpoint.
//! let broker = ChildOptions::new("my-broker").args(["serve"]);
//! let connection = connect_or_start(&endpoint, &ConnectOptions::new().start(broker)).await?;
//! let client = Client::connect(connection, ClientOptions::new("my-agent", "1.0")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # In front of another server
//!
//! Nothing in the router is Codex's. Name the methods that stream and the ones that open, and bring your own shell or use
//! this one:
//!
//! ```
//! use bytes::Bytes;
//! use codex_broker::conventions::{Call, Conventions, Handshake, Notice};
//! use codex_broker::router::{Action, ClientId, Event, Limits, Router};
//!
//! struct Kitchen;
//!
//! impl Conventions for Kitchen {
//!     fn call(&self, method: &str) -> Call {
//!         match method {
//!             "cook" => Call::Stream,
//!             "order" => Call::Open,
//!             _ => Call::Drive,
//!         }
//!     }
//!     fn notice(&self, method: &str) -> Notice {
//!         if method == "served" { Notice::TurnEnded } else { Notice::Plain }
//!     }
//!     fn handshake(&self) -> Option<Handshake> {
//!         None
//!     }
//! }
//!
//! let mut router = Router::new(Kitchen, Limits::default());
//! let mut said = Vec::new();
//! let ask = Bytes::from_static(br#"{"id":"a","method":"order","params":{}}"#);
//! for event in [Event::Joined(ClientId::new(1)), Event::FromClient(ClientId::new(1), &ask), Event::ServerUp] {
//!     router.handle(event, &mut |action| match action {
//!         Action::StartServer => said.push(b"start".to_vec()),
//!         Action::ToServer { frame } => said.push(frame.to_vec()),
//!         other => unreachable!("{other:?}"),
//!     });
//! }
//! assert_eq!(said, [b"start".to_vec(), br#"{"id":1,"method":"order","params":{}}"#.to_vec()]);
//! ```
//!
//! # What it promises
//!
//! - A message reaches its owner once, in the order of its thread, and nobody else. Payloads are never written anew.
//! - One broker for each workspace, home and program, decided by a lock of the operating system.
//! - Every wait ends. When the server dies, everything in flight fails at once, with its exit status and what it said last;
//!   the next request starts another. A server, or a broker, whose process is stopped is told from one that is slow.
//! - The server's output is always taken, whatever its clients do. One that does not read is disconnected, and the broker says so.
//! - It goes by itself when nobody needs it, its server before it.
//!
//! # Limitations
//!
//! - Clients share one handshake: the server knows the broker's name and capabilities, not theirs.
//! - Threads live in the server's process. When it dies, those that were not persisted are gone.
//! - Sub-agents' turns do not count against the bound.
//! - On Windows the broker is not told whether a process is stopped, and a wedged broker is reported, not replaced. The same
//!   holds, for stopped processes, on other systems than Linux: deadlines decide there.
//!
//! What is said on the wire is in `docs/broker-protocol.md` of the repository.

pub mod conventions;
pub mod router;

mod connect;
mod deadline;
mod endpoint;
mod fingerprint;
mod guard;
mod listener;
mod log;
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

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
