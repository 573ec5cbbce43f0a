//! Answers of Codex's own reviewer, as recorded from codex 0.169.0 and as it varies.

use codex_review::render::{Format, render};
use codex_review::{
    Finding, Reading, Review, ReviewKind, ReviewReader, ReviewReport, ReviewVerdict, Severity, TargetSummary,
};

/// `review_base`, `review_commit`, `review_custom` and `review_uncommitted`.
const ONE_COMMENT: &str = "Mock explanation.\n\nReview comment:\n\n\
    - [P1] Mock native finding — /scratch-tmp/a.txt:1-2\n  Mock native body.";
/// `review_busy`: the model wrote plain text.
const PLAIN_WORDS: &str = "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17 w18 w19";
/// `review_plain_text`.
const PLAIN_TEXT: &str = "Looks fine to me";
/// `review_fail`: the `review` of the item, and the message that follows it.
const FAILED: [&str; 2] = [
    "Reviewer failed to output a response.",
    "Review was interrupted. Please re-run /review and wait for it to complete.",
];

fn read(text: &str) -> Reading {
    ReviewReader::new().root("/scratch-tmp").read_native(text)
}

#[track_caller]
fn review(text: &str) -> Review {
    read(text).into_review().expect(text).expect(text)
}

#[test]
fn e64_recorded_answers_are_read() {
    let recorded = review(ONE_COMMENT);
    assert_eq!(recorded.verdict, ReviewVerdict::NeedsAttention);
    assert_eq!(recorded.summary, "Mock explanation.");
    let expected = Finding::new("Mock native finding")
        .severity(Severity::High)
        .body("Mock native body.")
        .file("a.txt")
        .lines(1..=2);
    assert_eq!(recorded.findings, [expected]);
    assert_eq!(read(PLAIN_WORDS), Reading::Prose);
    assert_eq!(read(PLAIN_TEXT), Reading::Prose);
    for text in FAILED {
        let error = read(text).into_review().unwrap_err().to_string();
        assert!(error.starts_with("Codex gave no review: "), "{error}");
    }
}

#[test]
fn e64_a_comment_without_a_priority_is_not_lost() {
    let tagged = "- [P1] First — /scratch-tmp/a.rs:1-1\n  One.\n";
    for untagged in [
        "- Second — /scratch-tmp/b.rs:2-3\n  Two.\n",
        "- [P] Second — /scratch-tmp/b.rs:2-3\n  Two.\n",
        "- [ ] Second — /scratch-tmp/b.rs:2-3\n  Two.\n",
    ] {
        for comments in [format!("{tagged}\n{untagged}"), format!("{untagged}\n{tagged}")] {
            let review = review(&format!("Two defects.\n\nFull review comments:\n\n{comments}"));
            assert_eq!(review.findings.len(), 2, "{comments}");
            let second = &review.findings[1];
            assert_eq!(second.severity, Severity::Medium, "{comments}");
            assert!(second.title.ends_with("Second"), "{comments}");
            assert_eq!(second.location().as_deref(), Some("b.rs:2-3"));
            assert_eq!(second.body, "Two.");
        }
        let alone = review(&format!("One defect.\n\nReview comment:\n\n{untagged}"));
        assert_eq!(alone.findings.len(), 1);
    }
}

#[test]
fn e64_a_comment_is_in_every_format() {
    let text = "Two defects.\n\nFull review comments:\n\n\
        - [P1] Tagged — /scratch-tmp/a.rs:1-1\n  One.\n\n- Untagged — /scratch-tmp/b.rs:2-3\n  Two.\n";
    let report = ReviewReport::new(ReviewKind::Native, TargetSummary::new("commit", "commit 1234567"))
        .raw_output(text)
        .reading(read(text));
    for format in Format::ALL {
        let output = render(&report, format);
        for expected in ["Tagged", "Untagged", "a.rs", "b.rs"] {
            assert!(output.contains(expected), "{format:?} has no {expected}: {output}");
        }
    }
}

#[test]
fn comments_keep_lists_code_and_json_of_their_bodies() {
    let text = "Done.\r\n\r\nReview comment:\r\n\r\n- [P3] T — /scratch-tmp/a.rs:1\r\n  - a list\r\n  {\"findings\": []}\r\n";
    let review = review(text);
    assert_eq!(review.findings[0].body, "- a list\n{\"findings\": []}");
    assert_eq!(review.findings[0].severity, Severity::Low);
}
