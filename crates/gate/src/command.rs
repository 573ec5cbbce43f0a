//! Any program as a reviewer.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::text::clip_front;
use crate::{FailureKind, NotReviewed, Prompt, Reply, Reviewer};

/// Asks a program: the prompt on its standard input, the answer on its standard output. No shell is involved.
///
/// The program runs in a process group (on Windows: a job) of its own, which is ended when the program ends, at the deadline,
/// and when the future is dropped. The output is an answer only when the program exits with 0 and the output is at most
/// [`CommandReviewer::output_bytes`] long. Otherwise the failure contains the end of its standard error.
///
/// Needs a tokio runtime with I/O and time.
#[derive(Debug, Clone)]
pub struct CommandReviewer {
    program: OsString,
    arguments: Vec<OsString>,
    directory: Option<PathBuf>,
    reviewer_name: Option<String>,
    output_bytes: usize,
}

/// How much of standard error is kept.
const STDERR_BYTES: usize = 4 * 1024;
/// How long the output may take to end after the program ended, when a process outside its group holds the pipe.
const GRACE: Duration = Duration::from_secs(1);

impl CommandReviewer {
    /// Runs `program` (a path, or a name that is searched in `PATH`) with `arguments`, each unchanged.
    #[must_use]
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            directory: None,
            reviewer_name: None,
            output_bytes: 8 * 1024 * 1024,
        }
    }

    /// Sets the directory in which it runs. Default: the caller's working directory.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets the reviewer's name, for kept verdicts. Default: the program and its arguments.
    #[must_use]
    pub fn reviewer_name(mut self, name: impl Into<String>) -> Self {
        self.reviewer_name = Some(name.into());
        self
    }

    /// Sets the maximum length of an answer. A longer one is a failure, because its end can take back its beginning. Default
    /// 8 MiB.
    #[must_use]
    pub fn output_bytes(mut self, most: usize) -> Self {
        self.output_bytes = most;
        self
    }

    fn spawn(&self) -> io::Result<Group> {
        let mut command = CommandWrap::with_new(&self.program, |command| {
            command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            // The leader is reaped by tokio when the group is dropped.
            command.kill_on_drop(true);
            if let Some(directory) = &self.directory {
                command.current_dir(directory);
            }
        });
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        Ok(Group { leader: command.spawn()?, live: true })
    }
}

#[async_trait]
impl Reviewer for CommandReviewer {
    fn name(&self) -> String {
        self.reviewer_name.clone().unwrap_or_else(|| {
            let words: Vec<_> = std::iter::once(&self.program)
                .chain(&self.arguments)
                .map(|word| word.to_string_lossy())
                .collect();
            format!("command {}", words.join(" "))
        })
    }

    /// # Cancel safety
    /// Dropping the future ends the program's group.
    async fn review(&self, prompt: &Prompt, limit: Duration) -> Result<Reply, NotReviewed> {
        let failed =
            |why, detail: String| NotReviewed::new(why, format!("{}: {detail}", shown(&self.program)));
        let mut group = self.spawn().map_err(|error| {
            let missing = error.kind() == io::ErrorKind::NotFound;
            failed(
                if missing { FailureKind::ReviewerMissing } else { FailureKind::Failed },
                format!("cannot be run: {error}"),
            )
        })?;
        let ran = timeout(limit, group.run(prompt.text().as_bytes(), self.output_bytes)).await;
        group.end().await;
        match ran {
            Err(_) => Err(failed(FailureKind::TimedOut, format!("no answer after {limit:.0?}"))),
            Ok(Err(error)) => Err(failed(FailureKind::Failed, error.to_string())),
            Ok(Ok(Ran { output: None, .. })) => {
                Err(failed(FailureKind::Failed, format!("wrote more than {} bytes", self.output_bytes)))
            }
            Ok(Ok(Ran { status, output: Some(output), .. })) if status.success() => {
                Ok(Reply::new(String::from_utf8_lossy(&output)))
            }
            Ok(Ok(Ran { status, stderr, .. })) => {
                let said = String::from_utf8_lossy(&stderr);
                Err(failed(FailureKind::Failed, format!("{status}: {}", clip_front(said.trim(), 300))))
            }
        }
    }
}

fn shown(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}

struct Ran {
    status: ExitStatus,
    /// `None` when there was too much.
    output: Option<Vec<u8>>,
    stderr: Vec<u8>,
}

/// A running program and all processes that it started.
struct Group {
    leader: Box<dyn ChildWrapper>,
    /// Whether the leader has not been reaped yet. After that, its number may name another group.
    live: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        // The backstop when a future is dropped.
        self.kill();
    }
}

impl Group {
    async fn run(&mut self, input: &[u8], most: usize) -> io::Result<Ran> {
        let missing = || io::Error::other("a pipe is missing");
        let mut stdin = self.leader.stdin().take().ok_or_else(missing)?; // tidy: allow(terminal) the child's
        let mut stdout = self.leader.stdout().take().ok_or_else(missing)?; // tidy: allow(terminal) the child's
        let mut stderr = self.leader.stderr().take().ok_or_else(missing)?; // tidy: allow(terminal) the child's
        let (mut output, mut complaint) = (Vec::new(), Vec::new());

        let pump = async {
            let feed = async {
                // A program need not read its whole prompt: a closed pipe is not a failure.
                let _ = stdin.write_all(input).await;
                drop(stdin);
                Ok(())
            };
            let answer = async {
                if read_capped(&mut stdout, &mut output, most).await { Ok(()) } else { Err(TooMuch) }
            };
            let complain = async {
                read_tail(&mut stderr, &mut complaint).await;
                Ok(())
            };
            tokio::try_join!(feed, answer, complain).map(|_| ())
        };
        let mut fits = Ok(());
        let status = {
            tokio::pin!(pump);
            let pumped = tokio::select! {
                ended = self.leader.inner_mut().wait() => Err(ended?),
                fits = &mut pump => Ok(fits),
            };
            match pumped {
                Ok(Err(TooMuch)) => {
                    self.kill();
                    fits = Err(TooMuch);
                    self.leader.inner_mut().wait().await?
                }
                Ok(Ok(())) => self.leader.inner_mut().wait().await?,
                Err(status) => {
                    // Processes that it left would keep the pipes open.
                    self.kill();
                    fits = timeout(GRACE, pump).await.unwrap_or(Ok(()));
                    status
                }
            }
        };
        self.kill();
        Ok(Ran { status, output: fits.is_ok().then_some(output), stderr: complaint })
    }

    /// Ends all remaining processes, and reaps the leader.
    async fn end(&mut self) {
        if self.live {
            self.kill();
            let _ = timeout(GRACE, self.leader.inner_mut().wait()).await;
        }
    }

    fn kill(&mut self) {
        if self.live {
            self.live = false;
            // It fails when no process is left.
            let _ = self.leader.start_kill();
        }
    }
}

struct TooMuch;

/// Returns whether the output fits into `most` bytes. Returns early when it does not.
async fn read_capped(from: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>, most: usize) -> bool {
    let mut limited = from.take(most as u64 + 1);
    // An error of the pipe ends the output; the exit status shows whether the output is complete.
    let _ = limited.read_to_end(into).await;
    into.len() <= most
}

async fn read_tail(from: &mut (impl AsyncRead + Unpin), tail: &mut Vec<u8>) {
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        tail.extend_from_slice(&chunk[..count]);
        tail.drain(..tail.len().saturating_sub(STDERR_BYTES));
    }
}
