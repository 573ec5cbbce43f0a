//! The stored form: everything comes back, older documents are read, newer ones are refused.

use codex_review::render::{Format, render};
use codex_review::{
    ContextSummary, ErrorReport, Finding, ReadError, Reading, Review, ReviewKind, ReviewReader, ReviewReport,
    ReviewVerdict, Severity, StoredErrorKind, TargetSummary,
};
use serde_json::{Value, json};

fn report() -> ReviewReport {
    let finding = Finding::new("Race").severity(Severity::High).file("src/a.rs").lines(3..=7);
    let review = Review::new(ReviewVerdict::NeedsAttention, "One race.")
        .findings(vec![finding, Finding::new("No place")])
        .next_steps(vec!["Add a lock.".into()]);
    let target = TargetSummary::new("branch", "branch against main").base_ref("main").explicit(true);
    let mut report = ReviewReport::new(ReviewKind::Adversarial, target)
        .raw_output("{}")
        .context(ContextSummary::new("/repo", "2 files").file_count(2))
        .reading(Reading::Review { review, notes: vec!["a note".into()] });
    report.resume = Some("codex resume thread-1".into());
    report.thread_id = Some("thread-1".into());
    report
}

fn unreadable() -> ReadError {
    ReviewReader::new().read_json("{").into_review().unwrap_err()
}

fn failed() -> ReviewReport {
    let target = TargetSummary::new("working-tree", "working tree");
    let mut report = ReviewReport::new(ReviewKind::Native, target).reading(Reading::Unreadable(unreadable()));
    report.codex.status = 1;
    report.error = Some(ErrorReport::new("turn-failed", "the model is gone").hint("run it again"));
    report
}

#[test]
fn every_format_can_be_rendered_from_the_stored_form() {
    for report in [report(), failed()] {
        // Through text, as a record on disk is.
        let stored: Value = serde_json::from_str(&report.to_stored().to_string()).unwrap();
        let restored = ReviewReport::from_stored(&stored).unwrap();
        assert_eq!(restored, report);
        for format in Format::ALL {
            assert_eq!(render(&restored, format), render(&report, format));
        }
    }
}

#[test]
fn long_text_is_not_cut() {
    let mut report = report();
    let body = "long ".repeat(200_000);
    report.result.as_mut().unwrap().findings[0].body.clone_from(&body);
    let restored = ReviewReport::from_stored(&report.to_stored()).unwrap();
    assert!(render(&restored, Format::Text).contains(body.trim_end()));
}

#[test]
fn the_stored_form_is_the_document_with_more_members() {
    let document = serde_json::to_value(report()).unwrap();
    let mut stored = report().to_stored();
    let members = stored.as_object_mut().unwrap();
    assert_eq!(members.remove("formatVersion"), Some(json!(1)));
    assert_eq!(members.remove("notes"), Some(json!(["a note"])));
    assert_eq!(members.remove("resume"), Some(json!("codex resume thread-1")));
    assert_eq!(stored, document);
}

#[test]
fn a_document_of_release_0_1_0_is_read() {
    let document = serde_json::to_value(report()).unwrap();
    let restored = ReviewReport::from_stored(&document).unwrap();
    let mut expected = report();
    (expected.notes, expected.resume) = (Vec::new(), None);
    assert_eq!(restored, expected);
}

#[test]
fn a_newer_version_is_refused() {
    let mut stored = report().to_stored();
    stored["formatVersion"] = json!(2);
    let error = ReviewReport::from_stored(&stored).unwrap_err();
    assert_eq!(error.kind(), StoredErrorKind::Newer);
    let expected = "the stored review cannot be read: version 2 is newer than 1, the newest that is known";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn other_values_are_refused() {
    for stored in
        [json!(null), json!({}), json!({"error": {"kind": "io"}}), json!({"formatVersion": "x"}), json!([1])]
    {
        let error = ReviewReport::from_stored(&stored).unwrap_err();
        assert_eq!(error.kind(), StoredErrorKind::Invalid, "{stored}");
    }
}
