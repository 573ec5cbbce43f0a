//! Fences around content, which the content cannot close.

/// The longest fence, in backticks.
pub(crate) const LONGEST: usize = 100;

/// Appends `content` between two lines of backticks, which are longer than any run of backticks in `content`. `language`
/// follows the first line of backticks.
pub(crate) fn push(out: &mut String, language: &str, content: &str) {
    let fence = "`".repeat(length(content));
    out.push_str(&fence);
    out.push_str(language);
    out.push('\n');
    out.push_str(content);
    if !content.is_empty() && !content.ends_with('\n') {
        out.push('\n');
    }
    out.push_str(&fence);
    out.push('\n');
}

/// Whether the fence around the content is at most [`LONGEST`].
pub(crate) fn fits(content: &str) -> bool {
    length(content) <= LONGEST
}

fn length(content: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for byte in content.bytes() {
        run = if byte == b'`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    (longest + 1).max(3)
}

#[cfg(test)]
mod tests {
    use super::push;

    #[track_caller]
    fn check(content: &str, expected: &str) {
        let mut out = String::new();
        push(&mut out, "x", content);
        assert_eq!(out, expected);
    }

    #[test]
    fn a_fence_has_a_longest_length() {
        assert!(super::fits(&"`".repeat(99)) && !super::fits(&"`".repeat(100)));
    }

    #[test]
    fn the_fence_is_longer_than_any_run_in_its_content() {
        check("", "```x\n```\n");
        check("a", "```x\na\n```\n");
        check("a\n", "```x\na\n```\n");
        check("```\nout?", "````x\n```\nout?\n````\n");
        check("`````", "``````x\n`````\n``````\n");
    }
}
