//! Integration tests of the job store.

#![expect(clippy::disallowed_methods, reason = "tests damage files on purpose")]
#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod crash;
mod damage;
mod examples;
mod extension;
mod import;
mod lifecycle;
mod logs;
mod machine;
mod processes;
mod queue;
mod retention;
mod support;
