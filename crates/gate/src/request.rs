//! What a host asks, and when.

use std::path::PathBuf;
use std::time::SystemTime;

/// A moment, given by the caller: this crate has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Now {
    /// Milliseconds since 1970-01-01 00:00 UTC.
    pub unix_ms: u64,
    /// Seconds east of UTC, for where a day begins. Default 0.
    pub utc_offset_s: i32,
}

impl Now {
    /// A moment whose days begin at midnight UTC.
    #[must_use]
    pub fn from_unix_ms(unix_ms: u64) -> Self {
        Self { unix_ms, utc_offset_s: 0 }
    }

    /// Makes days begin at local midnight.
    #[must_use]
    pub fn with_utc_offset_s(mut self, utc_offset_s: i32) -> Self {
        self.utc_offset_s = utc_offset_s;
        self
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn day(self) -> u64 {
        (self.unix_ms / 1000).saturating_add_signed(i64::from(self.utc_offset_s)) / 86_400
    }
}

impl From<SystemTime> for Now {
    /// A time before 1970 counts as 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Which turn a request belongs to, as far as the host says. Rounds and failures are counted per turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Turn {
    /// The host's first try to end a turn. It begins a new turn, unless [`crate::GateState::turn_began`] announced the
    /// turn: then only the next announcement does, because some hosts also say "first" when background work woke them
    /// within a turn.
    First,
    /// A later try within the same turn.
    Continuing,
    /// The host names its turns; another name is another turn.
    Named(String),
    /// The host has no turns: each request stands alone (a git hook, a CI job).
    Single,
    /// Not known, because the input could not be read. A turn is then taken to end when the gate lets it end.
    #[default]
    Unknown,
}

/// Where the work tree stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tree {
    /// Identifies the content, tracked and untracked: equal fingerprints are equal work.
    pub fingerprint: String,
    /// The commit, if there is one.
    pub head: Option<String>,
    /// Whether nothing differs from that commit.
    pub clean: bool,
}

impl Tree {
    /// A tree of which only the fingerprint is known.
    #[must_use]
    pub fn new(fingerprint: impl Into<String>) -> Self {
        Self { fingerprint: fingerprint.into(), head: None, clean: false }
    }

    /// Adds the commit, and whether nothing differs from it.
    #[must_use]
    pub fn at(mut self, head: impl Into<String>, clean: bool) -> Self {
        self.head = Some(head.into());
        self.clean = clean;
        self
    }
}

/// A host's question: may this turn end?
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GateRequest {
    /// The host's session. Rounds, failures and a budget are kept per session. Empty when not known.
    pub session: String,
    /// The sub-agent within the session, which has rounds of its own.
    pub agent: Option<String>,
    /// The turn. Default [`Turn::Unknown`].
    pub turn: Turn,
    /// Where the work tree stands. Without it nothing is skipped, and no verdict is kept.
    pub tree: Option<Tree>,
    /// Who would review: model, effort, program. A kept verdict counts for the same reviewer only.
    pub reviewer: String,
    /// The version of the prompt, when it is not [`crate::Prompt::build`]'s.
    pub prompt: Option<String>,
    /// The host's working directory.
    pub cwd: Option<PathBuf>,
    /// What the agent said last: a claim to check, and not to be trusted.
    pub last_message: Option<String>,
}

impl GateRequest {
    /// A request of a session, with nothing else known.
    #[must_use]
    pub fn new(session: impl Into<String>, turn: Turn) -> Self {
        Self { session: session.into(), turn, ..Self::default() }
    }

    /// What stands for a request that could not be read. Hand [`crate::BadInput`] to [`crate::decide_failed`] with it.
    #[must_use]
    pub fn unreadable() -> Self {
        Self::default()
    }

    /// Says where the work tree stands.
    #[must_use]
    pub fn with_tree(mut self, tree: Tree) -> Self {
        self.tree = Some(tree);
        self
    }

    /// Says who would review.
    #[must_use]
    pub fn with_reviewer(mut self, reviewer: impl Into<String>) -> Self {
        self.reviewer = reviewer.into();
        self
    }
}
