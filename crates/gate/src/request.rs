//! The question that a host asks, and the moment at which it asks.

use std::path::PathBuf;
use std::time::SystemTime;

/// A moment, given by the caller: the decisions of this crate read no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Now {
    /// Milliseconds since 1970-01-01 00:00 UTC.
    pub unix_ms: u64,
    /// Seconds east of UTC, which decide when a day begins. Default 0.
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
    pub fn utc_offset_s(mut self, utc_offset_s: i32) -> Self {
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

/// Where a request is within its turn, as far as the host reports it. Rounds and failures are counted per turn.
///
/// There is no default on purpose: a CI job that passes [`TurnPosition::Unknown`] instead of [`TurnPosition::Single`] would
/// let every second failure pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TurnPosition {
    /// The host's first attempt to end a turn. It begins a new turn, unless [`crate::GateState::turn_began`] announced the
    /// turn. An announced turn ends only with the next announcement, because some hosts also report "first" when
    /// background work wakes them within a turn.
    First,
    /// A later attempt within the same turn.
    Continuing,
    /// The host names its turns; another name is another turn.
    Named(String),
    /// The host has no turns, and each request is independent: a git hook, a CI job.
    Single,
    /// Not known, because the host's input cannot be read. The turn ends when the gate lets it end.
    Unknown,
}

/// The state of the work at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TreeSnapshot {
    /// Identifies the content, tracked and untracked: equal fingerprints are equal work.
    pub fingerprint: String,
    /// The commit that is checked out. `None` when there is none, or when it is not known.
    pub head: Option<String>,
    /// Whether nothing differs from that commit.
    pub clean: bool,
}

impl TreeSnapshot {
    /// A snapshot of which only the fingerprint is known.
    #[must_use]
    pub fn new(fingerprint: impl Into<String>) -> Self {
        Self { fingerprint: fingerprint.into(), head: None, clean: false }
    }

    /// Sets the commit that is checked out.
    #[must_use]
    pub fn head(mut self, head: impl Into<String>) -> Self {
        self.head = Some(head.into());
        self
    }

    /// Sets whether nothing differs from the commit.
    #[must_use]
    pub fn clean(mut self, clean: bool) -> Self {
        self.clean = clean;
        self
    }
}

/// A host's question: may this turn end?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GateRequest {
    /// The host's session. Rounds, failures and a budget are kept per session. Empty when not known.
    pub session: String,
    /// The sub-agent within the session, which has rounds of its own.
    pub agent: Option<String>,
    /// Where the request is within its turn.
    pub turn: TurnPosition,
    /// The state of the work. Without it nothing is skipped, and no verdict is kept.
    pub tree: Option<TreeSnapshot>,
    /// [`crate::Reviewer::name`] of the reviewer that would be asked. A kept verdict counts for the same reviewer only.
    pub reviewer: String,
    /// The version of the prompt, when it is not built by [`crate::Prompt::build`].
    pub prompt_version: Option<String>,
    /// The host's working directory.
    pub cwd: Option<PathBuf>,
    /// The agent's last message: a claim to check, not to trust.
    pub last_message: Option<String>,
}

impl GateRequest {
    /// A request of a session. Nothing else is known yet.
    #[must_use]
    pub fn new(session: impl Into<String>, turn: TurnPosition) -> Self {
        Self {
            session: session.into(),
            agent: None,
            turn,
            tree: None,
            reviewer: String::new(),
            prompt_version: None,
            cwd: None,
            last_message: None,
        }
    }

    /// The request to use when the host's input cannot be read. Pass [`crate::BadInput`] to [`crate::decide_failed`] with it.
    #[must_use]
    pub fn unreadable() -> Self {
        Self::new("", TurnPosition::Unknown)
    }

    /// Sets the sub-agent.
    #[must_use]
    pub fn agent(mut self, agent: impl Into<String>) -> Self {
        self.agent = Some(agent.into());
        self
    }

    /// Sets the state of the work.
    #[must_use]
    pub fn tree(mut self, tree: TreeSnapshot) -> Self {
        self.tree = Some(tree);
        self
    }

    /// Sets the name of the reviewer.
    #[must_use]
    pub fn reviewer(mut self, reviewer: impl Into<String>) -> Self {
        self.reviewer = reviewer.into();
        self
    }

    /// Sets the version of a prompt that is not built by [`crate::Prompt::build`].
    #[must_use]
    pub fn prompt_version(mut self, version: impl Into<String>) -> Self {
        self.prompt_version = Some(version.into());
        self
    }

    /// Sets the agent's last message.
    #[must_use]
    pub fn last_message(mut self, message: impl Into<String>) -> Self {
        self.last_message = Some(message.into());
        self
    }
}
