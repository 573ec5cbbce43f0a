//! Reading a reviewer's answer.

mod findings;
mod json;
mod mark;

use std::fmt;

use memchr::memchr2;

use crate::{Finding, text};
use mark::Word;

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The turn may end.
    Allow {
        /// The rest of the deciding line, at most [`Verdict::REASON_BYTES`]; may be empty.
        reason: String,
    },
    /// The turn may not end yet.
    Block {
        /// The rest of the deciding line and the text up to the first finding, at most
        /// [`Verdict::REASON_BYTES`]; may be empty.
        reason: String,
        /// What to change, at most [`Verdict::MAX_FINDINGS`]; may be empty.
        findings: Vec<Finding>,
    },
    /// The answer is not a verdict. This is never an approval.
    Unparseable(Unparseable),
}

impl Verdict {
    /// The most bytes of a reason.
    pub const REASON_BYTES: usize = 2_000;
    /// The most findings that are kept of one answer: a reader of more acts on none of them.
    pub const MAX_FINDINGS: usize = 20;
    /// The most bytes of a finding's title.
    pub const TITLE_BYTES: usize = 300;
    /// The most bytes of a finding's body, and of its recommendation.
    pub const BODY_BYTES: usize = 1_000;
    /// The most bytes of a finding's file name.
    pub const FILE_BYTES: usize = 500;

    /// Reads a whole answer. Never panics; takes time linear in the answer's length, and memory that does not
    /// grow with it.
    ///
    /// The first meaningful line decides: the first one that has a letter, a digit or `{`, and is not the
    /// opening of a code fence. It has to begin with `ALLOW` or `BLOCK` and a colon, in any case. Around them may
    /// be Markdown (emphasis, quote, list and heading marks, backticks), quotation marks, white space and a fitting
    /// sign such as ✅; the colon may be full-width. The word alone on its line is also a verdict, and so is the
    /// word in capitals with a dash for the colon.
    ///
    /// A line that begins with `{` is read as a JSON object with a member `verdict` (or `decision`), `allow` or
    /// `block` in any case, and optionally `reason` (or `summary`) and `findings`.
    ///
    /// After an `ALLOW` the whole answer is searched for a line that says `BLOCK`: such an answer says both and is
    /// unparseable. A `BLOCK` stays a block whatever follows, because what follows quotes the work under review, and
    /// the work must not be able to turn a block into something weaker.
    #[must_use]
    pub fn parse(answer: &str) -> Self {
        let Some((start, end)) = first_meaningful_line(answer) else {
            return unparseable(Problem::Empty, "");
        };
        let line = &answer[start..end];
        if let Some(at) = json::begins(line) {
            return json::parse(&answer[start + at..]);
        }
        let Some((word, reason)) = mark::verdict(line) else {
            return unparseable(Problem::NoVerdict, line);
        };
        match word {
            // `allow: false` is a setting and `BLOCK: <reason>` the prompt's own example: neither is a verdict.
            _ if mark::is_placeholder(reason) => unparseable(Problem::NoVerdict, line),
            Word::Allow => {
                // The word ends before the reason; everything behind it is searched.
                let behind = start + mark::end_of_word(line);
                if also_blocks(answer, behind, end) {
                    unparseable(Problem::SaysBoth, line)
                } else {
                    Self::Allow { reason: text::shorten(reason, Self::REASON_BYTES) }
                }
            }
            Word::Block => {
                let (more, findings) = findings::read(&answer[end..]);
                let mut all = text::shorten(reason, Self::REASON_BYTES);
                if !more.is_empty() {
                    if !all.is_empty() {
                        all.push('\n');
                    }
                    all.push_str(&more);
                }
                Self::Block { reason: text::shorten(&all, Self::REASON_BYTES), findings }
            }
        }
    }
}

/// An answer without a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unparseable {
    /// What is wrong with it.
    pub problem: Problem,
    /// The beginning of the line that should have decided: one clean line of at most 200 bytes.
    pub excerpt: String,
}

/// Why an answer is not a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// There is no meaningful line.
    Empty,
    /// The first meaningful line is not a verdict, whatever words it has.
    NoVerdict,
    /// It allows and blocks.
    SaysBoth,
    /// It begins as a JSON object and is not one that holds a verdict.
    BadJson,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::NoVerdict => "its first line is no verdict",
            Self::SaysBoth => "it says both ALLOW and BLOCK",
            Self::BadJson => "its JSON holds no verdict",
        })
    }
}

fn unparseable(problem: Problem, line: &str) -> Verdict {
    Verdict::Unparseable(Unparseable { problem, excerpt: text::line(line, 200) })
}

/// Where the deciding line is, without its line break.
fn first_meaningful_line(answer: &str) -> Option<(usize, usize)> {
    let bytes = answer.as_bytes();
    let mut start = 0;
    loop {
        start += bytes[start..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        let end = memchr2(b'\n', b'\r', &bytes[start..]).map_or(bytes.len(), |at| start + at);
        let line = &answer[start..end];
        if !opens_fence(line) && line.chars().any(|c| c.is_alphanumeric() || c == '{') {
            return Some((start, end));
        }
        start = end;
    }
}

/// Whether the line is a code fence with nothing, or only a language, behind it.
fn opens_fence(line: &str) -> bool {
    let line = line.trim_start_matches(['>', ' ', '\t', '\u{feff}']);
    let info = line.trim_start_matches(if line.starts_with('~') { '~' } else { '`' });
    line.len() - info.len() >= 3 && !info.contains([':', '：', '`', '{'])
}

/// Whether what follows an `ALLOW` says `BLOCK` too: as the first word of any line, in any case, or in capitals with
/// a colon anywhere in the rest of the deciding line (which ends at `line_end`).
///
/// Each look around a word goes over marks and white space only, which no other look goes over, so that the whole is linear.
fn also_blocks(answer: &str, from: usize, line_end: usize) -> bool {
    let bytes = answer.as_bytes();
    let mut next = from;
    while let Some(start) = find_block(bytes, next) {
        let end = start + 5;
        next = end;
        let capitals = &bytes[start..end] == b"BLOCK";
        let before = &answer[from..start];
        let begins_line =
            before.chars().rev().find(|&c| c.is_alphabetic() || is_line_break(c)).is_none_or(is_line_break);
        let within_line =
            capitals && start < line_end && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if !begins_line && !within_line {
            continue;
        }
        match mark::separator(&answer[end..], capitals) {
            Some(mark::Separator::Colon(_)) => return true,
            Some(_) if begins_line => return true,
            _ => {}
        }
    }
    false
}

/// Where `block` comes next, in any case.
fn find_block(bytes: &[u8], mut from: usize) -> Option<usize> {
    const CHUNK: usize = 64;
    let ends_fit = |first: u8, last: u8| (first | 0x20 == b'b') & (last | 0x20 == b'k');
    let is_block = |word: &[u8]| ends_fit(word[0], word[4]) && word.eq_ignore_ascii_case(b"block");
    let find = |bytes: &[u8]| bytes.windows(5).position(is_block);
    // A `b` and four bytes on a `k`, for many places at once: written so that the compiler makes vector code of it.
    while let (Some(first), Some(last)) =
        (bytes[from..].first_chunk::<CHUNK>(), bytes.get(from + 4..).and_then(<[u8]>::first_chunk::<CHUNK>))
    {
        let hit = first.iter().zip(last).fold(false, |hit, (&first, &last)| hit | ends_fit(first, last));
        if hit && let Some(at) = find(&bytes[from..from + CHUNK + 4]) {
            return Some(from + at);
        }
        from += CHUNK;
    }
    find(&bytes[from..]).map(|at| from + at)
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
