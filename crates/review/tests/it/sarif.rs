//! SARIF: what the standard and GitHub's code scanning require of a log, whatever the findings.

use codex_review::render::{Format, Sarif, render};
use codex_review::{
    Confidence, Finding, LineRange, Review, ReviewKind, ReviewReport, ReviewVerdict, Severity, TargetSummary,
};
use jsonschema::Validator;
use serde_json::{Value, json};

/// The part of SARIF 2.1.0 that the logs use, closed so that no unknown member goes unnoticed; with what GitHub requires
/// in addition: at least one location for each result, a line in each, and messages that are not empty.
fn schema() -> Validator {
    let object = |required: &[&str], properties: Value| {
        json!({
            "type": "object", "additionalProperties": false,
            "required": required, "properties": properties,
        })
    };
    let text = json!({"type": "string", "minLength": 1});
    let level = json!({"enum": ["none", "note", "warning", "error"]});
    let line = json!({"type": "integer", "minimum": 1});
    let bag = json!({"type": "object"});
    let message = object(&["text"], json!({"text": text}));
    let artifact = object(
        &["uri"],
        json!({
            "uri": {"type": "string", "minLength": 1, "pattern": "^(?:file:///|[A-Za-z0-9._~%/-])[A-Za-z0-9._~%/:-]*$"},
            "uriBaseId": {"const": "%SRCROOT%"},
        }),
    );
    let region = object(&["startLine"], json!({"startLine": line, "endLine": line}));
    let place =
        object(&["artifactLocation", "region"], json!({"artifactLocation": artifact, "region": region}));
    let location = object(&["physicalLocation"], json!({"physicalLocation": place}));
    let result = object(
        &["ruleId", "message", "locations"],
        json!({
            "ruleId": text, "ruleIndex": {"type": "integer", "minimum": 0, "maximum": 3}, "level": level,
            "message": message, "properties": bag,
            "locations": {"type": "array", "minItems": 1, "maxItems": 1, "items": location},
        }),
    );
    let rule = object(
        &["id", "shortDescription"],
        json!({
            "id": text, "shortDescription": message,
            "defaultConfiguration": object(&["level"], json!({"level": level})),
        }),
    );
    let driver = object(
        &["name", "rules"],
        json!({
            "name": text, "version": text, "rules": {"type": "array", "items": rule, "uniqueItems": true},
        }),
    );
    let invocation = object(
        &["executionSuccessful"],
        json!({
            "executionSuccessful": {"type": "boolean"},
            "toolExecutionNotifications": {
                "type": "array", "items": object(&["message"], json!({"level": level, "message": message})),
            },
        }),
    );
    let run = object(
        &["tool", "results"],
        json!({
            "tool": object(&["driver"], json!({"driver": driver})),
            "automationDetails": object(&["id"], json!({"id": text})),
            "invocations": {"type": "array", "items": invocation},
            "results": {"type": "array", "items": result},
            "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            "properties": bag,
        }),
    );
    let log = object(
        &["version", "runs"],
        json!({
            "$schema": {"type": "string", "format": "uri"}, "version": {"const": "2.1.0"},
            "runs": {"type": "array", "minItems": 1, "items": run},
        }),
    );
    jsonschema::validator_for(&log).expect("the schema is valid")
}

fn report(findings: Vec<Finding>) -> ReviewReport {
    let mut report = ReviewReport::new(ReviewKind::Native, TargetSummary::new("branch", "branch"));
    report.result = Some(Review::new(ReviewVerdict::NeedsAttention, "").findings(findings));
    report
}

#[track_caller]
fn check(report: &ReviewReport) -> Value {
    let text = render(report, Format::Sarif);
    let log: Value = serde_json::from_str(&text).unwrap();
    let errors: Vec<String> = schema().iter_errors(&log).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    log
}

#[test]
fn e40_a_finding_without_a_file_is_located_at_the_root() {
    let log = check(&report(vec![Finding::new("no file"), Finding::new("lines only").lines(7..=9)]));
    for result in log["runs"][0]["results"].as_array().unwrap() {
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"], json!({"uri": ".", "uriBaseId": "%SRCROOT%"}));
        assert_eq!(place["region"], json!({"startLine": 1, "endLine": 1}));
    }
}

#[test]
fn e40_a_message_is_never_empty() {
    for title in ["", " \n\t "] {
        let log = check(&report(vec![Finding::new(title).body(title).recommendation(title)]));
        let message = &log["runs"][0]["results"][0]["message"]["text"];
        assert_eq!(message, "the reviewer wrote no text for this finding");
    }
}

#[test]
fn e40_hostile_findings_give_a_valid_log() {
    let hostile =
        ["\u{1b}[31m\0\r\n\u{202e}\u{e0041}", "../../a:b?c#d", "C:\\x y", "/abs/ä", "%SRCROOT%", "\"}]}"];
    let findings = hostile.iter().map(|text| {
        Finding::new(*text)
            .severity(Severity::Low)
            .body(*text)
            .file(*text)
            .lines(LineRange::new(u32::MAX, 0))
            .confidence(Confidence::new(f64::INFINITY))
            .recommendation(*text)
    });
    let mut report = report(findings.collect());
    report.target.label = hostile.concat();
    check(&report);
}

#[test]
fn a_report_without_a_review_is_a_valid_log() {
    let target = || TargetSummary::new("working-tree", "working tree");
    check(&ReviewReport::new(ReviewKind::Adversarial, target()));
    let mut failed = ReviewReport::new(ReviewKind::Native, target());
    failed.codex.status = 1;
    let log = check(&failed);
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn an_embedder_names_its_own_tool() {
    let report = report(Vec::new());
    let log: Value = serde_json::from_str(&Sarif::new().tool("my-bot", "2.0").render(&report)).unwrap();
    assert_eq!(log["runs"][0]["tool"]["driver"]["name"], "my-bot");
    assert_eq!(log["runs"][0]["tool"]["driver"]["version"], "2.0");
    assert_eq!(log["runs"][0]["automationDetails"]["id"], "my-bot/review/");
}
