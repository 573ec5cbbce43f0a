//! The reading of what Codex's own reviewer answers.
//!
//! The reviewer model is asked for JSON (`findings`, `overall_correctness`, `overall_explanation`, …). Codex 0.169.0 turns
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

use super::read::{Reader, expect_object, object_in, quote, take_list, take_text};
use super::{Finding, Reading, ReviewResult, Severity, Verdict, normalise_path};

/// What Codex writes in place of a review that it could not get (observed, 0.169.0).
const NOT_A_REVIEW: [&str; 2] = ["Reviewer failed to output a response.", "Review was interrupted."];

/// Reads the answer of a native review: Codex's rendered text, the reviewer's JSON, or prose.
///
/// Rendered findings mean [`Verdict::NeedsAttention`]; the JSON's `overall_correctness` decides where it is given. Prose
/// gives neither a result nor an error. `roots` are the names of the work tree's root, see [`normalise_path`].
#[must_use]
pub fn read_native(text: &str, roots: &[&str]) -> Reading {
    let mut notes = Vec::new();
    let mut reader = Reader { roots, notes: &mut notes };
    if let Some(text) = NOT_A_REVIEW.iter().find(|sentence| text.trim_start().starts_with(**sentence)) {
        return Reading::from_result(Err(format!("Codex gave no review: {text}")), notes);
    }
    if let Some(result) = rendered(text, roots) {
        return Reading::from_result(Ok(result), notes);
    }
    match object_in(text, &["overall_correctness", "findings"]) {
        Ok(None) => Reading::default(),
        Ok(Some(object)) => Reading::from_result(reader.native(object), notes),
        Err(error) => Reading::from_result(Err(error), notes),
    }
}

impl Reader<'_> {
    fn native(&mut self, mut object: Map<String, Value>) -> Result<ReviewResult, String> {
        let findings = take_list(&mut object, "findings")?.ok_or("findings: missing")?;
        let findings = findings.into_iter().enumerate();
        let findings =
            findings.map(|(index, value)| self.native_finding(&format!("findings[{index}]"), value));
        let findings: Vec<Finding> = findings.collect::<Result<_, _>>()?;
        let correctness = take_text(&mut object, "", "overall_correctness")?.unwrap_or_default();
        let verdict = match correctness.trim().to_ascii_lowercase().as_str() {
            "patch is correct" => Verdict::Approve,
            "patch is incorrect" => Verdict::NeedsAttention,
            _ if !findings.is_empty() => {
                self.notes.push(format!(
                    "overall_correctness: {} is not known, taken as incorrect",
                    quote(&correctness)
                ));
                Verdict::NeedsAttention
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
        Ok(ReviewResult { verdict, summary, findings, next_steps: Vec::new() })
    }

    fn native_finding(&mut self, path: &str, value: Value) -> Result<Finding, String> {
        let mut object = expect_object(path, value)?;
        let title = take_text(&mut object, path, "title")?.ok_or_else(|| format!("{path}.title: missing"))?;
        let (tagged, title) = split_tag(&title);
        let priority = match object.get("priority") {
            None | Some(Value::Null) => tagged,
            Some(priority) => priority.as_u64(),
        };
        let severity = severity(priority).unwrap_or_else(|| {
            self.notes.push(format!("{path}.priority: not known, taken as 2"));
            Severity::Medium
        });
        let mut location = match object.remove("code_location") {
            None | Some(Value::Null) => Map::new(),
            Some(location) => expect_object(&format!("{path}.code_location"), location)?,
        };
        let place = format!("{path}.code_location");
        let file = take_text(&mut location, &place, "absolute_file_path")?.unwrap_or_default();
        let range = location.get("line_range");
        let bound = |key: &str| range.and_then(|range| range.get(key));
        let (line_start, line_end) = self.lines(&place, ["start", "end"], bound("start"), bound("end"))?;
        Ok(Finding {
            severity,
            title: title.to_owned(),
            body: take_text(&mut object, path, "body")?.unwrap_or_default(),
            file: normalise_path(&file, self.roots),
            line_start,
            line_end,
            confidence: self.confidence(path, "confidence_score", object.get("confidence_score"))?,
            recommendation: String::new(),
        })
    }
}

/// Codex's rendered text; `None` when it holds no list of comments.
fn rendered(text: &str, roots: &[&str]) -> Option<ReviewResult> {
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
                    findings.push(rendered_finding(&other[2..], roots));
                }
                // A heading of the explanation's own.
                _ => summary_end = None,
            }
        } else if let Some(head) = line.strip_prefix("- ") {
            findings.push(rendered_finding(head, roots));
        } else if let Some(finding) = findings.last_mut() {
            finding.body.push_str(line.strip_prefix("  ").unwrap_or(line));
            finding.body.push('\n');
        }
    }
    let summary = text[..summary_end?].trim().to_owned();
    if findings.is_empty() {
        return None;
    }
    for finding in &mut findings {
        finding.body.truncate(finding.body.trim_end().len());
    }
    Some(ReviewResult { verdict: Verdict::NeedsAttention, summary, findings, next_steps: Vec::new() })
}

