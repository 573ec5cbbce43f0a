//! The app-server messages that this crate uses, typed and tolerant.
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

mod account;
mod approval;
mod config;
mod error;
mod ids;
mod initialize;
mod item;
mod model;
mod notification;
mod open;
mod request;
mod review;
mod server_request;
mod thread;
mod turn;

pub use account::*;
pub use approval::*;
pub use config::*;
pub use error::*;
pub use ids::*;
pub use initialize::*;
pub use item::*;
pub use model::*;
pub use notification::*;
pub use request::*;
pub use review::*;
pub use server_request::*;
pub use thread::*;
pub use turn::*;
