#![doc = include_str!("../README.md")]
//!
//! # Theory of operation
//!
//! A host (an agent's stop hook, a git hook, a CI job) asks whether work may go on. [`host`] turns its input into a
//! [`GateRequest`]. [`decide_before`] looks at the request, at the [`GateState`] and at the [`Policy`]: it either settles the
//! matter or gives leave to [`Ask`] a [`Reviewer`] once, with a [`Prompt`]. [`Verdict::parse`] reads what the reviewer wrote;
//! [`decide_after`] makes it a [`Decision`], which [`host`] and [`Wording`] put into the host's words.
//!
//! Everything but a reviewer is pure: no clock (time is [`Now`]), no file (the caller stores the state), no environment. The
//! state is decided upon twice, before and after the review, and can be locked for each of these moments alone.
//!
//! # What holds
//!
//! - Only the text of a verdict allows. An error, an empty or unclear answer, a cancelled or late review never does.
//! - A turn is blocked at most [`Policy::max_rounds`] times by verdicts and once by failures.
//! - No more reviews are asked for than the budgets grant, whatever becomes of them.
//! - What one session does changes neither rounds, failures, turns nor budget of another.
//! - Nothing under review can end the fence that it stands in, and nothing that a model wrote reaches a host's terminal with
//!   control sequences in it.
//!
//! # Limitations
//!
//! - A verdict is as good as its reviewer: fences keep content from *looking like* instructions, and a model may still be talked
//!   into something.
//! - The gate compares fingerprints that it is given. When two sessions write to one work tree, it cannot tell whose change it
//!   sees; the prompt asks the reviewer to.
//! - What changes while a reviewer reads is not part of the verdict; the next request sees it.
//!
//! # Features
//!
//! `command` adds `CommandReviewer`, which asks any program, and with it tokio.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

mod decide;
mod finding;
pub mod host;
mod outcome;
mod policy;
mod prompt;
mod request;
mod reviewer;
mod state;
mod text;
mod verdict;
mod wording;

#[cfg(feature = "command")]
mod command;

#[cfg(feature = "command")]
pub use command::CommandReviewer;
pub use decide::{Ask, Before, Decided, Decision, Report, Skip, decide_after, decide_before, decide_failed};
pub use finding::{Finding, Severity};
pub use host::BadInput;
pub use outcome::{NotReviewed, Outcome, Why};
pub use policy::{Budget, OnFailure, Policy, Scope};
pub use prompt::{Material, Prompt};
pub use request::{GateRequest, Now, Tree, Turn};
pub use reviewer::{Answer, RecordingReviewer, Reply, Reviewer};
pub use state::{DayState, GateState, KeptVerdict, SessionState, Spent, StateError, TurnState, VerdictKey};
pub use verdict::{Problem, Unparseable, Verdict};
pub use wording::Wording;
