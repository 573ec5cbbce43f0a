use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::change::{Bounds, FileChange, Form, look};
use crate::content::{Reader, Unread};
use crate::path::FilePath;
use crate::status::{Area, Item, New, Scan};
use crate::{CancelToken, Error, Target, TargetKind};

/// Fewer files than this are counted by the calling thread alone.
const FILES_WORTH_A_THREAD: usize = 16;

/// How much a measure may cost. At the first limit that is reached it stops counting and says "at least".
///
/// Finding out which files differ is not under the budget: it costs what `lstat` on every tracked file costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MeasureBudget {
    /// Files that are read. Default: 500.
    pub files: usize,
    /// Bytes that are read, old and new versions together. A file that alone is larger is passed over, and the
    /// count goes on. Default: 8 MiB.
    pub bytes: u64,
    /// Lines counted, added and removed together. A file that has more than twice as many lines to compare is passed
    /// over. Default: 50,000.
    pub lines: u64,
    /// Time spent on counting. Default: 250 ms.
    pub time: Duration,
}

impl Default for MeasureBudget {
    fn default() -> Self {
        Self { files: 500, bytes: 8 << 20, lines: 50_000, time: Duration::from_millis(250) }
    }
}

impl MeasureBudget {
    /// No limit: every file is read, whatever its size.
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

/// How to measure a change. The default has the default [`MeasureBudget`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MeasureOptions {
    /// What counting may cost. Default: [`MeasureBudget::default`].
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

    /// Sets what counting may cost; see [`MeasureBudget`] for the default.
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

/// The part of a budget that was used up.
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

/// Sizes of one part of the change, or of all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Counts {
    /// Files that differ for certain.
    pub files: u64,
    /// Lines added in those that were counted.
    pub insertions: u64,
    /// Lines removed in those that were counted.
    pub deletions: u64,
    /// Bytes of their patches; of untracked files, of their content.
    pub bytes: u64,
    /// Binary files among them. They have no lines.
    pub binary: u64,
    /// Files whose lines are not in these numbers, because they were not read.
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

/// Something that could not be looked at, such as a folder without permission.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Skipped {
    /// Where it is.
    pub path: FilePath,
    /// Why it was not looked at.
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
    /// Everything, with `files` being different paths: one that is staged and changed again counts once.
    pub total: Counts,
    /// The limit that ended the count, and therefore makes all numbers "at least".
    pub limit: Option<MeasureLimit>,
    /// Every changed file, by area and path.
    pub files: Vec<FileChange>,
    /// What could not be looked at.
    pub skipped: Vec<Skipped>,
    #[cfg_attr(feature = "serde", serde(skip))]
    label: String,
}

impl Measure {
    /// Whether the change may be larger than the numbers say.
    #[must_use]
    pub fn at_least(&self) -> bool {
        self.limit.is_some() || self.total.uncounted > 0
    }

    /// The measure in one line: `working tree: 3 staged, 1 untracked, +120 −14`.
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
/// Without a budget the lines are those of `git diff --no-renames --numstat`, where no configuration chooses another
/// algorithm. Textconv and external diff programs have no part in it.
///
/// # Errors
/// [`Cancelled`](crate::ErrorKind::Cancelled) soon after the token of `options` is set, [`Corrupt`](crate::ErrorKind::Corrupt) for
/// damaged objects, [`Io`](crate::ErrorKind::Io) when the work tree itself cannot be entered. Single files that
/// cannot be read are no errors: they are listed with the reason.
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
    Ok(tally(target, scan, files, limit))
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

/// A count under way, on one thread or several.
struct Count<'a> {
    target: &'a Target,
    scan: &'a Scan,
    budget: &'a MeasureBudget,
    cancel: &'a CancelToken,
    started: Instant,
    next: AtomicUsize,
    /// Files that a thread takes at a time. Neighbours are often stored as differences from one another.
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
        let helpers = if self.scan.items.len() < FILES_WORTH_A_THREAD { 0 } else { self.cores - 1 };
        let mut found = std::thread::scope(|scope| {
            let started: Vec<_> = (0..helpers).map(|_| scope.spawn(|| self.work())).collect();
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

    /// Twice the lines of the budget, for a change of them has them twice: as they were and as they are.
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
        let Some(looked) = look(reader, item, self.bounds(), false)? else { return Ok(None) };
        let change = looked.change;
        let lines = change.insertions.unwrap_or(0) + change.deletions.unwrap_or(0);
        self.lines.fetch_add(lines, Ordering::Relaxed);
        Ok(Some(change))
    }
}

fn stopped(item: &Item) -> FileChange {
    let mut change = FileChange::listed(item);
    change.unread = Some("not counted: the measure had reached its budget".to_owned());
    change
}

/// Bytes of both versions, found without reading them.
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
