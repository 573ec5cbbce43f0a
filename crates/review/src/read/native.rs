//! Reading what Codex's own reviewer answers.
//!
//! The reviewer's model is asked for JSON (`findings`, `overall_correctness`, `overall_explanation`, …). Codex 0.169.0 turns
//! that into text and sends the text as the `review` of its `exitedReviewMode` item:
//!
//! ```text
//! <explanation>
//!
//! Full review comments:            ("Review comment:" when there is one)
//!
//! - [P1] <title> — <absolute path>:<first>-<last>
//!   <body, every line indented by two>
//! ```
//!
//! Without findings the text is the explanation alone, and so is the answer of a model that ignored the form: the
//! two cannot be told apart, and neither has a verdict. All of these forms are read here.

use serde_json::{Map, Value};

use super::Reading;
use super::members::{Members, expect_object, object_in, quote, take_list, take_text};
use crate::{Finding, LineRange, Review, ReviewVerdict, Severity};

/// What Codex writes in place of a review that it did not get (observed, 0.169.0).
const NOT_A_REVIEW: [&str; 2] = ["Reviewer failed to output a response.", "Review was interrupted."];

pub(super) fn read(text: &str, roots: &[String]) -> Reading {
    let mut members = Members::new(roots);
    if let Some(sentence) = NOT_A_REVIEW.iter().find(|sentence| text.trim_start().starts_with(**sentence)) {
        return Reading::from_result(Err(format!("Codex gave no review: {sentence}")), Vec::new());
    }
    if let Some(review) = members.comments(text) {
        return Reading::from_result(Ok(review), Vec::new());
    }
    match object_in(text, &["overall_correctness", "findings"]) {
        Ok(None) => Reading::Prose,
        Ok(Some(object)) => Reading::from_result(members.native(object), members.notes),
        Err(error) => Reading::from_result(Err(error), Vec::new()),
    }
}

impl Members<'_> {
    /// The reviewer's JSON.
    fn native(&mut self, mut object: Map<String, Value>) -> Result<Review, String> {
        let findings = take_list(&mut object, "findings")?.ok_or("findings: missing")?;
        let findings = findings.into_iter().enumerate();
        let findings =
            findings.map(|(index, value)| self.native_finding(&format!("findings[{index}]"), value));
        let findings: Vec<Finding> = findings.collect::<Result<_, _>>()?;
        let correctness = take_text(&mut object, "", "overall_correctness")?.unwrap_or_default();
        let verdict = match correctness.trim().to_ascii_lowercase().as_str() {
            "patch is correct" => ReviewVerdict::Approve,
            "patch is incorrect" => ReviewVerdict::NeedsAttention,
            _ if !findings.is_empty() => {
                self.notes.push(format!(
                    "overall_correctness: {} is not known, treated as incorrect",
                    quote(&correctness)
                ));
                ReviewVerdict::NeedsAttention
            }
            _ => {
                let expected = "\"patch is correct\" or \"patch is incorrect\"";
                return Err(format!(
                    "overall_correctness: expected {expected}, found {}",
                    quote(&correctness)
                ));
            }
        };
        let summary = take_text(&mut object, "", "overall_explanation")?.unwrap_or_default();
        Ok(Review::new(verdict, summary).findings(findings))
    }

    fn native_finding(&mut self, path: &str, value: Value) -> Result<Finding, String> {
        let mut object = expect_object(path, value)?;
        let title = take_text(&mut object, path, "title")?.ok_or_else(|| format!("{path}.title: missing"))?;
        let (tagged, title) = split_tag(&title);
        let priority = match object.get("priority") {
            None | Some(Value::Null) => tagged,
            Some(priority) => priority.as_u64(),
        };
        let severity = priority.and_then(Severity::from_priority).unwrap_or_else(|| {
            self.notes.push(format!("{path}.priority: not known, treated as 2"));
            Severity::Medium
        });
        let mut location = match object.remove("code_location") {
            None | Some(Value::Null) => Map::new(),
            Some(location) => expect_object(&format!("{path}.code_location"), location)?,
        };
        let place = format!("{path}.code_location");
        let file = take_text(&mut location, &place, "absolute_file_path")?;
        let range = location.get("line_range");
        let bound = |key: &str| range.and_then(|range| range.get(key));
        let lines = self.lines(&place, ["start", "end"], bound("start"), bound("end"))?;
        let body = take_text(&mut object, path, "body")?.unwrap_or_default();
        let confidence = self.confidence(path, "confidence_score", object.get("confidence_score"))?;
        let finding = Finding::new(title).severity(severity).body(body);
        Ok(Finding { file: self.file(file.as_deref()), lines: Some(lines), confidence, ..finding })
    }

    /// Codex's text form; `None` when it has no list of comments.
    fn comments(&self, text: &str) -> Option<Review> {
        let mut findings: Vec<Finding> = Vec::new();
        let mut summary_end = None;
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            let start = offset;
            offset += line.len();
            let line = line.trim_end_matches(['\n', '\r']);
            if findings.is_empty() {
                match line.trim_end() {
                    "Review comment:" | "Full review comments:" => summary_end = Some(start),
                    "" => {}
                    other if summary_end.is_some() && other.starts_with("- ") => {
                        findings.push(self.comment(&other[2..]));
                    }
                    // The heading is part of the explanation.
                    _ => summary_end = None,
                }
            } else if let Some(head) = line.strip_prefix("- ") {
                findings.push(self.comment(head));
            } else if let Some(finding) = findings.last_mut() {
                finding.body.push_str(line.strip_prefix("  ").unwrap_or(line));
                finding.body.push('\n');
            }
        }
        let summary = text[..summary_end?].trim();
        if findings.is_empty() {
            return None;
        }
        for finding in &mut findings {
            finding.body.truncate(finding.body.trim_end().len());
        }
        Some(Review::new(ReviewVerdict::NeedsAttention, summary).findings(findings))
    }

    /// `[P1] title — path:first-last`; the tag and the place may be missing.
    fn comment(&self, head: &str) -> Finding {
        let head = head.strip_prefix("[x] ").or_else(|| head.strip_prefix("[ ] ")).unwrap_or(head);
        let place = head.rsplit_once(" — ").and_then(|(title, place)| {
            let (path, lines) = place.trim_end().rsplit_once(':')?;
            let (start, end) = lines.split_once('-').unwrap_or((lines, lines));
            Some((title, path, LineRange::new(start.parse().ok()?, end.parse().ok()?)))
        });
        let (title, file, lines) = match place {
            Some((title, path, lines)) => (title, self.file(Some(path)), Some(lines)),
            None => (head, None, None),
        };
        let (priority, title) = split_tag(title);
        let severity = priority.and_then(Severity::from_priority).unwrap_or_default();
        Finding { file, lines, ..Finding::new(title).severity(severity) }
    }
}