/// `[P1] title — path:first-last`, the tag and the place perhaps missing.
fn rendered_finding(head: &str, roots: &[&str]) -> Finding {
    let head = head.strip_prefix("[x] ").or_else(|| head.strip_prefix("[ ] ")).unwrap_or(head);
    let place = head.rsplit_once(" — ").and_then(|(title, place)| {
        let (path, lines) = place.trim_end().rsplit_once(':')?;
        let (start, end) = lines.split_once('-').unwrap_or((lines, lines));
        let (start, end): (u32, u32) = (start.parse().ok()?, end.parse().ok()?);
        Some((title, path, start.min(end).max(1), start.max(end).max(1)))
    });
    let (title, path, line_start, line_end) = place.unwrap_or((head, "", 1, 1));
    let (priority, title) = split_tag(title);
    Finding {
        severity: severity(priority).unwrap_or(Severity::Medium),
        title: title.to_owned(),
        body: String::new(),
        file: normalise_path(path, roots),
        line_start,
        line_end,
        confidence: None,
        recommendation: String::new(),
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

/// Codex's priorities run from 0, drop everything, to 3, nice to have.
fn severity(priority: Option<u64>) -> Option<Severity> {
    Some(match priority? {
        0 => Severity::Critical,
        1 => Severity::High,
        2 => Severity::Medium,
        3 => Severity::Low,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Reading {
        read_native(text, &["/scratch-tmp"])
    }

    /// As recorded from Codex 0.169.0.
    #[test]
    fn a_rendered_comment_is_read() {
        let text = "Mock explanation.\n\nReview comment:\n\n- [P1] Mock native finding — /scratch-tmp/a.txt:1-2\n  Mock native body.";
        let result = read(text).result.unwrap();
        assert_eq!((result.verdict, result.summary.as_str()), (Verdict::NeedsAttention, "Mock explanation."));
        let finding = &result.findings[0];
        assert_eq!((finding.severity, finding.title.as_str()), (Severity::High, "Mock native finding"));
        assert_eq!((finding.file.as_str(), finding.line_start, finding.line_end), ("a.txt", 1, 2));
        assert_eq!((finding.body.as_str(), finding.confidence), ("Mock native body.", None));
    }

    #[test]
    fn several_rendered_comments_are_read_and_sorted() {
        let text = "Two defects.\n\nFull review comments:\n\n\
            - [P2] Naming — with a dash — /scratch-tmp/src/b.rs:5-7\n  First.\n  \n  - a bullet\n  {\"findings\": []}\n\n\
            - [x] [P0] Null deref — /scratch-tmp/src/a.rs:9-9\n  Second.\n\n\
            - No place at all\n  Third.\n";
        let result = read(text).result.unwrap();
        let got: Vec<_> = result
            .findings
            .iter()
            .map(|f| (f.severity, f.title.as_str(), f.file.as_str(), f.line_start))
            .collect();
        assert_eq!(
            got,
            [
                (Severity::Critical, "Null deref", "src/a.rs", 9),
                (Severity::Medium, "No place at all", "", 1),
                (Severity::Medium, "Naming — with a dash", "src/b.rs", 5),
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
            let result = read(&text).result.unwrap();
            assert_eq!(
                (result.verdict, result.summary.as_str()),
                (Verdict::NeedsAttention, "It destroys data.")
            );
            let finding = &result.findings[0];
            assert_eq!((finding.severity, finding.title.as_str()), (Severity::Critical, "Drops the table"));
            assert_eq!((finding.file.as_str(), finding.line_start, finding.line_end), ("db.rs", 4, 6));
            assert_eq!(finding.confidence, Some(0.9));
        }
    }

    #[test]
    fn correctness_decides_the_verdict() {
        let read = |correctness: &str| {
            read(&json!({"findings": [], "overall_correctness": correctness}).to_string())
        };
        assert_eq!(read("patch is correct").result.unwrap().verdict, Verdict::Approve);
        assert_eq!(read("patch is incorrect").result.unwrap().verdict, Verdict::NeedsAttention);
        let error = read("dunno").parse_error.unwrap();
        assert_eq!(
            error,
            "overall_correctness: expected \"patch is correct\" or \"patch is incorrect\", found \"dunno\""
        );
    }

    #[test]
    fn prose_has_no_verdict_and_is_no_error() {
        for text in ["Looks fine to me", "Review comment:\n\nnothing to list", "Full review comments:"] {
            assert_eq!(read(text), Reading::default(), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_review_is_an_error() {
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
            assert_eq!(read(text).parse_error.as_deref(), Some(expected), "{text:?}");
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
            let result = read(&text).result.unwrap();
            prop_assert_eq!(result.findings.len(), findings.len());
            prop_assert_eq!(result.summary, explanation.trim());
            for (title, priority, _, start, more, body) in &findings {
                let found = result.findings.iter().any(|f| {
                    f.title == title.trim() && Some(f.severity) == severity(Some(*priority))
                        && (f.line_start, f.line_end) == (*start, start + more) && &f.body == body
                });
                prop_assert!(found, "{}: {:?}", title, result.findings);
            }
        }

        #[test]
        fn any_text_is_survived(text in "(?s).{0,80}") {
            let reading = read(&text);
            prop_assert!(reading.result.is_none() || reading.parse_error.is_none());
        }
    }
}
