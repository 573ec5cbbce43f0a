use std::collections::{BTreeSet, HashMap};

use crate::change::{Bounds, FileChange, Form, inspect};
use crate::content::Reader;
use crate::fence;
use crate::manifest::{Inclusion, Manifest, ManifestEntry};
use crate::measure::{Measure, MeasureBudget, measure_scan, tally};
use crate::render::{self, Document};
use crate::status::{Area, ChangeKind, Item, New, Scan};
use crate::trace::event;
use crate::{CancelToken, Error, FilePath, Target};

/// The largest number of possibly changed files that are compared. With more, the change counts as large.
const MAX_UNCERTAIN: usize = 2_000;
/// Files with more bytes, or more lines to compare, than this never become a patch.
const PATCHED: Bounds = Bounds { bytes: 16 << 20, lines: 100_000 };

/// The limits of a context.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CollectOptions {
    /// The largest number of changed files for which the patches are in the context. Default: 2.
    pub inline_files: usize,
    /// The largest size in bytes of patches and untracked files together for which they are in the context. Default: 256 KiB.
    pub inline_bytes: u64,
    /// The largest untracked file that is included, in bytes. Default: 24 KiB.
    pub untracked_file_bytes: u64,
    /// The largest size of all included untracked files together, in bytes. Default: 256 KiB.
    pub untracked_bytes: u64,
    /// The largest size of the text, in characters. Default: 900,000; smaller values than 50,000 count as 50,000.
    pub max_chars: usize,
    /// The cost limit for counting when the patches are not in the context.
    pub budget: MeasureBudget,
    /// Stops the call from another thread. Default: a token that no caller holds.
    pub cancel: CancelToken,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self {
            inline_files: 2,
            inline_bytes: 256 << 10,
            untracked_file_bytes: 24 << 10,
            untracked_bytes: 256 << 10,
            max_chars: 900_000,
            budget: MeasureBudget::default(),
            cancel: CancelToken::new(),
        }
    }
}

impl CollectOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the largest number of changed files for which the patches are in the context; 2 by default.
    #[must_use]
    pub fn inline_files(mut self, files: usize) -> Self {
        self.inline_files = files;
        self
    }

    /// Sets the largest size of patches and untracked files for which they are in the context; 256 KiB by default.
    #[must_use]
    pub fn inline_bytes(mut self, bytes: u64) -> Self {
        self.inline_bytes = bytes;
        self
    }

    /// Sets the largest untracked file that is included; 24 KiB by default.
    #[must_use]
    pub fn untracked_file_bytes(mut self, bytes: u64) -> Self {
        self.untracked_file_bytes = bytes;
        self
    }

    /// Sets the largest size of all included untracked files together; 256 KiB by default.
    #[must_use]
    pub fn untracked_bytes(mut self, bytes: u64) -> Self {
        self.untracked_bytes = bytes;
        self
    }

    /// Sets the largest size of the text in characters; 900,000 by default.
    #[must_use]
    pub fn max_chars(mut self, chars: usize) -> Self {
        self.max_chars = chars;
        self
    }

    /// Sets the cost limit for counting; see [`MeasureBudget`] for the default.
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

/// Whether the context has the change itself or the commands that show it. Exhaustive on purpose: there is no third way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
pub enum InputMode {
    /// The patches are in the text.
    InlineDiff,
    /// The text has an overview, and the commands that show the rest.
    SelfCollect,
}

impl InputMode {
    /// `inline-diff` or `self-collect`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InlineDiff => "inline-diff",
            Self::SelfCollect => "self-collect",
        }
    }
}

