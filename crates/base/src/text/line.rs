use std::borrow::Cow;

use super::clean::Pieces;
use super::table::{is_allowed, is_conditional, is_forbidden};

/// Makes one clean line of at most `max_chars` characters.
///
/// Every run of white space, line feeds included, becomes one space, and there is none around. An ellipsis, which
/// counts, marks a cut. Reads no further than needed, so a long text costs no more than a short one.
///
/// ```
/// # use codex_base::text::one_line;
/// assert_eq!(one_line("  two\n\n\u{1b}[31mwords", 20), "two words");
/// assert_eq!(one_line("abc defg", 5), "abc…");
/// ```
#[must_use]
pub fn one_line(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    let (mut count, mut gap) = (0, false);
    for character in Pieces::new(text).flat_map(|piece| piece.text().chars()) {
        if character.is_whitespace() {
            gap = count > 0;
            continue;
        }
        let needed = 1 + usize::from(gap);
        if count + needed > max_chars {
            if max_chars > 0 {
                if count == max_chars {
                    line.pop();
                }
                // A selector or a joiner must not lose what it belongs to.
                line.truncate(line.trim_end_matches(|c: char| c == ' ' || is_conditional(c)).len());
                line.push('…');
            }
            return line;
        }
        if gap {
            line.push(' ');
            gap = false;
        }
        line.push(character);
        count += needed;
    }
    line
}

/// Replaces every forbidden character, and every line feed, by a visible one, so that a reader of a log sees that it
/// was there: `␛` for ESC, U+FFFD for those that have no picture. Keeps tabs.
#[must_use]
pub fn visible_line(text: &str) -> Cow<'_, str> {
    let mut output = String::new();
    let mut copied = 0;
    let mut before = None;
    for (at, character) in text.char_indices() {
        let end = at + character.len_utf8();
        let hidden = character == '\n'
            || is_forbidden(character)
            || is_conditional(character) && !is_allowed(character, before, text[end..].chars().next());
        before = Some(character);
        if hidden {
            output.push_str(&text[copied..at]);
            output.push(picture(character));
            copied = end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    output.push_str(&text[copied..]);
    Cow::Owned(output)
}

fn picture(character: char) -> char {
    match character {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        _ => '\u{fffd}',
    }
}

/// Makes a name of ASCII letters, digits, `.`, `_` and `-`, at most `max_chars` long.
///
/// Every run of other characters becomes one `-`, and there is none around. The result may be empty, and it may be
/// `.` or `..`: as a file name it needs a suffix.
#[must_use]
pub fn identifier(text: &str, max_chars: usize) -> String {
    let mut name = String::new();
    let mut replaced = false;
    for character in text.chars() {
        if name.len() >= max_chars {
            break;
        }
        let plain = character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
        if plain {
            name.push(character);
        } else if !replaced {
            name.push('-');
        }
        replaced = !plain;
    }
    name.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_collapses_and_cuts() {
        let table = [
            ("", 10, ""),
            ("  a\n\tb  c \r\n", 10, "a b c"),
            ("  two\n\n words\t", 20, "two words"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("exactly ten", 11, "exactly ten"),
            ("exactly ten!", 11, "exactly te…"),
            ("abc defg", 5, "abc…"),
            ("ab cd", 3, "ab…"),
            ("ab cd", 2, "a…"),
            ("\x1b[31mabc", 3, "abc"),
            ("\u{1b}[31mred\u{1b}[0m", 20, "red"),
            ("a\u{202e}b", 20, "ab"),
            ("größer", 4, "grö…"),
            ("äöü", 2, "ä…"),
            ("abc", 0, ""),
            ("abc", 1, "…"),
            ("1\u{fe0f}\u{20e3}x", 3, "1…"),
        ];
        for (input, max, expected) in table {
            let line = one_line(input, max);
            assert_eq!(line, expected, "{input:?} at {max}");
            assert!(line.chars().count() <= max);
        }
    }

    #[test]
    fn forbidden_characters_become_visible() {
        let check = |text: &str, expected: &str| assert_eq!(visible_line(text), expected);
        check("plain\ttext ä", "plain\ttext ä");
        check("👩\u{200d}💻", "👩\u{200d}💻");
        check("\u{1b}]0;x\u{7}", "␛]0;x␇");
        check("a\rb\nc\0", "a␍b␊c␀");
        check("\u{7f}\u{9b}\u{202e}\u{2028}", "␡\u{fffd}\u{fffd}\u{fffd}");
        check("ad\u{200d}min\u{e0041}", "ad\u{fffd}min\u{fffd}");
    }

    #[test]
    fn identifiers_are_plain_and_bounded() {
        let check = |text: &str, expected: &str| assert_eq!(identifier(text, 64), expected);
        check("codex-companion", "codex-companion");
        check("my project (2)", "my-project-2");
        check("..", "..");
        check("", "");
        check("日本", "");
        check("a日本b", "a-b");
        check("a\u{1b}[31m\u{202e}b", "a-31m-b");
        check(&"x".repeat(300), &"x".repeat(64));
    }
}
