//! The stored form of a report.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ReviewReport;

/// The version that [`ReviewReport::to_stored`] writes. Documents without a version are those of release 0.1.0.
const VERSION: u64 = 1;

/// The members that the stored form has in addition to the document's.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Additional {
    #[serde(skip_deserializing)]
    format_version: u64,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    resume: Option<String>,
}

impl ReviewReport {
    /// Returns the report as JSON from which [`ReviewReport::from_stored`] restores it whole.
    ///
    /// It is the document, with the additional members `formatVersion`, `notes` and `resume`, so a program that reads the
    /// document reads this form too.
    #[must_use]
    pub fn to_stored(&self) -> Value {
        let additional =
            Additional { format_version: VERSION, notes: self.notes.clone(), resume: self.resume.clone() };
        let mut stored = to_value(self);
        if let (Value::Object(members), Value::Object(additional)) = (&mut stored, to_value(&additional)) {
            members.extend(additional);
        }
        stored
    }

    /// Restores a report from its stored form, or from a document of release 0.1.0, which had neither notes nor a resume
    /// command.
    ///
    /// # Errors
    /// The value has a newer version, or is not a report.
    pub fn from_stored(stored: &Value) -> Result<Self, StoredError> {
        let invalid = |reason: String| StoredError { kind: StoredErrorKind::Invalid, message: reason };
        let version = match stored.get("formatVersion") {
            None => 0,
            Some(version) => version
                .as_u64()
                .ok_or_else(|| invalid(format!("formatVersion: {version} is not a number")))?,
        };
        if version > VERSION {
            let message = format!("version {version} is newer than {VERSION}, the newest that is known");
            return Err(StoredError { kind: StoredErrorKind::Newer, message });
        }
        let mut report = Self::deserialize(stored).map_err(|error| invalid(error.to_string()))?;
        if version > 0 {
            let additional = Additional::deserialize(stored).map_err(|error| invalid(error.to_string()))?;
            (report.notes, report.resume) = (additional.notes, additional.resume);
        }
        Ok(report)
    }
}

fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("plain structs with text keys always serialize")
}

/// Why a stored report cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredError {
    kind: StoredErrorKind,
    message: String,
}

impl StoredError {
    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> StoredErrorKind {
        self.kind
    }
}

impl fmt::Display for StoredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stored review cannot be read: {}", self.message)
    }
}

impl std::error::Error for StoredError {}

/// The kind of a [`StoredError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoredErrorKind {
    /// Written by a newer release.
    Newer,
    /// Not a report.
    Invalid,
}
