//! The JSON form of a verdict.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Problem, Verdict, also_blocks, unparseable};
use crate::{Finding, Severity, text};

/// Where a JSON object begins in the line, if the line is one.
pub(super) fn begins(line: &str) -> Option<usize> {
    let body = line.trim_start_matches(['\u{feff}', '`', '>', ' ', '\t']);
    body.starts_with('{').then_some(line.len() - body.len())
}

/// Reads an object at the beginning of `answer`. Unknown members are ignored.
pub(super) fn parse(answer: &str) -> Verdict {
    let not = |problem| unparseable(problem, answer.lines().next().unwrap_or_default());
    let mut objects = serde_json::Deserializer::from_str(answer).into_iter::<Stated<'_>>();
    let Some(Ok(stated)) = objects.next() else { return not(Problem::BadJson) };
    let end = objects.byte_offset();

    let words = [stated.verdict, stated.decision];
    let says = |word: &str| words.iter().flatten().any(|Text(said)| said.trim().eq_ignore_ascii_case(word));
    let reason = stated.reason.or(stated.summary).map_or(Cow::Borrowed(""), |Text(reason)| reason);
    let reason = text::shorten(reason.trim(), Verdict::REASON_BYTES);
    match (says("allow"), says("block")) {
        (true, true) => not(Problem::SaysBoth),
        // A second object could say anything; so could a line of text.
        (true, false)
            if memchr(b'{', &answer.as_bytes()[end..]).is_some() || also_blocks(answer, end, end) =>
        {
            not(Problem::SaysBoth)
        }
        (true, false) => Verdict::Allow { reason },
        (false, true) => Verdict::Block { reason, findings: stated.findings.0 },
        (false, false) => not(Problem::BadJson),
    }
}

#[derive(Deserialize)]
struct Stated<'a> {
    #[serde(borrow)]
    verdict: Option<Text<'a>>,
    #[serde(borrow)]
    decision: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
    #[serde(borrow)]
    summary: Option<Text<'a>>,
    #[serde(default)]
    findings: Findings,
}

/// A string that stays where it is unless it has escapes. (serde borrows a `Cow` only where a field is one.)
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The first findings of a list, leniently read; the rest is skipped without being built.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl<'de> Deserialize<'de> for Findings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Findings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of findings")
            }

            fn visit_unit<E>(self) -> Result<Findings, E> {
                Ok(Findings::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Findings, A::Error> {
                let mut findings = Vec::new();
                while findings.len() < Verdict::MAX_FINDINGS {
                    match items.next_element::<Value>()? {
                        None => return Ok(Findings(findings)),
                        Some(value) => findings.extend(finding(&value)),
                    }
                }
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Findings(findings))
            }
        }
        deserializer.deserialize_any(List)
    }
}

/// A finding is a string, or an object with the members that reviewers commonly write.
fn finding(value: &Value) -> Option<Finding> {
    if let Some(title) = value.as_str() {
        return Some(Finding::new(text::shorten(title.trim(), Verdict::TITLE_BYTES)));
    }
    let object = value.as_object()?;
    let string = |names: &[&str], max| {
        let found = names.iter().find_map(|name| object.get(*name)?.as_str());
        found.map(str::trim).filter(|found| !found.is_empty()).map(|found| text::shorten(found, max))
    };
    let number = |names: &[&str]| {
        let found = names.iter().find_map(|name| object.get(*name)?.as_u64());
        found.and_then(|found| u32::try_from(found).ok()).filter(|&line| line > 0)
    };
    let body = string(&["body", "description", "message"], Verdict::BODY_BYTES);
    let title = string(&["title"], Verdict::TITLE_BYTES);
    let (title, body) = match (title, body) {
        (Some(title), body) => (title, body.unwrap_or_default()),
        (None, Some(body)) => (text::shorten(&body, Verdict::TITLE_BYTES), String::new()),
        (None, None) => return None,
    };
    let mut finding = Finding::new(title);
    finding.body = body;
    finding.severity =
        string(&["severity", "priority"], 20).and_then(|word| Severity::from_word(&word)).unwrap_or_default();
    finding.recommendation = string(&["recommendation", "fix", "suggestion"], Verdict::BODY_BYTES);
    if let Some(file) = string(&["file", "path"], Verdict::FILE_BYTES) {
        finding = finding.file(file);
        if let Some(start) = number(&["line_start", "lineStart", "line"]) {
            finding = finding.lines(start..=number(&["line_end", "lineEnd"]).unwrap_or(start).max(start));
        }
    }
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_leniently() {
        let answer = r#"{"verdict":"BLOCK","reason":"two bugs","confidence":0.9,"findings":[
            {"severity":"P1","title":"leak","body":"b","file":"src/a.rs","line_start":3,"line_end":2,"recommendation":"close it"},
            "just words", 7, {"nothing":"useful"}, {"message":"only a message","line":"x"}]}"#;
        let Verdict::Block { reason, findings } = parse(answer) else { panic!() };
        assert_eq!(reason, "two bugs");
        assert_eq!(findings.len(), 3);
        assert_eq!(findings[0].location().as_deref(), Some("src/a.rs:3"));
        assert_eq!(findings[0].severity, Severity::High);
        assert_eq!(findings[1].title, "just words");
        assert_eq!(findings[2].title, "only a message");
    }

    #[test]
    fn a_long_list_is_cut() {
        let items = vec!["\"x\""; 10_000].join(",");
        let Verdict::Block { findings, .. } =
            parse(&format!(r#"{{"verdict":"block","findings":[{items}]}}"#))
        else {
            panic!()
        };
        assert_eq!(findings.len(), Verdict::MAX_FINDINGS);
    }

    #[test]
    fn depth_is_an_error_and_not_a_crash() {
        let answer = format!("{{\"verdict\":\"allow\",\"x\":{}", "[".repeat(1_000_000));
        assert!(matches!(parse(&answer), Verdict::Unparseable(_)));
    }
}
