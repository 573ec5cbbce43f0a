//! A place in which the program runs as a user's would: a repository, a home, a Codex, and nothing of this machine's.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use codex_testkit::git::Repo;
use codex_testkit::home::CodexHome;
use codex_testkit::process::LeakCheck;
use codex_testkit::program::ScriptedCodex;
use codex_testkit::{LIMIT, app_server::Script};
use serde_json::Value;
use tempfile::TempDir;

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The one JSON document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Asserts that stderr has all of these.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {}", self.stderr);
        }
        self
    }
}

/// A running program.
pub(crate) struct Running {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the end, [`LIMIT`] at most.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Run {
        let status = wait(|| self.child.try_wait().expect("a child can be waited for"));
        let Some(status) = status else {
            drop(self.child.kill());
            drop(self.child.wait());
            panic!("the program did not end: {:?} {:?}", self.stdout.join(), self.stderr.join());
        };
        Run {
            code: status.code(),
            stdout: self.stdout.join().expect("stdout is UTF-8"),
            stderr: self.stderr.join().expect("stderr is UTF-8"),
        }
    }
}

/// Looks until there is something to see, [`LIMIT`] at most.
pub(crate) fn wait<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn reader(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the program's output can be read");
        String::from_utf8(bytes).expect("the program writes UTF-8")
    })
}

/// A repository, a home and a check for processes that stay behind.
pub(crate) struct Bed {
    pub(crate) repo: Repo,
    pub(crate) home: TempDir,
    leaks: LeakCheck,
    env: Vec<(String, std::ffi::OsString)>,
}

impl Bed {
    /// A repository with one commit and one change, and no Codex.
    pub(crate) fn new() -> Self {
        let repo = Repo::with_commit();
        repo.write("a.txt", "one\ntwo\n");
        let home = tempfile::tempdir().expect("a folder can be made");
        Self { repo, home, leaks: LeakCheck::new(), env: Vec::new() }
    }

    /// Sets a variable for the program.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// A Codex that answers from a script.
    pub(crate) fn scripted(script: Script) -> (Self, ScriptedCodex) {
        let codex = ScriptedCodex::new(script);
        let (name, value) = codex.env();
        let bed = Self::new().env(name, value).env("CODEX_COMPANION_CODEX", codex.program());
        (bed, codex)
    }

    /// The real Codex, with a private home.
    pub(crate) fn real(codex: &Path, home: &CodexHome) -> Self {
        let bed = Self::new().env("CODEX_COMPANION_CODEX", codex);
        home.env().iter().fold(bed, |bed, (name, value)| bed.env(name, value))
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codex-companion"));
        command.args(words).current_dir(self.repo.path()).env_clear().stdin(Stdio::null());
        for name in ["PATH", "CODEX_TESTKIT_RUN"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // A broker that a test starts is gone a moment after it.
        command.env("CODEX_COMPANION_BROKER_IDLE_MS", "400").env("CODEX_COMPANION_CHILD_IDLE_MS", "100");
        command.env("HOME", self.home.path()).env("LLVM_PROFILE_FILE", "/dev/null");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        self.leaks.mark(command)
    }

    pub(crate) fn start(&self, words: &[&str], stdin: Option<&[u8]>) -> Running {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if stdin.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().expect("the program starts");
        if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
            let bytes = bytes.to_vec();
            // In a thread of its own: it may be more than a pipe holds.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        let stdout = reader(child.stdout.take().expect("a pipe"));
        let stderr = reader(child.stderr.take().expect("a pipe"));
        Running { child, stdout, stderr }
    }

    /// Runs the program to its end, and checks that it left no process behind.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        self.run_with(words, None)
    }

    #[track_caller]
    pub(crate) fn run_with(&self, words: &[&str], stdin: Option<&[u8]>) -> Run {
        let run = self.start(words, stdin).finish();
        self.nothing_left();
        run
    }

    /// The processes that the program started and that are alive: id and command line.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        self.leaks.alive().into_iter().map(|process| (process.pid, process.command)).collect()
    }

    /// Nothing that the program started is alive a moment after its end.
    #[track_caller]
    pub(crate) fn nothing_left(&self) {
        self.leaks.assert_none(Duration::from_secs(10));
    }
}
