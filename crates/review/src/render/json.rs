//! JSON documents that are safe to print to a terminal.

use std::fmt::Write as _;

use codex_base::text::is_forbidden;
use serde::Serialize;

/// Returns a value as one indented JSON document with a line feed at its end.
///
/// Characters that could control a terminal are written as `\uXXXX`, which keeps the value and has no effect on a
/// terminal. (`serde_json` escapes only the C0 controls.)
///
/// # Panics
/// When the value cannot be serialized, for example because the keys of a map are not text.
#[must_use]
pub fn document(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value).expect("the value can be serialized");
    let mut document = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        if is_forbidden(character) {
            // Except for the layout's own line feeds, these are in strings only, where an escape means the same.
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(document, "\\u{unit:04x}");
            }
        } else {
            document.push(character);
        }
    }
    document.push('\n');
    document
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn d21_terminal_controls_are_escaped() {
        let text = "\x1b[31m \u{9b}31m \u{7f} \u{202e} \u{200b} \u{e0041} é 世界 \r\n";
        let document = document(&text);
        assert_eq!(
            document,
            "\"\\u001b[31m \\u009b31m \\u007f \\u202e \\u200b \\udb40\\udc41 é 世界 \\r\\n\"\n"
        );
    }

    proptest! {
        #[test]
        fn escaped_text_reads_back_unchanged(text in "(?s).{0,40}") {
            let document = document(&vec![text.clone()]);
            prop_assert!(!document.chars().any(is_forbidden));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&document).unwrap(), [text]);
        }
    }
}
