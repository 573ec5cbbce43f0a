//! A client of an app-server that only writes and reads lines: no types, no deadlines of its own, no policy.
//!
//! It is what our own client is compared with, in tests and in benchmarks.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use codex_scripted::home::CodexHome;
use serde_json::{Value, json};

use crate::LIMIT;

/// A child that speaks the app-server protocol on stdio, in a process group of its own.
///
/// Every wait panics after [`LIMIT`] with all that was received. Dropping it ends the whole group.
#[derive(Debug)]
pub struct RawClient {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    stderr: Option<JoinHandle<String>>,
    next_id: u64,
    log: Vec<Value>,
    ended: bool,
}

impl RawClient {
    /// The command `codex app-server` with this home.
    pub fn app_server(codex: &Path, home: &CodexHome) -> Command {
        let mut command = Command::new(codex);
        command.arg("app-server").envs(home.env()).current_dir(home.home());
        command
    }

    /// Starts the command and says nothing yet.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn spawn(mut command: Command) -> Self {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (sender, lines) = channel();
        let stdout = child.stdout.take().expect("stdout is piped");
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            loop {
                let mut line = Vec::new();
                let read = stdout.read_until(b'\n', &mut line);
                if !matches!(read, Ok(count) if count > 0) || sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut pipe = child.stderr.take().expect("stderr is piped");
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read until an error is what there is.
            drop(pipe.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let stdin = child.stdin.take();
        Self { child, stdin, lines, stderr: Some(stderr), next_id: 0, log: Vec::new(), ended: false }
    }

    /// Starts the command and initializes, with the experimental methods on.
    ///
    /// # Panics
    ///
    /// When it cannot be started or does not answer.
    pub fn start(command: Command) -> Self {
        let mut client = Self::spawn(command);
        let capabilities =
            json!({ "experimentalApi": true, "requestAttestation": false, "optOutNotificationMethods": [] });
        let info = json!({ "name": "testkit", "title": "Testkit", "version": "0" });
        client.call("initialize", json!({ "clientInfo": info, "capabilities": capabilities }));
        client.send(&json!({ "method": "initialized" }));
        client
    }

    /// The process id of the child.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that was received so far; lines that are no JSON as strings.
    pub fn log(&self) -> &[Value] {
        &self.log
    }

    /// How many notifications and requests with this method came so far.
    pub fn count(&self, method: &str) -> usize {
        self.log.iter().filter(|message| message["method"] == method).count()
    }

    /// Writes one message. A child that does not read any more shows at the next wait.
    pub fn send(&mut self, message: &Value) {
        if let Some(stdin) = &mut self.stdin {
            drop(stdin.write_all(format!("{message}\n").as_bytes()));
        }
    }

    /// Writes a request and gives its id.
    #[expect(clippy::needless_pass_by_value, reason = "tests write the parameters out where they call it")]
    pub fn request(&mut self, method: &str, params: Value) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "id": id, "method": method, "params": params }));
        id
    }

    /// Writes a request and waits for its answer: the whole message, result or error.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.until(|message| message["id"] == id && message.get("method").is_none())
    }

    /// Reads the next message; `None` at the end of the stream or after `limit`.
    pub fn next(&mut self, limit: Duration) -> Option<Value> {
        let line = match self.lines.recv_timeout(limit) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => {
                self.ended = true;
                return None;
            }
        };
        let message = serde_json::from_slice(&line)
            .unwrap_or_else(|_| String::from_utf8_lossy(&line).into_owned().into());
        self.log.push(message);
        self.log.last().cloned()
    }

    /// Reads on until a message is as wanted, and gives it.
    ///
    /// # Panics
    ///
    /// When the stream ends first, or after [`LIMIT`].
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + LIMIT;
        while let Some(message) = self.next(deadline.saturating_duration_since(Instant::now())) {
            if wanted(&message) {
                return message;
            }
        }
        let log: String = self.log.iter().map(|message| format!("{message}\n")).collect();
        panic!(
            "{} before the message that was waited for:\n{log}",
            if self.ended { "end" } else { "no more" }
        );
    }

    /// Reads on until this notification or request comes, and gives its parameters.
    pub fn until_method(&mut self, method: &str) -> Value {
        self.until(|message| message["method"] == method)["params"].take()
    }

    /// Reads on until a turn completes, and gives the turn.
    pub fn completed(&mut self) -> Value {
        self.until_method("turn/completed")["turn"].take()
    }

    /// Starts an ephemeral, read-only thread in this folder, and gives its id.
    pub fn thread(&mut self, cwd: &Path) -> String {
        self.thread_with(cwd, json!({}))
    }

    /// Starts a thread with these parameters on top of those of [`thread`](RawClient::thread).
    ///
    /// # Panics
    ///
    /// When the answer is an error.
    pub fn thread_with(&mut self, cwd: &Path, more: Value) -> String {
        let mut params =
            json!({ "cwd": cwd, "approvalPolicy": "never", "sandbox": "read-only", "ephemeral": true });
        merge(&mut params, more);
        id_of(&self.call("thread/start", params), "thread")
    }

    /// Starts a turn with this text, and gives its id.
    pub fn turn(&mut self, thread: &str, text: &str) -> String {
        self.turn_with(thread, text, json!({}))
    }

    /// Starts a turn with more parameters.
    ///
    /// # Panics
    ///
    /// When the answer is an error.
    pub fn turn_with(&mut self, thread: &str, text: &str, more: Value) -> String {
        let mut params =
            json!({ "threadId": thread, "input": [{ "type": "text", "text": text, "text_elements": [] }] });
        merge(&mut params, more);
        id_of(&self.call("turn/start", params), "turn")
    }

    /// Starts a review of this target, and gives the id of its turn.
    ///
    /// # Panics
    ///
    /// When the answer is an error.
    pub fn review(&mut self, thread: &str, target: &Value) -> String {
        id_of(&self.call("review/start", json!({ "threadId": thread, "target": target })), "turn")
    }

    /// Closes stdin, reads what still comes, and gives the exit status and what was written on stderr.
    ///
    /// # Panics
    ///
    /// When it has not ended after [`LIMIT`].
    pub fn finish(mut self) -> (ExitStatus, String) {
        drop(self.stdin.take());
        self.wait()
    }

    /// Reads to the end of the stream with stdin left open, and gives the exit status and what was on stderr.
    ///
    /// # Panics
    ///
    /// When it has not ended after [`LIMIT`].
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + LIMIT;
        while self.next(deadline.saturating_duration_since(Instant::now())).is_some() {}
        assert!(self.ended, "the program has not ended after {LIMIT:?}");
        let status = self.child.wait().expect("it is our child");
        let stderr = self.stderr.take().map(|reading| reading.join().unwrap_or_default());
        (status, stderr.unwrap_or_default())
    }
}

impl Drop for RawClient {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process_group};
            let group = Pid::from_child(&self.child);
            // The leader is waited for below, so until then no other group can have its number.
            if matches!(self.child.try_wait(), Ok(None)) {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn id_of(answer: &Value, kind: &str) -> String {
    let id = answer["result"][kind]["id"].as_str();
    id.unwrap_or_else(|| panic!("no {kind} was started: {answer}")).to_owned()
}

fn merge(params: &mut Value, more: Value) {
    if let (Some(params), Value::Object(more)) = (params.as_object_mut(), more) {
        params.extend(more);
    }
}
