//! The program as a process: what only shows from outside.

mod process;
