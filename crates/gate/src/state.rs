//! What the gate remembers from one hook process to the next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Now, Outcome, Tree};

/// Everything that decisions rest on, of one workspace. The caller stores it, in whole, where it likes, and guards
/// reading, deciding and writing with a lock of its own; a review itself needs no lock.
///
/// The format is specified in `docs/gate.md`. What is kept is bounded: [`GateState::MAX_SESSIONS`] sessions and
/// [`GateState::MAX_VERDICTS`] verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GateState {
    /// [`GateState::VERSION`].
    pub version: u32,
    /// The fingerprint of the work that was allowed last.
    #[serde(default)]
    pub last_allow: Option<String>,
    /// What was spent on the day that was seen last.
    #[serde(default)]
    pub day: DayState,
    /// Verdicts, oldest first.
    #[serde(default)]
    pub verdicts: Vec<KeptVerdict>,
    /// Sessions by the host's name for them.
    #[serde(default)]
    pub sessions: BTreeMap<String, SessionState>,
}

/// What was spent on a day, by all sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct DayState {
    /// Days since 1970-01-01, as [`Now::day`] counts them.
    pub day: u64,
    /// What was spent.
    #[serde(flatten)]
    pub spent: Spent,
}

/// Reviews and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Spent {
    /// Reviews that were asked for, whatever came of them.
    pub runs: u32,
    /// Tokens that reviewers reported.
    pub tokens: u64,
}

/// A verdict, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeptVerdict {
    /// What was reviewed, how, and by whom.
    #[serde(flatten)]
    pub key: VerdictKey,
    /// [`Outcome::Allow`] or [`Outcome::Block`]; a failure is never kept.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// When a kept verdict counts: all three are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerdictKey {
    /// [`Tree::fingerprint`].
    pub fingerprint: String,
    /// [`crate::Prompt::version`].
    pub prompt: String,
    /// [`crate::GateRequest::reviewer`].
    pub reviewer: String,
}

/// What is known of one session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionState {
    /// When it was seen last, in milliseconds since 1970; the session that was not seen for longest is forgotten first.
    pub seen_ms: u64,
    /// The commit at which it began.
    pub head: Option<String>,
    /// What it spent.
    #[serde(flatten)]
    pub spent: Spent,
    /// When it last asked for a review.
    pub last_run_ms: Option<u64>,
    /// How many turns it had: each turn has a number, so that a late answer is not counted for another one.
    pub turns_begun: u64,
    /// The turns that are going on: that of the session itself under the empty name, those of sub-agents under theirs.
    pub turns: BTreeMap<String, TurnState>,
}

/// What is known of one turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnState {
    /// Its number within the session.
    pub number: u64,
    /// The host's name for it.
    pub name: Option<String>,
    /// Whether the host told of its beginning.
    pub announced: bool,
    /// The fingerprint of the work tree when it began; or when the oldest change was made that a cooldown let pass.
    pub baseline: Option<String>,
    /// Blocks by a verdict.
    pub rounds: u32,
    /// Tries without a verdict.
    pub failures: u32,
    /// What the last block asked for, one line.
    pub open: Option<String>,
    /// Whether a cooldown let changes pass that nobody has reviewed yet.
    pub owed: bool,
}

impl Default for GateState {
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            last_allow: None,
            day: DayState::default(),
            verdicts: Vec::new(),
            sessions: BTreeMap::new(),
        }
    }
}

impl GateState {
    /// The version of the format that this crate writes, and the newest that it reads.
    pub const VERSION: u32 = 1;
    /// The most sessions that are remembered.
    pub const MAX_SESSIONS: usize = 64;
    /// The most verdicts that are remembered.
    pub const MAX_VERDICTS: usize = 16;
    /// The most turns of sub-agents that are remembered for a session.
    pub const MAX_AGENTS: usize = 32;

