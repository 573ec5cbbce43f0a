//! The report of a task.

use codex_base::text::clean;
use codex_review::ErrorReport;
use codex_review::render::text::{list, resume};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a task came to. Serialized, it is the documented JSON document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TaskReport {
    /// 0 when the turn completed, 1 when not.
    pub status: u8,
    /// The thread.
    pub thread_id: Option<String>,
    /// The turn.
    pub turn_id: Option<String>,
    /// The job.
    pub job_id: Option<String>,
    /// The model's final answer, as it wrote it.
    pub raw_output: String,
    /// Files that the turn changed, relative to the root of the work tree.
    #[serde(default)]
    pub touched_files: Vec<String>,
    /// Sections of the model's reasoning, as far as Codex shows it.
    #[serde(default)]
    pub reasoning_summary: Vec<String>,
    /// Why the turn did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// A command that resumes the thread; in the text only.
    #[serde(skip)]
    pub resume: Option<String>,
}

impl TaskReport {
    /// Restores a report from its document. `None` when it is not one.
    pub(super) fn from_stored(stored: &Value) -> Option<Self> {
        Self::deserialize(stored).ok()
    }

    /// The text for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = clean(&self.raw_output).into_owned();
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        list(&mut out, "Changed files", &self.touched_files);
        resume(&mut out, self.resume.as_deref());
        out
    }
}

#[cfg(test)]
mod tests {
    use codex_base::text::is_forbidden;
    use codex_review::render::{Format, json};
    use serde_json::Value;

    use super::*;
    use crate::report::Report;

    #[test]
    fn d21_text_from_the_model_is_clean_in_both_forms() {
        let nasty = "x\x1b[31m\x1b]0;t\x07\u{9b}1m\rZ\u{202e}\u{200b}\u{7f}";
        let mut report = TaskReport { raw_output: nasty.into(), ..TaskReport::default() };
        report.touched_files = vec![nasty.into()];
        let report = Report::Task(Box::new(report));
        for format in [Format::Text, Format::Json] {
            let text = report.render(format);
            assert!(!text.chars().any(is_forbidden), "{text:?}");
        }
    }

    #[test]
    fn tasks() {
        let mut report = TaskReport {
            thread_id: Some("t".into()),
            turn_id: Some("u".into()),
            raw_output: "Done.\n\n  indented".into(),
            ..TaskReport::default()
        };
        assert_eq!(report.text(), "Done.\n\n  indented\n");
        report.touched_files = vec!["src/a.rs".into()];
        report.resume = Some("codex resume t".into());
        assert_eq!(
            report.text(),
            "Done.\n\n  indented\n\nChanged files\n- src/a.rs\n\nContinue this thread: codex resume t\n"
        );
        let document: Value = serde_json::from_str(&json::document(&report)).unwrap();
        let mut keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            ["jobId", "rawOutput", "reasoningSummary", "status", "threadId", "touchedFiles", "turnId"]
        );
    }

    #[test]
    fn a_stored_report_is_restored_without_its_resume_command() {
        let report = TaskReport { raw_output: "x\u{1b}[1m".into(), status: 1, ..TaskReport::default() };
        let stored = serde_json::to_value(&report).unwrap();
        assert_eq!(TaskReport::from_stored(&stored), Some(report));
        assert_eq!(TaskReport::from_stored(&serde_json::json!({"error": {"kind": "io"}})), None);
    }
}