/// The text to send to a reviewer, and what is in it.
///
/// With the feature `serde` it is serialised as `{repoRoot, branch, summary, inputMode, fileCount, diffBytes, atLeast,
/// manifest}`, without the text.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct ReviewContext {
    /// The top of the work tree; bytes that are not UTF-8 are replaced.
    pub repo_root: String,
    /// The branch that is checked out; `None` when `HEAD` is detached.
    pub branch: Option<String>,
    /// The change in one line, as [`Measure::summary`] writes it.
    pub summary: String,
    /// Whether the text has the patches.
    pub input_mode: InputMode,
    /// The number of changed paths.
    pub file_count: u64,
    /// Bytes of patches and untracked files.
    pub diff_bytes: u64,
    /// Whether the change may be larger than the numbers say.
    pub at_least: bool,
    /// Every changed file, and how much of it is in the text.
    pub manifest: Manifest,
    /// The text itself, in the format that `docs/review-context-format.md` specifies.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub text: String,
    /// The measure that the numbers come from.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub measure: Measure,
}

/// Collects the text for a reviewer: the patches of a small change, or an overview of a large one and the commands that
/// show the rest. Small untracked text files are included in both cases.
///
/// Only regular files inside the work tree are read. Links are described and never followed, ignored files are never
/// read, and the manifest lists what is left out with the reason.
///
/// # Errors
/// As for [`measure`](crate::measure()).
pub fn collect(target: &Target, options: &CollectOptions) -> Result<ReviewContext, Error> {
    let cancel = &options.cancel;
    cancel.check()?;
    let repo = target.repository.to_thread_local();
    let scan = target.scan(&repo, cancel)?;
    let mut reader = Reader::new(target, scan.index.as_ref(), cancel)?;
    // Right after a checkout, the index cannot show whether a file changed: such files count after a comparison.
    let certain: BTreeSet<_> = scan.items.iter().filter(|item| item.certain).map(|item| &item.path).collect();
    let uncertain = scan.items.iter().filter(|item| !item.certain).count();
    let inline = if certain.len() <= options.inline_files && uncertain <= MAX_UNCERTAIN {
        Inline::gather(&mut reader, &scan, options, cancel)?
    } else {
        None
    };
    let collected = match inline {
        Some(inline) => inline.finish(target, &scan),
        None => overview(target, &scan, &mut reader, options, cancel)?,
    };
    let log = render::log(target, &repo)?;
    let Collected { measure, entries, patches, untracked, input_mode } = collected;
    let mut manifest = Manifest { files: entries, skipped: measure.skipped.clone() };
    let document = Document {
        target,
        measure: &measure,
        input_mode,
        patches,
        untracked,
        log,
        max_chars: options.max_chars,
    };
    let text = document.write(&mut manifest);
    #[cfg(feature = "tracing")]
    for entry in manifest.left_out() {
        event!(DEBUG, path = %entry.file.path, reason = entry.reason.as_deref(), "file left out");
    }
    event!(DEBUG, input = input_mode.as_str(), chars = text.len(), "context collected");
    Ok(ReviewContext {
        repo_root: target.root.to_string_lossy().into_owned(),
        branch: target.branch.clone(),
        summary: measure.summary(),
        input_mode,
        file_count: measure.total.files,
        diff_bytes: measure.total.bytes,
        at_least: measure.at_least(),
        manifest,
        text,
        measure,
    })
}

