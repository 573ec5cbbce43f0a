//! What two conversations have to have in common: the methods in their order, and the members of everything.

use std::collections::BTreeMap;

use serde_json::Value;

/// A message without its values: method or answer, kinds and states, and the names of members three levels deep.
pub(crate) fn shape(message: &Value) -> String {
    let what = match message["method"].as_str() {
        Some(method) => method,
        None if message.get("error").is_some() => "(error)",
        None => "(answer)",
    };
    let item = &message["params"]["item"];
    let kinds = [
        &item["type"],
        &item["status"],
        &message["params"]["status"]["type"],
        &message["params"]["turn"]["status"],
    ];
    let kinds: Vec<&str> = kinds.into_iter().filter_map(Value::as_str).collect();
    format!("{what} {} {}", kinds.join(" "), members(message, 4))
}

/// The names of members, `depth` levels deep. Lists are shown by their first element.
fn members(value: &Value, depth: usize) -> String {
    match value {
        _ if depth == 0 => "…".to_owned(),
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            let inner: Vec<String> = sorted
                .into_iter()
                .map(|(name, value)| format!("{}{}", plain(name), members(value, depth - 1)))
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(items) => items.first().map_or_else(String::new, |item| members(item, depth - 1)),
        _ => String::new(),
    }
}

/// Some members are named by the id of a thread.
fn plain(name: &str) -> &str {
    if name.len() == 36 && name.matches('-').count() == 4 { "(thread)" } else { name }
}

/// The sequences of two conversations, as text that a failing assertion shows line by line.
#[track_caller]
pub(crate) fn assert_same(real: &[String], scripted: &[String]) {
    for (index, (real, scripted)) in real.iter().zip(scripted).enumerate() {
        assert_eq!(scripted, real, "message {index} differs (left scripted, right real)");
    }
    let (longer, rest) = if real.len() > scripted.len() {
        ("real", &real[scripted.len()..])
    } else {
        ("scripted", &scripted[real.len()..])
    };
    assert!(rest.is_empty(), "only the {longer} one goes on: {rest:#?}");
}
