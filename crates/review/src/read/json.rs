//! Reading an answer in our schema.

use serde_json::{Map, Value};

use super::Reading;
use super::members::{Members, expect_object, name, object_in, quote, take_list, take_text};
use crate::{Finding, Review, ReviewVerdict, Severity};

pub(super) fn read(text: &str, roots: &[String]) -> Reading {
    let mut members = Members::new(roots);
    let result = object_in(text, &["verdict", "findings"]).and_then(|found| match found {
        Some(object) => members.review(object),
        None => Err(format!("no JSON object with a verdict in the answer, which begins {}", quote(text))),
    });
    Reading::from_result(result, members.notes)
}

impl Members<'_> {
    fn review(&mut self, mut object: Map<String, Value>) -> Result<Review, String> {
        let verdict = take_text(&mut object, "", "verdict")?.ok_or("verdict: missing")?;
        let verdict = match verdict.trim().to_ascii_lowercase().replace(['_', ' '], "-").as_str() {
            "approve" => ReviewVerdict::Approve,
            "needs-attention" => ReviewVerdict::NeedsAttention,
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
            self.notes.push("next_steps: missing, treated as empty".into());
            Vec::new()
        });
        let next_steps = next_steps.into_iter().enumerate().map(|(index, step)| match step {
            Value::String(step) => Ok(step),
            other => Err(format!("next_steps[{index}]: expected a string, found {}", name(&other))),
        });
        Ok(Review::new(verdict, summary).findings(findings).next_steps(next_steps.collect::<Result<_, _>>()?))
    }

    fn finding(&mut self, path: &str, value: Value) -> Result<Finding, String> {
        let mut object = expect_object(path, value)?;
        let title = take_text(&mut object, path, "title")?.ok_or_else(|| format!("{path}.title: missing"))?;
        let severity = take_text(&mut object, path, "severity")?.unwrap_or_default();
        let severity = Severity::from_name(severity.trim()).unwrap_or_else(|| {
            self.notes.push(format!("{path}.severity: {} is not known, treated as medium", quote(&severity)));
            Severity::Medium
        });
        let file = take_text(&mut object, path, "file")?;
        let lines =
            self.lines(path, ["line_start", "line_end"], object.get("line_start"), object.get("line_end"))?;
        let body = take_text(&mut object, path, "body")?.unwrap_or_default();
        let confidence = self.confidence(path, "confidence", object.get("confidence"))?;
        let recommendation = take_text(&mut object, path, "recommendation")?.unwrap_or_default();
        let finding = Finding::new(title).severity(severity).body(body).recommendation(recommendation);
        Ok(Finding { file: self.file(file.as_deref()), lines: Some(lines), confidence, ..finding })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{Confidence, LineRange};

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
        super::read(text, &["/repo".to_owned()])
    }

    /// The review and the notes of an answer that can be read.
    #[track_caller]
    fn review(text: &str) -> (Review, Vec<String>) {
        match read(text) {
            Reading::Review { review, notes } => (review, notes),
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[track_caller]
    fn error(text: &str) -> String {
        read(text).into_review().expect_err(text).to_string()
    }

    /// The answer with one member of it (or of its finding) set to something else.
    fn changed(pointer: &str, value: Value) -> String {
        let mut answer = answer();
        *answer.pointer_mut(pointer).unwrap() = value;
        answer.to_string()
    }

    #[test]
    fn a_whole_answer_is_read() {
        let (review, notes) = review(&answer().to_string());
        assert_eq!(notes, [""; 0]);
        assert_eq!(review.verdict, ReviewVerdict::NeedsAttention);
        assert_eq!(review.next_steps, ["Add a lock."]);
        let expected = Finding::new("Race")
            .severity(Severity::High)
            .body("Two writers.")
            .file("src/a.rs")
            .lines(3..=7)
            .confidence(Confidence::new(0.8))
            .recommendation("Lock.");
        assert_eq!(review.findings, [expected]);
    }

    #[test]
    fn d28_fences_and_prose_around_an_answer_are_ignored() {
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
            assert_eq!(error(&text), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_corrected_and_noted() {
        let finding = |text: &str| {
            let (mut review, notes) = review(text);
            (review.findings.remove(0), notes.join("; "))
        };
        let (found, note) = finding(&changed("/findings/0/severity", json!("blocker")));
        assert_eq!(found.severity, Severity::Medium);
        assert_eq!(note, "findings[0].severity: \"blocker\" is not known, treated as medium");

        let (found, note) = finding(&changed("/findings/0/line_start", json!(9)));
        assert_eq!(found.lines, Some(LineRange::new(7, 9)));
        assert_eq!(note, "findings[0]: lines 9 to 7 are out of order, swapped");

        let (found, note) = finding(&changed("/findings/0/line_start", json!(0)));
        assert_eq!(found.lines, Some(LineRange::new(1, 7)));
        assert_eq!(note, "findings[0].line_start: 0 is not a line number");

        let (found, _) = finding(&changed("/findings/0/line_end", json!(null)));
        assert_eq!(found.lines, Some(LineRange::new(3, 3)));

        let (found, note) = finding(&changed("/findings/0/confidence", json!(85)));
        assert_eq!(found.confidence, Some(Confidence::new(1.0)));
        assert_eq!(note, "findings[0].confidence: 85 is not between 0 and 1, clamped");

        let (found, note) = finding(&changed("/findings/0/severity", json!("HIGH")));
        assert_eq!((found.severity, note.as_str()), (Severity::High, ""));
    }

    #[test]
    fn a_fifty_megabyte_answer_is_read() {
        let text = changed("/findings/0/body", json!("{ \"verdict\": \\ \n".repeat(3_000_000)));
        assert!(text.len() > 50_000_000);
        assert_eq!(review(&text).0.findings[0].body.len(), 16 * 3_000_000);
        assert!(error(&text[..text.len() - 1]).contains("cut off"));
    }

    proptest! {
        #[test]
        fn values_are_within_bounds(
            start in any::<i64>(), end in any::<f64>(), confidence in any::<f64>(), severity in ".{0,8}", file in "[./a\\\\-c]{0,9}",
        ) {
            let text = json!({"verdict": "approve", "summary": "", "findings": [{
                "severity": severity, "title": "t", "file": file, "line_start": start, "line_end": end, "confidence": confidence,
            }]});
            let (review, _) = review(&text.to_string());
            let lines = review.findings[0].lines.unwrap();
            prop_assert!(1 <= lines.start() && lines.start() <= lines.end());
            let confidence = review.findings[0].confidence.map_or(0.0, Confidence::value);
            prop_assert!((0.0..=1.0).contains(&confidence));
        }
    }
}
