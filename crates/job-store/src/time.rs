use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use codex_base::lock::{SystemTimer, Timer};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A moment in milliseconds since 1970-01-01 UTC, written as `2026-01-31T12:34:56.789Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    #[cfg(test)]
    pub(crate) const EPOCH: Timestamp = Timestamp(0);

    /// The present moment by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// From milliseconds since 1970; a value outside the years -9999 to 9999 becomes the nearest one inside.
    pub fn from_millis(millis: i64) -> Self {
        let (first, last) = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
        Timestamp(millis.clamp(first * 1000, last * 1000))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The time between two moments, whichever comes first.
    pub(crate) fn distance(self, other: Timestamp) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// `20260131T123456789Z`: for file names, where a colon is not allowed everywhere.
    pub(crate) fn compact(self) -> String {
        self.to_string().chars().filter(|c| !matches!(c, '-' | ':' | '.')).collect()
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Timestamp::from_millis(millis(after)),
            Err(before) => Timestamp::from_millis(-millis(before.duration())),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment =
            jiff::Timestamp::from_millisecond(self.0).expect("a Timestamp is always within jiff's range");
        write!(f, "{moment:.3}")
    }
}

impl FromStr for Timestamp {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, crate::Error> {
        match text.parse::<jiff::Timestamp>() {
            Ok(moment) => Ok(Timestamp::from_millis(moment.as_millisecond())),
            Err(_) => {
                let shown = codex_base::text::one_line(text, 60);
                Err(crate::Error::new(crate::ErrorKind::InvalidInput, format!("`{shown}` is not a time")))
            }
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ISO-8601 time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Where the store takes the time from.
pub trait Clock: Timer {
    /// The wall clock; it may be set back or forward at any moment.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Default)]
pub struct SystemClock(SystemTimer);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

impl Timer for SystemClock {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn sleep(&self, duration: Duration) {
        self.0.sleep(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let check = |millis: i64, text: &str| {
            let moment = Timestamp::from_millis(millis);
            assert_eq!(moment.to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap(), moment);
        };
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_769_862_896_789, "2026-01-31T12:34:56.789Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        assert_eq!(
            "2026-01-31T12:34:56Z".parse::<Timestamp>().unwrap(),
            Timestamp::from_millis(1_769_862_896_000)
        );
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert_eq!(Timestamp::from_millis(1_769_862_896_789).compact(), "20260131T123456789Z");
        for edge in [i64::MAX, i64::MIN] {
            let text = Timestamp::from_millis(edge).to_string();
            assert_eq!(text.parse::<Timestamp>().unwrap(), Timestamp::from_millis(edge));
        }
        assert!("9999-12-30T22:00:00.999Z".parse::<Timestamp>().unwrap().to_string().starts_with("9999"));
    }

    #[test]
    fn a_clock_set_back_gives_no_negative_time() {
        let (early, late) = (Timestamp::from_millis(1_000), Timestamp::from_millis(3_000));
        assert_eq!(late.since(early), Duration::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.distance(late), Duration::from_secs(2));
    }
}
