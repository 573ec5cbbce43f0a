//! What a caller keeps with a job in fields of its own: a typed value, stored next to the store's own fields.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::codex::{self, CodexFields};
use crate::{Error, ErrorKind, Result};

/// The fields of a job's JSON that the store itself does not know.
///
/// They are members of the same object as the store's own fields, so that a caller's type defines how they are named and
/// read: see [`Job::extension`](crate::Job::extension) and
/// [`NewJob::extension`](crate::NewJob::extension()). Fields that no type reads are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Extension(pub(crate) Map<String, Value>);

/// The members of a record's JSON that belong to the store. A caller's field of such a name is refused.
const RESERVED: &[&str] = &[
    "version",
    "id",
    "kind",
    "jobClass",
    "title",
    "summary",
    "status",
    "phase",
    "exitCode",
    "workspaceRoot",
    "sessionId",
    "pid",
    "processStart",
    "handedOver",
    "createdAt",
    "startedAt",
    "updatedAt",
    "completedAt",
    "cancelRequestedAt",
    "logFile",
    "errorMessage",
    "retryOf",
    "attempt",
    "sequence",
    "extra",
    "request",
    "result",
    "rendered",
];

impl Extension {
    /// The fields of a Codex run.
    pub(crate) fn of(fields: &CodexFields) -> Self {
        match serde_json::to_value(fields) {
            Ok(Value::Object(fields)) => Self(fields),
            _ => Self::default(),
        }
    }

    /// The fields that another attempt at the same job begins with.
    pub(crate) fn for_another_attempt(&self) -> Self {
        let mut fields = self.0.clone();
        fields.retain(|name, _| !codex::OF_ONE_ATTEMPT.contains(&name.as_str()));
        Self(fields)
    }

    /// The fields as a caller's type.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(Value::Object(self.0.clone())).map_err(|error| {
            Error::new(ErrorKind::Corrupt, format!("the fields that the caller keeps with a job: {error}"))
        })
    }

    /// Sets the fields that the value has and keeps the others; a `null` removes a field.
    pub(crate) fn merge(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            match value {
                Value::Null => drop(self.0.remove(name)),
                _ => drop(self.0.insert(name.clone(), value.clone())),
            }
        }
    }
}

/// The members of a value that serialises as a JSON object with names that are free.
pub(crate) fn fields(value: &impl Serialize) -> Result<Map<String, Value>> {
    let invalid =
        |what: String| Error::new(ErrorKind::InvalidInput, format!("the extension of a job {what}"));
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => match fields.keys().find(|name| RESERVED.contains(&name.as_str())) {
            Some(name) => Err(invalid(format!("has a field `{name}`, which is the store's own"))),
            None => Ok(fields),
        },
        Ok(_) => Err(invalid("is not a JSON object".to_owned())),
        Err(error) => Err(invalid(format!("cannot be written as JSON: {error}"))),
    }
}

/// Reads what is left of a record. The large parts are not fields of a caller, and not kept in memory.
impl<'de> Deserialize<'de> for Extension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        fields.retain(|name, value| !RESERVED.contains(&name.as_str()) && !value.is_null());
        Ok(Self(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_objects_with_free_names_are_extensions() {
        assert_eq!(fields(&json!({ "threadId": "t" })).unwrap().len(), 1);
        for (value, problem) in [
            (json!({ "status": "x" }), "`status`"),
            (json!({ "rendered": "x" }), "`rendered`"),
            (json!("x"), "not a JSON object"),
        ] {
            let error = fields(&value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(problem), "{error}");
        }
    }

    #[test]
    fn every_field_of_a_record_is_reserved() {
        let record = crate::job::Record::sample_with_every_field();
        let Value::Object(written) = serde_json::to_value(&record).unwrap() else { panic!("an object") };
        let mut names: Vec<&str> = written.keys().map(String::as_str).collect();
        names.sort_unstable();
        let mut reserved = RESERVED.to_vec();
        reserved.sort_unstable();
        assert_eq!(names, reserved);
    }
}
