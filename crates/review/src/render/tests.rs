use serde_json::{Value, json};

use super::*;
use crate::{
    CodexOutput, Confidence, ContextSummary, Review, ReviewKind, ReviewVerdict, Severity, TargetSummary,
};
use codex_base::text::is_forbidden;

fn finding(severity: Severity, title: &str) -> Finding {
    Finding::new(title).severity(severity).body("Two writers can meet.\n\nThe second one wins.")
}

fn report() -> ReviewReport {
    let race = finding(Severity::Critical, "Race in the writer")
        .file("src/a.rs")
        .lines(3..=7)
        .confidence(Confidence::new(0.8))
        .recommendation("Take the lock first.");
    let review = Review::new(ReviewVerdict::NeedsAttention, "One race, one leak.")
        .findings(vec![race, finding(Severity::Low, "Misleading name")])
        .next_steps(vec!["Add a lock.".into(), "Add a test with two writers.".into()]);
    let target = TargetSummary::new("branch", "branch against main").base_ref("main").explicit(true);
    ReviewReport {
        thread_id: Some("thread-1".into()),
        job_id: Some("review-1".into()),
        codex: CodexOutput {
            stdout: "{}".into(),
            reasoning: vec!["Looked.".into()],
            ..CodexOutput::default()
        },
        result: Some(review),
        raw_output: "{}".into(),
        reasoning_summary: vec!["Looked.".into()],
        context: Some(
            ContextSummary::new("/repo", "2 files, +120 −14")
                .branch(Some("feature".into()))
                .input_mode("inline")
                .file_count(2)
                .diff_bytes(4096),
        ),
        notes: vec!["findings[1].severity: \"tiny\" is not known, taken as medium".into()],
        resume: Some("codex resume thread-1".into()),
        ..ReviewReport::new(ReviewKind::Adversarial, target)
    }
}

fn prose() -> ReviewReport {
    let target = TargetSummary::new("working-tree", "working tree");
    ReviewReport::new(ReviewKind::Native, target).raw_output("Looks fine to me.\n")
}

fn unreadable() -> ReviewReport {
    ReviewReport { parse_error: Some("verdict: missing".into()), ..prose().raw_output("{\"a\": 1}") }
}

#[test]
fn reviews_as_text() {
    insta::assert_snapshot!("review-text", render(&report(), Format::Text));
    insta::assert_snapshot!("review-text-prose", render(&prose(), Format::Text));
    insta::assert_snapshot!("review-text-unreadable", render(&unreadable(), Format::Text));
    let mut clean = report();
    clean.result = Some(Review::new(ReviewVerdict::Approve, "Nothing to say against it."));
    (clean.notes, clean.resume, clean.context) = (Vec::new(), None, None);
    insta::assert_snapshot!("review-text-clean", render(&clean, Format::Text));
}

#[test]
fn reviews_as_markdown() {
    insta::assert_snapshot!("review-markdown", render(&report(), Format::Markdown));
    insta::assert_snapshot!("review-markdown-unreadable", render(&unreadable(), Format::Markdown));
}

