//! What holds for every answer and every report.

use std::cmp::Reverse;

use codex_base::text::is_forbidden;
use codex_review::render::{Format, render};
use codex_review::{
    AdversarialPrompt, Confidence, ContextSummary, Finding, Reading, Review, ReviewKind, ReviewReader,
    ReviewReport, ReviewVerdict, Severity, TargetSummary,
};
use proptest::prelude::*;
use serde_json::Value;

/// Text with pieces that readers and renderers react to.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[ -~]{0,6}",
        prop::sample::select(vec![
            "\n",
            "\r\n",
            "\u{1b}[31m",
            "\u{1b}]0;t\u{7}",
            "\u{9b}1m",
            "\u{202e}",
            "\u{200b}",
            "\u{e0041}",
            "`",
            "```",
            "- ",
            "- [P1] ",
            " — /repo/a.rs:3-7",
            " — a:0-0",
            "Review comment:\n",
            "\n\nFull review comments:\n\n",
            "{\"verdict\":\"approve\",",
            "\"summary\":\"\",",
            "\"findings\":[",
            "{\"title\":\"t\"",
            "]}",
            "}",
            "::error::",
            "%",
            "\"overall_correctness\":\"patch is correct\"",
            "Reviewer failed to output a response.",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn finding() -> impl Strategy<Value = Finding> {
    let severity = prop::sample::select(Severity::ALL.to_vec());
    let lines = prop::option::of((any::<u32>(), any::<u32>()));
    (severity, text(), text(), text(), lines, prop::option::of(0_u8..=100), text()).prop_map(
        |(severity, title, body, file, lines, confidence, recommendation)| {
            let mut finding =
                Finding::new(title).severity(severity).body(body).file(file).recommendation(recommendation);
            finding.lines = lines.map(|(start, end)| codex_review::LineRange::new(start, end));
            // Hundredths are the same after they are written and read.
            finding.confidence = confidence.map(|hundredths| Confidence::new(f64::from(hundredths) / 100.0));
            finding
        },
    )
}

fn report() -> impl Strategy<Value = ReviewReport> {
    let review = prop::option::of((text(), prop::collection::vec(finding(), 0..4), text()));
    (review, text(), text(), any::<bool>()).prop_map(|(review, label, other, failed)| {
        let target = TargetSummary::new("branch", label);
        let mut report = ReviewReport::new(ReviewKind::Native, target).raw_output(&other);
        report.context = Some(ContextSummary::new(&other, &other));
        report.result = review.map(|(summary, findings, step)| {
            Review::new(ReviewVerdict::Approve, summary).findings(findings).next_steps(vec![step])
        });
        report.parse_error = Some(other.clone());
        report.notes = vec![other.clone()];
        report.resume = Some(other);
        report.codex.status = u8::from(failed);
        report
    })
}

fn check(reading: &Reading) {
    let Some(review) = reading.review() else { return };
    for finding in &review.findings {
        assert!(finding.lines.is_none_or(|lines| 1 <= lines.start() && lines.start() <= lines.end()));
        assert!(finding.confidence.is_none_or(|sure| (0.0..=1.0).contains(&sure.value())));
        assert_ne!(finding.file.as_deref(), Some(""));
    }
    assert!(review.findings.is_sorted_by_key(|finding| Reverse(finding.severity)));
}

proptest! {
    #[test]
    fn readers_accept_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), text in text()) {
        let reader = ReviewReader::new().root("/repo").root("");
        for text in [&*String::from_utf8_lossy(&bytes), &text] {
            check(&reader.read_native(text));
            let reading = reader.read_json(text);
            check(&reading);
            prop_assert_ne!(reading, Reading::Prose);
        }
    }

    #[test]
    fn no_output_contains_a_forbidden_character(report in report()) {
        for format in Format::ALL {
            let output = render(&report, format);
            prop_assert!(!output.contains(is_forbidden), "{:?}: {:?}", format, output);
        }
    }

    #[test]
    fn outputs_for_programs_keep_their_structure(report in report()) {
        let findings = report.result.as_ref().map_or(0, |review| review.findings.len());
        prop_assert_eq!(render(&report, Format::Github).lines().count(), 1 + findings);
        let sarif: Value = serde_json::from_str(&render(&report, Format::Sarif)).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        prop_assert_eq!(results.len(), findings);
        for result in results {
            prop_assert!(!result["message"]["text"].as_str().unwrap().trim().is_empty());
            let place = &result["locations"][0]["physicalLocation"];
            prop_assert!(!place["artifactLocation"]["uri"].as_str().unwrap().is_empty());
            prop_assert!(place["region"]["startLine"].as_u64() <= place["region"]["endLine"].as_u64());
        }
        let document: Value = serde_json::from_str(&render(&report, Format::Json)).unwrap();
        prop_assert_eq!(document, serde_json::to_value(&report).unwrap());
    }

    #[test]
    fn a_stored_report_renders_as_the_report(report in report()) {
        let stored = report.to_stored().to_string();
        let restored = ReviewReport::from_stored(&serde_json::from_str(&stored).unwrap()).unwrap();
        prop_assert_eq!(render(&restored, Format::Json), render(&report, Format::Json));
    }

    #[test]
    fn a_prompt_contains_the_change_once(change in "[a-z`\n{}]{1,40}") {
        let empty = AdversarialPrompt::new("t", "").text();
        let prompt = AdversarialPrompt::new("t", &change).text();
        prop_assert!(prompt.contains(&change));
        prop_assert!(prompt.starts_with(empty.split("```").next().unwrap()));
    }
}
