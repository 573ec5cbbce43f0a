//! The one time that everything in a release bears.

use std::process::Command;

use crate::program::{self, Outcome};
use crate::workspace;

/// Seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time(pub(super) u64);

impl Time {
    /// `SOURCE_DATE_EPOCH`, else the time of the commit.
    pub(super) fn of_source() -> Outcome<Self> {
        let told = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(told) => told,
            Err(_) => {
                let mut git = Command::new("git");
                program::output(git.args(["log", "-1", "--format=%ct"]).current_dir(workspace::root()))?
            }
        };
        told.trim().parse().map(Self).map_err(|_| format!("the time of the source is no number: {told:?}"))
    }

    /// Year, month, day, hour, minute, second.
    pub(super) fn parts(self) -> (u64, u64, u64, u64, u64, u64) {
        let (days, second) = (self.0 / 86_400, self.0 % 86_400);
        // Years are counted from March, so that a leap day is the last of its year, in cycles of 400 of them.
        let shifted = days + 719_468;
        let (cycle, day) = (shifted / 146_097, shifted % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
        let year = cycle * 400 + year + u64::from(month <= 2);
        (year, month, day, second / 3_600, second / 60 % 60, second % 60)
    }

    /// As ISO 8601 has it.
    pub(super) fn iso(self) -> String {
        let (year, month, day, hour, minute, second) = self.parts();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_dates() {
        let check = |seconds, expected: &str| assert_eq!(Time(seconds).iso(), expected);
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_399, "2000-02-28T23:59:59Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(951_868_800, "2000-03-01T00:00:00Z");
        check(1_767_225_599, "2025-12-31T23:59:59Z");
        check(1_767_225_600, "2026-01-01T00:00:00Z");
        check(4_107_542_399, "2100-02-28T23:59:59Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
    }
}
