//! How sure a reviewer is.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// How sure a reviewer is of a finding, from 0 to 1. Never NaN, and therefore comparable.
#[derive(Clone, Copy, Debug)]
pub struct Confidence(f64);

impl Confidence {
    /// A confidence; values beyond 0 to 1 are clamped, and NaN becomes 0.
    #[must_use]
    pub fn new(value: f64) -> Self {
        // Adding 0 makes one zero of the two.
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) + 0.0 })
    }

    /// Returns the number, from 0 to 1.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl PartialEq for Confidence {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Confidence {}

impl PartialOrd for Confidence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Confidence {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for Confidence {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// `80 %`.
impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %", self.0 * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_clamped() {
        for (given, expected) in
            [(0.5, 0.5), (85.0, 1.0), (-1.0, 0.0), (-0.0, 0.0), (f64::NAN, 0.0), (f64::INFINITY, 1.0)]
        {
            assert_eq!(Confidence::new(given), Confidence::new(expected), "{given}");
            assert!((0.0..=1.0).contains(&Confidence::new(given).value()));
        }
        assert_eq!(Confidence::new(0.804).to_string(), "80 %");
    }
}
