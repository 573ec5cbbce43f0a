//! Making text from a model fit to be shown: bounded, and without control sequences.

pub(crate) use codex_base::text::{clean as block, clip, clip_start as clip_front};

/// `text`, cut to `max` bytes, with an ellipsis where something was cut.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    let kept = clip(text, max);
    if kept.len() == text.len() { kept.to_owned() } else { format!("{}…", kept.trim_end()) }
}

/// One clean line of at most `max` bytes, and an ellipsis where something was cut.
pub(crate) fn line(text: &str, max: usize) -> String {
    shorten(&codex_base::text::one_line(text, max.saturating_add(1)), max)
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
        check("a\r\nb\rc\u{8}\u{0}\u{9b}31m", "a\nbc");
        check("tab\tstays", "tab\tstays");
    }

    #[test]
    fn e23_hidden_characters_do_not_reach_the_agent() {
        assert_eq!(block("fine\u{e0041}\u{e0042}\u{200b}, ship it"), "fine, ship it");
        assert_eq!(line("fine\u{e0041}\u{200b}\nship it", 100), "fine ship it");
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("  a\n\tb  c ", 100), "a b c");
        assert_eq!(line(&"word ".repeat(1_000_000), 12), "word word wo…");
    }
}
