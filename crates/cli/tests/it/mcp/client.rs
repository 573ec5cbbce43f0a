//! A client of the Model Context Protocol that writes lines and reads lines, and knows no more of it than a test says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use codex_testkit::LIMIT;
use serde_json::{Value, json};

use crate::support::{Bed, wait};

/// A server and what it said.
pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    /// Everything that is no answer, in order.
    pub(crate) told: Vec<Value>,
    answers: BTreeMap<u64, Value>,
    next: u64,
    /// What the client says when it is asked for its roots; it is silent when there is nothing.
    pub(crate) roots: Option<Value>,
    schemas: BTreeMap<String, jsonschema::Validator>,
}

impl Client {
    /// Starts the server, greets it, and asks for its tools.
    pub(crate) fn new(bed: &Bed) -> Self {
        Self::with(bed, &["mcp"], &json!({}))
    }

    /// The same with other words and capabilities.
    pub(crate) fn with(bed: &Bed, words: &[&str], capabilities: &Value) -> Self {
        let mut client = Self::start(bed, words);
        let greeting = client.ask(
            "initialize",
            &json!({
                "protocolVersion": "2025-06-18", "capabilities": capabilities,
                "clientInfo": {"name": "test", "version": "0"},
            }),
        );
        assert_eq!(greeting["result"]["serverInfo"]["name"], "codex-companion", "{greeting}");
        client.notify("notifications/initialized", &json!({}));
        let tools = client.ask("tools/list", &json!({}));
        for tool in tools["result"]["tools"].as_array().expect("a list of tools") {
            let name = tool["name"].as_str().expect("a name").to_owned();
            let schema = jsonschema::draft202012::new(&tool["outputSchema"]).expect("a schema");
            client.schemas.insert(name, schema);
        }
        client
    }

    /// Starts the server and says nothing.
    pub(crate) fn start(bed: &Bed, words: &[&str]) -> Self {
        let mut command = bed.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the server starts");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let message = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        let (told, answers, schemas) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { child, stdin, lines, told, answers, next: 0, roots: None, schemas }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).expect("the server reads");
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.write(format!("{message}\n").as_bytes());
    }

    pub(crate) fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request; [`Client::answer`] waits for its answer.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.request(method, params);
        self.answer(id)
    }

    /// Begins a call with a progress token, which is its id.
    pub(crate) fn begin(&mut self, tool: &str, arguments: &Value) -> u64 {
        let token = self.next + 1;
        self.request(
            "tools/call",
            &json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": token}}),
        )
    }

    /// Calls a tool, and checks what holds of every result.
    #[track_caller]
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let id = self.begin(tool, arguments);
        self.result(tool, id)
    }

    #[track_caller]
    pub(crate) fn result(&mut self, tool: &str, id: u64) -> Value {
        let answer = self.answer(id);
        let result = answer["result"].clone();
        let document = &result["structuredContent"];
        assert!(document.is_object() && result["content"][0]["type"] == "text", "{answer}");
        let schema = &self.schemas[tool];
        if let Err(error) = schema.validate(document) {
            panic!("{error}: {document}");
        }
        assert_eq!(result["isError"] == true, document["error"].is_object(), "{answer}");
        result
    }

    /// The text of a result.
    pub(crate) fn text(result: &Value) -> &str {
        result["content"][0]["text"].as_str().expect("a text")
    }

    /// Reads on until there is an answer.
    #[track_caller]
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        self.until(|client| client.answers.remove(&id))
            .unwrap_or_else(|| panic!("no answer to {id}: {:?}", self.told))
    }

    /// Reads on until there is something to see.
    pub(crate) fn until<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        loop {
            if let Some(seen) = look(self) {
                return Some(seen);
            }
            let message = self.lines.recv_timeout(LIMIT).ok()?;
            match (message.get("method"), message.get("id").and_then(Value::as_u64)) {
                (None, Some(id)) => drop(self.answers.insert(id, message)),
                (Some(method), Some(id)) => {
                    assert_eq!(method, "roots/list");
                    if let Some(roots) = self.roots.clone() {
                        self.send(&json!({"jsonrpc": "2.0", "id": id, "result": {"roots": roots}}));
                    }
                    self.told.push(message);
                }
                _ => self.told.push(message),
            }
        }
    }

    /// Waits for the progress of a call.
    pub(crate) fn progress(&mut self, id: u64, words: &str) -> Value {
        let of = |message: &&Value| {
            message["params"]["progressToken"] == id
                && message["params"]["message"].as_str().is_some_and(|message| message.contains(words))
        };
        self.until(|client| client.told.iter().find(of).cloned()).expect("progress is told")
    }

    /// Whether an answer has come.
    pub(crate) fn answered(&self, id: u64) -> bool {
        self.answers.contains_key(&id)
    }

    /// The server's children, dead ones included.
    #[cfg(target_os = "linux")]
    pub(crate) fn children(&self) -> String {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let children = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children"));
        tasks.flatten().filter_map(|task| children(task).ok()).collect()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Closes the server's standard input.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// Waits for the server's end.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let ended = wait(|| self.child.try_wait().expect("a child can be waited for"));
        ended.unwrap_or_else(|| {
            drop(self.child.kill());
            drop(self.child.wait());
            panic!("the server did not end");
        })
    }

    /// Closes standard input and waits for the end.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.close();
        assert_eq!(self.ended().code(), Some(0));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
