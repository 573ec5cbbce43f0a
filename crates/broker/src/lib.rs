//! Many clients, one JSON-RPC server: the broker that will stand between several commands and one app-server.
//!
//! # Theory of operation
//!
//! An app-server such as `codex app-server` speaks newline-delimited JSON-RPC to exactly one client, over its
//! standard streams, and can run many turns at once. A broker lets several clients share it:
//!
//! - **A pure router.** Events in (bytes from a client, bytes from the server, somebody went away, time passed), actions
//!   out (send these bytes there, start the server, stop). No I/O, no clock, so every interleaving can be tested.
//! - **Ids are rewritten, payloads are not.** Two clients may both use request id 1; the router gives each request an
//!   id of its own on the way up and restores it on the way back by splicing bytes, without parsing the payload.
//! - **A thread has one owner.** Notifications and server requests go to the client that started or resumed the
//!   thread that they name; those of a sub-agent's thread go to the owner of its root.
//! - **Admission.** The number of turns at once is bounded. At the bound a request is answered with error `-32001` and
//!   data that says why, or queued when its client asked for that.
//! - **A thin shell** owns the sockets and the server process: it always drains the server, disconnects a client that does
//!   not read, fails everything in flight when the server dies, and ends when nobody needs it.
//!
//! # Limitations
//!
//! This version holds the name and the plan, and no code: nothing can be called yet. Until then every client starts
//! an app-server of its own with `codex-rpc`.
