//! Writes the text of a context, in the format of `docs/review-context-format.md`.

use std::fmt::Write as _;

use gix::bstr::ByteSlice as _;

use crate::change::Form;
use crate::collect::{InputMode, NOT_INLINE};
use crate::fence;
use crate::manifest::{Inclusion, Manifest, ManifestEntry};
use crate::measure::Measure;
use crate::path::quoted;
use crate::status::Area;
use crate::{CommitId, Error, Target, TargetKind};

/// The largest number of commits in the log of a branch.
const LOGGED: usize = 50;
/// The largest number of characters of a commit message.
const MESSAGE_CHARS: usize = 4000;
/// The flags disable a pager or an external diff program in the reviewer's git configuration.
const DIFF: &str = "git --no-pager diff --no-ext-diff";
/// The smallest limit that has room for every part.
pub(crate) const LEAST_CHARS: usize = 50_000;

/// The share of `max_chars` for patches and contents; the rest is for lists and headings.
pub(crate) fn content_chars(max_chars: usize) -> usize {
    max_chars.max(LEAST_CHARS) / 10 * 7
}

pub(crate) struct Document<'a> {
    pub(crate) target: &'a Target,
    pub(crate) measure: &'a Measure,
    pub(crate) input_mode: InputMode,
    /// Headings and their patches.
    pub(crate) patches: Vec<(&'static str, String)>,
    pub(crate) untracked: Vec<(usize, String)>,
    pub(crate) log: Option<Log>,
    pub(crate) max_chars: usize,
}

impl Document<'_> {
    /// Writes the text. Files beyond the limit of the list of changed files become omitted in the manifest.
    pub(crate) fn write(self, manifest: &mut Manifest) -> String {
        let max = self.max_chars.max(LEAST_CHARS);
        let content = content_chars(max);
        let mut text = String::new();
        self.head(&mut text, max);
        self.files(&mut text, manifest, max / 12);
        let mut left = content;
        for (heading, patch) in &self.patches {
            left = left.saturating_sub(patch.chars().count());
            _ = write!(
                text,
                "
## {heading}

"
            );
            fence::push(&mut text, "diff", patch);
        }
        self.contents(&mut text, manifest, left);
        left_out(&mut text, manifest, max / 25);
        if let Some(log) = &self.log {
            log.write(&mut text, max / 25);
        }
        self.rest(&mut text);
        debug_assert!(text.chars().count() <= max, "every part has a share of the limit");
        text
    }

    fn head(&self, text: &mut String, max: usize) {
        let root = self.target.root.to_string_lossy();
        let name = |name: &str| cut(&quoted("", name.as_bytes()), max / 100).into_owned();
        let branch = self.target.branch.as_deref().map_or_else(|| "none (detached HEAD)".to_owned(), name);
        let label = name(&self.target.label());
        let head = self.target.head.map_or_else(|| "none yet".to_owned(), |head| head.to_string());
        let (root, summary) = (name(&root), name(&self.measure.summary()));
        let mode = self.input_mode.as_str();
        text.push_str("# Review context (format 1)\n\n");
        _ = writeln!(text, "Target: {label}\nRepository: {root}\nBranch: {branch}\nHEAD: {head}");
        if let TargetKind::Branch { base_ref, base_commit, merge_base } = &self.target.kind {
            _ = writeln!(text, "Base: {} ({base_commit})\nMerge base: {merge_base}", name(base_ref));
        }
        _ = writeln!(text, "Change: {summary}\nInput: {mode}");
    }

    fn files(&self, text: &mut String, manifest: &mut Manifest, max: usize) {
        text.push_str("\n## Changed files\n\n");
        let mut list = String::new();
        let mut chars = 0;
        let mut listed = 0;
        for entry in &manifest.files {
            let line = file_line(entry);
            chars += line.chars().count();
            if chars > max {
                break;
            }
            list.push_str(&line);
            listed += 1;
        }
        let cut = manifest.files.len() - listed;
        for entry in &mut manifest.files[listed..] {
            if entry.inclusion == Inclusion::Summarised {
                entry.inclusion = Inclusion::Omitted;
                entry.reason = Some("the list of changed files was cut".to_owned());
            }
        }
        fence::push(text, "text", &list);
        if cut > 0 {
            _ = writeln!(text, "\nand {cut} more, not listed here.");
        }
    }

    fn contents(&self, text: &mut String, manifest: &mut Manifest, mut left: usize) {
        let mut headed = false;
        for (at, content) in &self.untracked {
            let entry = &mut manifest.files[*at];
            let mut part = format!("\n### {}\n\n", entry.file.path);
            match entry.file.form {
                Form::Link => part.push_str("A symbolic link; its target, not followed:\n\n"),
                _ if content.is_empty() => part.push_str("Empty.\n"),
                _ => {}
            }
            if !content.is_empty() {
                fence::push(&mut part, "", content);
            }
            let chars = part.chars().count();
            let Some(rest) = left.checked_sub(chars) else {
                entry.inclusion = Inclusion::Omitted;
                entry.reason = Some("the context is full".to_owned());
                continue;
            };
            left = rest;
            if !headed {
                text.push_str("\n## Untracked files\n");
                headed = true;
            }
            text.push_str(&part);
        }
    }

    fn rest(&self, text: &mut String) {
        text.push_str("\n## How to look at the rest\n\n");
        text.push_str("Read-only commands, from the top of the work tree; PATH is a path from the list.\n\n");
        let commands = match &self.target.kind {
            TargetKind::WorkingTree => {
                format!("git status --short --untracked-files=all\n{DIFF} --cached -- PATH\n{DIFF} -- PATH\n")
            }
            TargetKind::Branch { merge_base, .. } => {
                let head = self.target.head.map_or_else(|| "HEAD".to_owned(), |head| head.to_string());
                format!(
                    "{DIFF} {merge_base} {head} -- PATH\ngit --no-pager log --oneline {merge_base}..{head}\n"
                )
            }
            TargetKind::Commit { id, .. } => format!("git --no-pager show --no-ext-diff {id} -- PATH\n"),
        };
        fence::push(text, "text", &commands);
        if matches!(self.target.kind, TargetKind::WorkingTree) {
            text.push_str("\nUntracked files are in no diff: read them where they are.\n");
        }
    }
}

