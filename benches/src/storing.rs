//! A job store as it is after some use, and what durability costs without one.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use codex_job_store::{JobOutcome, Lease, NewJob, Store, StoreOptions};
use tempfile::TempDir;

/// The store of a workspace under `state`.
///
/// # Panics
/// When it cannot be opened.
pub fn open(state: &Path, workspace: &Path) -> Store {
    Store::open(state, workspace, StoreOptions::default()).expect("the store opens")
}

/// A job as people start them.
pub fn new_job(number: usize) -> NewJob {
    let mut new =
        NewJob::new("task", "task", format!("Task {number}: make the flaky test of the parser stable"));
    new.summary =
        "Find out why the test fails once in a hundred runs, and mend the cause, not the test.".into();
    new.session_id = Some("0193b0c4-5c1e-7000-8000-000000000001".into());
    new
}

/// A job that this process runs.
///
/// # Panics
/// When the store does not take it.
pub fn running(store: &Store, number: usize) -> Lease {
    store.lease(&store.create(new_job(number)).expect("it is created").id).expect("nobody else has it")
}

/// Adds 50 finished jobs.
///
/// # Panics
/// When the store does not take them.
pub fn fill(store: &Store, log_bytes: usize) {
    let line = "Running command: cargo test --workspace --all-features, for the third time".repeat(10);
    for number in 0..50 {
        let lease = running(store, number);
        let log = store.log_writer(lease.id()).expect("it has a log");
        for _ in 0..log_bytes / line.len() {
            log.line(&line).expect("it can be written");
        }
        let outcome = JobOutcome::completed().rendered("It was the clock.".repeat(100));
        lease.finish(&outcome).expect("it ends");
    }
}

/// A store with 50 finished jobs, and the folder that it is in.
///
/// # Panics
/// When there is no place for it.
pub fn full() -> (TempDir, Store) {
    let root = tempfile::tempdir().expect("there is a place for temporary files");
    let store = open(&root.path().join("state"), Path::new("/w/app"));
    fill(&store, 0);
    (root, store)
}

/// What one durable replacement of a file costs at least: temp file, sync, rename, sync of the folder.
#[derive(Debug)]
pub struct Floor {
    folder: File,
    root: TempDir,
}

impl Floor {
    /// A place for the files.
    ///
    /// # Panics
    /// When there is none.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("there is a place for temporary files");
        Floor { folder: File::open(root.path()).expect("it was just made"), root }
    }

    /// Replaces a file, so that a crash leaves the old or the new content.
    ///
    /// # Panics
    /// When the disk does not take it.
    pub fn replace(&self, content: &[u8]) {
        let temp = self.root.path().join("file.tmp");
        let write = || {
            let mut file = File::create(&temp)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&temp, self.root.path().join("file"))?;
            self.folder.sync_all()
        };
        write().expect("the disk takes it");
    }
}
