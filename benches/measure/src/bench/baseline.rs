//! The saved baseline, and what counts as worse than it.
//!
//! Only what a noisy machine cannot move is compared: instructions, and ratios between two sides that took turns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

/// More than a fifth above the baseline is a regression.
const TOLERATED: f64 = 1.2;

#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Baseline {
    /// The compiler that it was measured with: another one makes other code.
    pub(super) rustc: String,
    /// Instructions of one go, by workload.
    pub(super) instructions: BTreeMap<String, f64>,
    /// Ours to the other side's, by pair.
    pub(super) ratios: BTreeMap<String, f64>,
}

/// Something that is worse than it was.
#[derive(Debug, PartialEq)]
pub(super) struct Regression {
    pub(super) name: String,
    /// `instructions` or `ratio`.
    pub(super) half: &'static str,
    was: f64,
    is: f64,
}

/// What a comparison found.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Comparison {
    pub(super) regressions: Vec<Regression>,
    /// In the baseline or in the measurement, and not in both.
    pub(super) unknown: Vec<String>,
    /// At least a fifth better: worth a new baseline.
    pub(super) better: Vec<String>,
    pub(super) compared: usize,
}

impl Regression {
    pub(super) fn text(&self) -> String {
        let (name, half, was, is) = (&self.name, self.half, self.was, self.is);
        format!(
            "{name}: {half} {} where the baseline has {} ({:+.0} %)",
            number(is),
            number(was),
            (is / was - 1.0) * 100.0
        )
    }
}

pub(super) fn number(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

impl Baseline {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let numbers = |name: &str| {
            let entries = value[name].as_object()?.iter();
            entries.map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect::<Option<_>>()
        };
        Some(Self {
            rustc: value["rustc"].as_str()?.to_owned(),
            instructions: numbers("instructions")?,
            ratios: numbers("ratios")?,
        })
    }

    /// One figure a line, so that a change shows in review.
    pub(super) fn text(&self) -> String {
        let object = |numbers: &BTreeMap<String, f64>, digits: i32| {
            let scale = 10_f64.powi(digits);
            let rounded = numbers.iter().map(|(name, value)| (name.clone(), (value * scale).round() / scale));
            Value::Object(rounded.map(|(name, value)| (name, Value::from(value))).collect::<Map<_, _>>())
        };
        let mut whole = Map::new();
        whole.insert("rustc".to_owned(), self.rustc.as_str().into());
        whole.insert("instructions".to_owned(), object(&self.instructions, 0));
        whole.insert("ratios".to_owned(), object(&self.ratios, 4));
        let mut text = serde_json::to_string_pretty(&Value::Object(whole)).unwrap_or_default();
        _ = writeln!(text);
        text
    }

    /// `now` beside the baseline. A half that `now` lacks altogether was left out and is not missing.
    pub(super) fn compare(&self, now: &Self) -> Comparison {
        let mut comparison = Comparison::default();
        let halves =
            [("instructions", &self.instructions, &now.instructions), ("ratio", &self.ratios, &now.ratios)];
        for (half, was, is) in halves {
            if is.is_empty() {
                continue;
            }
            let missing = was.keys().filter(|name| !is.contains_key(*name));
            let new = is.keys().filter(|name| !was.contains_key(*name));
            comparison.unknown.extend(missing.chain(new).map(|name| format!("{name} ({half})")));
            for (name, &is) in is {
                let Some(&was) = was.get(name) else { continue };
                comparison.compared += 1;
                if is > was * TOLERATED {
                    comparison.regressions.push(Regression { name: name.clone(), half, was, is });
                } else if is * TOLERATED < was {
                    comparison.better.push(format!(
                        "{name} ({half} {} now, {} then)",
                        number(is),
                        number(was)
                    ));
                }
            }
        }
        comparison
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(instructions: &[(&str, f64)], ratios: &[(&str, f64)]) -> Baseline {
        let map =
            |pairs: &[(&str, f64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Baseline { rustc: "rustc 1".to_owned(), instructions: map(instructions), ratios: map(ratios) }
    }

    #[test]
    fn a_fifth_more_is_tolerated_and_no_more() {
        let was = baseline(&[("scan", 1000.0)], &[("scan", 0.1)]);
        let check = |instructions: f64, ratio: f64, expected: &[&str]| {
            let comparison = was.compare(&baseline(&[("scan", instructions)], &[("scan", ratio)]));
            let halves: Vec<_> = comparison.regressions.iter().map(|regression| regression.half).collect();
            assert_eq!((halves.as_slice(), comparison.compared), (expected, 2));
        };
        check(1000.0, 0.1, &[]);
        check(1200.0, 0.12, &[]);
        check(1201.0, 0.1, &["instructions"]);
        check(900.0, 0.121, &["ratio"]);
        check(5000.0, 1.0, &["instructions", "ratio"]);
    }

    #[test]
    fn a_regression_says_how_much() {
        let was = baseline(&[("scan", 1000.0)], &[]);
        let regressions = was.compare(&baseline(&[("scan", 1500.0)], &[])).regressions;
        assert_eq!(regressions[0].text(), "scan: instructions 1500 where the baseline has 1000 (+50 %)");
    }

    #[test]
    fn a_half_that_was_left_out_is_not_missing_but_a_name_is() {
        let was = baseline(&[("scan", 1000.0), ("old", 1.0)], &[("scan", 0.1)]);
        let comparison = was.compare(&baseline(&[], &[("scan", 0.05), ("new", 1.0)]));
        assert_eq!(comparison.unknown, ["new (ratio)"]);
        assert_eq!(comparison.better, ["scan (ratio 0.050 now, 0.100 then)"]);
        assert_eq!(comparison.compared, 1);
        let comparison = was.compare(&baseline(&[("scan", 1.0)], &[]));
        assert_eq!(comparison.unknown, ["old (instructions)"]);
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let saved = baseline(&[("scan", 1_234_567.0)], &[("scan", 0.1019)]);
        assert_eq!(Baseline::parse(&saved.text()), Some(saved));
        assert_eq!(Baseline::parse("{}"), None);
        assert_eq!(Baseline::parse(r#"{"rustc":"","instructions":{"a":"b"},"ratios":{}}"#), None);
    }
}
