//! What the gate remembers from one hook process to the next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Now, ReviewOutcome, TreeSnapshot};

/// Everything that the decisions for one workspace depend on. The caller stores it as a whole and holds a lock of its own
/// while it reads, decides and writes; a review itself needs no lock. The feature `store` does both.
///
/// The format is specified in `docs/gate.md`. The fields are private, because later versions remember other things. Its size
/// is bounded: [`GateState::MAX_SESSIONS`] sessions and [`GateState::MAX_VERDICTS`] verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateState {
    version: u32,
    /// The fingerprint of the work that was allowed last.
    #[serde(default)]
    pub(crate) last_allow: Option<String>,
    /// What was spent on the last day with a request.
    #[serde(default)]
    day: DayState,
    /// Verdicts, oldest first.
    #[serde(default)]
    verdicts: Vec<KeptVerdict>,
    /// Sessions by the host's name for them.
    #[serde(default)]
    pub(crate) sessions: BTreeMap<String, SessionState>,
}

/// What all sessions spent on a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DayState {
    /// Days since 1970-01-01, as [`Now::day`] counts them.
    day: u64,
    #[serde(flatten)]
    spent: Spending,
}

/// What reviews cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Spending {
    /// Reviews that were started, regardless of their result.
    #[serde(rename = "runs")]
    pub reviews: u32,
    /// Tokens that reviewers reported.
    pub tokens: u64,
}

impl Spending {
    pub(crate) fn add_review(&mut self) {
        self.reviews = self.reviews.saturating_add(1);
    }

