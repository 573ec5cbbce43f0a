//! Line numbers of a file.

use std::fmt;
use std::ops::RangeInclusive;

/// Lines of a file, both ends included, counted from 1. The first is never after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineRange {
    start: u32,
    end: u32,
}

impl LineRange {
    /// The lines from `start` to `end`. Numbers in the wrong order are swapped, and 0 becomes 1.
    #[must_use]
    pub fn new(start: u32, end: u32) -> Self {
        Self { start: start.min(end).max(1), end: start.max(end).max(1) }
    }

    /// Returns the first line.
    #[must_use]
    pub const fn start(self) -> u32 {
        self.start
    }

    /// Returns the last line.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.end
    }
}

impl From<u32> for LineRange {
    fn from(line: u32) -> Self {
        Self::new(line, line)
    }
}

impl From<RangeInclusive<u32>> for LineRange {
    fn from(lines: RangeInclusive<u32>) -> Self {
        Self::new(*lines.start(), *lines.end())
    }
}

/// `3` or `3-7`.
impl fmt::Display for LineRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end } = self;
        if start == end { write!(f, "{start}") } else { write!(f, "{start}-{end}") }
    }
}
