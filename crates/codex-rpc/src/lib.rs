//! A client for the Codex app-server.
//!
//! `codex app-server` speaks newline-delimited JSON-RPC on its standard streams. This crate is the other end of that
//! conversation, in layers that can be used one without the others:
//!
//! | module | what it knows | needs a runtime |
//! |---|---|---|
//! | [`frame`] | lines in a byte stream, noise among them | no, but the traits of tokio-util |
//! | [`message`] | JSON-RPC 2.0: requests, notifications, responses | no |
//! | [`protocol`] | the app-server's messages, typed and tolerant | no |
//! | [`turn`] | from notifications to the outcome of a turn | no |
//! | [`transport`] | child processes, sockets, pipes, memory | tokio |
//! | [`peer`] | requests with deadlines over a transport | tokio |
//! | [`policy`] | what the server's own requests are answered | tokio |
//! | [`client`] | spawn or attach, threads, turns that always end | tokio |
//!
//! ```no_run
//! use codex_rpc::client::{Client, ClientOptions, TurnLimits};
//! use codex_rpc::protocol::{thread::ThreadStartParams, turn::TurnStartParams};
//! use codex_rpc::transport::ChildOptions;
//!
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! let codex = ChildOptions::new("codex").args(["app-server"]);
//! let client = Client::spawn(&codex, ClientOptions::new("my-agent", "1.0")).await?;
//! let thread = client.start_thread(&ThreadStartParams::new()).await?.thread.id;
//! let prompt = TurnStartParams::text(thread, "What does this repository do?");
//! let turn = client.start_turn(prompt, TurnLimits::default()).await?;
//! match turn.outcome().await.answer() {
//!     Some(answer) => println!("{answer}"),
//!     None => eprintln!("the turn did not succeed"),
//! }
//! client.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - Every wait ends: each request has a deadline, each turn an idle and a total one.
//! - A turn has an answer only when the server completed it. A failed, interrupted or empty turn has none.
//! - A process that was started is ended with its group, also when the connection broke.
//! - A newer app-server breaks nothing: unknown fields, items, methods and values are carried or passed over.
//!
//! # Limitations
//!
//! It follows what Codex 0.169.0 does; `docs/app-server-protocol.md` in the repository says what was observed. It reads
//! neither the environment nor the home directory: paths and variables are the caller's to pass in.
//!
//! # Features
//!
//! - `client` (default): everything that needs tokio. It includes `codec`.
//! - `codec`: [`frame`], whose codec implements the traits of tokio-util.
//! - `tracing`: events for what happens at the crate's borders (a process started or ended, a frame was refused, a request
//!   passed its deadline, a turn began or ended), target `codex_rpc`. Off, nothing is compiled in. No event holds a payload.
//!
//! Without features there are [`message`], [`protocol`] and [`turn`]: no tokio, no I/O.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

mod setters;
#[cfg(feature = "client")]
mod trace;

#[cfg(feature = "codec")]
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
#[cfg(feature = "client")]
pub mod transport;

#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../README.md")]
struct Readme;
