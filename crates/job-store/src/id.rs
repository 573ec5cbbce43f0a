use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Timestamp};

/// Crockford's base 32 in lower case: its order in ASCII is the order of its values.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const MAX_LENGTH: usize = 100;

/// The name of a job: 1 to 100 of `a-z 0-9 - _`, beginning with a letter or digit, so that it is a file name
/// on every system and never looks like a flag.
///
/// Ids made by the store are `job-` plus nine base-32 digits of the creation time in milliseconds plus `-` and
/// six random digits: they sort by creation time, and an exclusively created file makes each one unique.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(Box<str>);

impl JobId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Another id of the same moment each time it is called, without a promise that it is new.
    pub(crate) fn candidate(now: Timestamp) -> Self {
        let random = RandomState::new().hash_one(std::process::id());
        let time = u64::try_from(now.as_millis()).unwrap_or(0);
        let digit = |value: u64, place: u32| {
            let index = usize::try_from((value >> (5 * place)) % 32).expect("less than 32");
            char::from(DIGITS[index])
        };
        let mut text = String::with_capacity(20);
        text.push_str("job-");
        text.extend((0..9).rev().map(|place| digit(time, place)));
        text.push('-');
        text.extend((0..6).map(|place| digit(random, place)));
        JobId(text.into())
    }
}

impl FromStr for JobId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = text.len() <= MAX_LENGTH
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'_');
        if valid {
            Ok(JobId(text.into()))
        } else {
            let shown = codex_base::text::one_line(text, 60);
            Err(Error::new(ErrorKind::InvalidInput, format!("`{shown}` is not a job id")))
        }
    }
}

impl TryFrom<String> for JobId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> String {
        id.0.into()
    }
}

impl AsRef<str> for JobId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_sort_by_time_and_differ_within_a_moment() {
        let moments = [0, 1, 31, 32, 1_700_000_000_000, 1_700_000_000_001, 4_000_000_000_000];
        let ids: Vec<JobId> =
            moments.iter().map(|millis| JobId::candidate(Timestamp::from_millis(*millis))).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids.iter().all(|id| id.as_str().parse::<JobId>().is_ok_and(|again| again == *id)));
        let now = Timestamp::from_millis(1_700_000_000_000);
        assert_ne!(JobId::candidate(now), JobId::candidate(now));
    }

    #[test]
    fn only_plain_names_are_ids() {
        let check = |text: &str, valid: bool| assert_eq!(text.parse::<JobId>().is_ok(), valid, "{text:?}");
        check("task-mbx1k2-abc123", true);
        check("0", true);
        check("a_b", true);
        check("", false);
        check("-a", false);
        check("../state", false);
        check("a.b", false);
        check("a/b", false);
        check("A", false);
        check("ä", false);
        check("a\0", false);
        check(&"a".repeat(100), true);
        check(&"a".repeat(101), false);
    }
}
