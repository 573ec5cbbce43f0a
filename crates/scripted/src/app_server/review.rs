//! How Codex shows the answer of its own reviewer (observed with Codex 0.169.0).

use serde_json::Value;

/// What a review says when its reviewer said nothing.
pub(super) const NOTHING: &str = "Reviewer failed to output a response.";
/// Its message in the thread.
pub(super) const NOTHING_MESSAGE: &str =
    "Review was interrupted. Please re-run /review and wait for it to complete.";

/// The reviewer's JSON as text: the explanation, then the findings. Other text stays as it is.
pub(super) fn render(answer: &str) -> String {
    let parsed: Option<Value> =
        serde_json::from_str(answer).ok().filter(|value: &Value| value["findings"].is_array());
    let Some(review) = parsed else { return answer.trim().to_owned() };
    let findings = review["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = review["overall_explanation"].as_str().unwrap_or_default().trim().to_owned();
    if findings.is_empty() {
        return text;
    }
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(if findings.len() > 1 { "Full review comments:\n" } else { "Review comment:\n" });
    for finding in findings {
        let place = &finding["code_location"];
        let lines = &place["line_range"];
        text.push_str(&format!(
            "\n- {} — {}:{}-{}",
            finding["title"].as_str().unwrap_or_default(),
            place["absolute_file_path"].as_str().unwrap_or_default(),
            lines["start"],
            lines["end"],
        ));
        for line in finding["body"].as_str().unwrap_or_default().lines() {
            text.push_str(&format!("\n  {line}"));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// What a target is called in `enteredReviewMode`.
pub(super) fn target_name(target: &Value) -> String {
    match target["type"].as_str() {
        Some("baseBranch") => format!("changes against '{}'", target["branch"].as_str().unwrap_or_default()),
        Some("commit") => format!("commit {}", target["sha"].as_str().unwrap_or_default()),
        Some("custom") => target["instructions"].as_str().unwrap_or_default().to_owned(),
        _ => "current changes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_json_is_rendered() {
        let one = r#"{"findings":[{"title":"[P1] T","body":"B1\nB2","code_location":{"absolute_file_path":"/a",
            "line_range":{"start":1,"end":2}}}],"overall_explanation":"E"}"#;
        for (answer, expected) in [
            ("Looks fine", "Looks fine"),
            ("{\"other\":1}", "{\"other\":1}"),
            (r#"{"findings":[],"overall_explanation":"E"}"#, "E"),
            (one, "E\n\nReview comment:\n\n- [P1] T — /a:1-2\n  B1\n  B2"),
        ] {
            assert_eq!(render(answer), expected, "{answer}");
        }
    }
}
