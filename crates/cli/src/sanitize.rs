//! Model and repository text, made safe to show on a terminal or to hand to a pipe.
//!
//! What is taken out, and why:
//!
//! - escape sequences, whole: CSI, the string sequences (OSC, DCS, APC, PM, SOS), two-character and charset escapes,
//!   whether begun by ESC or by the C1 control of the same meaning. A string sequence ends at BEL, at ST, before
//!   another ESC, or, unterminated, at the end of its line: it can hide no more than that line
//! - other control characters: C0 but line feed and tab, DEL, C1
//! - carriage returns: CR LF becomes a line feed, a lone CR (which overwrites what was shown) goes
//! - the separators U+0085, U+2028 and U+2029 become line feeds, which is what they mean
//! - bidirectional marks, embeddings, overrides and isolates, which make text read other than it is
//! - characters that show nothing and carry hidden text or split words: U+200B, U+2060–2064, U+206A–206F, U+180E,
//!   U+FEFF, U+FFF9–FFFB, and the block U+E0000–E0FFF (tags, variation selectors supplement)
//! - the joiners U+200C and U+200D, except between two characters beyond ASCII, where scripts and emoji need them
//!
//! All else is kept as it is; text without any of these is not copied.

use std::borrow::Cow;

/// Takes out what a terminal could be steered with. Linear in the text, idempotent.
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut output = String::new();
    // `text[pending..at]` is to be kept and not yet copied.
    let (mut pending, mut at) = (0, 0);
    while let Some(distance) = bytes[at..].iter().position(|byte| SUSPECT[usize::from(*byte)]) {
        // A suspect byte is ASCII or the first of its character, so this is a character boundary.
        let start = at + distance;
        let before = text[pending..start].chars().next_back().or_else(|| output.chars().next_back());
        match judge(text, start, before) {
            Judgement::Keep { end } => at = end,
            Judgement::Replace { end, by } => {
                if output.is_empty() {
                    output.reserve(text.len());
                }
                output.push_str(&text[pending..start]);
                output.push_str(by);
                (pending, at) = (end, end);
            }
        }
    }
    if pending == 0 {
        return Cow::Borrowed(text);
    }
    output.push_str(&text[pending..]);
    Cow::Owned(output)
}

/// Sanitised, with every run of white space as one space and none around, cut to `max_chars` characters (an
/// ellipsis, counted, marks the cut).
#[must_use]
pub fn one_line(text: &str, max_chars: usize) -> String {
    let text = sanitize(text);
    let words = text.split_whitespace().flat_map(|word| [" ", word]).skip(1);
    let mut line: String = words.flat_map(str::chars).take(max_chars.saturating_add(1)).collect();
    if line.chars().count() > max_chars {
        let cut = line.char_indices().nth(max_chars.saturating_sub(1)).map_or(0, |(at, _)| at);
        line.truncate(line[..cut].trim_end().len());
        line.extend((max_chars > 0).then_some('…'));
    }
    line
}

/// Whether [`sanitize`] never lets this character through. Joiners depend on their neighbours and are not in the set.
#[must_use]
pub fn is_forbidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // Bidirectional controls.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        // Line and paragraph separators.
        '\u{2028}' | '\u{2029}' => true,
        // Nothing to see, something to carry.
        '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// Bytes at which a character may begin that is not simply kept.
static SUSPECT: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = byte != b'\n' as usize && byte != b'\t' as usize;
        byte += 1;
    }
    table[0x7f] = true;
    // The first bytes of U+0080–00BF, U+0600–063F, U+1000–1FFF, U+2000–2FFF, U+F000–FFFF and U+C0000–FFFFF.
    table[0xc2] = true;
    table[0xd8] = true;
    table[0xe1] = true;
    table[0xe2] = true;
    table[0xef] = true;
    table[0xf3] = true;
    table
};

