//! What one line is, by its first and last bytes alone.

/// What a line is. Offsets are into the line that was classified; `start..end` is never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Line {
    /// A message is at `start..end`, with at most white space around it.
    Message {
        /// Where the message begins.
        start: usize,
        /// Where the message ends.
        end: usize,
    },
    /// A message is at `start..end`, with a byte order mark or escape sequences around it.
    Decorated {
        /// Where the message begins.
        start: usize,
        /// Where the message ends.
        end: usize,
    },
    /// Something else is at `start..end`.
    Text {
        /// Where the text begins.
        start: usize,
        /// Where the text ends.
        end: usize,
    },
    /// Nothing but escape sequences or a byte order mark stand at `start..end`.
    Decoration {
        /// Where the decoration begins.
        start: usize,
        /// Where the decoration ends.
        end: usize,
    },
    /// Nothing but white space, or nothing.
    Empty,
}

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Says what a line (without its newline) is. Pure; its cost does not grow with the length of a message.
#[inline]
pub fn classify(line: &[u8]) -> Line {
    if is_plain(line) { Line::Message { start: 0, end: line.len() } } else { classify_slowly(line) }
}

/// Whether a line is a message with nothing around it, as the app-server writes them.
#[inline]
pub(super) fn is_plain(line: &[u8]) -> bool {
    matches!(line, [b'{', b'"', .., b'}'])
}

fn classify_slowly(line: &[u8]) -> Line {
    let first = line.len() - line.trim_ascii_start().len();
    let last = line.trim_ascii_end().len();
    if first >= last {
        return Line::Empty;
    }
    let start = after_decoration(line, first, last);
    if start == last {
        return Line::Decoration { start: first, end: last };
    }
    if !opens_message(&line[start..last]) {
        return Line::Text { start: first, end: last };
    }
    let end = before_decoration(line, start, last);
    if start == first && end == last { Line::Message { start, end } } else { Line::Decorated { start, end } }
}

/// Whether a line begins as only a JSON object, or an array of them, can.
fn opens_message(text: &[u8]) -> bool {
    let (closing, inner) = match text.first() {
        Some(b'{') => (b'}', b'"'),
        Some(b'[') => (b']', b'{'),
        _ => return false,
    };
    text[1..].trim_ascii_start().first().is_some_and(|&byte| byte == closing || byte == inner)
}

/// Skips byte order marks, escape sequences and white space from `at`.
fn after_decoration(line: &[u8], mut at: usize, end: usize) -> usize {
    while at < end {
        at += match line[at] {
            ESCAPE => escape_length(&line[at..end]),
            byte if byte.is_ascii_whitespace() => 1,
            _ if line[at..end].starts_with(BYTE_ORDER_MARK) => BYTE_ORDER_MARK.len(),
            _ => break,
        };
    }
    at
}

/// Finds the end of a message that escape sequences may follow.
fn before_decoration(line: &[u8], start: usize, end: usize) -> usize {
    if matches!(line[end - 1], b'}' | b']') {
        return end;
    }
    // Valid JSON contains no raw escape byte, so the first one after the last brace ends the message.
    match memchr::memrchr(b'}', &line[start..end]) {
        Some(brace) if after_decoration(line, start + brace + 1, end) == end => start + brace + 1,
        _ => end,
    }
}

/// How many bytes the escape sequence at the start of `bytes` takes (ECMA-48, and xterm's strings that BEL ends).
///
/// `{` never ends a sequence here, although the standard lets it: before a message it is the message's own.
fn escape_length(bytes: &[u8]) -> usize {
    let body = |from: usize, low: u8, high: u8| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| (low..=high).contains(*byte)).count()
    };
    let finish = |at: usize, low: u8| {
        let ends = bytes.get(at).is_some_and(|&byte| (low..=b'~').contains(&byte) && byte != b'{');
        if ends { at + 1 } else { at }
    };
    match bytes.get(1) {
        // Control sequence: parameters, intermediates, one final byte.
        Some(b'[') => finish(body(body(2, b'0', b'?'), b' ', b'/'), b'@'),
        // Control strings, such as a title or a hyperlink: up to BEL or ESC \.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let ends = |at: &usize| bytes[*at] == BELL || bytes[*at..].starts_with(b"\x1b\\");
            match (2..bytes.len()).find(ends) {
                Some(at) if bytes[at] == BELL => at + 1,
                Some(at) => at + 2,
                None => bytes.len(),
            }
        }
        // Two bytes, or more with intermediates (a character set, as `tput sgr0` writes).
        _ => finish(body(1, b' ', b'/'), b'0'),
    }
}
