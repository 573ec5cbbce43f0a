//! JSON as the oracles want it.

use serde_json::Value;

use crate::envelope_model::Members;

/// The value of a text in which no object has the same member twice: of those, readers may make what they like.
pub(crate) fn unambiguous(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    // What was written once is written as long as it was read.
    (count(&value) == members(text)?).then_some(value)
}

/// How many members all objects of a value have.
fn count(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(count).sum::<usize>(),
        Value::Array(list) => list.iter().map(count).sum(),
        _ => 0,
    }
}

/// The same, of a text and with repetitions.
fn members(text: &str) -> Option<usize> {
    let text = text.trim_ascii();
    if text.starts_with('{') {
        let Members(members_) = serde_json::from_str(text).ok()?;
        return members_.iter().map(|(_, value)| Some(1 + members(value.get())?)).sum();
    }
    if text.starts_with('[') {
        let list: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).ok()?;
        return list.iter().map(|value| members(value.get())).sum();
    }
    Some(0)
}

/// Whether a number with a fraction or an exponent is in it: those may change by a hair when written and read again.
pub(crate) fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(list) => list.iter().any(has_fraction),
        Value::Object(object) => object.values().any(has_fraction),
        _ => false,
    }
}
