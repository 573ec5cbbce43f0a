//! The review gate with Codex and git: what [`codex_gate::Gate::judge`] asks for.
//!
//! - [`CodexReviewer`] asks Codex, [`UntilStopped`] ends any other reviewer when the run is to stop;
//! - [`TurnWork`] is what a turn changed in a work tree, [`TargetWork`] are targets that the caller names;
//! - [`tree`] has the facts about a work tree that both are made of.

mod reviewer;
mod switch;
pub mod tree;
mod work;

pub use reviewer::{CodexReviewer, UntilStopped, not_reviewed};
pub use work::{Deadline, TargetWork, TurnWork};