    /// Reads what [`GateState::to_json`] wrote.
    ///
    /// # Errors
    /// [`StateError::Newer`] for a format of a later version: leave the file alone. [`StateError::Corrupt`] otherwise:
    /// put the file aside, say so, and go on with the default, which blocks no less than the lost state did.
    pub fn from_json(json: &[u8]) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(json).map_err(StateError::Corrupt)?;
        if version > Self::VERSION {
            return Err(StateError::Newer { version });
        }
        serde_json::from_slice(json).map_err(StateError::Corrupt)
    }

    /// One JSON document.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings, numbers and maps with string keys always serialise")
    }

    /// A session began (or was resumed) with the work tree at the commit `head`.
    #[must_use]
    pub fn session_began(mut self, session: &str, head: Option<String>, now: Now) -> Self {
        let entry = self.session(session, now);
        if entry.head.is_none() {
            entry.head = head;
        }
        self
    }

    /// A person gave a session something to do, with the work tree at `tree`. `name` is the host's name for the turn, if it
    /// has one. Not to be called for prompts that the host wrote itself, such as those that wake a session when a background
    /// task ends: what was changed in the background belongs to the turn that began it.
    #[must_use]
    pub fn turn_began(mut self, session: &str, name: Option<String>, tree: Option<&Tree>, now: Now) -> Self {
        let session = self.session(session, now);
        let last = session.turns.remove("").unwrap_or_default();
        // Sub-agents of the turn before are over, as far as anyone can tell; one that still runs counts anew.
        session.turns.clear();
        session.turns_begun += 1;
        let baseline = if last.owed { last.baseline } else { tree.map(|tree| tree.fingerprint.clone()) };
        let turn = TurnState {
            number: session.turns_begun,
            name,
            announced: true,
            baseline,
            owed: last.owed,
            ..TurnState::default()
        };
        session.turns.insert(String::new(), turn);
        self
    }

    /// A session ended. Forgets it; what it spent today stays in the day's account.
    #[must_use]
    pub fn session_ended(mut self, session: &str) -> Self {
        self.sessions.remove(session);
        self
    }

    /// The session, made if need be; makes room for it.
    pub(crate) fn session(&mut self, name: &str, now: Now) -> &mut SessionState {
        while !self.sessions.contains_key(name) && self.sessions.len() >= Self::MAX_SESSIONS {
            let oldest = self.sessions.iter().min_by_key(|(_, session)| session.seen_ms);
            let oldest = oldest.map(|(name, _)| name.clone()).unwrap_or_default();
            self.sessions.remove(&oldest);
        }
        let session = self.sessions.entry(name.to_owned()).or_default();
        session.seen_ms = now.unix_ms;
        session
    }

    /// What was spent today; a day other than the stored one begins at nothing.
    pub(crate) fn today(&mut self, now: Now) -> &mut Spent {
        if self.day.day != now.day() {
            self.day = DayState { day: now.day(), spent: Spent::default() };
        }
        &mut self.day.spent
    }

    pub(crate) fn kept(&self, key: &VerdictKey) -> Option<&Outcome> {
        self.verdicts.iter().rev().find(|kept| kept.key == *key).map(|kept| &kept.outcome)
    }

    pub(crate) fn keep(&mut self, key: VerdictKey, outcome: Outcome) {
        self.verdicts.retain(|kept| kept.key != key);
        if self.verdicts.len() >= Self::MAX_VERDICTS {
            self.verdicts.drain(..=self.verdicts.len() - Self::MAX_VERDICTS);
        }
        self.verdicts.push(KeptVerdict { key, outcome });
    }
}

/// Why a stored state cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A later version of this crate wrote it.
    #[error(
        "the gate's state has format version {version}, and this program reads up to {}",
        GateState::VERSION
    )]
    Newer {
        /// The version that was found.
        version: u32,
    },
    /// It is not what this crate wrote.
    #[error("the gate's state is corrupt")]
    Corrupt(#[source] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Now {
        Now::from_unix_ms(ms)
    }

    #[test]
    fn a_newer_format_is_refused_and_an_older_one_read() {
        let newer = br#"{"version":2,"sessions":[]}"#;
        assert!(matches!(GateState::from_json(newer), Err(StateError::Newer { version: 2 })));
        let bare = br#"{"version":1,"later":"member","sessions":{"s":{"runs":2,"turns":{"":{"rounds":1}}}}}"#;
        let state = GateState::from_json(bare).unwrap();
        assert_eq!(state.sessions["s"].spent.runs, 2);
        assert_eq!(state.sessions["s"].turns[""].rounds, 1);
    }

    #[test]
    fn d23_a_broken_state_is_an_error_and_never_a_default() {
        let whole = GateState::default().session_began("s", Some("h".into()), at(1)).to_json();
        for end in 0..whole.len() {
            assert!(matches!(GateState::from_json(&whole[..end]), Err(StateError::Corrupt(_))), "{end}");
        }
        assert!(GateState::from_json(b"{}").is_err());
    }

    #[test]
    fn sessions_and_verdicts_are_bounded() {
        let mut state = GateState::default();
        for n in 0..200 {
            state = state.session_began(&format!("s{n}"), None, at(n));
            let key = VerdictKey { fingerprint: n.to_string(), prompt: "p".into(), reviewer: "r".into() };
            state.keep(key, Outcome::Allow { reason: String::new() });
        }
        assert_eq!(state.sessions.len(), GateState::MAX_SESSIONS);
        assert!(state.sessions.contains_key("s199") && !state.sessions.contains_key("s0"));
        assert_eq!(state.verdicts.len(), GateState::MAX_VERDICTS);
        assert_eq!(state.verdicts.last().unwrap().key.fingerprint, "199");
    }

    #[test]
    fn a_day_begins_where_the_caller_says() {
        assert_eq!(at(86_399_999).day(), 0);
        assert_eq!(at(86_400_000).day(), 1);
        assert_eq!(at(86_400_000).with_utc_offset_s(-3600).day(), 0);
        assert_eq!(at(0).with_utc_offset_s(-3600).day(), 0);
    }
}