/// `M staged      +12  −3  src/lib.rs (2 hunks)`
fn file_line(entry: &ManifestEntry) -> String {
    let file = &entry.file;
    let letter = if file.area == Area::Untracked { '?' } else { file.change.letter() };
    let number = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let lines = match file.form {
        Form::Binary => "binary".to_owned(),
        Form::Repository => "repository".to_owned(),
        Form::Special => "special".to_owned(),
        _ => format!("+{} \u{2212}{}", number(file.insertions), number(file.deletions)),
    };
    let mut notes = Vec::new();
    if let Some(from) = &entry.renamed_from {
        notes.push(format!("renamed from {from}"));
    }
    match file.form {
        Form::Link => notes.push("symbolic link".to_owned()),
        Form::Submodule => notes.push("submodule".to_owned()),
        Form::LfsPointer => notes.push("Git LFS pointer".to_owned()),
        _ => {}
    }
    notes.extend(file.hunks.filter(|hunks| *hunks > 1).map(|hunks| format!("{hunks} hunks")));
    if matches!(file.form, Form::Binary | Form::Unknown) {
        notes.extend(file.size.map(|size| format!("{size} bytes")));
    }
    if file.generated {
        notes.push("generated".to_owned());
    }
    let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join(", ")) };
    format!("{letter} {:<9} {lines:<12} {}{notes}\n", file.area.as_str(), file.path)
}

fn left_out(text: &mut String, manifest: &Manifest, max: usize) {
    let mut list = String::new();
    let (mut chars, mut more) = (0, 0);
    let skipped = manifest.skipped.iter().map(|skipped| (&skipped.path, Some(skipped.reason.as_str())));
    let files = manifest.left_out().map(|entry| (&entry.file.path, entry.reason.as_deref()));
    // In an overview, a missing patch needs no line of its own.
    let files = files.filter(|(_, reason)| *reason != Some(NOT_INLINE));
    for (path, reason) in skipped.chain(files) {
        let Some(reason) = reason else { continue };
        let line = format!("{path}: {}\n", quoted("", reason.as_bytes()));
        let length = line.chars().count();
        if chars + length > max || more > 0 {
            more += 1;
            continue;
        }
        chars += length;
        list.push_str(&line);
    }
    if list.is_empty() && more == 0 {
        return;
    }
    text.push_str("\n## Left out\n\n");
    fence::push(text, "text", &list);
    if more > 0 {
        _ = writeln!(text, "\nand {more} more.");
    }
}

/// The commit messages of the change.
pub(crate) enum Log {
    /// Short ids and titles along first parents, newest first; `more` if the list is cut.
    Commits { lines: Vec<String>, more: bool },
    /// The message of a single commit.
    Message(String),
}

impl Log {
    fn write(&self, text: &mut String, max: usize) {
        match self {
            Self::Commits { lines, more } => {
                text.push_str("\n## Commits\n\n");
                let mut list = String::new();
                let mut cut = *more;
                let mut chars = 0;
                for line in lines {
                    chars += line.chars().count();
                    if chars > max {
                        cut = true;
                        break;
                    }
                    list.push_str(line);
                }
                fence::push(text, "text", &list);
                if cut {
                    text.push_str("\nand older ones.\n");
                }
            }
            Self::Message(message) => {
                text.push_str("\n## Commit message\n\n");
                let message = cut(message, MESSAGE_CHARS.min(max));
                if fence::fits(&message) {
                    fence::push(text, "text", &message);
                } else {
                    text.push_str("Not shown: it has too many backticks in a row.\n");
                }
            }
        }
    }
}

/// Returns the log of a branch, at most fifty commits, or the message of a commit.
pub(crate) fn log(target: &Target, repo: &gix::Repository) -> Result<Option<Log>, Error> {
    let read = |id: CommitId| {
        repo.find_commit(id.0).map_err(|e| Error::git(format_args!("read commit {}", id.short()), e))
    };
    match (&target.kind, target.head) {
        (TargetKind::Branch { merge_base, .. }, Some(head)) => {
            let mut lines = Vec::new();
            let mut next = Some(head);
            while let Some(id) = next.filter(|id| id != merge_base && lines.len() < LOGGED) {
                let Ok(commit) = read(id) else { break }; // The boundary of a shallow clone.
                let title = commit.message().map(|m| m.summary().into_owned()).unwrap_or_default();
                let title = quoted("", &title).into_owned();
                lines.push(format!("{} {}\n", id.short(), cut(&title, 200)));
                next = commit.parent_ids().next().map(|id| CommitId(id.detach()));
            }
            let more = next.is_some_and(|id| id != *merge_base);
            Ok(Some(Log::Commits { lines, more }))
        }
        (TargetKind::Commit { id, .. }, _) => {
            let commit = read(*id)?;
            Ok(Some(Log::Message(commit.message_raw_sloppy().to_str_lossy().into_owned())))
        }
        _ => Ok(None),
    }
}

/// Cuts the text to at most `max` characters. A cut text ends in an ellipsis.
fn cut(text: &str, max: usize) -> std::borrow::Cow<'_, str> {
    if text.chars().nth(max).is_none() {
        return text.into();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.push('\u{2026}');
    short.into()
}
