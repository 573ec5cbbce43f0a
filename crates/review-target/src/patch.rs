//! Compares two texts: the number of changed lines, and the patch in the form that `git diff` writes.

use gix::diff::blob::sources::byte_lines;
use gix::diff::blob::unified_diff::{ConsumeHunk, ContextSize, DiffLineKind, HunkHeader};
use gix::diff::blob::{Algorithm, Diff, IndentHeuristic, IndentLevel, InternedInput, UnifiedDiff};

use crate::path::quoted;
use crate::status::Mode;

/// The number of context lines around a change.
const CONTEXT: u32 = 3;
/// The longest heading of a hunk, in bytes.
const HEADING: usize = 80;

/// The destination of a patch: memory, or only a count of bytes.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts bytes.
#[derive(Default)]
pub(crate) struct Length(pub(crate) u64);

impl Sink for Length {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len() as u64;
    }
}

/// One side of a patch.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) mode: Mode,
    /// The first seven digits of the blob id; any seven characters when the patch is only counted.
    pub(crate) id: &'a str,
    pub(crate) content: &'a [u8],
}

/// The size of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) insertions: u64,
    pub(crate) deletions: u64,
    pub(crate) hunks: u32,
}

const NOTHING: &str = "0000000";

/// Writes the patch from `old` to `new`; at least one of them is given. As in `git diff`, a change of type is written as a
/// deletion and an addition, and counted as one change of content.
pub(crate) fn write(
    sink: &mut impl Sink,
    path: &[u8],
    old: Option<Side<'_>>,
    new: Option<Side<'_>>,
) -> Lines {
    match (old, new) {
        (Some(before), Some(after)) if !before.mode.same_type(after.mode) => {
            let gone = one(sink, path, Some(before), None);
            let came = one(sink, path, None, Some(after));
            let lines = Comparison::of(before.content, after.content).lines();
            Lines { hunks: gone.hunks + came.hunks, ..lines }
        }
        (None, None) => Lines::default(),
        _ => one(sink, path, old, new),
    }
}

fn one(sink: &mut impl Sink, path: &[u8], old: Option<Side<'_>>, new: Option<Side<'_>>) -> Lines {
    let (a, b) = (quoted("a/", path), quoted("b/", path));
    sink.put(format!("diff --git {a} {b}\n").as_bytes());
    let header = match (old, new) {
        (None, Some(new)) => {
            format!("new file mode {}\nindex {NOTHING}..{}\n", new.mode.octal(), new.id)
        }
        (Some(old), None) => {
            format!("deleted file mode {}\nindex {}..{NOTHING}\n", old.mode.octal(), old.id)
        }
        (Some(old), Some(new)) => {
            let same_content = old.content == new.content;
            match (old.mode == new.mode, same_content) {
                (true, _) => format!("index {}..{} {}\n", old.id, new.id, new.mode.octal()),
                (false, true) => format!("old mode {}\nnew mode {}\n", old.mode.octal(), new.mode.octal()),
                (false, false) => {
                    let (before, after) = (old.mode.octal(), new.mode.octal());
                    format!("old mode {before}\nnew mode {after}\nindex {}..{}\n", old.id, new.id)
                }
            }
        }
        (None, None) => String::new(),
    };
    sink.put(header.as_bytes());
    let (before, after) = (old.map_or(&[][..], |old| old.content), new.map_or(&[][..], |new| new.content));
    if before == after {
        return Lines::default();
    }
    let comparison = Comparison::of(before, after);
    let name = |side: Option<Side<'_>>, name: &str| match side {
        None => "/dev/null".to_owned(),
        // git adds a tab to a name with a space, because other programs expect it.
        Some(_) if name.contains(' ') && !name.starts_with('"') => format!("{name}\t"),
        Some(_) => name.to_owned(),
    };
    sink.put(format!("--- {}\n+++ {}\n", name(old, &a), name(new, &b)).as_bytes());
    let hunks = comparison.write_hunks(sink);
    Lines { hunks, ..comparison.lines() }
}

