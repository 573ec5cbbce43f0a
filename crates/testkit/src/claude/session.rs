//! Claude Code as a process: its commands, and whole sessions in print mode.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{ClaudeHome, Messages};
use crate::LIMIT;
use crate::process::LeakCheck;

/// A way to start Claude Code: the program, its home, its model and a folder.
///
/// Every process that it starts, at any remove, is marked: see [`LeakCheck`], which looks when this is dropped.
#[derive(Debug)]
pub struct Claude {
    program: PathBuf,
    folder: PathBuf,
    env: Vec<(OsString, OsString)>,
    leaks: LeakCheck,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Output {
    /// The exit status.
    pub status: ExitStatus,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// What one session in print mode left behind.
#[derive(Debug)]
pub struct Session {
    /// The events of stream-json, in order.
    pub events: Vec<Value>,
    /// The run as a process.
    pub output: Output,
}

/// A process that is still running.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl Claude {
    /// Claude Code in `folder`, with nothing of the test's own environment but `PATH`.
    pub fn new(program: &Path, home: &ClaudeHome, model: &Messages, folder: &Path) -> Self {
        let mut env: Vec<(OsString, OsString)> = Vec::new();
        for name in ["PATH", "TMPDIR", "CODEX_TESTKIT_RUN"] {
            env.extend(std::env::var_os(name).map(|value| (name.into(), value)));
        }
        env.extend(home.env(&model.url()).into_iter().map(|(name, value)| (name.into(), value)));
        env.extend(crate::git::hermetic_env().map(|(name, value)| (name.into(), value.into())));
        let leaks = LeakCheck::new();
        let (name, mark) = leaks.env();
        env.push((name.into(), mark.into()));
        Self { program: program.to_owned(), folder: folder.to_owned(), env, leaks }
    }

    /// Sets a variable, for it and for all that it starts. A later value takes the place of an earlier one.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.set(name, value);
        self
    }

    /// As [`env`](Claude::env), in place.
    pub fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
    }

    /// Puts a folder before all others of `PATH`.
    #[must_use]
    pub fn path(self, folder: &Path) -> Self {
        let path = self.env.iter().rfind(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        let path = path.unwrap_or_default();
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
        let joined = std::env::join_paths(folders).expect("no folder of PATH has a separator in its name");
        self.env("PATH", joined)
    }

    /// The folder that it is started in from now on.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// The processes that it started.
    pub fn leaks(&self) -> &LeakCheck {
        &self.leaks
    }

    /// `claude` with these words.
    pub fn command(&self, words: &[&str]) -> Command {
        self.program(&self.program, words)
    }

    /// Any program in the folder and the environment of Claude Code, as a user's shell beside it.
    pub fn program(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words).current_dir(&self.folder).env_clear().stdin(Stdio::null());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `claude` with these words to its end: `plugin list`, say.
    ///
    /// # Panics
    ///
    /// When it does not end in [`LIMIT`].
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Output {
        Running::start(self.command(words), None).finish()
    }

    /// A whole session in print mode, the prompt on stdin.
    ///
    /// # Panics
    ///
    /// When it does not end in [`LIMIT`], or says that a plugin could not be loaded.
    #[track_caller]
    pub fn ask(&self, words: &[&str], prompt: &str) -> Session {
        self.start(words, prompt).session()
    }

    /// Begins a session in print mode.
    pub fn start(&self, words: &[&str], prompt: &str) -> Running {
        let mut command =
            self.command(&["-p", "--output-format", "stream-json", "--verbose", "--include-hook-events"]);
        command.args(words);
        Running::start(command, Some(prompt.as_bytes().to_vec()))
    }
}

impl Running {
    fn start(mut command: Command, stdin: Option<Vec<u8>>) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if stdin.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().expect("Claude Code starts");
        if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
            // In a thread of its own: it may be more than a pipe holds.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        let stdout = reader(child.stdout.take().expect("a pipe"));
        let stderr = reader(child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) {
        // It may have ended meanwhile.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`LIMIT`].
    #[track_caller]
    pub fn finish(mut self) -> Output {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if Instant::now() > deadline {
                drop(self.child.kill());
                drop(self.child.wait());
                panic!("Claude Code did not end: {:?} {:?}", self.stdout.join(), self.stderr.join());
            }
            std::thread::park_timeout(Duration::from_millis(5));
        };
        let text = |reader: JoinHandle<String>| reader.join().expect("the output can be read");
        Output { status, stdout: text(self.stdout), stderr: text(self.stderr) }
    }

    /// Waits for the end of a session in print mode.
    ///
    /// # Panics
    ///
    /// As [`Claude::ask`].
    #[track_caller]
    pub fn session(self) -> Session {
        let output = self.finish();
        let events = output.stdout.lines().filter_map(|line| serde_json::from_str(line).ok());
        let session = Session { events: events.collect(), output };
        let errors = session.init().get("plugin_errors").cloned().unwrap_or(Value::Null);
        assert!(errors.as_array().is_none_or(Vec::is_empty), "plugins that could not be loaded: {errors}");
        session
    }
}

impl Output {
    /// Fails the test unless it ended well.
    #[track_caller]
    pub fn good(self) -> Self {
        assert!(self.status.success(), "{self:?}");
        self
    }

    /// The one JSON document on stdout.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Session {
    /// The first event: the tools, commands, agents, MCP servers and plugins of the session.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn init(&self) -> &Value {
        let init = self.events.iter().find(|event| event["type"] == "system" && event["subtype"] == "init");
        init.unwrap_or_else(|| panic!("the session did not begin: {:?}", self.output))
    }

    /// The id of the session.
    #[track_caller]
    pub fn id(&self) -> &str {
        self.init()["session_id"].as_str().expect("a session has an id")
    }

    /// What it ended with.
    ///
    /// # Panics
    ///
    /// When it did not end with a result.
    #[track_caller]
    pub fn result(&self) -> &str {
        let end = self.events.iter().rfind(|event| event["type"] == "result");
        end.and_then(|end| end["result"].as_str()).unwrap_or_else(|| panic!("no result: {:?}", self.output))
    }

    /// What the hooks of an event printed, in order; `hook` is the event's name, or with a matcher `Event:matcher`.
    pub fn hooks(&self, hook: &str) -> Vec<&str> {
        let answers = self.events.iter().filter(|event| event["subtype"] == "hook_response");
        let named = answers.filter(|event| event["hook_event"] == hook || event["hook_name"] == hook);
        named.filter_map(|event| event["stdout"].as_str()).collect()
    }
}

fn reader(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until then still tells something.
        drop(stream.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
