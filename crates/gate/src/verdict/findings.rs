//! Reading findings out of the text behind a `BLOCK:` line.

use super::Verdict;
use super::mark::list_mark;
use crate::{Finding, Severity, text};

/// How much of an answer is read for findings; what is kept of them is far less.
const READ_BYTES: usize = 256 * 1024;
/// What introduces a recommendation, at the beginning of a line or behind a space.
const FIX_MARKS: [&str; 5] = ["Fix:", "Change:", "Recommendation:", "Suggestion:", "Suggested fix:"];

/// A file, and its first and last line.
type Place<'a> = (&'a str, (u32, u32));

/// The text before the first list item, and the items. Each is expected, but not required, to have the form
/// `- [severity] path:line-line: what is wrong. Fix: what to change.`
pub(super) fn read(rest: &str) -> (String, Vec<Finding>) {
    let mut preamble = String::new();
    let mut items: Vec<String> = Vec::new();
    for line in text::clip(rest, READ_BYTES).lines() {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let trimmed = line.trim();
        let mark = if indent <= 3 { list_mark(trimmed).or_else(|| trimmed.strip_prefix("* ")) } else { None };
        if let Some(item) = mark.filter(|_| indent < 2 || items.is_empty()) {
            if items.len() == Verdict::MAX_FINDINGS {
                break;
            }
            items.push(item.to_owned());
        } else if let Some(item) = items.last_mut() {
            if item.len() < 2 * Verdict::BODY_BYTES {
                item.push('\n');
                item.push_str(text::clip(trimmed, Verdict::BODY_BYTES));
            }
        } else if !is_decoration(trimmed) && preamble.len() < Verdict::REASON_BYTES {
            if !preamble.is_empty() {
                preamble.push('\n');
            }
            preamble.push_str(text::clip(trimmed, Verdict::REASON_BYTES));
        }
    }
    (preamble, items.iter().filter_map(|item| finding(item)).collect())
}

/// Blank lines, headings and fences say nothing about what to change.
fn is_decoration(line: &str) -> bool {
    line.starts_with('#') || !line.chars().any(char::is_alphanumeric) || line.starts_with("```")
}

fn finding(item: &str) -> Option<Finding> {
    let (severity, rest) = severity(item);
    let (place, rest) = location(rest);
    let (said, fix) = split_fix(rest);
    let (title, body) = said.split_once('\n').unwrap_or((said, ""));
    let title = title.trim().trim_end_matches(['*', '`']);
    let mut finding = Finding::new(text::shorten(title, Verdict::TITLE_BYTES));
    finding.severity = severity;
    finding.body = match title.get(text::clip(title, Verdict::TITLE_BYTES).len()..) {
        // A title that did not fit goes on in the body.
        Some(more) if !more.is_empty() => {
            text::shorten(format!("…{more}\n{body}").trim(), Verdict::BODY_BYTES)
        }
        _ => text::shorten(body.trim(), Verdict::BODY_BYTES),
    };
    finding.recommendation = fix.map(|fix| text::shorten(fix, Verdict::BODY_BYTES));
    if let Some((file, lines)) = place {
        finding = finding.file(text::clip(file, Verdict::FILE_BYTES)).lines(lines.0..=lines.1);
    }
    let empty = finding.title.is_empty() && finding.body.is_empty() && finding.recommendation.is_none();
    (!empty || finding.file.is_some()).then_some(finding)
}

/// `[high] …`, `(high) …`, `**High** …` or `high: …`; the word alone, unmarked, is prose.
fn severity(item: &str) -> (Severity, &str) {
    let opened = item.trim_start_matches(['[', '(', '*', '`', ' ']);
    let end = opened.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(opened.len());
    let closed = opened[end..].trim_start_matches([']', ')', '*', '`', ':']);
    match Severity::from_word(&opened[..end]) {
        Some(severity) if closed.len() < opened.len() - end => (severity, strip_separator(closed)),
        _ => (Severity::default(), item),
    }
}

/// `path:10`, `path:10-14`, `path:L10-L14` or `path#L10`, perhaps in backticks, bold or parentheses.
fn location(item: &str) -> (Option<Place<'_>>, &str) {
    let opened = item.trim_start_matches(['`', '*', '(', '[', ' ']);
    let quoted = opened.len() < item.trim_start().len();
    let end = opened
        .find(|c: char| c.is_whitespace() || quoted && matches!(c, '`' | '*' | ')' | ']'))
        .unwrap_or(opened.len());
    let word = opened[..end].trim_end_matches([':', ',', '.', ')', ']', '`', '*']);
    let Some((file, lines)) = place(word) else { return (None, item) };
    let rest = opened[word.len()..].trim_start_matches(['`', '*', ')', ']']);
    (Some((file, lines)), strip_separator(rest))
}

