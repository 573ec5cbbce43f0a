//! Crash-safe job records on the filesystem: what was asked, how far it got, and what came of it.
//!
//! # Theory of operation
//!
//! - **One folder a workspace**, under a state root that the caller names: one file for each job with its whole record, a
//!   log beside it, and an index with the settings and a summary of each job.
//! - **The job files are the truth.** The index makes listing fast and can be rebuilt from them at any time; one that is
//!   missing, torn or older than they are is rebuilt at the next look.
//! - **Every write is atomic and durable**: a temporary file, synced, renamed over the old one, and its directory synced. A
//!   reader never sees half a record and never waits for a writer; writers hold a short lock with a deadline.
//! - **A lease says who lives.** The process that runs a job holds an operating-system lock on the job's lease file. The
//!   system releases it however the process ends, so a record that says "running" with a free lease means that its
//!   owner died. No process id is ever trusted by itself.
//! - **States only move forward**: queued, running, then completed, failed or cancelled, and a last state is last.
//! - **Damage is kept.** A file that cannot be read is moved aside and reported, not replaced by defaults.
//!
//! # Limitations
//!
//! This version holds the name and the plan, and no code: nothing can be called yet, and no file is written.
