use std::borrow::Cow;

use super::cut::clip;
use super::escape::sequence_end;
use super::table::{SUSPECT, is_allowed, is_conditional, is_forbidden};

/// Removes everything that could control a terminal, hide text or make it read differently from what it is.
///
/// Keeps line feeds and tabs. Linear in the length of the text; text in which nothing is removed is not copied.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let mut pieces = Pieces::new(text);
    let mut kept = 0;
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Kept(part) => kept += part.len(),
            Piece::Replaced(by) => {
                let mut output = String::with_capacity(text.len());
                output.push_str(&text[..kept]);
                output.push_str(by);
                output.extend(pieces.map(Piece::text));
                return Cow::Owned(output);
            }
        }
    }
    Cow::Borrowed(text)
}

/// Whether [`clean`] would return the text unchanged.
#[must_use]
pub fn is_clean(text: &str) -> bool {
    matches!(clean(text), Cow::Borrowed(_))
}

pub(super) enum Piece<'t> {
    /// Text that is kept as it is.
    Kept(&'t str),
    /// What replaces a forbidden character or a sequence: nothing, or a line feed.
    Replaced(&'static str),
}

impl<'t> Piece<'t> {
    pub(super) fn text(self) -> &'t str {
        match self {
            Self::Kept(text) | Self::Replaced(text) => text,
        }
    }
}

/// The clean text in pieces, computed as they are asked for, so that a reader with a bound does not read all of it.
pub(super) struct Pieces<'t> {
    rest: &'t str,
    /// The last character of the clean text so far.
    before: Option<char>,
    queued: Option<&'static str>,
}

/// The longest piece, in bytes.
const PIECE: usize = 4096;

impl<'t> Pieces<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text, before: None, queued: None }
    }

    /// The length of the text that can be kept, and what follows it if that is not the end of the piece.
    fn measure(&self) -> (usize, Option<(usize, &'static str)>) {
        let bytes = clip(self.rest, PIECE).as_bytes();
        let mut at = 0;
        while let Some(distance) = bytes[at..].iter().position(|byte| SUSPECT[usize::from(*byte)]) {
            // A suspect byte is the first byte of its character, so this is a character boundary.
            at += distance;
            let before = self.rest[..at].chars().next_back().or(self.before);
            match judge(self.rest, at, before) {
                Judgement::Keep { end } => at = end,
                Judgement::Replace { end, by } => return (at, Some((end, by))),
            }
        }
        (bytes.len(), None)
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(by) = self.queued.take() {
            self.before = by.chars().next_back().or(self.before);
            return Some(Piece::Replaced(by));
        }
        if self.rest.is_empty() {
            return None;
        }
        let (length, replaced) = self.measure();
        let kept = &self.rest[..length];
        let (end, by) = replaced.map_or((length, None), |(end, by)| (end, Some(by)));
        self.rest = &self.rest[end..];
        self.queued = by;
        self.before = kept.chars().next_back().or(self.before);
        if kept.is_empty() { self.next() } else { Some(Piece::Kept(kept)) }
    }
}

