//! Reviews and tasks by OpenAI Codex, as a library: what the `codex-companion` program and its MCP server are built on.
//!
//! # Theory of operation
//!
//! A caller describes what it wants as a [`Request`]. [`Companion::prepare`] checks everything that can be wrong without Codex
//! and pins the change by its commits. The [`Prepared`] request is run in this process ([`Prepared::run`], or recorded as a job
//! by a [`Recorder`]), or in the background: [`start()`] writes the job durably, then starts a [`Worker`](worker::Worker), which runs the same
//! code. [`Follow`] waits for jobs, [`cancel()`] ends them, [`notices`] are the ends that were not reported to a session yet, and [`view`] shows
//! them.
//!
//! # Limits
//!
//! - Nothing in this crate reads the environment, the home directory or a terminal: the caller passes in what it knows
//!   ([`Companion`]). Signals are the caller's as well ([`Stop`]).
//! - Hints of errors name commands of the `codex-companion` program.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

pub mod codex;
pub mod gate;
pub mod notices;
pub mod readiness;
pub mod report;
pub mod settings;
pub mod view;
pub mod worker;

mod cancel;
mod companion;
mod error;
mod follow;
mod jobs;
mod observer;
mod prepare;
mod record;
mod request;
mod route;
mod run;
mod start;
mod state_dir;
mod stop;
mod trace;
mod transfer;
mod workspace;

pub use codex_job_store::{Job, JobId, Record, Status};

pub use cancel::{CancelReport, cancel, cancel_session};
pub use companion::Companion;
pub use error::{Error, Kind, Result};
pub use follow::{Follow, Followed};
pub use jobs::Jobs;
pub use observer::{NoProgress, RunObserver, TICK};
pub use prepare::{MAX_PROMPT_CHARS, Prepared, RunIn, check_prompt_length};
pub use record::Recorder;
pub use request::{Approvals, REQUEST_VERSION, Request, RunOptions, TargetOptions, TargetScope, What};
pub use route::SessionRuntime;
pub use run::{Completed, turn_limits};
pub use start::start;
pub use state_dir::StateDir;
pub use stop::{Stop, StopHandle, StopReason};
pub use transfer::transfer;
pub use workspace::Workspace;

/// The version of this crate, which is sent to Codex and to brokers.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