#[test]
fn reviews_as_annotations() {
    insta::assert_snapshot!("review-github", render(&report(), Format::Github));
    insta::assert_snapshot!("review-github-unreadable", render(&unreadable(), Format::Github));
    let mut hostile = report();
    let result = hostile.result.as_mut().unwrap();
    result.findings.truncate(1);
    result.findings[0].title = "100%: a,b\n::error::forged".into();
    result.findings[0].file = Some("a:b,c%.rs".into());
    result.findings[0].body = "one\r\n::warning::two % three".into();
    result.findings[0].recommendation = None;
    let text = render(&hostile, Format::Github);
    let line = text.lines().nth(1).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert_eq!(
        line,
        "::error file=a%3Ab%2Cc%25.rs,line=3,endLine=7,title=[critical] 100%25%3A a%2Cb %3A%3Aerror%3A%3Aforged\
         ::one%0A::warning::two %25 three"
    );
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[track_caller]
fn same_keys(value: &Value, expected: &[&str]) {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    let mut got = keys(value);
    got.sort_unstable();
    assert_eq!(got, expected);
}

#[test]
fn reviews_as_json_have_the_documented_members() {
    let document: Value = serde_json::from_str(&render(&report(), Format::Json)).unwrap();
    same_keys(
        &document,
        &[
            "review",
            "target",
            "threadId",
            "sourceThreadId",
            "jobId",
            "codex",
            "result",
            "rawOutput",
            "parseError",
            "reasoningSummary",
            "context",
        ],
    );
    same_keys(&document["target"], &["mode", "label", "baseRef", "explicit"]);
    same_keys(&document["codex"], &["status", "stderr", "stdout", "reasoning"]);
    same_keys(&document["result"], &["verdict", "summary", "findings", "next_steps"]);
    same_keys(
        &document["result"]["findings"][0],
        &["severity", "title", "body", "file", "line_start", "line_end", "confidence", "recommendation"],
    );
    same_keys(
        &document["context"],
        &["repoRoot", "branch", "summary", "inputMode", "fileCount", "diffBytes", "manifest"],
    );
    assert_eq!(document["review"], "Adversarial Review");
    assert_eq!(document["result"]["verdict"], "needs-attention");
    assert_eq!(document["result"]["findings"][1]["confidence"], Value::Null);

    let document: Value = serde_json::from_str(&render(&prose(), Format::Json)).unwrap();
    assert_eq!((&document["review"], &document["result"]), (&json!("Review"), &Value::Null));
    same_keys(&document["target"], &["mode", "label", "explicit"]);
}

#[test]
fn reviews_as_sarif_have_the_structure_of_the_standard() {
    let document: Value = serde_json::from_str(&render(&report(), Format::Sarif)).unwrap();
    assert_eq!(document["version"], "2.1.0");
    assert!(document["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let run = &document["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "codex-companion");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        for location in result["locations"].as_array().unwrap() {
            let region = &location["physicalLocation"]["region"];
            assert!(1 <= region["startLine"].as_u64().unwrap());
            assert!(region["startLine"].as_u64() <= region["endLine"].as_u64());
        }
    }
    assert_eq!(run["results"].as_array().unwrap().len(), 2);
    assert_eq!(run["results"][0]["level"], "error");
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"], json!({"uri": "src/a.rs", "uriBaseId": "%SRCROOT%"}));
    let root = &run["results"][1]["locations"][0]["physicalLocation"];
    assert_eq!(root["artifactLocation"], json!({"uri": ".", "uriBaseId": "%SRCROOT%"}));
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);

    let document: Value = serde_json::from_str(&render(&unreadable(), Format::Sarif)).unwrap();
    let invocation = &document["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(
        invocation["toolExecutionNotifications"][0]["message"]["text"],
        "the answer could not be read: verdict: missing"
    );
    assert_eq!(document["runs"][0]["results"], json!([]));

    let document: Value = serde_json::from_str(&render(&prose(), Format::Sarif)).unwrap();
    let invocation = &document["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], true);
    assert_eq!(invocation["toolExecutionNotifications"][0]["level"], "note");
}

#[test]
fn a_turn_that_did_not_complete_has_no_verdict() {
    let mut report = prose();
    report.codex.status = 1;
    for format in [Format::Text, Format::Markdown, Format::Sarif, Format::Github] {
        let text = render(&report, format);
        assert!(text.contains("the turn did not complete") && !text.contains("approve"), "{text}");
    }
}

#[test]
fn d21_text_from_the_model_is_clean_in_every_format() {
    let nasty = "x\x1b[31m\x1b]0;t\x07\u{9b}1m\rZ\u{202e}\u{200b}\u{7f}";
    let mut report = report();
    let result = report.result.as_mut().unwrap();
    result.summary = nasty.into();
    result.next_steps = vec![nasty.into()];
    result.findings[0] = Finding::new(nasty).body(nasty).file(nasty).lines(1).recommendation(nasty);
    report.target.label = nasty.into();
    report.context.as_mut().unwrap().summary = nasty.into();
    report.notes = vec![nasty.into()];
    report.resume = Some(nasty.into());
    let mut broken = report.clone();
    (broken.result, broken.parse_error, broken.raw_output) = (None, Some(nasty.into()), nasty.into());
    for report in [report, broken] {
        for format in Format::ALL {
            let text = render(&report, format);
            assert!(!text.chars().any(is_forbidden), "{format:?}: {text:?}");
        }
    }
}
