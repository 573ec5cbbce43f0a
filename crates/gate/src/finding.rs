//! What a reviewer wants changed.

use serde::{Deserialize, Serialize};

/// How much a finding matters. Ordered: `Low` is the least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Also what is assumed when the reviewer did not say.
    #[default]
    Medium,
    /// Should be changed before the work is used.
    High,
    /// Must not go on: data loss, a security hole, a broken build.
    Critical,
}

impl Severity {
    /// Reads a word in any case: `low`, `medium`, `high`, `critical`, or a priority from `p0` (critical) to `p3`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        const WORDS: [(&str, Severity); 12] = [
            ("critical", Severity::Critical),
            ("blocker", Severity::Critical),
            ("p0", Severity::Critical),
            ("high", Severity::High),
            ("major", Severity::High),
            ("p1", Severity::High),
            ("medium", Severity::Medium),
            ("p2", Severity::Medium),
            ("low", Severity::Low),
            ("minor", Severity::Low),
            ("nit", Severity::Low),
            ("p3", Severity::Low),
        ];
        WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|&(_, severity)| severity)
    }

    /// The word that findings are written with.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// One thing to change. Text is the reviewer's, cut to the lengths below, otherwise as it came: clean it before it
/// reaches a terminal (what [`crate::host`] and [`crate::Wording`] produce is clean already).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, in one line of at most [`Finding::TITLE_BYTES`].
    pub title: String,
    /// The rest of what was said, at most [`Finding::BODY_BYTES`]; may be empty.
    pub body: String,
    /// The file, as the reviewer wrote it: a claim, not a checked path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// First line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_start: Option<u32>,
    /// Last line, counted from 1; not before `line_start`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_end: Option<u32>,
    /// What to change, at most [`Finding::BODY_BYTES`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<String>,
}

impl Finding {
    /// The most findings that are kept of one answer: past this a reader acts on none of them.
    pub const MAX: usize = 20;
    /// The most bytes of a title.
    pub const TITLE_BYTES: usize = 300;
    /// The most bytes of a body, and of a recommendation.
    pub const BODY_BYTES: usize = 1_000;
    /// The most bytes of a file's name.
    pub const FILE_BYTES: usize = 500;

    /// A finding of medium severity with only a title.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Says where: `lines` are the first and the last, counted from 1.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, lines: Option<(u32, u32)>) -> Self {
        self.file = Some(file.into());
        self.line_start = lines.map(|(start, _)| start);
        self.line_end = lines.map(|(start, end)| end.max(start));
        self
    }

    /// `file:start-end`, `file:line`, `file`, or nothing.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let file = self.file.as_deref()?;
        Some(match (self.line_start, self.line_end) {
            (Some(start), Some(end)) if end > start => format!("{file}:{start}-{end}"),
            (Some(start), _) => format!("{file}:{start}"),
            _ => file.to_owned(),
        })
    }
}
