//! Rust source with all that is no code blanked out, so that rules find calls and not words about them.

use std::ops::Range;

/// A source file, its code, and which of its lines are for tests only.
pub(super) struct Source<'a> {
    text: &'a str,
    code: String,
    /// Byte ranges of items under `#[cfg(test)]`.
    tests: Vec<Range<usize>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let code = blank(text);
        let tests = test_items(&code);
        Self { text, code, tests }
    }

    /// The number of lines outside `#[cfg(test)]` items.
    pub(super) fn lines_outside_tests(&self) -> usize {
        let newlines = |range: Range<usize>| self.text[range].matches('\n').count();
        newlines(0..self.text.len()) - self.tests.iter().map(|range| newlines(range.clone())).sum::<usize>()
    }

    /// The lines, counted from 1, in which the code contains `needle` as whole words; `in_tests` also looks at test
    /// items. Lines that `// tidy: allow(rule) reason` excuses, on the line or just above it, are left out.
    pub(super) fn find(&self, needle: &str, rule: &str, in_tests: bool) -> Vec<usize> {
        let found = self.code.match_indices(needle).filter(|(start, _)| {
            let end = start + needle.len();
            let cut = |a: Option<char>, b: Option<char>| a.is_some_and(is_word) && b.is_some_and(is_word);
            let begins = !cut(self.code[..*start].chars().next_back(), needle.chars().next());
            let ends = !cut(needle.chars().next_back(), self.code[end..].chars().next());
            begins && ends && (in_tests || !self.tests.iter().any(|range| range.contains(start)))
        });
        let lines = found.map(|(start, _)| self.text[..start].matches('\n').count() + 1);
        lines.filter(|line| !self.excused(*line, rule)).collect()
    }

    fn excused(&self, line: usize, rule: &str) -> bool {
        let mark = format!("// tidy: allow({rule}) ");
        let above = line.saturating_sub(2);
        self.text.lines().skip(above).take(line - above).any(|line| line.contains(&mark))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The text with comments and the insides of literals replaced by spaces, byte for byte, newlines kept.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    while let Some(next) = text[code.len()..].chars().next() {
        let start = code.len();
        let end = skip(text, start);
        if end == start {
            code.push(next);
        } else {
            code.extend(text[start..end].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
    }
    code
}

/// Where the comment or literal that begins at `start` ends; `start` itself if none does.
fn skip(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let until = |found: Option<usize>| start + found.unwrap_or(rest.len());
    if rest.starts_with("//") {
        return until(rest.find('\n'));
    }
    if rest.starts_with("/*") {
        return start + block_comment(rest);
    }
    if rest.starts_with('"') {
        return start + quoted(rest, '"');
    }
    if rest.starts_with('\'') {
        let mut characters = rest.chars().skip(1);
        let first = characters.next();
        // `'a'` and `'\n'` are characters, `'a` is a lifetime.
        let character = first == Some('\\') || (first != Some('\'') && characters.next() == Some('\''));
        return if character { start + quoted(rest, '\'') } else { start };
    }
    // r"…", r#"…"#, and with b or c before; not the end of a longer word, and not a raw identifier.
    let begins_word = !text[..start].chars().next_back().is_some_and(is_word);
    let raw = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix));
    if let Some(raw) = raw.filter(|_| begins_word) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = rest.len() - raw.len() + hashes + 1;
            return until(rest[body..].find(&close).map(|at| body + at + close.len()));
        }
    }
    start
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        match &text.as_bytes()[at..(at + 2).min(text.len())] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The items under `#[cfg(test)]` or `#[cfg(all(test, …))]`, from the attribute to the closing brace or semicolon.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for attribute in ["#[cfg(test)]", "#[cfg(all(test,"] {
        for (start, _) in code.match_indices(attribute) {
            if !items.iter().any(|item| item.contains(&start)) {
                items.push(start..item_end(code, start));
            }
        }
    }
    items
}

fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0usize;
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return start + at + 1;
                }
            }
            ';' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_code_is_blanked() {
        let check = |text, expected| assert_eq!(blank(text), expected, "{text}");
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check(r#"f("x\"y", z)"#, r"f(      , z)");
        check("'a' 'b x '\\'' c", "    'b x      c");
        check("'('; '\\u{1F600}'; &'static str", "   ;            ; &'static str");
        check("r\"\\\" x r#\"a\"b\"# y", "     x          y");
        check("br\"z\" q b\"w\" xr\"s\"", "      q b    xr   ");
        check("r#type = 1", "r#type = 1");
        check("\"never closed", "             ");
        check("/* never closed", "               ");
        check("'é' é", "     é");
        check("ends with r", "ends with r");
    }

    #[test]
    fn test_items_are_known() {
        let text = "fn a() {}\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nuse d;\n";
        let source = Source::new(text);
        assert_eq!(source.find("fn", "r", false), [1, 7]);
        assert_eq!(source.find("fn", "r", true), [1, 5, 7]);
        assert_eq!(source.lines_outside_tests(), 4);
    }

    #[test]
    fn needles_are_whole_words() {
        let source = Source::new("std::env::var(a);\nmy_std::environment\nasleep(1); sleep(2)\n");
        assert_eq!(source.find("std::env", "r", false), [1]);
        assert_eq!(source.find("sleep(", "r", false), [3]);
        assert_eq!(Source::new("asleep(1)").find("sleep(", "r", false), [0; 0]);
    }

    #[test]
    fn a_line_can_be_excused_with_a_reason() {
        let find = |text| Source::new(text).find("sleep(", "sleep", true);
        assert_eq!(find("sleep(1); // tidy: allow(sleep) polls a state\n"), [0; 0]);
        assert_eq!(find("// tidy: allow(sleep) polls a state\nsleep(1);\nsleep(2);\n"), [3]);
        assert_eq!(find("// tidy: allow(sleep)\nsleep(1);\n"), [2], "no reason");
        assert_eq!(find("// tidy: allow(other) reason\nsleep(1);\n"), [2], "another rule");
    }
}
