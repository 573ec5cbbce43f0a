//! How serious a finding is.

use serde::{Deserialize, Serialize};

/// How serious a finding is. Ordered: [`Severity::Low`] is the least.
///
/// Exhaustive on purpose: the four words are part of the output schema and of documented formats, and a caller maps
/// each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// A fault in rare cases, or a trap for the next change. Assumed when a reviewer names no severity.
    #[default]
    Medium,
    /// A fault that users will meet.
    High,
    /// Data loss, a security hole, an outage.
    Critical,
}

impl Severity {
    /// All severities, the most serious first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// Returns the word of the output schema: `critical`, `high`, `medium` or `low`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Reads a word of the output schema in any case; `None` for any other word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str().eq_ignore_ascii_case(name))
    }

    /// Reads a word that reviewers commonly write, in any case: the names, `blocker`, `major`, `minor`, `nit`, or a
    /// priority from `p0` (critical) to `p3`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        const WORDS: [(&str, Severity); 8] = [
            ("blocker", Severity::Critical),
            ("p0", Severity::Critical),
            ("major", Severity::High),
            ("p1", Severity::High),
            ("p2", Severity::Medium),
            ("minor", Severity::Low),
            ("nit", Severity::Low),
            ("p3", Severity::Low),
        ];
        let known = || WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        Self::from_name(word).or_else(|| known().map(|&(_, severity)| severity))
    }

    /// Reads a priority of Codex's reviewer: from 0 (drop everything) to 3 (nice to have).
    #[must_use]
    pub const fn from_priority(priority: u64) -> Option<Self> {
        Some(match priority {
            0 => Self::Critical,
            1 => Self::High,
            2 => Self::Medium,
            3 => Self::Low,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case() {
        let table = [
            ("critical", Some(Severity::Critical)),
            ("HIGH", Some(Severity::High)),
            ("P2", Some(Severity::Medium)),
            ("nit", Some(Severity::Low)),
            ("p4", None),
            ("severe", None),
            ("", None),
        ];
        for (word, expected) in table {
            assert_eq!(Severity::from_word(word), expected, "{word}");
        }
        assert_eq!(Severity::from_name("p2"), None);
        assert!(Severity::ALL.is_sorted_by(|left, right| left > right));
    }
}
