//! The JSON form of a finding, which is that of the output schema.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Confidence, Finding, LineRange, Severity, non_empty};

#[derive(Serialize)]
struct Written<'a> {
    severity: Severity,
    title: &'a str,
    body: &'a str,
    file: &'a str,
    line_start: u32,
    line_end: u32,
    confidence: Option<f64>,
    recommendation: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Read {
    severity: Severity,
    title: String,
    body: String,
    file: Option<String>,
    line_start: Option<u32>,
    line_end: Option<u32>,
    confidence: Option<f64>,
    recommendation: Option<String>,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let lines = self.lines.unwrap_or(LineRange::from(1));
        Written {
            severity: self.severity,
            title: &self.title,
            body: &self.body,
            file: self.file.as_deref().unwrap_or_default(),
            line_start: lines.start(),
            line_end: lines.end(),
            confidence: self.confidence.map(Confidence::value),
            recommendation: self.recommendation.as_deref().unwrap_or_default(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        let file = read.file.and_then(non_empty);
        let lines = match (read.line_start.or(read.line_end), read.line_end) {
            (Some(start), end) => Some(LineRange::new(start, end.unwrap_or(start))),
            (None, _) => None,
        };
        // What a finding without a file is written with.
        let unknown = file.is_none() && lines == Some(LineRange::from(1));
        Ok(Self {
            severity: read.severity,
            title: read.title,
            body: read.body,
            file,
            lines: lines.filter(|_| !unknown),
            confidence: read.confidence.map(Confidence::new),
            recommendation: read.recommendation.and_then(non_empty),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_member_is_written() {
        let written = serde_json::to_value(Finding::new("t")).unwrap();
        let expected = json!({
            "severity": "medium", "title": "t", "body": "", "file": "", "line_start": 1, "line_end": 1,
            "confidence": null, "recommendation": "",
        });
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Finding>(written).unwrap(), Finding::new("t"));
    }

    #[test]
    fn missing_members_are_accepted_and_bounds_are_kept() {
        let read = |value: Value| serde_json::from_value::<Finding>(value).unwrap();
        assert_eq!(read(json!({"title": "t"})), Finding::new("t"));
        let found = read(json!({"title": "t", "file": "a", "line_start": 9, "line_end": 0, "confidence": 7}));
        assert_eq!(found.lines, Some(LineRange::new(1, 9)));
        assert_eq!(found.confidence, Some(Confidence::new(1.0)));
    }
}
