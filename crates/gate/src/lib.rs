//! A review gate: reads verdicts, decides, and speaks to hooks.

mod finding;
mod outcome;
mod text;
mod verdict;

pub use finding::{Finding, Severity};
pub use outcome::{NotReviewed, Outcome, Why};
pub use verdict::{Problem, Unparseable, Verdict};
