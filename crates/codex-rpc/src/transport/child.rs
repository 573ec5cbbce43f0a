//! A child process that cannot outlive its purpose.
//!
//! One task watches the process. It drains stderr and keeps its tail, learns of the exit, and walks the way to the end
//! when asked or when the last handle was dropped: standard input is closed by its owner, then TERM, then KILL, both
//! for the whole process group, each after a short wait. The `codex` that npm installs is a Node wrapper around a native
//! binary that survives the wrapper's death, so the group is killed once its leader is gone, however it went.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Connection;
use crate::setters::{optional_setters, setters};
use crate::trace::event;

/// How much of a child's stderr is kept for error messages, in bytes.
const STDERR_TAIL: usize = 8 * 1024;
/// How long stderr may take to end once the process is gone.
const STDERR_DRAIN: Duration = Duration::from_millis(200);

/// What to start, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChildOptions {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub program: OsString,
    /// Its arguments, without the program's name. Default: none.
    pub args: Vec<OsString>,
    /// Variables to set on top of the inherited environment. Default: none.
    pub env: Vec<(OsString, OsString)>,
    /// Variables to remove from the inherited environment. Default: none.
    pub env_remove: Vec<OsString>,
    /// The working directory. Default: the caller's.
    pub cwd: Option<PathBuf>,
    /// How long each step to the end may take once the last handle was dropped.
    pub grace: Grace,
}

impl ChildOptions {
    /// Options for a program with nothing else set.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            env_remove: Vec::new(),
            cwd: None,
            grace: Grace::default(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: Into<OsString>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Removes a variable of the inherited environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env_remove.push(name.into());
        self
    }
}

optional_setters! { ChildOptions { cwd: PathBuf } }
setters! { ChildOptions { grace: Grace } }

/// How long each step of ending a process may take. Exhaustive on purpose: there are two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// From the closing of standard input to TERM. Default 1 s (Codex takes about 50 ms).
    pub stdin: Duration,
    /// From TERM to KILL. Default 500 ms.
    pub term: Duration,
}

impl Default for Grace {
    fn default() -> Self {
        Self { stdin: Duration::from_secs(1), term: Duration::from_millis(500) }
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildExit {
    /// The exit status, or `None` when the operating system would not tell.
    pub status: Option<ExitStatus>,
    /// The last 8 KiB that it wrote to stderr, with invalid UTF-8 replaced. Data from a foreign program: sanitise it
    /// before it reaches a terminal.
    pub stderr_tail: String,
}

impl ChildExit {
    /// Whether it ended by itself with status zero.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

impl fmt::Display for ChildExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}"),
            None => f.write_str("unknown exit status"),
        }
    }
}

/// A handle on a running process. Clones share it; when the last one is dropped, the process is brought to its end in
/// the background.
#[derive(Clone)]
#[must_use = "the process is ended when the last handle is dropped"]
pub struct ChildHandle {
    id: u32,
    tail: Arc<Mutex<Tail>>,
    exit: watch::Receiver<Option<ChildExit>>,
    control: mpsc::Sender<Grace>,
}

impl ChildHandle {
    /// The process id, which is also the id of its process group. It may be a stranger's once [`Self::exit`] is known.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn exit(&self) -> Option<ChildExit> {
        self.exit.borrow().clone()
    }

    /// Waits for the end. Cancel safe. Set a limit around it unless the end was asked for.
    pub async fn wait(&self) -> ChildExit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        match ended {
            Ok(known) => known.clone().expect("waited for Some"),
            // The watching task went away with its runtime; it killed the group on the way.
            Err(_) => ChildExit { status: None, stderr_tail: self.stderr_tail() },
        }
    }

    /// Brings the process to its end and waits for it: TERM to the group after `grace.stdin`, KILL after `grace.term`.
    /// The owner of the process's standard input closes it first. Cancel safe: the process ends even so.
    pub async fn shutdown(&self, grace: Grace) -> ChildExit {
        // A full queue means that an earlier call is under way; a closed one, that the process is gone.
        let _ = self.control.try_send(grace);
        self.wait().await
    }

    /// The last 8 KiB of stderr so far, with invalid UTF-8 replaced.
    #[must_use]
    pub fn stderr_tail(&self) -> String {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

impl fmt::Debug for ChildHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildHandle")
            .field("id", &self.id)
            .field("exit", &self.exit())
            .finish_non_exhaustive()
    }
}

