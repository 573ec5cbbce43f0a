//! What a review answers: our schema, and the reading of it out of model text.
//!
//! An adversarial review is asked for JSON of [`output_schema`] and read by [`read_review`]. Codex's own reviewer
//! answers in a form of its own, read into the same shape by [`read_native`]. Both are tolerant about what surrounds
//! the answer and about small slips, which they mend and note, and strict about the verdict: what cannot be read
//! has none.

mod extract;
mod native;
#[path = "json.rs"]
mod read;
#[path = "../schema.rs"]
mod schema;

use std::cmp::Ordering;

use serde::Serialize;

pub use native::read_native;
pub use read::read_review;
pub use schema::output_schema;

/// The reviewer's judgement of the whole change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The change can go in as it is.
    Approve,
    /// The change needs work first.
    NeedsAttention,
}

/// How much a finding weighs, gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Data loss, a security hole, an outage.
    Critical,
    /// A fault that users will meet.
    High,
    /// A fault in rare cases, or a trap for whoever works on the code next.
    Medium,
    /// Small.
    Low,
}

impl Severity {
    /// The word in the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// One thing that the reviewer found. Serialises with the member names of the schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub title: String,
    /// What is wrong and why, at length.
    pub body: String,
    /// The file: relative to the work tree's root with `/` between its parts, absolute when it lies elsewhere, empty
    /// when the finding is about the change as a whole.
    pub file: String,
    /// First line, counted from 1.
    pub line_start: u32,
    /// Last line, never before the first.
    pub line_end: u32,
    /// How sure the reviewer is, 0 to 1; `None` when it did not say.
    pub confidence: Option<f64>,
    /// What to do about it; may be empty.
    pub recommendation: String,
}

/// A review's result. Serialises as the `result` of the documented JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReviewResult {
    /// The judgement.
    pub verdict: Verdict,
    /// What was judged and how, in a sentence or a few.
    pub summary: String,
    /// What was found, sorted by severity, then confidence, then place.
    pub findings: Vec<Finding>,
    /// What to do next.
    pub next_steps: Vec<String>,
}

/// What came of reading an answer.
///
/// `result` and `parse_error` are never both there. Both are absent for a native review in prose: Codex's reviewer
/// writes nothing but an explanation when it lists no findings, so that no verdict can be told from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The review.
    pub result: Option<ReviewResult>,
    /// Why there is no result, precisely enough to mend a prompt by.
    pub parse_error: Option<String>,
    /// What was mended, one line each, in the order of the answer.
    pub notes: Vec<String>,
}

impl Reading {
    fn from_result(result: Result<ReviewResult, String>, notes: Vec<String>) -> Self {
        match result {
            Ok(mut result) => {
                sort_findings(&mut result.findings);
                Self { result: Some(result), parse_error: None, notes }
            }
            Err(error) => Self { result: None, parse_error: Some(error), notes: Vec::new() },
        }
    }
}

/// Gravest first, then surest (unsaid last), then by file and line; stable.
fn sort_findings(findings: &mut [Finding]) {
    findings.sort_by(|left, right| {
        let surest = right.confidence.partial_cmp(&left.confidence).unwrap_or(Ordering::Equal);
        (left.severity.cmp(&right.severity))
            .then(surest)
            .then_with(|| left.file.cmp(&right.file))
            .then(left.line_start.cmp(&right.line_start))
    });
}

/// A path as findings carry it: `/` between parts, no `.` parts, relative to the first of `roots` that it lies in.
///
/// `roots` are names of one work tree's root (as given, and with symlinks resolved). Nothing is looked up on disk. A
/// path that lies outside, or that climbs above the root, is kept as it was written.
#[must_use]
pub fn normalise_path(file: &str, roots: &[&str]) -> String {
    let windows = roots.iter().any(|root| root.contains('\\') || root.as_bytes().get(1) == Some(&b':'));
    let slashed = |path: &str| if windows { path.replace('\\', "/") } else { path.to_owned() };
    let written = slashed(file.trim());
    let inside = roots.iter().find_map(|root| {
        let root = slashed(root);
        let rest = written.strip_prefix(root.trim_end_matches('/'))?;
        rest.strip_prefix('/').map(str::to_owned)
    });
    let relative = match inside {
        Some(relative) => relative,
        None if written.starts_with('/') || (windows && written.as_bytes().get(1) == Some(&b':')) => {
            return written;
        }
        None => written.clone(),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return written;
                }
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, confidence: Option<f64>, file: &str, line: u32) -> Finding {
        Finding {
            severity,
            title: String::new(),
            body: String::new(),
            file: file.into(),
            line_start: line,
            line_end: line,
            confidence,
            recommendation: String::new(),
        }
    }

    #[test]
    fn findings_are_sorted_by_weight_then_place() {
        let expected = vec![
            finding(Severity::Critical, Some(0.1), "z", 9),
            finding(Severity::High, Some(0.9), "b", 1),
            finding(Severity::High, Some(0.5), "a", 2),
            finding(Severity::High, Some(0.5), "a", 10),
            finding(Severity::High, Some(0.5), "b", 1),
            finding(Severity::High, None, "a", 1),
            finding(Severity::Low, Some(1.0), "a", 1),
        ];
        let mut findings = expected.clone();
        findings.reverse();
        sort_findings(&mut findings);
        assert_eq!(findings, expected);
    }

    #[test]
    fn paths_become_relative_to_the_work_tree() {
        let roots = ["/home/me/repo", "/private/home/me/repo/"];
        let table = [
            ("src/a.rs", "src/a.rs"),
            ("./src//a.rs", "src/a.rs"),
            (" src/x/../a.rs ", "src/a.rs"),
            ("/home/me/repo/src/a.rs", "src/a.rs"),
            ("/private/home/me/repo/src/./a.rs", "src/a.rs"),
            ("/home/me/repository/a.rs", "/home/me/repository/a.rs"),
            ("/etc/passwd", "/etc/passwd"),
            ("../other/a.rs", "../other/a.rs"),
            ("/home/me/repo/../x", "/home/me/repo/../x"),
            ("a\\b.rs", "a\\b.rs"),
            ("", ""),
        ];
        for (file, expected) in table {
            assert_eq!(normalise_path(file, &roots), expected, "{file:?}");
        }
        assert_eq!(normalise_path("C:\\repo\\src\\a.rs", &["C:\\repo"]), "src/a.rs");
        assert_eq!(normalise_path("src\\a.rs", &["C:\\repo"]), "src/a.rs");
        assert_eq!(normalise_path("D:\\x", &["C:\\repo"]), "D:/x");
    }
}
