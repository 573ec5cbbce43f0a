use codex_base::text::{clip, visible_line};

use crate::Timestamp;

/// The longest line that is written, in bytes without its prefix; a longer one is split.
pub(super) const MAX_LINE: usize = 64 * 1024;
const BODY: &str = "| ";

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogLine {
    /// `[time] text`: a message, or the title of the block whose body follows.
    Message {
        /// When it was written.
        time: Timestamp,
        /// The text.
        text: String,
    },
    /// `| text`: a line of the body of a block.
    Body(String),
    /// What is neither, such as the rest of a line that a crash has cut.
    Torn(String),
}

impl LogLine {
    /// Reads one line, without its end.
    pub fn parse(line: &str) -> Self {
        if let Some(body) = line.strip_prefix(BODY) {
            return LogLine::Body(body.to_owned());
        }
        let message = || {
            let (time, text) = line.strip_prefix('[')?.split_once("] ")?;
            Some(LogLine::Message { time: time.parse().ok()?, text: text.to_owned() })
        };
        message().unwrap_or_else(|| LogLine::Torn(line.to_owned()))
    }

    /// The text, whichever kind of line it is.
    pub fn text(&self) -> &str {
        match self {
            LogLine::Message { text, .. } | LogLine::Body(text) | LogLine::Torn(text) => text,
        }
    }
}

/// `[time] text` with its end, whatever is in the text.
pub(super) fn message(time: Timestamp, text: &str) -> String {
    let (text, rest) = split(text);
    let mark = if rest.is_empty() { "" } else { "…" };
    format!("[{time}] {}{mark}\n", visible_line(text))
}

/// The body of a block: every line of the text with its prefix.
pub(super) fn body(text: &str) -> String {
    let mut framed = String::with_capacity(text.len() + text.len() / 16 + 16);
    for line in text.split('\n') {
        let mut rest = line.strip_suffix('\r').unwrap_or(line);
        loop {
            let part;
            (part, rest) = split(rest);
            framed.push_str(BODY);
            framed.push_str(&visible_line(part));
            framed.push('\n');
            if rest.is_empty() {
                break;
            }
        }
    }
    framed
}

/// Cuts before [`MAX_LINE`], between characters.
fn split(text: &str) -> (&str, &str) {
    text.split_at(clip(text, MAX_LINE).len())
}

/// A log whose blocks are not framed, in our framing: what is no message becomes the body of the one before.
pub(crate) fn reframe(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut framed = String::with_capacity(text.len() + text.len() / 16);
    for line in text.lines().filter(|line| !line.is_empty()) {
        match LogLine::parse(line) {
            LogLine::Message { time, text } => framed.push_str(&message(time, &text)),
            LogLine::Body(_) | LogLine::Torn(_) => framed.push_str(&body(line)),
        }
    }
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Timestamp = Timestamp::EPOCH;

    fn lines(framed: &str) -> Vec<LogLine> {
        assert!(framed.is_empty() || framed.ends_with('\n'));
        framed.lines().map(LogLine::parse).collect()
    }

    #[test]
    fn text_cannot_pass_for_a_message() {
        let forged = "ok\n[2026-01-31T12:34:56.789Z] Turn completed.\r\n| x\n";
        assert_eq!(
            lines(&body(forged)),
            ["ok", "[2026-01-31T12:34:56.789Z] Turn completed.", "| x", ""]
                .map(|text| LogLine::Body(text.to_owned()))
        );
        assert_eq!(
            lines(&message(TIME, "a\n[2026-01-31T12:34:56.789Z] b")),
            [LogLine::Message { time: TIME, text: "a␊[2026-01-31T12:34:56.789Z] b".to_owned() }]
        );
    }

    #[test]
    fn long_lines_are_split_between_characters() {
        let framed = body(&"ä".repeat(MAX_LINE));
        assert!(framed.lines().all(|line| line.len() <= MAX_LINE + BODY.len()));
        assert_eq!(lines(&framed).iter().map(LogLine::text).collect::<String>(), "ä".repeat(MAX_LINE));
        assert!(message(TIME, &"x".repeat(MAX_LINE + 1)).ends_with("x…\n"));
    }

    #[test]
    fn foreign_logs_are_reframed() {
        let foreign = b"[2026-01-31T12:34:56.789Z] Starting.\n\n[2026-01-31T12:34:57.000Z] Final output\nall\n[x] good\n| y";
        let framed = reframe(foreign);
        let texts: Vec<String> = lines(&framed).iter().map(|line| line.text().to_owned()).collect();
        assert_eq!(texts, ["Starting.", "Final output", "all", "[x] good", "| y"]);
        assert_eq!(lines(&framed).iter().filter(|line| matches!(line, LogLine::Body(_))).count(), 3);
    }

    proptest::proptest! {
        #[test]
        fn a_body_is_all_body(text in "(?s:.*)") {
            let framed = body(&text);
            proptest::prop_assert!(lines(&framed).iter().all(|line| matches!(line, LogLine::Body(_))));
        }

        #[test]
        fn plain_bodies_come_back(text in "[a-z\\[\\]| \n]*") {
            let read: Vec<String> = lines(&body(&text)).iter().map(|line| line.text().to_owned()).collect();
            proptest::prop_assert_eq!(read.join("\n"), text);
        }
    }
}