struct Collected {
    measure: Measure,
    entries: Vec<ManifestEntry>,
    /// Headings and patches.
    patches: Vec<(&'static str, String)>,
    /// Positions in `entries`, and the content.
    untracked: Vec<(usize, String)>,
    input_mode: InputMode,
}

/// The content of an inline context.
struct Inline {
    changes: Vec<FileChange>,
    texts: Vec<Option<String>>,
    entries: Vec<ManifestEntry>,
}

impl Inline {
    /// Returns `None` when the change exceeds the limits of an inline context.
    fn gather(
        reader: &mut Reader<'_>,
        scan: &Scan,
        options: &CollectOptions,
        cancel: &CancelToken,
    ) -> Result<Option<Self>, Error> {
        let allowed = options.inline_bytes.min(render::content_chars(options.max_chars) as u64);
        let mut inline = Self { changes: Vec::new(), texts: Vec::new(), entries: Vec::new() };
        let mut paths = BTreeSet::new();
        let mut bytes = 0;
        let mut untracked = 0;
        for item in &scan.items {
            cancel.check()?;
            let Some(inspected) = inspect(reader, item, PATCHED, true)? else { continue };
            paths.insert(&item.path);
            if paths.len() > options.inline_files {
                return Ok(None);
            }
            if inspected.too_large && item.area != Area::Untracked {
                return Ok(None);
            }
            let change = inspected.change;
            let text = inspected.text.map(String::from_utf8);
            let reason = match &text {
                Some(Err(_)) => Some(NOT_UTF8.to_owned()),
                Some(Ok(text)) if !fence::fits(text) => Some(UNFENCED.to_owned()),
                Some(Ok(text)) if item.area == Area::Untracked => {
                    let size = text.len() as u64;
                    untracked += size;
                    if size > options.untracked_file_bytes {
                        Some(too_large_untracked(options))
                    } else {
                        (untracked > options.untracked_bytes).then(|| used_up(options))
                    }
                }
                Some(Ok(_)) => generated(&change),
                None => None,
            };
            let text = text.and_then(Result::ok).filter(|_| reason.is_none());
            bytes += text.as_ref().map_or(0, |text| text.len() as u64);
            if bytes > allowed {
                return Ok(None);
            }
            inline.entries.push(entry(item, change.clone(), text.is_some(), reason));
            inline.changes.push(change);
            inline.texts.push(text);
        }
        Ok(Some(inline))
    }

