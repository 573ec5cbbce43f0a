use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::change::{Bounds, FileChange, Form, inspect};
use crate::content::{Reader, Unread};
use crate::path::FilePath;
use crate::status::{Area, Item, New, Scan};
use crate::trace::event;
use crate::{CancelToken, Error, Target, TargetKind};

/// With fewer files than this, the calling thread counts alone.
const MIN_FILES_FOR_THREADS: usize = 16;

/// The cost limits of a measure. Counting stops at the first limit that is reached, and the result is "at least".
///
/// The budget does not limit the search for files that differ, which costs about one `lstat` for each tracked file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MeasureBudget {
    /// The number of files that are read. Default: 500.
    pub files: usize,
    /// Bytes that are read, old and new versions together. A single file above this is skipped, and counting continues.
    /// Default: 8 MiB.
    pub bytes: u64,
    /// Changed lines that are counted, added and removed together. A file with more than twice as many lines to compare is
    /// skipped. Default: 50,000.
    pub lines: u64,
    /// The time for counting. Default: 250 ms.
    pub time: Duration,
}

impl Default for MeasureBudget {
    fn default() -> Self {
        Self { files: 500, bytes: 8 << 20, lines: 50_000, time: Duration::from_millis(250) }
    }
}

impl MeasureBudget {
    /// No limit: every file is read, regardless of its size.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { files: usize::MAX, bytes: u64::MAX, lines: u64::MAX, time: Duration::MAX }
    }

    /// Sets how many files are read; 500 by default.
    #[must_use]
    pub fn files(mut self, files: usize) -> Self {
        self.files = files;
        self
    }

    /// Sets how many bytes are read; 8 MiB by default.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets how many changed lines are counted; 50,000 by default.
    #[must_use]
    pub fn lines(mut self, lines: u64) -> Self {
        self.lines = lines;
        self
    }

    /// Sets how long counting may take; 250 ms by default.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

/// Options for [`measure()`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MeasureOptions {
    /// The cost limits. Default: [`MeasureBudget::default`].
    pub budget: MeasureBudget,
    /// Stops the call from another thread. Default: a token that no caller holds.
    pub cancel: CancelToken,
}

impl MeasureOptions {
    /// The default budget, and no way to stop the call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the cost limits; see [`MeasureBudget`] for the default.
    #[must_use]
    pub fn budget(mut self, budget: MeasureBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets the token that stops the call; by default the call cannot be stopped.
    #[must_use]
    pub fn cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }
}

/// The limit of a [`MeasureBudget`] that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum MeasureLimit {
    /// [`MeasureBudget::files`]
    Files,
    /// [`MeasureBudget::bytes`]
    Bytes,
    /// [`MeasureBudget::lines`]
    Lines,
    /// [`MeasureBudget::time`]
    Time,
}

/// The size of one part of the change, or of the whole change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Counts {
    /// Files that are known to differ.
    pub files: u64,
    /// Lines added in the files that were counted.
    pub insertions: u64,
    /// Lines removed in the files that were counted.
    pub deletions: u64,
    /// Bytes of their patches; for untracked files, of their content.
    pub bytes: u64,
    /// Binary files among them. These have no line counts.
    pub binary: u64,
    /// Files that are not in the line counts because they were not read.
    pub uncounted: u64,
}

impl Counts {
    /// Lines added and removed together.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.insertions.saturating_add(self.deletions)
    }

    fn add(&mut self, change: &FileChange) {
        let counted = change.unread.is_none();
        self.files += u64::from(counted || change.certain);
        self.insertions += change.insertions.unwrap_or(0);
        self.deletions += change.deletions.unwrap_or(0);
        self.bytes += change.patch_bytes.unwrap_or(0);
        self.binary += u64::from(change.form == Form::Binary);
        self.uncounted += u64::from(!counted);
    }
}

/// A place that could not be examined, such as a directory without read permission.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Skipped {
    /// Its path.
    pub path: FilePath,
    /// The reason.
    pub reason: String,
}

/// How big a change is.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Measure {
    /// In the index and not in `HEAD`.
    pub staged: Counts,
    /// In the work tree and not in the index.
    pub unstaged: Counts,
    /// Unknown to the index.
    pub untracked: Counts,
    /// Between two commits: of a branch or of a single commit.
    pub committed: Counts,
    /// All parts together. `files` counts paths: a file that is staged and changed again counts once.
    pub total: Counts,
    /// The limit that ended the count, if any. All numbers are "at least" then.
    pub limit: Option<MeasureLimit>,
    /// Every changed file, by area and path.
    pub files: Vec<FileChange>,
    /// Places that could not be examined.
    pub skipped: Vec<Skipped>,
    #[cfg_attr(feature = "serde", serde(skip))]
    label: String,
}