    pub(crate) fn add_tokens(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptVerdict {
    #[serde(flatten)]
    key: VerdictKey,
    /// [`ReviewOutcome::Allow`] or [`ReviewOutcome::Block`]; a failure is never kept.
    #[serde(flatten)]
    outcome: ReviewOutcome,
}

/// What a kept verdict is valid for: all three must be equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct VerdictKey {
    /// [`TreeSnapshot::fingerprint`].
    pub(crate) fingerprint: String,
    /// [`crate::Prompt::version`].
    pub(crate) prompt: String,
    /// [`crate::GateRequest::reviewer`].
    pub(crate) reviewer: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SessionState {
    /// The time of the last request, in milliseconds since 1970. The session with the oldest one is forgotten first.
    pub(crate) seen_ms: u64,
    /// The commit at which the session began.
    pub(crate) head: Option<String>,
    #[serde(flatten)]
    pub(crate) spent: Spending,
    /// When it last asked for a review.
    pub(crate) last_run_ms: Option<u64>,
    /// The number of turns so far. Each turn has a number, so that a late answer is not counted for another turn.
    pub(crate) turns_begun: u64,
    /// The current turns: that of the session itself under the empty name, those of sub-agents under their names.
    pub(crate) turns: BTreeMap<String, TurnState>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TurnState {
    /// Its number within the session.
    pub(crate) number: u64,
    /// The host's name for it.
    pub(crate) name: Option<String>,
    /// Whether the host announced its beginning.
    pub(crate) announced: bool,
    /// The fingerprint of the work at its beginning, or before the oldest change that a cooldown let pass.
    pub(crate) baseline: Option<String>,
    /// Blocks by a verdict.
    pub(crate) rounds: u32,
    /// Attempts without a verdict.
    pub(crate) failures: u32,
    /// What the last block asked for, in one line.
    pub(crate) open: Option<String>,
    /// Whether a cooldown let changes pass that are not reviewed yet.
    pub(crate) owed: bool,
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
    /// The maximum number of sessions.
    pub const MAX_SESSIONS: usize = 64;
    /// The maximum number of verdicts.
    pub const MAX_VERDICTS: usize = 16;
    /// The maximum number of sub-agents of a session that have a turn.
    pub const MAX_AGENTS: usize = 32;

    /// Reads what [`GateState::to_json`] wrote.
    ///
    /// # Errors
    /// [`StateError::Newer`] for a format of a later version: leave the file as it is. [`StateError::Corrupt`] otherwise:
    /// move the file aside, report it, and continue with the default, which blocks no less than the lost state did.
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

    /// Records that a session began, or was resumed, with the commit `head` checked out.
    #[must_use]
    pub fn session_began(mut self, session: &str, head: Option<String>, now: Now) -> Self {
        let entry = self.session(session, now);
        if entry.head.is_none() {
            entry.head = head;
        }
        self
    }

    /// Records that the user sent a prompt to a session, with the work as in `tree`. `name` is the host's name for the turn,
    /// if it has one. Do not call it for prompts that the host wrote itself, such as those that wake a session when a
    /// background task ends: changes made in the background belong to the turn that started them.
    #[must_use]
    pub fn turn_began(
        mut self,
        session: &str,
        name: Option<String>,
        tree: Option<&TreeSnapshot>,
        now: Now,
    ) -> Self {
        let session = self.session(session, now);
        let last = session.turns.remove("").unwrap_or_default();
        // The turns of sub-agents are assumed to be over; one that still runs starts a new count.
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

    /// Forgets a session that ended. What it spent today stays counted for the day.
    #[must_use]
    pub fn session_ended(mut self, session: &str) -> Self {
        self.sessions.remove(session);
        self
    }

    /// The fingerprint that the work of a session, or of its sub-agent, is compared with: that of the beginning of the turn.
    #[must_use]
    pub fn baseline(&self, session: &str, agent: Option<&str>) -> Option<&str> {
        let turns = &self.sessions.get(session)?.turns;
        let of = |name: &str| turns.get(name).and_then(|turn| turn.baseline.as_deref());
        agent.and_then(of).or_else(|| of(""))
    }

    /// The commit at which a session began.
    #[must_use]
    pub fn session_head(&self, session: &str) -> Option<&str> {
        self.sessions.get(session)?.head.as_deref()
    }

    /// What a session spent; zero when the session is not known.
    #[must_use]
    pub fn spent_by(&self, session: &str) -> Spending {
        self.sessions.get(session).map_or_else(Spending::default, |session| session.spent)
    }

    /// What all sessions spent on the day of `now`.
    #[must_use]
    pub fn spent_today(&self, now: Now) -> Spending {
        if self.day.day == now.day() { self.day.spent } else { Spending::default() }
    }

    /// The session, which is created if it is not known. Makes room for it.
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

    /// What was spent today, for counting; another day than the stored one begins with zero.
    pub(crate) fn today(&mut self, now: Now) -> &mut Spending {
        if self.day.day != now.day() {
            self.day = DayState { day: now.day(), spent: Spending::default() };
        }
        &mut self.day.spent
    }

    pub(crate) fn kept(&self, key: &VerdictKey) -> Option<&ReviewOutcome> {
        self.verdicts.iter().rev().find(|kept| kept.key == *key).map(|kept| &kept.outcome)
    }

    pub(crate) fn keep(&mut self, key: VerdictKey, outcome: ReviewOutcome) {
        self.verdicts.retain(|kept| kept.key != key);
        if self.verdicts.len() >= Self::MAX_VERDICTS {
            self.verdicts.drain(..=self.verdicts.len() - Self::MAX_VERDICTS);
        }
        self.verdicts.push(KeptVerdict { key, outcome });
    }
}

/// Why a stored state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A later version of this crate wrote it.
    #[error(
        "the gate's state has format version {version}; this program reads versions up to {}",
        GateState::VERSION
    )]
    Newer {
        /// The version that was found.
        version: u32,
    },
    /// It is not in the format of this crate.
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
        assert_eq!(state.spent_by("s").reviews, 2);
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
            state.keep(key, ReviewOutcome::Allow { reason: String::new() });
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
        assert_eq!(at(86_400_000).utc_offset_s(-3600).day(), 0);
        assert_eq!(at(0).utc_offset_s(-3600).day(), 0);
    }
}
