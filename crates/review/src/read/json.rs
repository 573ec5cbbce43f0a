//! The reading of an answer in our schema.

use serde_json::{Map, Value};

use super::extract::{Found, last_object};
use super::{Finding, Reading, ReviewResult, Severity, Verdict, normalise_path};
use crate::sanitize::one_line;

/// Reads an answer in the form of [`output_schema`](super::output_schema), wherever in `text` it stands.
///
/// Of several objects the last with a `verdict` or `findings` member decides; if it is broken there is no result.
/// Missing verdict, summary or findings, and values of the wrong type, are errors that name the member. Mended and
/// noted: an unknown severity (medium), lines out of order (swapped) or below 1, a confidence beyond 0 to 1 (clamped),
/// missing next steps, body or recommendation (empty). `roots` are the names of the work tree's root, see
/// [`normalise_path`]. Linear in the text.
#[must_use]
pub fn read_review(text: &str, roots: &[&str]) -> Reading {
    let mut notes = Vec::new();
    let result = object_in(text, &["verdict", "findings"]).and_then(|found| match found {
        Some(object) => Reader { roots, notes: &mut notes }.review(object),
        None => Err(format!("no JSON object with a verdict in the answer, which begins {}", quote(text))),
    });
    Reading::from_result(result, notes)
}

/// The deciding object of a text, parsed; `None` when it has none.
pub(super) fn object_in(text: &str, members: &[&str]) -> Result<Option<Map<String, Value>>, String> {
    if text.trim().is_empty() {
        return Err("the answer is empty".to_owned());
    }
    match last_object(text, members) {
        Found::Whole(object) => match serde_json::from_str(object) {
            Ok(object) => Ok(Some(object)),
            Err(error) => Err(format!("the JSON object in the answer is not valid: {error}")),
        },
        Found::Broken(what, at) => {
            Err(format!("the JSON object in the answer cannot be read: {what} (byte {at})"))
        }
        Found::Nothing => Ok(None),
    }
}

/// Takes fields out of JSON objects. Errors are `path: expected …, found …`.
pub(super) struct Reader<'a> {
    pub(super) roots: &'a [&'a str],
    pub(super) notes: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn review(&mut self, mut object: Map<String, Value>) -> Result<ReviewResult, String> {
        let verdict = take_text(&mut object, "", "verdict")?.ok_or("verdict: missing")?;
        let verdict = match verdict.trim().to_ascii_lowercase().replace(['_', ' '], "-").as_str() {
            "approve" => Verdict::Approve,
            "needs-attention" => Verdict::NeedsAttention,
            _ => {
                return Err(format!(
                    "verdict: expected \"approve\" or \"needs-attention\", found {}",
                    quote(&verdict)
                ));
            }
        };
        let summary = take_text(&mut object, "", "summary")?.ok_or("summary: missing")?;
        let findings = take_list(&mut object, "findings")?.ok_or("findings: missing")?;
        let findings = findings.into_iter().enumerate();
        let findings = findings.map(|(index, value)| self.finding(&format!("findings[{index}]"), value));
        let findings = findings.collect::<Result<_, _>>()?;
        let next_steps = take_list(&mut object, "next_steps")?.unwrap_or_else(|| {
            self.notes.push("next_steps: missing, taken as none".into());
            Vec::new()
        });
        let next_steps = next_steps.into_iter().enumerate().map(|(index, step)| match step {
            Value::String(step) => Ok(step),
            other => Err(format!("next_steps[{index}]: expected a string, found {}", name(&other))),
        });
        Ok(ReviewResult { verdict, summary, findings, next_steps: next_steps.collect::<Result<_, _>>()? })
    }

    fn finding(&mut self, path: &str, value: Value) -> Result<Finding, String> {
        let mut object = expect_object(path, value)?;
        let title = take_text(&mut object, path, "title")?.ok_or_else(|| format!("{path}.title: missing"))?;
        let severity = take_text(&mut object, path, "severity")?.unwrap_or_default();
        let severity = match severity.trim().to_ascii_lowercase().as_str() {
            "critical" => Severity::Critical,
            "high" => Severity::High,
            "medium" => Severity::Medium,
            "low" => Severity::Low,
            _ => {
                self.notes
                    .push(format!("{path}.severity: {} is not known, taken as medium", quote(&severity)));
                Severity::Medium
            }
        };
        let file = take_text(&mut object, path, "file")?.unwrap_or_default();
        let (line_start, line_end) =
            self.lines(path, ["line_start", "line_end"], object.get("line_start"), object.get("line_end"))?;
        Ok(Finding {
            severity,
            title,
            body: take_text(&mut object, path, "body")?.unwrap_or_default(),
            file: normalise_path(&file, self.roots),
            line_start,
            line_end,
            confidence: self.confidence(path, "confidence", object.get("confidence"))?,
            recommendation: take_text(&mut object, path, "recommendation")?.unwrap_or_default(),
        })
    }

    /// Two line numbers, mended until 1 ≤ first ≤ last.
    pub(super) fn lines(
        &mut self,
        path: &str,
        keys: [&str; 2],
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> Result<(u32, u32), String> {
        let mut line = |key: &str, value: Option<&Value>| match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                let line = number.as_f64().unwrap_or(0.0);
                if line < 1.0 || line.fract() != 0.0 {
                    self.notes.push(format!("{path}.{key}: {number} is not a line number"));
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
                Ok(Some((line as u32).max(1)))
            }
            Some(other) => Err(format!("{path}.{key}: expected a number, found {}", name(other))),
        };
        let start = line(keys[0], start)?;
        let end = line(keys[1], end)?;
        match (start, end) {
            (Some(start), Some(end)) if start > end => {
                self.notes.push(format!("{path}: lines {start} to {end} are out of order, swapped"));
                Ok((end, start))
            }
            (start, end) => {
                let start = start.or(end).unwrap_or(1);
                Ok((start, end.unwrap_or(start)))
            }
        }
    }

    /// A confidence, clamped to 0 to 1; `None` when it is missing or null.
    pub(super) fn confidence(
        &mut self,
        path: &str,
        key: &str,
        value: Option<&Value>,
    ) -> Result<Option<f64>, String> {
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                let given = number.as_f64().unwrap_or(0.0);
                let confidence = given.clamp(0.0, 1.0);
                if (given - confidence).abs() > 0.0 {
                    self.notes.push(format!("{path}.{key}: {number} is not between 0 and 1, clamped"));
                }
                Ok(Some(confidence))
            }
            Some(other) => Err(format!("{path}.{key}: expected a number, found {}", name(other))),
        }
    }
}

