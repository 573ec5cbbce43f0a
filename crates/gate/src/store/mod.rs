//! The whole gate: a state in files, and [`Gate::judge`], which carries a request from its first check to its decision.

mod error;
mod file;
mod judge;
mod work;

pub use error::StoreError;
pub use file::{FileStore, MovedAside, Updated};
pub use judge::{Gate, Judgement};
pub use work::{Changes, GivenWork, Work};