fn place(word: &str) -> Option<Place<'_>> {
    let (file, lines) = word.rsplit_once("#L").or_else(|| word.rsplit_once(':'))?;
    // `path:10:5` names a column too.
    let (file, lines) = match file.rsplit_once(':') {
        Some((path, line)) if line.bytes().all(|byte| byte.is_ascii_digit()) && !line.is_empty() => {
            (path, line)
        }
        _ => (file, lines),
    };
    let number = |text: &str| text.trim_start_matches('L').parse().ok().filter(|&line: &u32| line > 0);
    let (start, end) = match lines.split_once(['-', '–']) {
        Some((start, end)) => (number(start)?, number(end)?),
        None => (number(lines)?, number(lines)?),
    };
    (!file.is_empty()).then_some((file, (start, end.max(start))))
}

fn strip_separator(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '–' | '—'))
}

fn split_fix(text: &str) -> (&str, Option<&str>) {
    let found = FIX_MARKS.iter().filter_map(|mark| {
        let at = text.match_indices(mark).map(|(at, _)| at).find(|&at| {
            text[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, '*' | '_' | '('))
        })?;
        Some((at, mark.len()))
    });
    match found.min() {
        Some((at, len)) => {
            let fix = text[at + len..].trim_matches(|c: char| c.is_whitespace() || c == '*' || c == '_');
            let said =
                text[..at].trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '('));
            (said, (!fix.is_empty()).then_some(fix))
        }
        None => (text.trim(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_taken_apart() {
        let check = |item: &str, severity: Severity, at: Option<&str>, title: &str, fix: Option<&str>| {
            let found = finding(item).unwrap();
            assert_eq!(found.severity, severity, "{item}");
            assert_eq!(found.location().as_deref(), at, "{item}");
            assert_eq!(found.title, title, "{item}");
            assert_eq!(found.recommendation.as_deref(), fix, "{item}");
        };
        use Severity::{Critical, High, Low, Medium};
        check(
            "[high] src/a.rs:3-7: leaks. Fix: close it.",
            High,
            Some("src/a.rs:3-7"),
            "leaks.",
            Some("close it."),
        );
        check("**Critical** `src/a.rs:3` — leaks", Critical, Some("src/a.rs:3"), "leaks", None);
        check("(P3) **a/b.py:12:5** typo", Low, Some("a/b.py:12"), "typo", None);
        check("low: Makefile#L9-L8 odd **Fix:** sort", Low, Some("Makefile:9"), "odd", Some("sort"));
        check("high hopes are dashed", Medium, None, "high hopes are dashed", None);
        check("C:\\src\\a.c:4: overflow", Medium, Some("C:\\src\\a.c:4"), "overflow", None);
        check("see: the docs", Medium, None, "see: the docs", None);
        check("at 12:30 it breaks", Medium, None, "at 12:30 it breaks", None);
        check("src/a.rs:0: zero", Medium, None, "src/a.rs:0: zero", None);
        check("Fix: the tests", Medium, None, "", Some("the tests"));
    }

    #[test]
    fn text_before_the_list_belongs_to_the_reason() {
        let rest = "\nIt drops the table.\n\n## Findings\n\n- [low] one\n  more of one\n    - nested\n* two\n3. three\n";
        let (preamble, findings) = read(rest);
        assert_eq!(preamble, "It drops the table.");
        let titles: Vec<_> = findings.iter().map(|finding| finding.title.as_str()).collect();
        assert_eq!(titles, ["one", "two", "three"]);
        assert_eq!(findings[0].body, "more of one\n- nested");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let rest = format!("{}\n", "x".repeat(5_000_000));
        let (preamble, findings) = read(&rest);
        assert!(preamble.len() <= Verdict::REASON_BYTES && findings.is_empty());
        let rest = format!("- {}\n", "y ".repeat(3_000)).repeat(100);
        let (_, findings) = read(&rest);
        assert_eq!(findings.len(), Verdict::MAX_FINDINGS);
        assert!(findings.iter().all(|found| found.title.len() <= Verdict::TITLE_BYTES + 3));
        assert!(findings.iter().all(|found| found.body.len() <= Verdict::BODY_BYTES + 3));
    }
}
