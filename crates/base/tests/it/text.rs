//! Properties that hold for every text: what comes out is clean, bounded, and does not change when cleaned again.

use std::borrow::Cow;

use codex_base::text::{clean, identifier, is_clean, is_forbidden, one_line, visible_line};
use proptest::prelude::*;

/// Texts full of what the functions must remove, next to what they must keep.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[ -~]{0,4}",
        prop::sample::select(vec![
            "\x1b",
            "\x1b[",
            "\x1b]",
            "\x1bP",
            "\x1b\\",
            "\x07",
            "\r",
            "\n",
            "\r\n",
            "\u{9b}",
            "\u{9d}",
            "\u{9c}",
            "\u{200d}",
            "\u{200c}",
            "\u{202e}",
            "\u{feff}",
            "\u{e0041}",
            "\u{fe0f}",
            "\u{fe0e}",
            "\u{fe00}",
            "\u{20e3}",
            "\u{ad}",
            "\u{a0}",
            "\u{3000}",
            "é",
            "👩",
            "1",
            "31m",
            ";",
            "\u{2028}",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn e23_clean_text_has_no_forbidden_character_and_stays_as_it_is(text in hostile()) {
        let cleaned = clean(&text).into_owned();
        prop_assert!(!cleaned.chars().any(is_forbidden), "{cleaned:?}");
        prop_assert!(cleaned.len() <= text.len());
        let again = clean(&cleaned);
        prop_assert!(matches!(again, Cow::Borrowed(_)), "{cleaned:?} became {again:?}");
    }

    #[test]
    fn e23_one_line_is_clean_and_within_its_bound(text in hostile(), max in 0_usize..20) {
        let line = one_line(&text, max);
        prop_assert!(line.chars().count() <= max);
        prop_assert!(!line.contains(['\n', '\t']) && is_clean(&line), "{line:?}");
        prop_assert_eq!(one_line(&line, max), line);
    }

    #[test]
    fn e23_visible_lines_are_clean_and_lose_no_character(text in hostile()) {
        let line = visible_line(&text).into_owned();
        prop_assert!(!line.contains('\n') && is_clean(&line), "{line:?}");
        prop_assert_eq!(line.chars().count(), text.chars().count());
        prop_assert!(matches!(visible_line(&line), Cow::Borrowed(_)));
    }

    #[test]
    fn e23_identifiers_are_plain_and_within_their_bound(text in hostile(), max in 0_usize..20) {
        let name = identifier(&text, max);
        prop_assert!(name.len() <= max && is_clean(&name));
        prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)));
        prop_assert_eq!(identifier(&name, max), name);
    }

    #[test]
    fn text_without_suspects_is_borrowed(text in "[ -~\n\tа-я世界]{0,60}") {
        prop_assert!(matches!(clean(&text), Cow::Borrowed(_)));
    }
}
