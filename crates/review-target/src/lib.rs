//! What is to be reviewed in a git repository, how big it is, and what to send.

mod cancel;
mod error;
mod near;
mod repository;
mod resolve;
mod revision;
mod target;

pub use cancel::Cancel;
pub use error::{Error, ErrorKind};
pub use repository::ConfigScope;
pub use resolve::{ResolveOptions, Scope, resolve};
pub use target::{CommitId, Target, TargetKind};
