//! Integration tests of the job store.

mod crash;
mod damage;
mod import;
mod lifecycle;
mod logs;
mod machine;
mod processes;
mod retention;
mod support;