/// Two texts, compared line by line.
struct Comparison<'c> {
    input: InternedInput<&'c [u8]>,
    diff: Diff,
}

impl<'c> Comparison<'c> {
    fn of(before: &'c [u8], after: &'c [u8]) -> Self {
        let input = InternedInput::new(byte_lines(before), byte_lines(after));
        // git's default algorithm; other algorithms give other counts.
        let mut diff = Diff::compute(Algorithm::Myers, &input);
        let indent = IndentHeuristic::new(|token| {
            IndentLevel::for_ascii_line(input.interner[token].iter().copied(), 8)
        });
        diff.postprocess_with(&input.before, &input.after, indent);
        Self { input, diff }
    }

    fn lines(&self) -> Lines {
        Lines {
            insertions: self.diff.count_additions().into(),
            deletions: self.diff.count_removals().into(),
            hunks: 0,
        }
    }

    fn write_hunks(&self, sink: &mut impl Sink) -> u32 {
        let writer = HunkWriter { sink, input: &self.input, heading: Vec::new(), searched: 0, hunks: 0 };
        UnifiedDiff::new(&self.diff, &self.input, writer, ContextSize::symmetrical(CONTEXT))
            .consume()
            .expect("the writer never fails")
    }
}

/// Writes the hunks that gix finds in the form of `git diff`. gix's own writer has no headings, no line for a missing newline
/// at the end of a file, and counts of one that git leaves out.
struct HunkWriter<'a, 'c, S> {
    sink: &'a mut S,
    input: &'a InternedInput<&'c [u8]>,
    /// The heading of the previous hunk, which is also that of the next one unless there is a nearer one.
    heading: Vec<u8>,
    /// The number of old lines that were searched for a heading.
    searched: u32,
    hunks: u32,
}

impl<S: Sink> ConsumeHunk for HunkWriter<'_, '_, S> {
    type Out = u32;

    fn consume_hunk(&mut self, header: HunkHeader, lines: &[(DiffLineKind, &[u8])]) -> std::io::Result<()> {
        let start = header.before_hunk_start - 1;
        let old_line = |at: u32| self.input.interner[self.input.before[at as usize]];
        if let Some(found) = (self.searched..start).rev().find_map(|at| as_heading(old_line(at))) {
            self.heading = found.to_vec();
        }
        self.searched = start;
        let old = range(header.before_hunk_start, header.before_hunk_len);
        let new = range(header.after_hunk_start, header.after_hunk_len);
        self.sink.put(format!("@@ -{old} +{new} @@").as_bytes());
        if !self.heading.is_empty() {
            self.sink.put(b" ");
            self.sink.put(&self.heading);
        }
        self.sink.put(b"\n");
        for (kind, line) in lines {
            let sign = match kind {
                DiffLineKind::Context => b" ",
                DiffLineKind::Remove => b"-",
                DiffLineKind::Add => b"+",
            };
            put_line(self.sink, sign, line);
        }
        self.hunks += 1;
        Ok(())
    }

    fn finish(self) -> u32 {
        self.hunks
    }
}

fn put_line(sink: &mut impl Sink, sign: &[u8], line: &[u8]) {
    sink.put(sign);
    sink.put(line);
    if line.last() != Some(&b'\n') {
        sink.put(b"\n\\ No newline at end of file\n");
    }
}

/// Formats a range of lines as `first,count`, without a count of one. An empty range begins at the line before it.
fn range(first: u32, count: u32) -> String {
    match count {
        0 => format!("{},0", first - 1),
        1 => first.to_string(),
        count => format!("{first},{count}"),
    }
}