enum Judgement {
    Keep { end: usize },
    Replace { end: usize, by: &'static str },
}

/// What becomes of the character at `start`, given the one that stands before it in the output.
fn judge(text: &str, start: usize, before: Option<char>) -> Judgement {
    let character = text[start..].chars().next().expect("a suspect byte begins a character");
    let end = start + character.len_utf8();
    let bytes = text.as_bytes();
    let replace = |end, by| Judgement::Replace { end, by };
    match character {
        '\u{1b}' => replace(escape_end(bytes, end), ""),
        '\u{9b}' => replace(csi_end(bytes, end), ""),
        '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => replace(string_end(bytes, end), ""),
        '\r' if bytes.get(end) == Some(&b'\n') => replace(end + 1, "\n"),
        '\u{85}' | '\u{2028}' | '\u{2029}' => replace(end, "\n"),
        '\u{200c}' | '\u{200d}' => {
            let joins = |neighbour: Option<char>| {
                neighbour
                    .is_some_and(|c| !c.is_ascii() && !is_forbidden(c) && c != '\u{200c}' && c != '\u{200d}')
            };
            if joins(before) && joins(text[end..].chars().next()) {
                Judgement::Keep { end }
            } else {
                replace(end, "")
            }
        }
        other if is_forbidden(other) => replace(end, ""),
        _ => Judgement::Keep { end },
    }
}

/// The end of an escape sequence whose ESC has been read.
fn escape_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'[') => csi_end(bytes, at + 1),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => string_end(bytes, at + 1),
        _ => {
            let last = skip(bytes, at, 0x20..=0x2f);
            skip_one(bytes, last, 0x30..=0x7e)
        }
    }
}

fn csi_end(bytes: &[u8], at: usize) -> usize {
    let intermediates = skip(bytes, at, 0x30..=0x3f);
    let last = skip(bytes, intermediates, 0x20..=0x2f);
    skip_one(bytes, last, 0x40..=0x7e)
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (0x07, _) => return at + 1,
            // ST, as ESC \ and as U+009C.
            (0x1b, Some(b'\\')) | (0xc2, Some(0x9c)) => return at + 2,
            (0x1b | b'\n' | b'\r', _) => return at,
            _ => at += 1,
        }
    }
    at
}

fn skip(bytes: &[u8], at: usize, range: std::ops::RangeInclusive<u8>) -> usize {
    at + bytes[at..].iter().take_while(|byte| range.contains(byte)).count()
}

fn skip_one(bytes: &[u8], at: usize, range: std::ops::RangeInclusive<u8>) -> usize {
    at + usize::from(bytes.get(at).is_some_and(|byte| range.contains(byte)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(sanitize(input), expected, "{input:?}");
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
            "soft\u{ad}hyphen",
        ];
        for text in texts {
            assert!(matches!(sanitize(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn d21_escape_sequences_go_whole() {
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
    fn an_unterminated_string_hides_its_own_line_only() {
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
    fn d21_bidi_and_hidden_characters() {
        check("if \u{202e}evil\u{202c} \u{2066}x\u{2069}\u{200f}\u{61c}", "if evil x");
        check("pass\u{200b}word\u{feff}\u{2060}", "password");
        check("tags\u{e0041}\u{e0042}", "tags");
        check("ad\u{200d}min", "admin");
        check("\u{200d}x\u{200c}", "x");
        check("é\u{200d}\u{200d}é", "é\u{200d}é");
    }

    #[test]
    fn one_line_collapses_and_cuts() {
        let table = [
            ("", 10, ""),
            ("  a\n\tb  c \r\n", 10, "a b c"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("abc defg", 5, "abc…"),
            ("\x1b[31mabc", 3, "abc"),
            ("größer", 4, "grö…"),
            ("abc", 0, ""),
            ("abc", 1, "…"),
        ];
        for (input, max, expected) in table {
            assert_eq!(one_line(input, max), expected, "{input:?} at {max}");
        }
    }

    fn nasty() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            "[ -~]{0,4}",
            prop::sample::select(vec![
                "\x1b",
                "\x1b[",
                "\x1b]",
                "\x1bP",
                "\x1b\\",
                "\x07",
                "\r",
                "\n",
                "\r\n",
                "\u{9b}",
                "\u{9d}",
                "\u{9c}",
                "\u{200d}",
                "\u{200c}",
                "\u{202e}",
                "\u{feff}",
                "\u{e0041}",
                "é",
                "👩",
                "31m",
                ";",
                "\u{2028}",
            ])
            .prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_forbidden_comes_out(text in nasty()) {
            let clean = sanitize(&text).into_owned();
            prop_assert!(!clean.chars().any(is_forbidden), "{clean:?}");
            let again = sanitize(&clean);
            prop_assert!(matches!(again, Cow::Borrowed(_)));
            prop_assert_eq!(again, clean.as_str());
        }

        #[test]
        fn one_line_is_one_line_within_its_limit(text in nasty(), max in 0_usize..20) {
            let line = one_line(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(!line.contains('\n') && !line.contains('\t'));
        }

        #[test]
        fn text_without_suspects_is_borrowed(text in "[ -~\n\tа-я世界]{0,60}") {
            prop_assert!(matches!(sanitize(&text), Cow::Borrowed(_)));
        }
    }
}
