//! Finds the change to review in a git repository, measures it, and collects the text to send to a reviewer.
//!
//! # Theory of operation
//!
//! [`resolve()`] finds the repository and decides which change to review. All errors in names are found there, before a
//! caller starts an expensive review. [`measure()`], [`collect()`] and [`fingerprint()`] accept the [`Target`] that it
//! returns.
//!
//! The files that differ are found without reading them. `HEAD` and the index are compared by the tree ids in the TREE
//! extension of the index, so that a directory with nothing staged is skipped in one step. The work tree is walked once, on
//! all cores: each directory is opened relative to its parent and listed once, its tracked files are compared with the index
//! by `lstat`, and the other names are matched with the ignore rules. A file with different metadata is only a candidate;
//! reading it shows whether it differs, and only as many files are read as the budget allows.
//!
//! Both versions of a file are read in the form that git stores: line ends, encodings, `$Id$` and clean filters are
//! converted first. The versions are compared with git's default algorithm, including its heuristics, so that the line
//! counts and the patches are equal to those of `git diff`.
//!
//! No file is opened through a path that could contain a symbolic link: the walk uses handles of open directories.
//!
//! # Limits
//!
//! - Renames are detected only for equal content, and not in the line counts.
//! - Text that is not UTF-8 is counted and listed; its patch is left out.
//! - When a budget runs out, the timing of the threads decides which files are still counted.
//! - On systems other than Unix, directories are opened by path, with a check for links at each component.
//!
//! The git library reads the user's git configuration as git does, unless [`ConfigScope::Repository`] is set. This crate
//! itself reads no environment variable and writes no file.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

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
mod root;
mod settings;
mod status;
mod target;
mod trace;

pub use cancel::CancelToken;
pub use change::{FileChange, Form};
pub use collect::{CollectOptions, InputMode, ReviewContext, collect};
pub use error::{Error, ErrorKind};
pub use fingerprint::{Fingerprint, FingerprintOptions, fingerprint};
pub use manifest::{Inclusion, Manifest, ManifestEntry};
pub use measure::{Counts, Measure, MeasureBudget, MeasureLimit, MeasureOptions, Skipped, measure};
pub use path::FilePath;
pub use pin::{PinnedKind, PinnedTarget};
pub use recommend::{Recommendation, Wait, recommend};
pub use repository::ConfigScope;
pub use resolve::{ResolveOptions, TargetScope, resolve};
pub use root::work_tree_root;
pub use status::{Area, ChangeKind};
pub use target::{CommitId, Target, TargetKind};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
