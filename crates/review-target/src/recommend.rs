use crate::Measure;

/// The largest number of changed files for which to wait.
const FILES: u64 = 2;
/// The largest number of changed lines for which to wait.
const LINES: u64 = 400;

/// Whether to wait for a review. Exhaustive on purpose: there is no third way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
pub enum Wait {
    /// The change is small: wait for the review.
    Foreground,
    /// The review may take long: run it in the background.
    Background,
}

/// Whether to wait, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Recommendation {
    /// The recommendation.
    pub wait: Wait,
    /// The reason, as a phrase: `2 files and 31 changed lines`.
    pub reason: String,
}

/// Recommends whether to wait for a review of a measured change.
///
/// A measure that stopped at its budget is sufficient.
#[must_use]
pub fn recommend(measure: &Measure) -> Recommendation {
    let (files, lines) = (measure.total.files, measure.total.lines());
    let at_least = measure.at_least();
    let small = files <= FILES && lines <= LINES && !at_least;
    let prefix = if at_least { "at least " } else { "" };
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    Recommendation {
        wait: if small { Wait::Foreground } else { Wait::Background },
        reason: format!("{prefix}{files} file{} and {lines} changed line{}", plural(files), plural(lines)),
    }
}
