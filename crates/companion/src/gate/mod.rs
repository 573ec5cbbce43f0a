//! The review gate with Codex and git: what [`codex_gate::Gate::judge`] asks for.
//!
//! - [`CodexReviewer`] asks Codex, [`UntilStopped`] ends any other reviewer when the run is to stop;
//! - [`TurnWork`] is what a turn changed in a work tree, [`TargetWork`] are targets that the caller names;
//! - [`Subject`] is what a gate outside of turns reviews, [`review_report`] its decision as a review;
//! - [`GitHook`] names the git hooks that can run the gate ([`Companion::install_git_hook`](crate::Companion::install_git_hook));
//! - [`tree`] has the facts about a work tree that both are made of.

mod git_hook;
mod report;
mod reviewer;
mod subject;
mod switch;
pub mod tree;
mod work;

pub use git_hook::GitHook;
pub use report::review_report;
pub use reviewer::{CodexReviewer, UntilStopped, not_reviewed};
pub use subject::Subject;
pub use work::{Deadline, TargetWork, TurnWork};
