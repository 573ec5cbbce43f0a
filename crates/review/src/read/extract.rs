//! Finds the JSON object that is the answer, in any surrounding text.
//!
//! Models put JSON in code fences, after an explanation, before a farewell, or write a draft first. The rule here:
//! **the last object with one of the wanted members at its top level decides.** If that object is cut off or is not
//! JSON, the answer is unreadable; an earlier draft never replaces it.
//!
//! One pass over the text with a pushdown scanner. An opening brace that turns out to begin no object (prose, code)
//! causes a second scan of what follows it; the bytes scanned again are limited to [`RESCAN_FACTOR`] times the text, so
//! that the whole is linear for any text.

/// How many times the length of the text may be scanned again after braces that began no object.
const RESCAN_FACTOR: usize = 4;

/// Objects and arrays may be nested this deep (what `serde_json` reads).
const MAX_DEPTH: u32 = 127;

/// The result of a search.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A whole object, from its opening to its closing brace. Its scalars are not checked.
    Whole(&'a str),
    /// The deciding object is cut off or is not JSON; what is wrong, and at which byte.
    Broken(&'static str, usize),
    /// No object has any of the members.
    Nothing,
}

/// The last object in `text` that has one of `members` at its top level.
pub(crate) fn last_object<'a>(text: &'a str, members: &[&str]) -> Found<'a> {
    let bytes = text.as_bytes();
    let mut budget = bytes.len().saturating_mul(RESCAN_FACTOR);
    let mut found = Found::Nothing;
    let mut at = 0;
    while let Some(distance) = memchr::memchr(b'{', &bytes[at..]) {
        let start = at + distance;
        let mut scanner = Scanner { bytes, at: start, members, wanted: false };
        let end = scanner.object();
        at = match (end, scanner.wanted) {
            (Ok(end), wanted) => {
                if wanted {
                    found = Found::Whole(&text[start..end]);
                }
                end
            }
            (Err(what), true) => {
                found = Found::Broken(what, scanner.at);
                scanner.at.max(start + 1)
            }
            (Err(_), false) => {
                let spent = scanner.at - start;
                budget = budget.saturating_sub(spent);
                if budget > 0 { start + 1 } else { scanner.at.max(start + 1) }
            }
        };
    }
    found
}

#[derive(Clone, Copy)]
enum Want {
    FirstKeyOrEnd,
    Key,
    Colon,
    Value,
    FirstValueOrEnd,
    CommaOrEnd,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    members: &'a [&'a str],
    wanted: bool,
}

