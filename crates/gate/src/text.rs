//! Making text from a model fit to be shown: bounded, and without control sequences.

/// The longest prefix of `text` that has at most `max` bytes and ends between two characters.
pub(crate) fn clip(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The longest suffix of `text` that has at most `max` bytes and begins between two characters.
pub(crate) fn clip_front(text: &str, max: usize) -> &str {
    let mut start = text.len().saturating_sub(max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// `text`, cut to `max` bytes, with an ellipsis where something was cut.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    let kept = clip(text, max);
    if kept.len() == text.len() { kept.to_owned() } else { format!("{}…", kept.trim_end()) }
}

/// One line: runs of white space become one space, nothing that steers a terminal is left.
pub(crate) fn line(text: &str, max: usize) -> String {
    // Cut first, so that a 50 MB reason costs no more than a short one.
    let shown = block(clip(text, max.saturating_mul(4)));
    let mut out = String::new();
    for word in shown.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > max {
            break;
        }
    }
    shorten(&out, max)
}

/// Text of several lines: newlines and tabs stay; escape sequences, other controls and the characters that
/// reorder text (bidirectional overrides and isolates) go.
pub(crate) fn block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // CSI: parameters, then one final byte.
                Some('[') => while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
                // OSC, DCS, SOS, PM, APC: a string, ended by BEL or by ESC and a backslash. A line's end ends it
                // too: an unterminated one must not swallow the rest.
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(&c) = chars.peek() {
                        if c == '\n' {
                            break;
                        }
                        chars.next();
                        if c == '\u{7}' || c == '\u{1b}' && chars.next_if_eq(&'\\').is_some() {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\n' | '\t' => out.push(c),
            '\r' if chars.peek() != Some(&'\n') => out.push('\n'),
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip_front("éa", 2), "a");
        assert_eq!(shorten("hello world", 6), "hello…");
        assert_eq!(shorten("hello", 5), "hello");
    }

    #[test]
    fn nothing_steers_a_terminal() {
        let check = |input: &str, expected: &str| assert_eq!(block(input), expected, "{input:?}");
        check("a\u{1b}[31mred\u{1b}[0m", "ared");
        check("x\u{1b}]0;title\u{7}y", "xy");
        check("x\u{1b}]8;;http://h\u{1b}\\link", "xlink");
        check("x\u{1b}]never ends\nnext", "x\nnext");
        check("ab\u{202e}cd\u{2066}", "abcd");
        check("a\r\nb\rc\u{8}\u{0}\u{9b}31m", "a\nb\nc31m");
        check("tab\tstays", "tab\tstays");
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("  a\n\tb  c ", 100), "a b c");
        assert_eq!(line(&"word ".repeat(1_000_000), 12), "word word wo…");
    }
}
