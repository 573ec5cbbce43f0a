//! Many background tasks at once: from the start of the first command to the end of the last task.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{self, Outcome};

/// `command` makes the program with these arguments, in the place that every use of it needs.
pub(super) fn at_once(
    command: &dyn Fn(&[&str]) -> Command,
    task: &[&str],
    count: usize,
) -> Outcome<Duration> {
    let begun = Instant::now();
    let mut started = Vec::new();
    for _ in 0..count {
        let mut task = command(task);
        task.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        started.push(task.spawn().map_err(|error| program::not_started(&task, &error))?);
    }
    let mut ids = Vec::new();
    for child in started {
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let document: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        ids.push(document["jobId"].as_str().ok_or("a task has no job")?.to_owned());
    }
    let mut words = vec!["await"];
    words.extend(ids.iter().map(String::as_str));
    program::output(&mut command(&words))?;
    let taken = begun.elapsed();
    // The next time begins as cold as this one did.
    program::output(&mut command(&["broker", "stop"]))?;
    Ok(taken)
}
