//! Rules of this repository that no lint checks: the crate graph, manifests, licences, documents, source files.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

mod documents;
mod graph;
mod licences;
mod manifests;
mod repository;
mod sources;