    fn finish(self, target: &Target, scan: &Scan) -> Collected {
        let Self { changes, texts, mut entries } = self;
        note_renames(scan, &mut entries);
        let mut patches: Vec<(&'static str, String)> = Vec::new();
        let mut untracked = Vec::new();
        for (at, text) in texts.into_iter().enumerate() {
            let Some(text) = text else { continue };
            let file = &entries[at].file;
            let heading = match file.area {
                Area::Untracked => {
                    untracked.push((at, text));
                    continue;
                }
                Area::Unstaged if file.change == ChangeKind::Conflicted => {
                    "Conflicts, compared with our side"
                }
                Area::Staged => "Staged changes",
                Area::Unstaged => "Unstaged changes",
                Area::Committed => "Changes",
            };
            match patches.iter_mut().find(|(other, _)| *other == heading) {
                Some((_, patch)) => patch.push_str(&text),
                None => patches.push((heading, text)),
            }
        }
        let measure = tally(target, scan, changes, None);
        Collected { measure, entries, patches, untracked, input_mode: InputMode::InlineDiff }
    }
}

fn overview(
    target: &Target,
    scan: &Scan,
    reader: &mut Reader<'_>,
    options: &CollectOptions,
    cancel: &CancelToken,
) -> Result<Collected, Error> {
    let measure = measure_scan(target, scan, &options.budget, cancel)?;
    let items: HashMap<(Area, &[u8]), &Item> =
        scan.items.iter().map(|item| ((item.area, item.path.as_slice()), item)).collect();
    let mut entries = Vec::with_capacity(measure.files.len());
    let mut untracked = Vec::new();
    let mut left = Some(options.untracked_bytes.min(render::content_chars(options.max_chars) as u64));
    for change in &measure.files {
        cancel.check()?;
        let item = items[&(change.area, change.path.as_bytes())];
        if change.area != Area::Untracked {
            let reason = change.unread.clone().unwrap_or_else(|| NOT_INLINE.to_owned());
            entries.push(entry(item, change.clone(), false, Some(reason)));
            continue;
        }
        let mut change = change.clone();
        if change.size.is_none() && matches!(item.new, Some(New::File { .. })) {
            change.size = reader.stat(item.path.as_ref()).ok().map(|stat| stat.size);
        }
        let (inspected, text, reason) = untracked_text(reader, item, &change, options, &mut left)?;
        // Prefer the full inspection where the measure ran out of budget.
        let change = inspected.filter(|_| change.unread.is_some()).unwrap_or(change);
        entries.push(entry(item, change, text.is_some(), reason));
        untracked.extend(text.map(|text| (entries.len() - 1, text)));
    }
    note_renames(scan, &mut entries);
    Ok(Collected { measure, entries, patches: Vec::new(), untracked, input_mode: InputMode::SelfCollect })
}

/// The facts about an untracked file, its content if it may be included, and the reason if not.
type Untracked = (Option<FileChange>, Option<String>, Option<String>);

/// `left` is the size that may still be included. It becomes `None` at the first file that does not fit, so that the
/// included files do not depend on the sizes of later ones.
fn untracked_text(
    reader: &mut Reader<'_>,
    item: &Item,
    change: &FileChange,
    options: &CollectOptions,
    left: &mut Option<u64>,
) -> Result<Untracked, Error> {
    let size = change.size.unwrap_or(0);
    if size > options.untracked_file_bytes {
        return Ok((None, None, Some(too_large_untracked(options))));
    }
    let Some(remaining) = left.filter(|remaining| size <= *remaining) else {
        *left = None;
        return Ok((None, None, Some(used_up(options))));
    };
    let bounds = Bounds { bytes: options.untracked_file_bytes, lines: u64::MAX };
    let Some(inspected) = inspect(reader, item, bounds, true)? else {
        return Ok((None, None, None));
    };
    let reason = match inspected.text.map(String::from_utf8) {
        Some(Ok(text)) if fence::fits(&text) => {
            *left = remaining.checked_sub(text.len() as u64);
            return Ok((Some(inspected.change), Some(text), None));
        }
        Some(Ok(_)) => UNFENCED.to_owned(),
        Some(Err(_)) => NOT_UTF8.to_owned(),
        None => inspected.change.unread.clone().unwrap_or_else(|| "binary".to_owned()),
    };
    Ok((Some(inspected.change), None, Some(reason)))
}

const NOT_UTF8: &str = "not UTF-8; a patch with replaced characters would be wrong";
const UNFENCED: &str = "too many backticks in a row to be fenced";
pub(crate) const NOT_INLINE: &str = "the change is too large to be shown in full";

fn used_up(options: &CollectOptions) -> String {
    format!("the {} KiB for untracked files are used up", options.untracked_bytes >> 10)
}

fn too_large_untracked(options: &CollectOptions) -> String {
    format!("untracked and larger than {} KiB", options.untracked_file_bytes >> 10)
}

fn generated(change: &FileChange) -> Option<String> {
    change.generated.then(|| "marked as linguist-generated".to_owned())
}

fn entry(item: &Item, file: FileChange, included: bool, reason: Option<String>) -> ManifestEntry {
    let reason = reason.or_else(|| match file.form {
        _ if included => None,
        Form::Binary => Some("binary".to_owned()),
        _ => file.unread.clone(),
    });
    let inclusion = if included {
        Inclusion::Included
    } else if item.area == Area::Untracked && !matches!(file.form, Form::Link | Form::Repository) {
        Inclusion::Omitted
    } else {
        Inclusion::Summarised
    };
    ManifestEntry { file, renamed_from: None, inclusion, reason }
}

/// Notes the old path of each added file whose content equals that of a deleted file.
fn note_renames(scan: &Scan, entries: &mut [ManifestEntry]) {
    let mut deleted: HashMap<(Area, gix::ObjectId), Vec<&Item>> = HashMap::new();
    for item in scan.items.iter().rev().filter(|item| item.change == ChangeKind::Deleted) {
        if let Some(old) = item.old {
            deleted.entry((item.area, old.id)).or_default().push(item);
        }
    }
    if deleted.is_empty() {
        return;
    }
    let added: HashMap<(Area, &[u8]), gix::ObjectId> = scan
        .items
        .iter()
        .filter(|item| item.change == ChangeKind::Added)
        .filter_map(|item| match &item.new {
            Some(New::Stored(new)) if !new.id.is_empty_blob() => {
                Some(((item.area, item.path.as_slice()), new.id))
            }
            _ => None,
        })
        .collect();
    for entry in entries {
        let Some(id) = added.get(&(entry.file.area, entry.file.path.as_bytes())) else { continue };
        let from = deleted.get_mut(&(entry.file.area, *id)).and_then(Vec::pop);
        entry.renamed_from = from.map(|item| FilePath(item.path.clone()));
    }
}