/// Returns the line as a hunk heading if git would accept it without a diff driver.
fn as_heading(line: &[u8]) -> Option<&[u8]> {
    let first = *line.first()?;
    if !first.is_ascii_alphabetic() && first != b'_' && first != b'$' {
        return None;
    }
    let mut heading = &line[..line.len().min(HEADING)];
    // git may cut a character in two. Cut before it, so that the patch of UTF-8 files is UTF-8.
    if line.len() > HEADING && line[HEADING] & 0xc0 == 0x80 {
        let start = heading.iter().rposition(|b| b & 0xc0 != 0x80).unwrap_or(0);
        heading = &heading[..start];
    }
    Some(heading.trim_ascii_end())
}

/// Returns the line count of an addition or a deletion of the whole content.
pub(crate) fn count_lines(content: &[u8]) -> u64 {
    let ends = gix::bstr::ByteSlice::find_iter(content, b"\n").count() as u64;
    ends + u64::from(content.last().is_some_and(|last| *last != b'\n'))
}

/// Returns the lines of both contents together without their common beginning and end. The time of a comparison grows
/// faster than this number.
pub(crate) fn lines_to_compare(old: &[u8], new: &[u8]) -> u64 {
    let alike = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[alike..], &new[alike..]);
    let alike = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    count_lines(&old[..old.len() - alike]) + count_lines(&new[..new.len() - alike])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(content: &[u8]) -> Side<'_> {
        Side { mode: Mode::File, id: "1234567", content }
    }

    #[track_caller]
    fn check(old: &str, new: &str, expected: &str) {
        let mut patch = Vec::new();
        write(&mut patch, b"f", Some(side(old.as_bytes())), Some(side(new.as_bytes())));
        let patch = String::from_utf8(patch).unwrap();
        let hunks = &patch[patch.find("@@").unwrap()..];
        assert_eq!(hunks, expected);
    }

    #[test]
    fn hunks() {
        check("a\nb\n", "a\nc\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
        check("", "a\n", "@@ -0,0 +1 @@\n+a\n");
        check("a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
        check(
            "fn x\n1\n2\n3\n4\n5\n6\n7\n8\n9\n",
            "fn x\n1\n2\n3\n4\n5\n6\n7\n8\n",
            "@@ -7,4 +7,3 @@ fn x\n 6\n 7\n 8\n-9\n",
        );
    }

    #[test]
    fn changes_with_overlapping_context_make_one_hunk() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        check(
            old,
            "x\n2\n3\n4\n5\n6\n7\ny\n9\n",
            "@@ -1,9 +1,9 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n 9\n",
        );
        check(
            old,
            "x\n2\n3\n4\n5\n6\n7\n8\ny\n",
            "@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-9\n+y\n",
        );
    }

    #[test]
    fn counting_and_writing_agree() {
        let (old, new) = (side(b"a\nb\nc\n"), side(b"a\nx\nc\nd\n"));
        let (mut patch, mut length) = (Vec::new(), Length::default());
        let lines = write(&mut patch, b"f", Some(old), Some(new));
        assert_eq!(lines, write(&mut length, b"f", Some(old), Some(new)));
        assert_eq!(length.0, patch.len() as u64);
        assert_eq!(lines, Lines { insertions: 2, deletions: 1, hunks: 1 });
    }

    #[test]
    fn a_common_beginning_and_end_are_not_compared() {
        let lines = |old: &str, new: &str| lines_to_compare(old.as_bytes(), new.as_bytes());
        assert_eq!(lines("1\n2\n3\n4\n", "1\nx\n3\n4\n"), 2);
        assert_eq!(lines("1\n2\n", "1\n2\n"), 0);
        assert_eq!(lines("", "1\n2\n"), 2);
        assert_eq!(lines("1\n1\n1\n", "1\n1\n"), 1);
    }

    #[test]
    fn lines_of_a_whole_content() {
        assert_eq!(
            [count_lines(b""), count_lines(b"a"), count_lines(b"a\nb"), count_lines(b"a\n")],
            [0, 1, 2, 1]
        );
    }
}