enum Judgement {
    Keep { end: usize },
    Replace { end: usize, by: &'static str },
}

/// Decides about the character at `start`, given the last character of the clean text so far.
fn judge(text: &str, start: usize, before: Option<char>) -> Judgement {
    let character = text[start..].chars().next().expect("a suspect byte begins a character");
    let end = start + character.len_utf8();
    let bytes = text.as_bytes();
    let replace = |end, by| Judgement::Replace { end, by };
    if let Some(end) = sequence_end(bytes, character, end) {
        return replace(end, "");
    }
    match character {
        '\r' if bytes.get(end) == Some(&b'\n') => replace(end + 1, "\n"),
        '\u{85}' | '\u{2028}' | '\u{2029}' => replace(end, "\n"),
        other if is_conditional(other) && is_allowed(other, before, text[end..].chars().next()) => {
            Judgement::Keep { end }
        }
        other if is_conditional(other) || is_forbidden(other) => replace(end, ""),
        _ => Judgement::Keep { end },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(clean(input), expected, "{input:?}");
    }

    #[test]
    fn harmless_text_is_not_copied() {
        let texts = [
            "",
            "plain",
            "tabs\tand\nlines\n",
            "Grüße, мир, 世界",
            "“quotes” — dashes…",
            "עברית",
            "👩\u{200d}💻 and ❤\u{fe0f}\u{200d}🔥",
            "می\u{200c}خواهم",
            "no\u{a0}break",
            "keycap 1\u{fe0f}\u{20e3}",
        ];
        for text in texts {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn d21_escape_sequences_are_removed_whole() {
        check("a\x1b[31mred\x1b[0m b", "ared b");
        check("\x1b[2J\x1b[Hcleared", "cleared");
        check("\x1b[?25l\x1b[>0;1 qhidden", "hidden");
        check("\x1b]0;title\x07after", "after");
        check("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link");
        check("\x1b]52;c;aGVsbG8=\u{9c}after", "after");
        check("\x1bP1$r0m\x1b\\dcs", "dcs");
        check("\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\x", "x");
        check("\x1b(Bcharset\x1bc reset\x1b#8", "charset reset");
        check("\x1b\x1b[1mtwice", "twice");
        check("end\x1b", "end");
        check("end\x1b[", "end");
        check("end\x1b[31", "end");
    }

    #[test]
    fn d21_c1_controls_are_introducers_too() {
        check("\u{9b}31mred\u{9b}0m", "red");
        check("\u{9d}0;title\u{9c}x", "x");
        check("a\u{90}payload\x07b", "ab");
        check("a\u{8d}b", "ab");
        check("a\u{85}b", "a\nb");
    }

    #[test]
    fn an_unterminated_string_hides_only_its_own_line() {
        check("one\x1b]0;swallowed\ntwo", "one\ntwo");
        check("one\x1bPswallowed\r\ntwo", "one\ntwo");
        check("one\x1b]0;swallowed", "one");
        check("\x1b]0;a\x1b[31mb", "b");
    }

    #[test]
    fn d21_carriage_returns_and_other_controls() {
        check("a\r\nb\r\n", "a\nb\n");
        check("safe\rEVIL", "safeEVIL");
        check("a\r\r\nb", "a\nb");
        check("bell\x07 back\x08 null\0 del\x7f vt\x0b ff\x0c", "bell back null del vt ff");
        check("a\u{2028}b\u{2029}c", "a\nb\nc");
    }

    #[test]
    fn d21_bidirectional_and_hidden_characters() {
        check("if \u{202e}evil\u{202c} \u{2066}x\u{2069}\u{200f}\u{61c}", "if evil x");
        check("pass\u{200b}word\u{feff}\u{2060}", "password");
        check("tags\u{e0041}\u{e0042}", "tags");
        check("ad\u{200d}min", "admin");
        check("\u{200d}x\u{200c}", "x");
        check("é\u{200d}\u{200d}é", "é\u{200d}é");
    }

    #[test]
    fn e23_characters_that_draw_nothing_are_removed() {
        check("soft\u{ad}hyphen", "softhyphen");
        check("a\u{34f}b\u{115f}\u{3164}\u{ffa0}c", "abc");
        check("a\u{fff9}b\u{fffa}c\u{fffb}", "abc");
        check("a\u{e0100}\u{e01ef}b", "ab");
        check("é\u{200d}\u{a0}é", "é\u{a0}é");
    }

    #[test]
    fn e23_variation_selectors_cannot_carry_text() {
        check("x\u{fe0f}y", "xy");
        check("1\u{fe0f} of 2", "1 of 2");
        check("❤\u{fe0f}\u{fe0e}\u{fe0f}!", "❤\u{fe0f}!");
        check("😀\u{fe00}\u{fe05}\u{e0100}", "😀");
    }

    #[test]
    fn pieces_longer_than_one_piece_are_joined() {
        let text = "世".repeat(PIECE);
        assert!(matches!(clean(&text), Cow::Borrowed(same) if same == text));
        check(&format!("{text}\x1b[1m{text}"), &format!("{text}{text}"));
        let at_the_cut = format!("{}é\u{200d}é", "x".repeat(PIECE - 2));
        check(&at_the_cut, &at_the_cut);
    }
}
