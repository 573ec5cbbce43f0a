//! The fields that programs around Codex keep with a job, as 0.1.0 of the format has them.
//!
//! The store itself reads none of them. They are an extension like any caller's; the type is here so that all programs that
//! share a store read the same names.

use serde::{Deserialize, Serialize};

/// What is known about the Codex run of a job. Absent values are left out of the JSON; in an update they leave the
/// recorded value as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct CodexFields {
    /// The name of the job's kind that is displayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind_label: Option<String>,
    /// The model asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The reasoning effort asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// Whether the job may change the work tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<bool>,
    /// The thread that the job works in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// The turn that the job waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<String>,
}

/// The fields that another attempt at the same job does not begin with: its worker has not begun a turn.
pub(crate) const OF_ONE_ATTEMPT: &[&str] = &["threadId", "turnId"];

impl CodexFields {
    /// No field is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name of the job's kind that is displayed.
    #[must_use]
    pub fn kind_label(mut self, label: impl Into<String>) -> Self {
        self.kind_label = Some(label.into());
        self
    }

    /// Sets the model asked for.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the reasoning effort asked for.
    #[must_use]
    pub fn effort(mut self, effort: impl Into<String>) -> Self {
        self.effort = Some(effort.into());
        self
    }

    /// Sets whether the job may change the work tree.
    #[must_use]
    pub fn write(mut self, write: bool) -> Self {
        self.write = Some(write);
        self
    }

    /// Sets the thread that the job works in.
    #[must_use]
    pub fn thread_id(mut self, id: impl Into<String>) -> Self {
        self.thread_id = Some(id.into());
        self
    }

    /// Sets the turn that the job waits for.
    #[must_use]
    pub fn turn_id(mut self, id: impl Into<String>) -> Self {
        self.turn_id = Some(id.into());
        self
    }
}
