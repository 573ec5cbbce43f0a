//! A review gate: reads verdicts, decides, and speaks to hooks.

mod finding;
mod outcome;
mod policy;
mod prompt;
mod reviewer;
mod text;
mod verdict;

pub use finding::{Finding, Severity};
pub use outcome::{NotReviewed, Outcome, Why};
pub use policy::{Budget, OnFailure, Policy, Scope};
pub use prompt::{Material, Prompt};
pub use reviewer::{Answer, RecordingReviewer, Reply, Reviewer};
pub use verdict::{Problem, Unparseable, Verdict};
