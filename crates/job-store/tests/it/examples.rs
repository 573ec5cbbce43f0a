//! The program under `examples/`, run as its readers would: in several processes on one folder.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use codex_testkit::LIMIT;
use codex_testkit::program::example;

fn background(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(example(env!("CARGO_MANIFEST_DIR"), "background"));
    command.arg(folder).args(words);
    command
}

fn says(folder: &Path, words: &[&str]) -> String {
    let output = background(folder, words).output().expect("the example starts");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_job_is_queued_worked_at_followed_and_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(says(folder, &["work"]), "nothing to do\n");
    let job = says(folder, &["queue", "a title"]);
    let job = job.trim();
    assert!(says(folder, &["look"]).contains("a title"));

    let worker = background(folder, &["work"]).stdout(Stdio::piped()).spawn().expect("the example starts");
    let begun = Instant::now();
    while !says(folder, &["look"]).contains("running") {
        assert!(begun.elapsed() < LIMIT, "the worker does not begin");
    }
    says(folder, &["cancel", job]);
    let worker = worker.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&worker.stdout), format!("{job} is cancelled\n"));
    let followed = says(folder, &["follow", job]);
    assert!(followed.ends_with("cancelled\n"), "{followed}");
}
