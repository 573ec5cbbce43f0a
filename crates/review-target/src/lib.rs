//! What is to be reviewed in a git repository, how big it is, and what to send to whoever reviews it.
//!
//! # Theory of operation
//!
//! [`resolve()`] finds the repository and decides which change is meant; everything that can be wrong with names is
//! found there, before anybody spends anything on the answer. [`measure()`], [`collect()`] and [`fingerprint()`] take
//! its [`Target`].
//!
//! Which files differ is found without reading them. `HEAD` and the index are compared by the tree ids that the index
//! remembers (its TREE extension), so that a folder with nothing staged is skipped in one step. The work tree is walked
//! once, on all cores: each folder is opened from its parent, listed once, its tracked files compared with the index by
//! `lstat`, and the other names held against the ignore rules. A file whose `lstat` record differs is only a suspect;
//! reading it settles that, and only what the budget allows is read.
//!
//! Both versions of a file are read as git would store them: line ends, encodings, `$Id$` and clean filters are undone
//! first. They are compared with git's default algorithm, its heuristics included, so that the numbers are git's own,
//! and patches are the ones that `git diff` writes.
//!
//! Nothing is opened by a path that could lead through a symbolic link: the walk holds folders, not paths.
//!
//! # Limitations
//!
//! - No rename detection beyond equal content, and none in the numbers.
//! - Text that is not UTF-8 is counted and named; its patch is left out.
//! - The order in which two threads count decides which files are still counted when a budget runs out.
//! - Outside of Unix, folders are walked by path, with a look for links before each step.
//!
//! The git library reads the user's git configuration as git does, unless [`ConfigScope::Repository`] is asked for; this
//! crate itself reads no environment variable, and writes nothing anywhere.
#![cfg_attr(docsrs, feature(doc_cfg))]

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
mod merge_base;
mod near;
mod os;
mod patch;
mod path;
mod pin;
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
pub use pin::{PinnedKind, PinnedTarget};
pub use recommend::{Recommendation, Wait, recommend};
pub use repository::ConfigScope;
pub use resolve::{ResolveOptions, Scope, resolve};
pub use status::{Area, ChangeKind};
pub use target::{CommitId, Target, TargetKind};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
