//! A review gate: reads verdicts, decides, and speaks to hooks.

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