pub(super) fn spawn(options: &ChildOptions) -> std::io::Result<Connection> {
    let mut command = Command::new(&options.program);
    command.args(&options.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in &options.env_remove {
        command.env_remove(name);
    }
    command.envs(options.env.iter().map(|(name, value)| (name, value)));
    if let Some(cwd) = &options.cwd {
        command.current_dir(cwd);
    }
    let mut wrap = CommandWrap::from(command);
    #[cfg(unix)]
    wrap.wrap(process_wrap::tokio::ProcessGroup::leader());
    #[cfg(windows)]
    wrap.wrap(process_wrap::tokio::JobObject);
    let mut child = wrap.spawn()?;

    let missing = |what: &str| std::io::Error::other(format!("the child has no {what}"));
    let stdin = child.stdin().take().ok_or_else(|| missing("stdin"))?; // tidy: allow(terminal) the child's, not ours
    let stdout = child.stdout().take().ok_or_else(|| missing("stdout"))?; // tidy: allow(terminal) the child's, not ours
    let stderr = child.stderr().take().ok_or_else(|| missing("stderr"))?; // tidy: allow(terminal) the child's, not ours
    let id = child.id().ok_or_else(|| missing("process id"))?;

    let tail = Arc::new(Mutex::new(Tail::default()));
    let (exit_tx, exit) = watch::channel(None);
    // One place is enough: the first request to end starts the walk, later ones only wait for it.
    let (control, requests) = mpsc::channel(1);
    let drain = tokio::spawn(drain(stderr, Arc::clone(&tail)));
    tokio::spawn(watch_child(
        id,
        Group(Some(child)),
        options.grace,
        requests,
        drain,
        Arc::clone(&tail),
        exit_tx,
    ));
    event!(DEBUG, process = id, program = %options.program.to_string_lossy(), "process started");
    let handle = ChildHandle { id, tail, exit, control };
    Ok(Connection { reader: Box::new(stdout), writer: Box::new(stdin), child: Some(handle) })
}

/// Kills the group when dropped with the process still in it: the backstop for a runtime that is shut down.
struct Group(Option<Box<dyn ChildWrapper>>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.start_kill());
        }
    }
}

/// The steps to the end. Each is taken when the wait of the one before is over.
#[derive(Clone, Copy)]
enum Step {
    Term,
    Kill,
    Done,
}

async fn watch_child(
    id: u32,
    mut group: Group,
    default_grace: Grace,
    mut requests: mpsc::Receiver<Grace>,
    mut drain: JoinHandle<()>,
    tail: Arc<Mutex<Tail>>,
    exit: watch::Sender<Option<ChildExit>>,
) {
    let mut ending: Option<(Step, Instant, Grace)> = None;
    let Some(child) = group.0.as_mut() else { return };
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.ok(),
            request = requests.recv(), if ending.is_none() => {
                let grace = request.unwrap_or(default_grace);
                ending = Some((Step::Term, Instant::now() + grace.stdin, grace));
            }
            () = at(ending.map(|(_, due, _)| due)), if ending.is_some() => {
                ending = ending.map(|(step, _, grace)| take_step(child.as_mut(), step, grace));
            }
        }
    };
    // The leader is gone; the rest of its group ends too.
    drop(child.start_kill());
    group.0 = None;
    if tokio::time::timeout(STDERR_DRAIN, &mut drain).await.is_err() {
        drain.abort();
    }
    let stderr_tail = tail.lock().unwrap_or_else(PoisonError::into_inner).text();
    #[cfg(not(feature = "tracing"))]
    let _ = id;
    event!(DEBUG, process = id, status = ?status, "process ended");
    drop(exit.send(Some(ChildExit { status, stderr_tail })));
}

fn take_step(child: &mut dyn ChildWrapper, step: Step, grace: Grace) -> (Step, Instant, Grace) {
    /// A killed process that is not reaped by then is in an uninterruptible call; the wait for it goes on.
    const AGAIN: Duration = Duration::from_secs(3600);
    match step {
        Step::Term => {
            #[cfg(unix)]
            {
                const SIGTERM: i32 = 15;
                drop(child.signal(SIGTERM));
            }
            (Step::Kill, Instant::now() + grace.term, grace)
        }
        Step::Kill => {
            drop(child.start_kill());
            (Step::Done, Instant::now() + AGAIN, grace)
        }
        Step::Done => (Step::Done, Instant::now() + AGAIN, grace),
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn drain(mut stderr: ChildStderr, tail: Arc<Mutex<Tail>>) {
    let mut buffer = vec![0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        tail.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..count]);
    }
}

/// The last [`STDERR_TAIL`] bytes of a stream.
#[derive(Default)]
struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    fn push(&mut self, new: &[u8]) {
        let new = &new[new.len().saturating_sub(STDERR_TAIL)..];
        let excess = (self.bytes.len() + new.len()).saturating_sub(STDERR_TAIL);
        self.bytes.drain(..excess);
        self.bytes.extend(new);
    }

    fn text(&self) -> String {
        let (front, back) = self.bytes.as_slices();
        let whole = [front, back].concat();
        String::from_utf8_lossy(&whole).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{STDERR_TAIL, Tail};

    #[test]
    fn the_tail_keeps_the_last_bytes_only() {
        let mut tail = Tail::default();
        tail.push(&[b'a'; STDERR_TAIL - 1]);
        tail.push(b"bc");
        assert_eq!(tail.text().len(), STDERR_TAIL);
        assert!(tail.text().ends_with("abc"));
        tail.push(&[b'd'; STDERR_TAIL * 3]);
        assert_eq!(tail.text(), "d".repeat(STDERR_TAIL));
    }
}
