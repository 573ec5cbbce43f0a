//! Review answers: the object in an answer is found in any surrounding text, and none is invented.

use std::cmp::Reverse;

use codex_review::{Confidence, Reading, Review, ReviewReader, ReviewVerdict};
use serde_json::{Map, Value};

const ROOTS: [&str; 2] = ["/repo", "/private/repo"];

/// Any answer.
///
/// # Panics
/// When a result was read that no object of the answer has, or prose around an object changes what is read.
pub fn reviews(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(16 * 1024)]);
    review(&text);
    native(&text);
}

fn reader() -> ReviewReader {
    ROOTS.into_iter().fold(ReviewReader::new(), ReviewReader::root)
}

fn review(text: &str) {
    let reading = reader().read_json(text);
    check(&reading);
    let objects = objects(text, &["verdict", "findings"]);
    if let Some(result) = reading.review() {
        assert!(objects.iter().any(|object| is_of(result, object)), "no object says so: {result:?}");
        // What we write is read as what it was.
        let written = serde_json::to_string(result).expect("a result is JSON");
        let again = ReviewReader::new().read_json(&written);
        let again = again.review().expect("a written review can be read");
        assert_eq!(without_numbers(again.clone()), without_numbers(result.clone()));
    }
    if serde_json::from_str::<Map<String, Value>>(text).is_ok() && objects.len() == 1 {
        let around = [
            format!("```json\n{text}\n```"),
            format!(
                "I do not like `fn main() {{ \"a\" }}` or {{\"a\" b}}. Now:\n\n{text}\nThat is all {{ sic }}."
            ),
            format!("{{\"verdict\": \"approve\", \"summary\": \"a draft\", \"findings\": []}}\n{text}"),
            format!("\u{feff}{text}\n{{\"config\": [1]}}"),
        ];
        for around in around {
            assert_eq!(reader().read_json(&around).review(), reading.review(), "{around}");
        }
        let cut = text.trim_end().strip_suffix('}').expect("an object ends with a brace");
        assert_eq!(reader().read_json(cut).review(), None, "a part of an answer is not an answer");
    }
}

fn native(text: &str) {
    let reading = reader().read_native(text);
    check(&reading);
    let Some(result) = reading.review() else { return };
    if result.verdict == ReviewVerdict::Approve {
        let approves = |object: &Map<String, Value>| {
            let said = object.get("overall_correctness").and_then(Value::as_str).unwrap_or_default();
            said.trim().eq_ignore_ascii_case("patch is correct")
        };
        assert!(objects(text, &["overall_correctness", "findings"]).iter().any(approves), "nothing approves");
    }
}

/// What holds for every reading.
fn check(reading: &Reading) {
    let Some(result) = reading.review() else { return };
    for finding in &result.findings {
        let lines = finding.lines.map_or(1..=1, |lines| lines.start()..=lines.end());
        assert!(*lines.start() >= 1 && !lines.is_empty(), "{finding:?}");
        let confidence = finding.confidence.map_or(0.0, Confidence::value);
        assert!((0.0..=1.0).contains(&confidence), "{finding:?}");
        let file = finding.file.as_deref().unwrap_or_default();
        assert!(!ROOTS.iter().any(|root| file.starts_with(&format!("{root}/"))) || file.contains(".."));
    }
    assert!(result.findings.is_sorted_by_key(|finding| Reverse(finding.severity)), "most serious first");
}

/// Every object of the text that `serde_json` reads and that has one of the members: tried at each brace.
fn objects(text: &str, members: &[&str]) -> Vec<Map<String, Value>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(distance) = text[at..].find('{') {
        at += distance;
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Map<String, Value>>();
        match values.next() {
            Some(Ok(object)) => {
                at += values.byte_offset();
                found.extend(members.iter().any(|member| object.contains_key(*member)).then_some(object));
            }
            _ => at += 1,
        }
    }
    found
}

fn is_of(result: &Review, object: &Map<String, Value>) -> bool {
    let verdict = object.get("verdict").and_then(Value::as_str).unwrap_or_default();
    let verdict = verdict.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    let expected = result.verdict.as_str();
    let titles = |findings: &Value| -> Option<Vec<String>> {
        findings.as_array()?.iter().map(|finding| Some(finding["title"].as_str()?.to_owned())).collect()
    };
    let mut read: Vec<String> = result.findings.iter().map(|finding| finding.title.clone()).collect();
    let mut written = object.get("findings").and_then(titles).unwrap_or_default();
    read.sort();
    written.sort();
    verdict == expected
        && object.get("summary").and_then(Value::as_str) == Some(&result.summary)
        && read == written
}

/// Numbers with a fraction may change by a hair when they are written and read again.
fn without_numbers(mut result: Review) -> Review {
    result.findings.iter_mut().for_each(|finding| finding.confidence = None);
    result.findings.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
    result
}
