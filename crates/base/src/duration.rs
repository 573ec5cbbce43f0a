//! Durations as people write and read them.

use std::fmt;
use std::time::Duration;

/// Formats a duration in one or two units: `42s`, `3m 07s`, `2h 05m`.
#[must_use]
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}

/// Parses numbers with units, such as `90s`, `10m`, `1h30m`, `1h 30m`, `500ms` or `2d`. A number needs a unit.
///
/// # Errors
/// When the text is empty, has no unit or another one, or is longer than a duration can be.
pub fn parse(text: &str) -> Result<Duration, ParseError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(ParseError);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().map_err(|_| ParseError)?;
        rest = rest[digits..].trim_start();
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let unit_ms = match &rest[..letters] {
            "ms" => 1,
            "s" | "sec" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(ParseError),
        };
        rest = rest[letters..].trim_start();
        let part = number.checked_mul(unit_ms).map(Duration::from_millis).ok_or(ParseError)?;
        total = total.checked_add(part).ok_or(ParseError)?;
    }
    Ok(total)
}

/// The text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError;

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a duration such as 90s, 10m or 1h30m")
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_formatted_for_people() {
        let check = |seconds: u64, expected: &str| assert_eq!(format(Duration::from_secs(seconds)), expected);
        check(0, "0s");
        check(59, "59s");
        check(60, "1m 00s");
        check(187, "3m 07s");
        check(3599, "59m 59s");
        check(3600, "1h 00m");
        check(7_500, "2h 05m");
        check(273_600, "76h 00m");
    }

    #[test]
    fn durations_are_parsed() {
        let check = |text: &str, ms: u64| assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        check("500ms", 500);
        check("90s", 90_000);
        check("10m", 600_000);
        check(" 10 min ", 600_000);
        check("1h30m", 5_400_000);
        check("1h 30m", 5_400_000);
        check("2d", 172_800_000);
        for text in
            ["", "  ", "10", "m", "10x", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615d"]
        {
            assert_eq!(parse(text), Err(ParseError), "{text}");
        }
    }

    #[test]
    fn what_is_formatted_can_be_parsed() {
        for seconds in [0, 5, 60, 187, 3600, 7_500, 273_600] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
