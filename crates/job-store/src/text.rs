use std::borrow::Cow;

/// Makes one line of at most `limit` characters: white space and control characters become single spaces,
/// characters that reorder text on a terminal are dropped, and a text that was cut ends in `…`.
///
/// Reads no further than it must, so the length of `text` does not matter.
pub fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = count > 0;
            continue;
        }
        if reorders(c) {
            continue;
        }
        let needed = 1 + usize::from(gap);
        if count + needed > limit {
            // Make room for the mark that says that something is missing.
            if limit > 0 {
                if count == limit {
                    line.pop();
                }
                line.push('…');
            }
            return line;
        }
        if gap {
            line.push(' ');
            gap = false;
        }
        line.push(c);
        count += needed;
    }
    line
}

/// The text with nothing in it that could act on a terminal or be taken for the end of a line: C0 controls but
/// the tab become their pictures (`␛`), other controls, bidi overrides and line separators become `U+FFFD`.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !acts(c)) {
        return Cow::Borrowed(text);
    }
    let picture = |c: char| match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        _ => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(|c| if acts(c) { picture(c) } else { c }).collect())
}

fn acts(c: char) -> bool {
    (c.is_control() && c != '\t') || reorders(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_one_line() {
        let check = |text: &str, limit: usize, expected: &str| {
            let line = one_line(text, limit);
            assert_eq!(line, expected);
            assert!(line.chars().count() <= limit);
        };
        check("", 10, "");
        check("  two\n\n words\t", 20, "two words");
        check("\u{1b}[31mred\u{1b}[0m", 20, "[31mred [0m");
        check("a\u{202e}b", 20, "ab");
        check("exactly ten", 11, "exactly ten");
        check("exactly ten!", 11, "exactly te…");
        check("ab cd", 3, "ab…");
        check("ab cd", 2, "a…");
        check("abc", 0, "");
        check("äöü", 2, "ä…");
    }

    #[test]
    fn what_acts_is_shown() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text), expected);
        check("plain\ttext ä", "plain\ttext ä");
        check("\u{1b}]0;x\u{7}", "␛]0;x␇");
        check("a\rb\nc\0", "a␍b␊c␀");
        check("\u{7f}\u{9b}\u{202e}\u{2028}", "␡\u{fffd}\u{fffd}\u{fffd}");
    }

    proptest::proptest! {
        #[test]
        fn never_longer_and_never_acting(text in "\\PC*|(?s:.*)", limit in 0_usize..40) {
            let line = one_line(&text, limit);
            proptest::prop_assert!(line.chars().count() <= limit);
            proptest::prop_assert!(!line.chars().any(acts));
            proptest::prop_assert!(!visible(&text).chars().any(acts));
        }
    }
}