impl Measure {
    /// Whether the change may be larger than the numbers.
    #[must_use]
    pub fn at_least(&self) -> bool {
        self.limit.is_some() || self.total.uncounted > 0
    }

    /// Returns the measure in one line: `working tree: 3 staged, 1 untracked, +120 −14`.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        let areas = [
            (&self.staged, "staged"),
            (&self.unstaged, "unstaged"),
            (&self.untracked, "untracked"),
            (&self.committed, if self.committed.files == 1 { "file" } else { "files" }),
        ];
        for (counts, name) in areas {
            if counts.files > 0 {
                parts.push(format!("{} {name}", counts.files));
            }
        }
        let at_least = if self.at_least() { "at least " } else { "" };
        parts.push(format!("{at_least}+{} \u{2212}{}", self.total.insertions, self.total.deletions));
        format!("{}: {}", self.label, parts.join(", "))
    }
}

/// Measures how big the change is, within the budget of `options`.
///
/// With an unlimited budget the line counts are equal to `git diff --no-renames --numstat` with git's default diff
/// algorithm. Textconv filters and external diff programs are not used.
///
/// # Errors
/// [`Cancelled`](crate::ErrorKind::Cancelled) soon after the token of `options` is set, [`Corrupt`](crate::ErrorKind::Corrupt) for
/// damaged objects, [`Io`](crate::ErrorKind::Io) when the work tree cannot be opened. Single files that
/// cannot be read are not errors: they are listed with the reason.
pub fn measure(target: &Target, options: &MeasureOptions) -> Result<Measure, Error> {
    let MeasureOptions { budget, cancel } = options;
    cancel.check()?;
    let scan = target.scan(&target.repository.to_thread_local(), cancel)?;
    measure_scan(target, &scan, budget, cancel)
}

pub(crate) fn measure_scan(
    target: &Target,
    scan: &Scan,
    budget: &MeasureBudget,
    cancel: &CancelToken,
) -> Result<Measure, Error> {
    let count = Count::new(target, scan, budget, cancel);
    let files = count.run()?;
    let limit = count.limit.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let measure = tally(target, scan, files, limit);
    event!(DEBUG, files = measure.total.files, lines = measure.total.lines(), limit = ?measure.limit, "change measured");
    Ok(measure)
}

pub(crate) fn tally(
    target: &Target,
    scan: &Scan,
    files: Vec<FileChange>,
    limit: Option<MeasureLimit>,
) -> Measure {
    let label = match &target.kind {
        TargetKind::WorkingTree => "working tree".to_owned(),
        TargetKind::Branch { base_ref, .. } => format!("branch against {base_ref}"),
        TargetKind::Commit { .. } => target.label(),
    };
    let skipped = scan
        .problems
        .iter()
        .map(|problem| Skipped { path: FilePath(problem.path.clone()), reason: problem.reason.clone() });
    let mut measure = Measure {
        staged: Counts::default(),
        unstaged: Counts::default(),
        untracked: Counts::default(),
        committed: Counts::default(),
        total: Counts::default(),
        limit,
        files,
        skipped: skipped.collect(),
        label,
    };
    let mut paths = BTreeSet::new();
    for change in &measure.files {
        let area = match change.area {
            Area::Staged => &mut measure.staged,
            Area::Unstaged => &mut measure.unstaged,
            Area::Untracked => &mut measure.untracked,
            Area::Committed => &mut measure.committed,
        };
        area.add(change);
        measure.total.add(change);
        if change.unread.is_none() || change.certain {
            paths.insert(&change.path);
        }
    }
    measure.total.files = paths.len() as u64;
    measure
}

/// A running count, shared by all its threads.
struct Count<'a> {
    target: &'a Target,
    scan: &'a Scan,
    budget: &'a MeasureBudget,
    cancel: &'a CancelToken,
    started: Instant,
    next: AtomicUsize,
    /// The number of files that a thread takes at a time. Neighbouring files are often stored as deltas of one another.
    portion: usize,
    cores: usize,
    files: AtomicUsize,
    bytes: AtomicU64,
    lines: AtomicU64,
    stopped: AtomicBool,
    limit: Mutex<Option<MeasureLimit>>,
}

