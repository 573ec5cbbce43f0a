//! Takes members out of JSON objects, with errors that name the member.

use codex_base::text::one_line;
use serde_json::{Map, Value};

use super::extract::{Found, last_object};
use super::path::normalize_path;
use crate::{Confidence, LineRange};

/// Reads members, and notes what it corrects. Errors have the form `path: expected …, found …`.
pub(super) struct Members<'a> {
    pub(super) roots: &'a [String],
    pub(super) notes: Vec<String>,
}

impl<'a> Members<'a> {
    pub(super) fn new(roots: &'a [String]) -> Self {
        Self { roots, notes: Vec::new() }
    }

    /// A file name relative to the root; `None` when it is empty.
    pub(super) fn file(&self, file: Option<&str>) -> Option<String> {
        file.map(|file| normalize_path(file, self.roots)).filter(|file| !file.is_empty())
    }

    /// Two line numbers, corrected until 1 ≤ first ≤ last. Line 1 when neither is there: the schemas require both.
    pub(super) fn lines(
        &mut self,
        path: &str,
        keys: [&str; 2],
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> Result<LineRange, String> {
        let mut line = |key: &str, value: Option<&Value>| match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                let line = number.as_f64().unwrap_or(0.0);
                if line < 1.0 || line.fract() != 0.0 {
                    self.notes.push(format!("{path}.{key}: {number} is not a line number"));
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
                Ok(Some((line as u32).max(1)))
            }
            Some(other) => Err(format!("{path}.{key}: expected a number, found {}", name(other))),
        };
        let start = line(keys[0], start)?;
        let end = line(keys[1], end)?;
        match (start, end) {
            (Some(start), Some(end)) if start > end => {
                self.notes.push(format!("{path}: lines {start} to {end} are out of order, swapped"));
                Ok(LineRange::new(end, start))
            }
            (start, end) => {
                let start = start.or(end).unwrap_or(1);
                Ok(LineRange::new(start, end.unwrap_or(start)))
            }
        }
    }

    /// A confidence, clamped to 0 to 1; `None` when it is missing or null.
    pub(super) fn confidence(
        &mut self,
        path: &str,
        key: &str,
        value: Option<&Value>,
    ) -> Result<Option<Confidence>, String> {
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                let given = number.as_f64().unwrap_or(0.0);
                if !(0.0..=1.0).contains(&given) {
                    self.notes.push(format!("{path}.{key}: {number} is not between 0 and 1, clamped"));
                }
                Ok(Some(Confidence::new(given)))
            }
            Some(other) => Err(format!("{path}.{key}: expected a number, found {}", name(other))),
        }
    }
}

/// The deciding object of a text, parsed; `None` when it has none.
pub(super) fn object_in(text: &str, members: &[&str]) -> Result<Option<Map<String, Value>>, String> {
    if text.trim().is_empty() {
        return Err("the answer is empty".to_owned());
    }
    match last_object(text, members) {
        Found::Whole(object) => match serde_json::from_str(object) {
            Ok(object) => Ok(Some(object)),
            Err(error) => Err(format!("the JSON object in the answer is not valid: {error}")),
        },
        Found::Broken(what, at) => {
            Err(format!("the JSON object in the answer cannot be read: {what} (byte {at})"))
        }
        Found::Nothing => Ok(None),
    }
}

/// A string; `None` when it is missing or null.
pub(super) fn take_text(
    object: &mut Map<String, Value>,
    path: &str,
    key: &str,
) -> Result<Option<String>, String> {
    match object.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            let dot = if path.is_empty() { "" } else { "." };
            Err(format!("{path}{dot}{key}: expected a string, found {}", name(&other)))
        }
    }
}

/// An array at the top level; `None` when it is missing or null.
pub(super) fn take_list(object: &mut Map<String, Value>, key: &str) -> Result<Option<Vec<Value>>, String> {
    match object.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(other) => Err(format!("{key}: expected an array, found {}", name(&other))),
    }
}

/// An object.
pub(super) fn expect_object(path: &str, value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(object) => Ok(object),
        other => Err(format!("{path}: expected an object, found {}", name(&other))),
    }
}

/// A value's type, for error messages.
pub(super) fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The beginning of a text, in quotes.
pub(super) fn quote(text: &str) -> String {
    // A character takes four bytes at most and white space collapses; this is enough of any text.
    let start = text.char_indices().nth(4096).map_or(text, |(end, _)| &text[..end]);
    format!("\"{}\"", one_line(start, 80))
}
