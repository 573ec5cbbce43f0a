//! JSON documents that are safe on a terminal.

use std::fmt::Write as _;

use serde::Serialize;

use crate::sanitize::is_forbidden;

/// One document, indented, with a line feed at its end.
///
/// Characters that could steer a terminal are written as `\uXXXX`: nothing is lost, and nothing acts. (`serde_json`
/// escapes the C0 controls alone.)
pub(super) fn document(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value).expect("plain structs with text keys always serialise");
    let mut document = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        if is_forbidden(character) {
            // Beyond the layout's own line feeds these stand in strings only, where an escape means the same.
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
    fn d21_what_could_steer_a_terminal_is_escaped() {
        let text = "\x1b[31m \u{9b}31m \u{7f} \u{202e} \u{200b} \u{e0041} é 世界 \r\n";
        let document = document(&text);
        assert_eq!(
            document,
            "\"\\u001b[31m \\u009b31m \\u007f \\u202e \\u200b \\udb40\\udc41 é 世界 \\r\\n\"\n"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "(?s).{0,40}") {
            let document = document(&vec![text.clone()]);
            prop_assert!(!document.chars().any(is_forbidden));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&document).unwrap(), [text]);
        }
    }
}
