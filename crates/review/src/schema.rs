//! The JSON Schema that is sent to the model.

use serde_json::{Value, json};

/// Returns the schema of a review's answer, for `outputSchema` of `turn/start`.
///
/// It uses the subset that strict structured output allows: every object is closed and requires every member. That subset
/// has no numeric bounds everywhere, so bounds are stated in words and checked when the answer is read.
#[must_use]
pub fn output_schema() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let object = |properties: Value| {
        let names: Vec<&String> =
            properties.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
        let required = json!(names);
        json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
    };
    let finding = object(json!({
        "severity": {"type": "string", "enum": ["critical", "high", "medium", "low"]},
        "title": text("What is wrong, in one short line."),
        "body": text("What goes wrong, when, and why."),
        "file": text("Path relative to the root of the repository; empty when no one file is concerned."),
        "line_start": {"type": "integer", "description": "First line concerned, counted from 1."},
        "line_end": {"type": "integer", "description": "Last line concerned, not before the first."},
        "confidence": {"type": "number", "description": "How sure you are, from 0 to 1."},
        "recommendation": text("What to change."),
    }));
    object(json!({
        "verdict": {"type": "string", "enum": ["approve", "needs-attention"]},
        "summary": text("The judgement and its main reason, in one to three sentences."),
        "findings": {"type": "array", "items": finding},
        "next_steps": {"type": "array", "items": text("One thing to do next.")},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Confidence, Finding, Review, ReviewVerdict, Severity};

    /// Every object in a schema, nested ones included.
    fn objects(schema: &Value, out: &mut Vec<Value>) {
        if schema["type"] == "object" {
            out.push(schema.clone());
            for property in schema["properties"].as_object().unwrap().values() {
                objects(property, out);
            }
        }
        if schema["type"] == "array" {
            objects(&schema["items"], out);
        }
    }

    #[test]
    fn every_object_is_closed_and_requires_all_of_its_members() {
        let mut all = Vec::new();
        objects(&output_schema(), &mut all);
        assert_eq!(all.len(), 2);
        for object in all {
            assert_eq!(object["additionalProperties"], false);
            let names: Vec<&str> =
                object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(object["required"], json!(names));
        }
    }

    #[test]
    fn a_written_review_has_the_members_of_the_schema() {
        let finding = Finding::new("t").file("f").lines(1..=2).confidence(Confidence::new(0.5));
        let result = Review::new(ReviewVerdict::NeedsAttention, "s").findings(vec![finding]);
        let written = serde_json::to_value(&result).unwrap();
        let schema = output_schema();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&written), keys(&schema["properties"]));
        assert_eq!(
            keys(&written["findings"][0]),
            keys(&schema["properties"]["findings"]["items"]["properties"])
        );
        let words = &schema["properties"]["findings"]["items"]["properties"]["severity"]["enum"];
        assert_eq!(words, &json!(Severity::ALL.map(Severity::as_str)));
        assert_eq!(words, &json!(Severity::ALL));
    }
}
