use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::LogLine;
use super::read::Lines;
use crate::store::Store;
use crate::watch::Watch;
use crate::{Error, Job, JobId, Result};
use codex_base::files::is_same_file;

/// Where following begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FollowFrom {
    /// At the oldest line that is still there.
    Start,
    /// Up to this many bytes before the present end of the log, at the beginning of a line.
    Last(u64),
    /// At the present end.
    End,
}

/// What following a log has brought.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Followed {
    /// The next line.
    Line(LogLine),
    /// The log was rotated faster than it was read: lines are missing here.
    Lost,
    /// The job has ended, as recorded here, and the log has no more lines.
    Finished(Box<Job>),
    /// Nothing came in the time given; it can be tried again.
    TimedOut,
}

/// Follows the log of a job to the job's end. A worker that dies ends the job as well.
///
/// Waits for the operating system to say that something has changed (inotify) where it can, and looks again a
/// few times a second where it cannot.
#[derive(Debug)]
pub struct Follow {
    store: Store,
    id: JobId,
    path: PathBuf,
    old_path: PathBuf,
    watch: Watch,
    lines: Option<Lines>,
    /// Set once the job has ended: one more look at the log, and that is all.
    ended: Option<Box<Job>>,
    waiting: VecDeque<Followed>,
}

/// How often the job itself is looked at when nothing is heard: a worker that dies need not be heard.
const LOOK: Duration = Duration::from_secs(1);

impl Store {
    /// Begins to follow the log of a job.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub fn follow(&self, id: &JobId, from: FollowFrom) -> Result<Follow> {
        // The watch is there before anything is read, so that nothing happens unseen between the two.
        let watch = Watch::new(&self.layout().jobs);
        self.job(id)?;
        let mut follow = Follow {
            store: self.clone(),
            id: id.clone(),
            path: self.log_path(id),
            old_path: self.layout().old_log(id),
            watch,
            lines: None,
            ended: None,
            waiting: VecDeque::new(),
        };
        let opened = match from {
            FollowFrom::Start => {
                let old = open(&follow.old_path)?;
                if old.is_some() { old } else { open(&follow.path)? }
            }
            FollowFrom::Last(_) | FollowFrom::End => open(&follow.path)?,
        };
        if let Some(file) = opened {
            let length = file.metadata().map_err(|error| Error::io("look at", &follow.path, error))?.len();
            let mut lines = Lines::new(file);
            let offset = match from {
                FollowFrom::Start => 0,
                FollowFrom::Last(bytes) => length.saturating_sub(bytes),
                FollowFrom::End => length,
            };
            lines.skip_to(offset).map_err(|error| Error::io("read", &follow.path, error))?;
            follow.lines = Some(lines);
        }
        Ok(follow)
    }

    /// Waits until all these jobs have ended, or the time is over, and returns them as they are then. A worker
    /// that dies ends its job. Follows changes as [`Follow`] does.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub fn wait(&self, ids: &[JobId], timeout: Duration) -> Result<Vec<Job>> {
        let deadline = Instant::now().checked_add(timeout);
        let mut watch = Watch::new(&self.layout().jobs);
        loop {
            let jobs = ids.iter().map(|id| self.job(id)).collect::<Result<Vec<Job>>>()?;
            let left = remaining(deadline);
            if left.is_zero() || !jobs.iter().any(Job::is_active) {
                return Ok(jobs);
            }
            watch.wait(left.min(LOOK));
        }
    }
}

impl Follow {
    /// The next that there is to tell, waiting at most this long.
    ///
    /// # Errors
    /// As [`Store::job`], and what the filesystem says when the log is read.
    pub fn next(&mut self, timeout: Duration) -> Result<Followed> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(told) = self.waiting.pop_front() {
                return Ok(told);
            }
            if let Some(line) = self.read().map_err(|error| Error::io("read", &self.path, error))? {
                return Ok(Followed::Line(line));
            }
            if !self.waiting.is_empty() {
                continue;
            }
            if let Some(job) = &self.ended {
                return Ok(Followed::Finished(job.clone()));
            }
            let job = self.store.job(&self.id)?;
            if !job.is_active() {
                self.ended = Some(Box::new(job));
                continue;
            }
            let left = remaining(deadline);
            if left.is_zero() {
                return Ok(Followed::TimedOut);
            }
            self.watch.wait(left.min(LOOK));
        }
    }

    /// The next line, going on to the next file when the log has been rotated.
    fn read(&mut self) -> io::Result<Option<LogLine>> {
        loop {
            let Some(lines) = &mut self.lines else {
                self.lines = open_plain(&self.path)?.map(Lines::new);
                if self.lines.is_none() {
                    return Ok(None);
                }
                continue;
            };
            if let Some(line) = lines.next()? {
                return Ok(Some(line));
            }
            let ours = lines.file().metadata()?;
            let current = match fs::metadata(&self.path) {
                Ok(metadata) => metadata,
                // Between two files, or removed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            if !replaced(&ours, &current) {
                return Ok(None);
            }
            // It was rotated after the last line was read and before we looked: there may be more in it.
            if let Some(line) = lines.next()? {
                return Ok(Some(line));
            }
            let next_is_current = fs::metadata(&self.old_path).is_ok_and(|old| is_same_file(&ours, &old));
            let next = if next_is_current {
                open_plain(&self.path)?
            } else {
                self.waiting.push_back(Followed::Lost);
                open_plain(&self.old_path)?
            };
            self.lines = next.map(Lines::new);
            if !next_is_current {
                return Ok(None);
            }
        }
    }
}

/// Whether the file that has the path now is another one than ours was a moment before.
fn replaced(ours: &fs::Metadata, current: &fs::Metadata) -> bool {
    // Where files have no numbers: they only grow, so a shorter one is another one.
    if cfg!(unix) { !is_same_file(ours, current) } else { current.len() < ours.len() }
}

fn remaining(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
}

fn open_plain(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn open(path: &Path) -> Result<Option<File>> {
    open_plain(path).map_err(|error| Error::io("open", path, error))
}