impl<'a> Scanner<'a> {
    /// Scans the object that begins at `at` and returns where it ends; on an error `at` is the place of the error.
    fn object(&mut self) -> Result<usize, &'static str> {
        // One bit a level, the innermost lowest: is it an object?
        let mut levels: u128 = 1;
        let mut depth: u32 = 1;
        self.at += 1;
        let mut want = Want::FirstKeyOrEnd;
        loop {
            let Some(&byte) = self.bytes.get(self.at) else { return Err("it is cut off") };
            if byte.is_ascii_whitespace() {
                self.at += 1;
                continue;
            }
            let in_object = levels & 1 == 1;
            want = match (want, byte) {
                (Want::FirstKeyOrEnd | Want::Key, b'"') => {
                    let key = self.string()?;
                    self.wanted |= depth == 1 && self.members.iter().any(|member| member.as_bytes() == key);
                    Want::Colon
                }
                (Want::Colon, b':') => {
                    self.at += 1;
                    Want::Value
                }
                (Want::FirstKeyOrEnd, b'}') | (Want::FirstValueOrEnd, b']') => {
                    self.at += 1;
                    Want::CommaOrEnd
                }
                (Want::CommaOrEnd, b'}') if in_object => {
                    self.at += 1;
                    Want::CommaOrEnd
                }
                (Want::CommaOrEnd, b']') if !in_object => {
                    self.at += 1;
                    Want::CommaOrEnd
                }
                (Want::CommaOrEnd, b',') => {
                    self.at += 1;
                    if in_object { Want::Key } else { Want::Value }
                }
                (Want::Value | Want::FirstValueOrEnd, b'{' | b'[') => {
                    if depth == MAX_DEPTH {
                        return Err("it is nested too deeply");
                    }
                    depth += 1;
                    levels = levels << 1 | u128::from(byte == b'{');
                    self.at += 1;
                    want = if byte == b'{' { Want::FirstKeyOrEnd } else { Want::FirstValueOrEnd };
                    continue;
                }
                (Want::Value | Want::FirstValueOrEnd, b'"') => {
                    self.string()?;
                    Want::CommaOrEnd
                }
                (Want::Value | Want::FirstValueOrEnd, b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                    let scalar =
                        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                    self.at += self.bytes[self.at..].iter().take_while(scalar).count();
                    Want::CommaOrEnd
                }
                _ => return Err("it is not valid JSON"),
            };
            if matches!(byte, b'}' | b']') {
                depth -= 1;
                levels >>= 1;
                if depth == 0 {
                    return Ok(self.at);
                }
            }
        }
    }

    /// Scans the string that begins at `at`; returns what is between the quotes, escapes unchanged.
    fn string(&mut self) -> Result<&'a [u8], &'static str> {
        let bytes = self.bytes;
        let start = self.at + 1;
        let mut at = start;
        loop {
            let Some(distance) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at..]) else {
                self.at = bytes.len();
                return Err("it is cut off");
            };
            at += distance;
            match bytes[at] {
                b'"' => {
                    self.at = at + 1;
                    return Ok(&bytes[start..at]);
                }
                b'\\' if at + 1 < bytes.len() => at += 2,
                b'\\' => {
                    self.at = bytes.len();
                    return Err("it is cut off");
                }
                _ => {
                    self.at = at;
                    return Err("a string contains a bare line break");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const MEMBERS: &[&str] = &["verdict"];

    #[track_caller]
    fn check(text: &str, expected: &Found<'_>) {
        assert_eq!(&last_object(text, MEMBERS), expected, "{text:?}");
    }

    #[test]
    fn d28_objects_are_found_in_any_surrounding_text() {
        let whole = r#"{"verdict": "x"}"#;
        let around = [
            String::from(whole),
            format!("\u{feff}{whole}"),
            format!("```json\n{whole}\n```"),
            format!("Here is my review:\n\n{whole}\nThat's all, folks {{ sic }}."),
            format!("I don't like `fn main() {{ \"a\" }}` or {{\"a\" b}} or {{\"; but: {whole}"),
            format!("{{\"other\": {{\"verdict\": 1}}}} {whole}"),
            format!("{{\"verdict\": \"draft\"}} then {whole}"),
            format!("{whole} and {{\"config\": [1, 2]}} and {{}}"),
            format!("an unclosed {{\"brace {whole}"),
        ];
        for text in around {
            check(&text, &Found::Whole(whole));
        }
    }

    #[test]
    fn braces_and_quotes_in_strings_do_not_count() {
        let text = r#"{"verdict": "a } \" { \\", "n": [{"a": "]}"}, -1.5e3, true, null, []]}"#;
        check(text, &Found::Whole(text));
    }

    #[test]
    fn a_broken_last_object_is_not_replaced_by_a_draft() {
        let draft = r#"{"verdict": "approve"} "#;
        let broken = |rest: &str| match last_object(&format!("{draft}{rest}"), MEMBERS) {
            Found::Broken(what, _) => what,
            other => panic!("{rest:?} gave {other:?}"),
        };
        assert_eq!(broken(r#"{"verdict": "needs"#), "it is cut off");
        assert_eq!(broken(r#"{"verdict": "needs", "findings": [{"title": 1}"#), "it is cut off");
        assert_eq!(broken(r#"{"verdict": "needs",}"#), "it is not valid JSON");
        assert_eq!(broken("{\"verdict\": \"a\nb\"}"), "a string contains a bare line break");
        assert_eq!(broken(r#"{"a": {"verdict": "approve"}, "verdict": ]"#), "it is not valid JSON");
    }

    #[test]
    fn text_without_an_answer_has_none() {
        for text in
            ["", "{", "}", "{}", "{\"verdic\": 1}", "[1]", "verdict: approve", "\"verdict\"", "{verdict: 1}"]
        {
            check(text, &Found::Nothing);
        }
        check(&"{\"a\":".repeat(500), &Found::Nothing);
    }

    #[test]
    fn deep_nesting_is_refused_not_overflowed() {
        let text = format!("{{\"verdict\": {}", "[".repeat(100_000));
        check(&text, &Found::Broken("it is nested too deeply", 12 + 126));
    }

    /// Each text makes many braces look like beginnings; a quadratic scan would take hours.
    #[test]
    fn hostile_text_stays_linear() {
        for piece in ["{\"a\":", "{\"", "{\"a\":{", "{", "{\"a\":[", "{\"a\\\""] {
            let text = piece.repeat(2_000_000 / piece.len());
            check(&text, &Found::Nothing);
        }
        let text = format!("{}[{}", "{\"a\":".repeat(120), "{},".repeat(1_000_000));
        check(&text, &Found::Nothing);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(".*", inner, 0..5).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_whole_object_is_found_whole(value in value(), pretty: bool, before in "[^{}]*", after in "[^{}]*") {
            let object = json!({"verdict": value});
            let object = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
            let text = format!("{before}{object}{after}");
            prop_assert_eq!(last_object(&text, MEMBERS), Found::Whole(&object));
        }

        #[test]
        fn no_text_causes_a_panic(text in r#"[{}\[\]",:\\ \n1a]{0,60}|.*"#) {
            last_object(&text, &["a", "1"]);
        }

        #[test]
        fn an_incomplete_object_is_never_returned_as_whole(value in value(), share in 0.0..1.0) {
            let object = serde_json::to_string(&json!({"verdict": value})).unwrap();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of a short length")]
            let mut cut = (object.len() as f64 * share) as usize;
            while !object.is_char_boundary(cut) {
                cut -= 1;
            }
            prop_assert!(!matches!(last_object(&object[..cut], MEMBERS), Found::Whole(_)));
        }
    }
}
