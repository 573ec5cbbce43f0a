//! What is to be reviewed in a git repository, how big it is, and what to send.

mod attributes;
mod cancel;
mod change;
mod collect;
mod content;
mod error;
mod fence;
mod filter;
mod fingerprint;
mod manifest;
mod measure;
mod near;
mod os;
mod patch;
mod path;
mod recommend;
mod render;
mod repository;
mod resolve;
mod revision;
mod settings;
mod status;
mod target;

pub use cancel::Cancel;
pub use change::{FileChange, Form};
pub use collect::{CollectOptions, Context, InputMode, collect};
pub use error::{Error, ErrorKind};
pub use fingerprint::{Fingerprint, fingerprint};
pub use manifest::{Inclusion, Manifest, ManifestEntry};
pub use measure::{Budget, Counts, Limit, Measure, Skipped, measure};
pub use path::FilePath;
pub use recommend::{Recommendation, Wait, recommend};
pub use repository::ConfigScope;
pub use resolve::{ResolveOptions, Scope, resolve};
pub use status::{Area, ChangeKind};
pub use target::{CommitId, Target, TargetKind};
