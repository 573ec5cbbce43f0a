//! Reviews as SARIF 2.1.0 (OASIS), for code scanning.

use serde_json::{Value, json};

use super::report::ReviewReport;
use crate::review_output::{Finding, Severity};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One rule a severity: a reviewer has no catalogue of faults.
const RULES: [(Severity, &str, &str); 4] = [
    (Severity::Critical, "error", "Data loss, a security hole or an outage"),
    (Severity::High, "error", "A fault that users will meet"),
    (Severity::Medium, "warning", "A fault in rare cases, or a trap for the next change"),
    (Severity::Low, "note", "Something small"),
];

/// The log of one review. Without a result the run is marked as not successful, with the reason.
pub(super) fn review(report: &ReviewReport) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(severity, level, words)| {
            json!({
                "id": rule_id(*severity),
                "shortDescription": {"text": words},
                "defaultConfiguration": {"level": level},
            })
        })
        .collect();
    let findings = report.result.as_ref().map_or(&[][..], |result| &result.findings);
    let results: Vec<Value> = findings.iter().map(result).collect();
    let without = report.result.is_none().then(|| super::without_verdict(report));
    let failed = without.as_ref().is_some_and(|(_, failed)| *failed);
    let level = if failed { "error" } else { "note" };
    let notifications: Vec<Value> =
        without.iter().map(|(why, _)| json!({"level": level, "message": {"text": why}})).collect();
    let properties = report.result.as_ref().map(
        |result| json!({"verdict": result.verdict, "summary": result.summary, "target": report.target.label}),
    );
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "codex-companion",
                "version": crate::VERSION,
                "rules": rules,
            }},
            "automationDetails": {"id": format!("codex-companion/{}/", report.review.words().replace(' ', "-"))},
            "invocations": [{
                "executionSuccessful": !failed,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
            "columnKind": "unicodeCodePoints",
            "properties": properties.unwrap_or_else(|| json!({})),
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let index = RULES.iter().position(|(severity, ..)| *severity == finding.severity).unwrap_or(0);
    let parts = [finding.title.trim(), finding.body.trim(), finding.recommendation.trim()];
    let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    let locations = if finding.file.is_empty() {
        json!([])
    } else {
        json!([{"physicalLocation": {
            "artifactLocation": artifact(&finding.file),
            "region": {"startLine": finding.line_start, "endLine": finding.line_end},
        }}])
    };
    json!({
        "ruleId": rule_id(finding.severity),
        "ruleIndex": index,
        "level": RULES[index].1,
        "message": {"text": text},
        "locations": locations,
        "properties": {"severity": finding.severity, "confidence": finding.confidence},
    })
}

fn rule_id(severity: Severity) -> String {
    format!("codex-review/{}", severity.as_str())
}

/// Relative to the work tree's root, or a file URI for what lies elsewhere.
fn artifact(file: &str) -> Value {
    let drive = file.as_bytes().get(1) == Some(&b':');
    match (file.starts_with('/'), drive) {
        (true, _) => json!({"uri": format!("file://{}", encode(file))}),
        (_, true) => json!({"uri": format!("file:///{}:{}", &file[..1], encode(&file[2..]))}),
        _ => json!({"uri": encode(file), "uriBaseId": "%SRCROOT%"}),
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986 and the slash.
fn encode(path: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        let uri = |file: &str| artifact(file)["uri"].as_str().map(str::to_owned).unwrap();
        assert_eq!(uri("src/a b.rs"), "src/a%20b.rs");
        assert_eq!(uri("größe/#x?.rs"), "gr%C3%B6%C3%9Fe/%23x%3F.rs");
        assert_eq!(uri("/etc/a b"), "file:///etc/a%20b");
        assert_eq!(uri("C:/a b"), "file:///C:/a%20b");
        assert_eq!(artifact("a")["uriBaseId"], "%SRCROOT%");
        assert_eq!(artifact("/a").get("uriBaseId"), None);
    }
}
