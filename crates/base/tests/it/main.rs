//! Tests of the public interface.
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

mod text;
