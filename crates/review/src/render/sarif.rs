//! Reviews as SARIF 2.1.0 (OASIS), for code scanning.

use serde_json::{Value, json};

use super::{json, paragraphs};
use crate::{Confidence, Finding, LineRange, ReviewReport, Severity};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One rule for each severity: a reviewer has no catalogue of faults.
const RULES: [(Severity, &str, &str); 4] = [
    (Severity::Critical, "error", "Data loss, a security hole or an outage"),
    (Severity::High, "error", "A fault that users will meet"),
    (Severity::Medium, "warning", "A fault in rare cases, or a trap for the next change"),
    (Severity::Low, "note", "Something small"),
];

/// Writes reports as SARIF 2.1.0 logs.
///
/// A log is valid by the standard's schema, and has what GitHub's code scanning requires beyond it: each result has a
/// message, and a location with a line. A finding without a file is located at the root of the repository. Without a
/// review, the run is marked as failed or has a note, with the reason.
#[derive(Clone, Debug)]
pub struct Sarif {
    name: String,
    version: String,
}

impl Default for Sarif {
    fn default() -> Self {
        Self::new()
    }
}

impl Sarif {
    /// A writer that names codex-companion as the tool.
    #[must_use]
    pub fn new() -> Self {
        Self { name: "codex-companion".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// Sets the tool's name and version.
    #[must_use]
    pub fn tool(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        (self.name, self.version) = (name.into(), version.into());
        self
    }

    /// Returns a report as a SARIF log.
    #[must_use]
    pub fn render(&self, report: &ReviewReport) -> String {
        json::document(&self.log(report))
    }

    fn log(&self, report: &ReviewReport) -> Value {
        let rules = RULES.map(|(severity, level, words)| {
            json!({
                "id": rule_id(severity),
                "shortDescription": {"text": words},
                "defaultConfiguration": {"level": level},
            })
        });
        let findings = report.result.as_ref().map_or(&[][..], |review| &review.findings);
        let results: Vec<Value> = findings.iter().map(result).collect();
        let without = report.result.is_none().then(|| report.without_verdict());
        let failed = without.as_ref().is_some_and(|without| without.failed);
        let level = if failed { "error" } else { "note" };
        let notifications: Vec<Value> = without
            .iter()
            .map(|without| json!({"level": level, "message": {"text": without.reason}}))
            .collect();
        let properties = report.result.as_ref().map(|review| {
            json!({"verdict": review.verdict, "summary": review.summary, "target": report.target.label})
        });
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {"name": self.name, "version": self.version, "rules": rules}},
                "automationDetails": {"id": format!("{}/{}/", self.name, report.kind.words().replace(' ', "-"))},
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
}

fn result(finding: &Finding) -> Value {
    let index = RULES.iter().position(|(severity, ..)| *severity == finding.severity).unwrap_or(0);
    let fix = finding.recommendation.as_deref().unwrap_or_default();
    let text = match paragraphs(&[&finding.title, &finding.body, fix]) {
        text if text.is_empty() => "the reviewer wrote no text for this finding".to_owned(),
        text => text,
    };
    let lines = finding.lines.filter(|_| finding.file.is_some()).unwrap_or(LineRange::from(1));
    json!({
        "ruleId": rule_id(finding.severity),
        "ruleIndex": index,
        "level": RULES[index].1,
        "message": {"text": text},
        "locations": [{"physicalLocation": {
            // "." is the root of the repository.
            "artifactLocation": artifact(finding.file.as_deref().unwrap_or(".")),
            "region": {"startLine": lines.start(), "endLine": lines.end()},
        }}],
        "properties": {
            "severity": finding.severity,
            "confidence": finding.confidence.map(Confidence::value),
        },
    })
}

fn rule_id(severity: Severity) -> String {
    format!("codex-review/{}", severity.as_str())
}

/// Relative to the work tree's root, or a file URI for a file that is elsewhere.
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