/// Splits `[P1] title` into 1 and the title.
fn split_tag(title: &str) -> (Option<u64>, &str) {
    let title = title.trim();
    let tag = title.strip_prefix("[P").and_then(|rest| rest.split_once(']'));
    match tag.and_then(|(digits, rest)| Some((digits.parse().ok()?, rest.trim_start()))) {
        Some((priority, rest)) => (Some(priority), rest),
        None => (None, title),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Reading {
        super::read(text, &["/scratch-tmp".to_owned()])
    }

    #[track_caller]
    fn review(text: &str) -> Review {
        read(text).into_review().expect(text).expect(text)
    }

    /// As recorded from Codex 0.169.0.
    #[test]
    fn a_rendered_comment_is_read() {
        let text = "Mock explanation.\n\nReview comment:\n\n- [P1] Mock native finding — /scratch-tmp/a.txt:1-2\n  Mock native body.";
        let result = review(text);
        assert_eq!(
            (result.verdict, result.summary.as_str()),
            (ReviewVerdict::NeedsAttention, "Mock explanation.")
        );
        let finding = &result.findings[0];
        assert_eq!((finding.severity, finding.title.as_str()), (Severity::High, "Mock native finding"));
        assert_eq!(finding.location().as_deref(), Some("a.txt:1-2"));
        assert_eq!((finding.body.as_str(), finding.confidence), ("Mock native body.", None));
    }

    #[test]
    fn several_rendered_comments_are_read_and_sorted() {
        let text = "Two defects.\n\nFull review comments:\n\n\
            - [P2] Naming — with a dash — /scratch-tmp/src/b.rs:5-7\n  First.\n  \n  - a bullet\n  {\"findings\": []}\n\n\
            - [x] [P0] Null deref — /scratch-tmp/src/a.rs:9-9\n  Second.\n\n\
            - No place at all\n  Third.\n";
        let result = review(text);
        let got: Vec<_> =
            result.findings.iter().map(|f| (f.severity, f.title.as_str(), f.location())).collect();
        assert_eq!(
            got,
            [
                (Severity::Critical, "Null deref", Some("src/a.rs:9".into())),
                (Severity::Medium, "No place at all", None),
                (Severity::Medium, "Naming — with a dash", Some("src/b.rs:5-7".into())),
            ]
        );
        assert_eq!(result.findings[2].body, "First.\n\n- a bullet\n{\"findings\": []}");
    }

    #[test]
    fn the_reviewers_json_is_read() {
        let answer = json!({
            "findings": [{
                "title": "[P0] Drops the table", "body": "Always.", "confidence_score": 0.9, "priority": 0,
                "code_location": {"absolute_file_path": "/scratch-tmp/db.rs", "line_range": {"start": 4, "end": 6}}
            }],
            "overall_correctness": "patch is incorrect",
            "overall_explanation": "It destroys data.",
            "overall_confidence_score": 0.95
        });
        for text in [answer.to_string(), format!("```json\n{answer}\n```"), format!("Done:\n{answer}")] {
            let result = review(&text);
            assert_eq!(
                (result.verdict, result.summary.as_str()),
                (ReviewVerdict::NeedsAttention, "It destroys data.")
            );
            let finding = &result.findings[0];
            assert_eq!((finding.severity, finding.title.as_str()), (Severity::Critical, "Drops the table"));
            assert_eq!(finding.location().as_deref(), Some("db.rs:4-6"));
            assert_eq!(finding.confidence, Some(crate::Confidence::new(0.9)));
        }
    }

    #[test]
    fn correctness_decides_the_verdict() {
        let read = |correctness: &str| {
            let answer = json!({"findings": [], "overall_correctness": correctness});
            read(&answer.to_string()).into_review().map(|review| review.unwrap().verdict)
        };
        assert_eq!(read("patch is correct").unwrap(), ReviewVerdict::Approve);
        assert_eq!(read("patch is incorrect").unwrap(), ReviewVerdict::NeedsAttention);
        let error = read("dunno").unwrap_err();
        assert_eq!(
            error.to_string(),
            "overall_correctness: expected \"patch is correct\" or \"patch is incorrect\", found \"dunno\""
        );
    }

    #[test]
    fn prose_has_no_verdict_and_is_no_error() {
        for text in ["Looks fine to me", "Review comment:\n\nnothing to list", "Full review comments:"] {
            assert_eq!(read(text), Reading::Prose, "{text:?}");
        }
    }

    #[test]
    fn an_answer_that_is_not_a_review_is_an_error() {
        let table = [
            ("", "the answer is empty"),
            (
                "Reviewer failed to output a response.",
                "Codex gave no review: Reviewer failed to output a response.",
            ),
            (
                "Review was interrupted. Please re-run /review and wait for it to complete.",
                "Codex gave no review: Review was interrupted.",
            ),
            (
                "{\"findings\": [{\"title\": \"x\"",
                "the JSON object in the answer cannot be read: it is cut off (byte 27)",
            ),
            ("{\"findings\": [{}], \"overall_correctness\": \"\"}", "findings[0].title: missing"),
        ];
        for (text, expected) in table {
            assert_eq!(read(text).into_review().unwrap_err().to_string(), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn rendered_findings_come_back(
            explanation in "[a-z .]{0,20}",
            findings in prop::collection::vec(("[A-Za-z —:-]{1,12}[a-z]", 0_u64..4, "[a-z/]{1,9}[a-z]", 1_u32..99, 0_u32..9, "[a-z{}\"]{1,9}"), 1..5),
        ) {
            let heading = if findings.len() > 1 { "Full review comments:" } else { "Review comment:" };
            let mut text = format!("{explanation}\n\n{heading}\n");
            for (title, priority, path, start, more, body) in &findings {
                text += &format!("\n- [P{priority}] {title} — /scratch-tmp/{path}:{start}-{}\n  {body}\n", start + more);
            }
            let result = review(&text);
            prop_assert_eq!(result.findings.len(), findings.len());
            prop_assert_eq!(result.summary, explanation.trim());
            for (title, priority, _, start, more, body) in &findings {
                let found = result.findings.iter().any(|f| {
                    f.title == title.trim() && Some(f.severity) == Severity::from_priority(*priority)
                        && f.lines == Some(LineRange::new(*start, start + more)) && &f.body == body
                });
                prop_assert!(found, "{}: {:?}", title, result.findings);
            }
        }

        #[test]
        fn no_text_causes_a_panic(text in "(?s).{0,80}") {
            read(&text);
        }
    }
}
