//! The least that gets work out of Codex: start it, write what the work needs, wait for `turn/completed`.
//!
//! It has no deadlines, no checks and no manners: it is the floor that a real client is compared with.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{Outcome, not_started};

#[derive(Clone, Copy)]
pub(super) enum Work {
    Task,
    Review,
}

/// When the clock stops.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Until {
    /// `turn/completed` was read.
    Answer,
    /// Stdin was closed after it, and the process has ended.
    End,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Task => "task",
            Self::Review => "review",
        })
    }
}

impl Work {
    pub(super) fn companion_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Task => &["task", "--quiet"],
            Self::Review => &["review", "--quiet", "--scope", "working-tree"],
        }
    }

    pub(super) fn prompt(self) -> Option<&'static str> {
        match self {
            Self::Task => Some("Say hello."),
            Self::Review => None,
        }
    }
}

pub(super) fn run(codex: &mut Command, folder: &Path, work: Work, until: Until) -> Outcome<Duration> {
    let begun = Instant::now();
    codex.arg("app-server").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = codex.spawn().map_err(|error| not_started(codex, &error))?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let mut server = Server {
        input: input.expect("stdin is piped"),
        output: BufReader::new(output.expect("stdout is piped")),
        line: Vec::new(),
    };
    let answered = converse(&mut server, folder, work).map(|()| begun.elapsed());
    drop(server);
    let ended = child.wait().map_err(|error| error.to_string())?;
    match (answered, until) {
        (Err(error), _) => Err(format!("{error} ({ended})")),
        (Ok(answered), Until::Answer) => Ok(answered),
        (Ok(_), Until::End) => Ok(begun.elapsed()),
    }
}

fn converse(server: &mut Server, folder: &Path, work: Work) -> Outcome {
    let client = json!({"name": "minimal", "title": "minimal", "version": "0"});
    server.write(&json!({"id": 1, "method": "initialize", "params": {"clientInfo": client}}))?;
    server.read_until(|message| message["id"] == 1)?;
    server.write(&json!({"method": "initialized"}))?;
    // As codex-companion asks for it: a task can be resumed, a review cannot.
    let ephemeral = matches!(work, Work::Review);
    let thread =
        json!({"cwd": folder, "approvalPolicy": "never", "sandbox": "read-only", "ephemeral": ephemeral});
    server.write(&json!({"id": 2, "method": "thread/start", "params": thread}))?;
    let started = server.read_until(|message| message["id"] == 2)?;
    let thread = &started["result"]["thread"]["id"];
    server.write(&match work {
        Work::Task => {
            let input = json!([{"type": "text", "text": work.prompt(), "text_elements": []}]);
            json!({"id": 3, "method": "turn/start", "params": {"threadId": thread, "input": input}})
        }
        Work::Review => {
            let target = json!({"type": "uncommittedChanges"});
            let params = json!({"threadId": thread, "delivery": "inline", "target": target});
            json!({"id": 3, "method": "review/start", "params": params})
        }
    })?;
    let completed = server.read_until(|message| message["method"] == "turn/completed")?;
    match completed["params"]["turn"]["status"].as_str() {
        Some("completed") => Ok(()),
        other => Err(format!("the turn ended as {other:?}")),
    }
}

struct Server {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Server {
    fn write(&mut self, message: &Value) -> Outcome {
        let line = format!("{message}\n");
        self.input.write_all(line.as_bytes()).map_err(|error| format!("Codex took no message: {error}"))
    }

    fn read_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Outcome<Value> {
        loop {
            self.line.clear();
            let length = self.output.read_until(b'\n', &mut self.line).map_err(|error| error.to_string())?;
            if length == 0 {
                return Err("Codex ended before its answer".to_owned());
            }
            let message: Value = serde_json::from_slice(&self.line).map_err(|error| error.to_string())?;
            if message.get("error").is_some() {
                return Err(format!("Codex answered {message}"));
            }
            if wanted(&message) {
                return Ok(message);
            }
        }
    }
}