/// A string; `None` when it is missing or null.
pub(super) fn take_text(
    object: &mut Map<String, Value>,
    path: &str,
    key: &str,
) -> Result<Option<String>, String> {
    match object.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            let dot = if path.is_empty() { "" } else { "." };
            Err(format!("{path}{dot}{key}: expected a string, found {}", name(&other)))
        }
    }
}

/// An array at the top level; `None` when it is missing or null.
pub(super) fn take_list(object: &mut Map<String, Value>, key: &str) -> Result<Option<Vec<Value>>, String> {
    match object.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(other) => Err(format!("{key}: expected an array, found {}", name(&other))),
    }
}

/// An object.
pub(super) fn expect_object(path: &str, value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(object) => Ok(object),
        other => Err(format!("{path}: expected an object, found {}", name(&other))),
    }
}

/// A value's type, for error messages.
fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The beginning of a text, in quotes.
pub(super) fn quote(text: &str) -> String {
    // A character takes four bytes at most and white space collapses; this is enough of any text.
    let start = text.char_indices().nth(4096).map_or(text, |(end, _)| &text[..end]);
    format!("\"{}\"", one_line(start, 80))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({
            "verdict": "needs-attention",
            "summary": "One race.",
            "findings": [{
                "severity": "high", "title": "Race", "body": "Two writers.", "file": "/repo/src/a.rs",
                "line_start": 3, "line_end": 7, "confidence": 0.8, "recommendation": "Lock."
            }],
            "next_steps": ["Add a lock."]
        })
    }

    fn read(text: &str) -> Reading {
        read_review(text, &["/repo"])
    }

    /// The answer with one member of it (or of its finding) set to something else.
    fn changed(pointer: &str, value: Value) -> String {
        let mut answer = answer();
        *answer.pointer_mut(pointer).unwrap() = value;
        answer.to_string()
    }

    #[test]
    fn a_whole_answer_is_read() {
        let reading = read(&answer().to_string());
        assert_eq!(reading.parse_error, None);
        assert_eq!(reading.notes, [""; 0]);
        let result = reading.result.unwrap();
        assert_eq!(result.verdict, Verdict::NeedsAttention);
        assert_eq!(result.next_steps, ["Add a lock."]);
        let finding = &result.findings[0];
        assert_eq!((finding.severity, finding.file.as_str()), (Severity::High, "src/a.rs"));
        assert_eq!((finding.line_start, finding.line_end, finding.confidence), (3, 7, Some(0.8)));
    }

    #[test]
    fn d28_fences_and_prose_around_do_not_matter() {
        let plain = read(&answer().to_string());
        let pretty = serde_json::to_string_pretty(&answer()).unwrap();
        for text in [
            format!("```json\n{pretty}\n```\n"),
            format!("I looked at `fn x() {{}}`. Here it is:\n\n{pretty}\n\nShout if it's unclear."),
            format!("\u{feff}{pretty}"),
            format!(
                "Draft: {{\"verdict\": \"approve\", \"summary\": \"\", \"findings\": []}}\nFinal: {pretty}"
            ),
        ] {
            assert_eq!(read(&text), plain, "{text}");
        }
    }

    #[test]
    fn errors_name_the_member() {
        let table = [
            (
                changed("/verdict", json!("block")),
                "verdict: expected \"approve\" or \"needs-attention\", found \"block\"",
            ),
            (changed("/verdict", json!(1)), "verdict: expected a string, found a number"),
            (changed("/verdict", json!(null)), "verdict: missing"),
            (changed("/summary", json!([])), "summary: expected a string, found an array"),
            (changed("/findings", json!("none")), "findings: expected an array, found a string"),
            (changed("/findings/0", json!("x")), "findings[0]: expected an object, found a string"),
            (
                changed("/findings/0/title", json!(true)),
                "findings[0].title: expected a string, found true or false",
            ),
            (
                changed("/findings/0/line_start", json!("3")),
                "findings[0].line_start: expected a number, found a string",
            ),
            (changed("/next_steps", json!([1])), "next_steps[0]: expected a string, found a number"),
            (String::from(r#"{"findings": []}"#), "verdict: missing"),
            (String::from(r#"{"verdict": "approve"}"#), "summary: missing"),
            (String::from(" \n"), "the answer is empty"),
            (String::from("LGTM!"), "no JSON object with a verdict in the answer, which begins \"LGTM!\""),
            (
                String::from(r#"{"verdict": "appr"#),
                "the JSON object in the answer cannot be read: it is cut off (byte 17)",
            ),
        ];
        for (text, expected) in table {
            let reading = read(&text);
            assert_eq!(reading.parse_error.as_deref(), Some(expected), "{text}");
            assert_eq!(reading.result, None);
        }
    }

    #[test]
    fn slips_are_mended_and_noted() {
        let finding = |text: &str| {
            let reading = read(text);
            let finding = reading.result.expect("is read").findings.remove(0);
            (finding, reading.notes.join("; "))
        };
        let (found, note) = finding(&changed("/findings/0/severity", json!("blocker")));
        assert_eq!(found.severity, Severity::Medium);
        assert_eq!(note, "findings[0].severity: \"blocker\" is not known, taken as medium");

        let (found, note) = finding(&changed("/findings/0/line_start", json!(9)));
        assert_eq!((found.line_start, found.line_end), (7, 9));
        assert_eq!(note, "findings[0]: lines 9 to 7 are out of order, swapped");

        let (found, note) = finding(&changed("/findings/0/line_start", json!(0)));
        assert_eq!((found.line_start, found.line_end), (1, 7));
        assert_eq!(note, "findings[0].line_start: 0 is not a line number");

        let (found, _) = finding(&changed("/findings/0/line_end", json!(null)));
        assert_eq!((found.line_start, found.line_end), (3, 3));

        let (found, note) = finding(&changed("/findings/0/confidence", json!(85)));
        assert_eq!(found.confidence, Some(1.0));
        assert_eq!(note, "findings[0].confidence: 85 is not between 0 and 1, clamped");

        let (found, note) = finding(&changed("/findings/0/severity", json!("HIGH")));
        assert_eq!((found.severity, note.as_str()), (Severity::High, ""));
    }

    #[test]
    fn a_fifty_megabyte_answer_is_read() {
        let text = changed("/findings/0/body", json!("{ \"verdict\": \\ \n".repeat(3_000_000)));
        assert!(text.len() > 50_000_000);
        assert!(read(&text).result.is_some());
        assert!(read(&text[..text.len() - 1]).parse_error.unwrap().contains("cut off"));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_within_bounds(
            start in any::<i64>(), end in any::<f64>(), confidence in any::<f64>(), severity in ".{0,8}", file in "[./a\\\\-c]{0,9}",
        ) {
            let text = json!({"verdict": "approve", "summary": "", "findings": [{
                "severity": severity, "title": "t", "file": file, "line_start": start, "line_end": end, "confidence": confidence,
            }]});
            let result = read(&text.to_string()).result.unwrap();
            let finding = &result.findings[0];
            prop_assert!(1 <= finding.line_start && finding.line_start <= finding.line_end);
            prop_assert!((0.0..=1.0).contains(&finding.confidence.unwrap_or(0.0)));
        }
    }
}