impl<'a> Count<'a> {
    fn new(target: &'a Target, scan: &'a Scan, budget: &'a MeasureBudget, cancel: &'a CancelToken) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        Self {
            target,
            scan,
            budget,
            cancel,
            started: Instant::now(),
            next: AtomicUsize::new(0),
            portion: (scan.items.len() / (4 * cores)).clamp(1, 32),
            cores,
            files: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            limit: Mutex::new(None),
        }
    }

    fn run(&self) -> Result<Vec<FileChange>, Error> {
        let extra_threads = if self.scan.items.len() < MIN_FILES_FOR_THREADS { 0 } else { self.cores - 1 };
        let mut found = std::thread::scope(|scope| {
            let started: Vec<_> = (0..extra_threads).map(|_| scope.spawn(|| self.work())).collect();
            let mut found = self.work();
            for helper in started {
                let more = helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                found = found.and_then(|mut found| {
                    found.extend(more?);
                    Ok(found)
                });
            }
            found
        })?;
        self.cancel.check()?;
        found.sort_unstable_by_key(|(at, _)| *at);
        Ok(found.into_iter().map(|(_, change)| change).collect())
    }

    fn work(&self) -> Result<Vec<(usize, FileChange)>, Error> {
        let mut reader = None;
        let mut found = Vec::new();
        let mut taken = 0..0;
        loop {
            let at = match taken.next() {
                Some(at) => at,
                None => {
                    let start = self.next.fetch_add(self.portion, Ordering::Relaxed);
                    taken = start + 1..start + self.portion;
                    start
                }
            };
            let Some(item) = self.scan.items.get(at) else { return Ok(found) };
            if self.cancel.is_cancelled() {
                self.stopped.store(true, Ordering::Relaxed);
                return Ok(found);
            }
            let counted = match self.may_count() {
                false => Some(stopped(item)),
                true => {
                    let reader = match &mut reader {
                        Some(reader) => reader,
                        none => none.insert(Reader::new(self.target, self.scan.index.as_ref(), self.cancel)?),
                    };
                    let counted = self.count(reader, item);
                    if counted.is_err() {
                        self.stopped.store(true, Ordering::Relaxed);
                    }
                    counted?
                }
            };
            found.extend(counted.map(|change| (at, change)));
        }
    }

    /// The bounds of one file. A changed line is in both versions, so twice the lines of the budget are compared.
    fn bounds(&self) -> Bounds {
        Bounds { bytes: self.budget.bytes, lines: self.budget.lines.saturating_mul(2) }
    }

    fn may_count(&self) -> bool {
        if self.stopped.load(Ordering::Relaxed) {
            return false;
        }
        if self.files.fetch_add(1, Ordering::Relaxed) >= self.budget.files {
            return self.stop(MeasureLimit::Files);
        }
        if self.lines.load(Ordering::Relaxed) > self.budget.lines {
            return self.stop(MeasureLimit::Lines);
        }
        if self.started.elapsed() > self.budget.time {
            return self.stop(MeasureLimit::Time);
        }
        true
    }

    fn stop(&self, limit: MeasureLimit) -> bool {
        self.stopped.store(true, Ordering::Relaxed);
        self.limit.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(limit);
        false
    }

    fn count(&self, reader: &mut Reader<'_>, item: &Item) -> Result<Option<FileChange>, Error> {
        if self.budget.bytes != u64::MAX {
            let size = sizes(reader, item)?;
            if size > self.budget.bytes {
                return FileChange::not_counted(reader, item, &Unread::TooLarge(size)).map(Some);
            }
            if self.bytes.fetch_add(size, Ordering::Relaxed).saturating_add(size) > self.budget.bytes {
                self.stop(MeasureLimit::Bytes);
                return Ok(Some(stopped(item)));
            }
        }
        let Some(inspected) = inspect(reader, item, self.bounds(), false)? else { return Ok(None) };
        let change = inspected.change;
        let lines = change.insertions.unwrap_or(0) + change.deletions.unwrap_or(0);
        self.lines.fetch_add(lines, Ordering::Relaxed);
        Ok(Some(change))
    }
}

fn stopped(item: &Item) -> FileChange {
    let mut change = FileChange::listed(item);
    change.unread = Some("not counted: the measure reached its budget".to_owned());
    change
}

/// Returns the bytes of both versions together, without reading them.
fn sizes(reader: &Reader<'_>, item: &Item) -> Result<u64, Error> {
    let stored = |stored| reader.size(stored).map(|size| size.unwrap_or(0));
    let old = item.old.map(stored).transpose()?.unwrap_or(0);
    let new = match &item.new {
        Some(New::Stored(new)) => stored(*new)?,
        Some(New::File { stat: Some(stat), .. }) => stat.size,
        Some(New::File { stat: None, .. }) => reader.stat(item.path.as_ref()).map_or(0, |stat| stat.size),
        Some(New::Submodule(_) | New::Nested | New::Special) | None => 0,
    };
    Ok(old.saturating_add(new))
}
