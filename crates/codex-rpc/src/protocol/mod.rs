//! The app-server messages that this crate uses, typed and tolerant.
//!
//! # Modules
//!
//! One module per concept: [`initialize`], [`thread`], [`turn`], [`review`], [`item`], [`account`], [`config`], [`model`],
//! [`approval`] (policies and sandboxes), [`server_request`], [`notification`], [`error`]. The ids, the traits of what a
//! client sends, and the two enums of what it receives are at the top.
//!
//! # Shape
//!
//! * What we send is a *params* type that implements [`ClientRequest`]: it knows its method and the type of its
//!   answer. [`ClientNotification`] does the same for notifications.
//! * What we receive is dispatched on its method, never by trying shapes in turn: [`ServerNotification::parse`]
//!   and [`ServerRequest::parse`].
//!
//! # Tolerance
//!
//! The app-server is released every few days, so a newer one must never break a client:
//!
//! * unknown fields are ignored, and nearly every field that we read may be missing;
//! * unknown methods, items, kinds of union and enum values are carried as `Other`, verbatim;
//! * an item whose type is known and whose fields are not is an [`ThreadItem::Other`] as well, so that a
//!   `turn/completed` that carries it still ends its turn;
//! * only a notification that lacks what makes it usable (the thread, the turn) is a [`ProtocolError`]. That is
//!   noise for the caller to log: it must never end the stream.
//!
//! Models and reasoning efforts are plain strings: their lists live on the server (`model/list`).
//!
//! # Sources
//!
//! Facts are those of Codex 0.169.0, from the schema that `codex app-server generate-json-schema` writes and from
//! recorded exchanges; `docs/app-server-protocol.md` gathers them. A contract test validates what we send, and
//! parses samples of what we receive, against the schema of the installed Codex.

pub mod account;
pub mod approval;
pub mod config;
pub mod error;
mod ids;
pub mod initialize;
pub mod item;
pub mod model;
pub mod notification;
mod open;
mod request;
pub mod review;
pub mod server_request;
pub mod thread;
pub mod turn;

pub use error::ProtocolError;
pub use ids::*;
pub use notification::ServerNotification;
pub use request::*;
pub use server_request::ServerRequest;

// Within this crate the names are used without their modules: each is unique.
pub(crate) use {account::*, approval::*, config::*, error::*, item::*, notification::*, thread::*, turn::*};
#[cfg(feature = "client")]
pub(crate) use {initialize::*, review::*, server_request::*};
