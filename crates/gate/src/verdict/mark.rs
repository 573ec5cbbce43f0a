//! The deciding line: marks, the word, what separates it from the reason.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Allow,
    Block,
}

/// What stands behind the word; the text is what follows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Separator<'a> {
    Colon(&'a str),
    Dash(&'a str),
    /// Nothing but marks and a full stop up to the end of the line.
    LineEnd,
}

/// Emphasis and quotation marks, which may stand on either side of a word.
const AROUND: [char; 12] = ['*', '_', '`', '"', '“', '”', '„', '«', '»', '\'', '‘', '’'];
const COLONS: [char; 4] = [':', '：', '﹕', '∶'];
const DASHES: [char; 3] = ['-', '–', '—'];
/// Invisible characters that some programs put before text or behind an emoji.
const INVISIBLE: [char; 5] = ['\u{feff}', '\u{200b}', '\u{2060}', '\u{fe0f}', '\u{200d}'];
const PASS_SIGNS: [char; 7] = ['✅', '✔', '✓', '☑', '🟢', '👍', '🎉'];
const STOP_SIGNS: [char; 12] = ['❌', '✖', '✗', '✘', '🚫', '🛑', '⛔', '🔴', '👎', '⚠', '❗', '🚨'];

/// The verdict that a line states, with its reason.
pub(super) fn verdict(line: &str) -> Option<(Word, &str)> {
    let (body, sign) = skip_marks(line);
    let word = word(body)?;
    // A sign that contradicts its word leaves the meaning open.
    if sign.is_some_and(|sign| sign != word) {
        return None;
    }
    let capitals = body[..5].bytes().all(|byte| byte.is_ascii_uppercase());
    let reason = match separator(&body[5..], capitals)? {
        Separator::Colon(reason) | Separator::Dash(reason) => reason,
        Separator::LineEnd => "",
    };
    // `**ALLOW:** fine` closes its emphasis behind the colon, `**ALLOW: fine**` at the end.
    let reason = reason.trim_start_matches(['*', '_', '`']).trim();
    let opened = &line[..line.len() - body.len()];
    let reason = reason.trim_end_matches(|c| match c {
        '”' => opened.contains(['“', '„']),
        '»' => opened.contains('«'),
        '’' => opened.contains('‘'),
        '*' | '_' | '`' | '"' | '\'' => opened.contains(c),
        _ => false,
    });
    Some((word, reason.trim()))
}

/// The place in the line behind the word.
pub(super) fn end_of_word(line: &str) -> usize {
    line.len() - skip_marks(line).0.len() + 5
}

/// Whether the reason is none: the value of a setting (`allow: true`), or the placeholder of a template.
pub(super) fn is_placeholder(reason: &str) -> bool {
    const VALUES: [&str; 9] = ["true", "false", "yes", "no", "null", "none", "on", "off", "or"];
    let bare = reason.trim_end_matches(['.', ',', ';', '!']);
    VALUES.iter().any(|value| value.eq_ignore_ascii_case(bare))
        || reason.starts_with('<') && reason.ends_with('>')
}

fn word(body: &str) -> Option<Word> {
    let word = body.get(..5)?;
    if word.eq_ignore_ascii_case("allow") {
        Some(Word::Allow)
    } else if word.eq_ignore_ascii_case("block") {
        Some(Word::Block)
    } else {
        None
    }
}

/// What separates a verdict's word from its reason. `tail` is everything behind the word, even of later lines.
pub(super) fn separator(tail: &str, capitals: bool) -> Option<Separator<'_>> {
    let is_space = |c: char| c == ' ' || c == '\t' || c == '\u{a0}' || c == '\u{3000}';
    let closed = tail.trim_start_matches(|c| AROUND.contains(&c) || INVISIBLE.contains(&c) || is_space(c));
    if let Some(reason) = closed.strip_prefix(COLONS) {
        // `Allow::new` is a path.
        return (!reason.starts_with(':')).then_some(Separator::Colon(reason));
    }
    let behind_dash = closed.trim_start_matches(DASHES);
    if behind_dash.len() < closed.len() {
        // A hyphen needs space on both sides: `ALLOW-list` is a word. The end of the line is space.
        let ends = |c: char| is_space(c) || super::is_line_break(c);
        let spaced = closed.len() < tail.len() && (behind_dash.is_empty() || behind_dash.starts_with(ends));
        return (capitals && (spaced || closed.starts_with(['–', '—'])))
            .then_some(Separator::Dash(behind_dash));
    }
    let rest = closed.trim_start_matches(|c| {
        c == '.' || c == '!' || AROUND.contains(&c) || INVISIBLE.contains(&c) || is_space(c)
    });
    (rest.is_empty() || rest.starts_with(super::is_line_break)).then_some(Separator::LineEnd)
}

/// Skips what may stand before the word. Also says whether a sign among it means a verdict.
fn skip_marks(line: &str) -> (&str, Option<Word>) {
    let mut rest = line;
    let mut sign = None;
    loop {
        rest = rest.trim_start_matches(|c: char| {
            c.is_whitespace() || AROUND.contains(&c) || INVISIBLE.contains(&c) || c == '#' || c == '>'
        });
        if let Some(behind) = list_mark(rest) {
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix(PASS_SIGNS) {
            sign = Some(Word::Allow);
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix(STOP_SIGNS) {
            sign = Some(Word::Block);
            rest = behind;
        } else {
            return (rest, sign);
        }
    }
}

/// Skips `- `, `+ `, `• ` or `12. `. (`* ` is skipped with emphasis.) A mark without a space behind it is none: `-ALLOW`
/// is a removed line of a diff, and `~~ALLOW~~`, `!ALLOW` and `[ ] ALLOW` take back what they say.
pub(super) fn list_mark(text: &str) -> Option<&str> {
    let behind = match text.strip_prefix(['-', '+', '•', '‣', '◦', '▪', '·', '–', '—']) {
        Some(behind) => behind,
        None => {
            let behind = text.trim_start_matches(|c: char| c.is_ascii_digit());
            if !(1..=3).contains(&(text.len() - behind.len())) {
                return None;
            }
            behind.strip_prefix(['.', ')'])?
        }
    };
    behind.starts_with([' ', '\t', '\u{a0}']).then(|| behind.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_a_word_from_its_reason() {
        let check = |tail, capitals, expected| assert_eq!(separator(tail, capitals), expected, "{tail:?}");
        check(": x", false, Some(Separator::Colon(" x")));
        check("** : x", false, Some(Separator::Colon(" x")));
        check("：x", false, Some(Separator::Colon("x")));
        check("::new()", false, None);
        check(" — x", true, Some(Separator::Dash(" x")));
        check(" — x", false, None);
        check(" - x", true, Some(Separator::Dash(" x")));
        check(" -", true, Some(Separator::Dash("")));
        check(" -\nmore", true, Some(Separator::Dash("\nmore")));
        check("-list", true, None);
        check("- x", true, None);
        check("**.\nmore", false, Some(Separator::LineEnd));
        check("", false, Some(Separator::LineEnd));
        check("ed: x", true, None);
        check("?", true, None);
        check(" list: x", false, None);
    }

    #[test]
    fn lists_are_marked_with_a_space() {
        let check = |text, expected| assert_eq!(list_mark(text), expected, "{text:?}");
        check("- x", Some("x"));
        check("1. x", Some("x"));
        check("12)  x", Some("x"));
        check("-x", None);
        check("1234. x", None);
        check("1.5", None);
        check("", None);
    }
}
