#![doc = include_str!("../README.md")]
//!
//! # Theory of operation
//!
//! A host (an agent's stop hook, a git hook, a CI job) asks whether work may continue. [`host`] turns its input into a
//! [`GateRequest`]. [`decide_before`] checks the request, the [`GateState`] and the [`Policy`]: it either decides at once or
//! returns a [`PendingReview`], the permission to ask a [`Reviewer`] once, with a [`Prompt`]. [`Verdict::parse`] reads what the
//! reviewer wrote; [`decide_after`] turns it into a [`Decision`], and [`host`] and [`Wording`] turn that into the host's output.
//!
//! Everything but a reviewer is pure: no clock (time is [`Now`]), no file (the caller stores the state), no environment. The
//! state is read and changed twice, before and after the review, and needs a lock only at these two moments.
//!
//! # Guarantees
//!
//! - Only the text of a verdict allows. An error, an empty or unclear answer, a cancelled or late review never does.
//! - A turn is blocked at most [`Policy::max_rounds`] times by verdicts and once by failures. With [`OnFailure::Block`], which
//!   is for callers without turns, failures always block.
//! - No more reviews are started than the budgets allow, regardless of their results.
//! - One session never changes the rounds, failures, turns or budget of another.
//! - Content under review cannot end the fence that surrounds it, and no text of a model reaches a host's terminal with control
//!   sequences in it.
//!
//! # Limitations
//!
//! - A verdict is as good as its reviewer: fences keep content from *looking like* instructions, and a model may still be
//!   persuaded.
//! - The gate compares fingerprints that the caller computes. When two sessions write to one work tree, it cannot tell whose
//!   change it sees; the prompt asks the reviewer to.
//! - Changes that are made while a reviewer reads are not part of the verdict; the next request sees them.
//!
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

mod decide;
mod decision;
mod finding;
pub mod host;
mod outcome;
mod policy;
mod prompt;
mod request;
mod reviewer;
mod state;
#[cfg(feature = "store")]
mod store;
mod text;
#[cfg(feature = "store")]
mod trace;
mod turn;
mod verdict;
mod wording;

#[cfg(feature = "command")]
mod command;
#[cfg(feature = "testing")]
mod recording;

pub use async_trait::async_trait;
pub use codex_review::{Finding, LineRange, Severity};
#[cfg(feature = "command")]
pub use command::CommandReviewer;
pub use decide::{
    BeforeReview, PendingReview, decide_after, decide_before, decide_failed, decide_without_state,
};
pub use decision::{Decision, DecisionKind, Report, SkipReason};
pub use host::BadInput;
pub use outcome::{FailureKind, NotReviewed, ReviewOutcome};
pub use policy::{OnFailure, Policy, ReviewBudget, ReviewScope};
pub use prompt::{Prompt, ReviewMaterial};
#[cfg(feature = "testing")]
pub use recording::RecordingReviewer;
pub use request::{GateRequest, Now, TreeSnapshot, TurnPosition};
pub use reviewer::{Reply, Reviewed, Reviewer};
pub use state::{GateState, Spending, StateError};
#[cfg(feature = "store")]
pub use store::{Changes, FileStore, Gate, GivenWork, Judgement, MovedAside, StoreError, Updated, Work};
pub use verdict::{Problem, Unparseable, Verdict};
pub use wording::Wording;
