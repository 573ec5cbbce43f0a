//! The rules, each with its default.

use std::time::Duration;

/// How the gate decides. Each field says its default and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Whether the gate is on. Default `true`: who builds a policy wants a gate.
    pub enabled: bool,
    /// The most blocks by a verdict in a turn, kept ones included. Default 3: what two corrections did not settle, a
    /// person should look at. 0 counts as 1.
    pub max_rounds: u32,
    /// What happens when there is no verdict. Default [`OnFailure::BlockOnce`].
    pub on_not_reviewed: OnFailure,
    /// What happens when a budget is used up. Default [`OnFailure::Allow`]: nothing that the agent could do refills it.
    pub at_limit: OnFailure,
    /// What one session may spend. Default 50 runs: a bound on a loop that nobody watches, out of reach of a day's work.
    pub session_budget: Budget,
    /// What all sessions of the workspace may spend in a day. Default 200 runs, for the same reason.
    pub day_budget: Budget,
    /// The least time between a session's last review and the first one of a later turn. Default zero: every turn that
    /// changed something is reviewed. What a cooldown lets pass is reviewed with the next turn that is not in one.
    pub cooldown: Duration,
    /// How long a review may take, if the host gives that much. Default 14 minutes, for hosts that
    /// give a hook a quarter of an hour. See [`Policy::deadline`].
    pub timeout: Duration,
    /// What the reviewer is asked to judge. Default [`Scope::OwnChanges`].
    pub scope: Scope,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            enabled: true,
            max_rounds: 3,
            on_not_reviewed: OnFailure::BlockOnce,
            at_limit: OnFailure::Allow,
            session_budget: Budget { runs: Some(50), tokens: None },
            day_budget: Budget { runs: Some(200), tokens: None },
            cooldown: Duration::ZERO,
            timeout: Duration::from_secs(14 * 60),
            scope: Scope::OwnChanges,
        }
    }
}

impl Policy {
    /// How long a review may take when the host ends the hook after `host_timeout`. A host that runs out of patience
    /// lets the turn pass in silence, so a tenth of its time (1 to 60 seconds) is kept for saying the decision.
    #[must_use]
    pub fn deadline(&self, host_timeout: Option<Duration>) -> Duration {
        host_timeout.map_or(self.timeout, |host| {
            let kept = (host / 10).clamp(Duration::from_secs(1), Duration::from_secs(60));
            // A host with less than two seconds gives half.
            self.timeout.min(host.saturating_sub(kept.min(host / 2)))
        })
    }
}

/// What happens where there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// Block the first time in a turn, saying that the gate failed; after that let the turn end with a warning. Fails
    /// closed without a loop.
    BlockOnce,
    /// Let the turn end with a warning.
    Allow,
}

/// A bound on spending. `None` is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// The most reviews that are asked for.
    pub runs: Option<u32>,
    /// The tokens past which no further review is asked for; one review may cross the line. Counts what reviewers report.
    pub tokens: Option<u64>,
}

/// What a reviewer is asked to judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// What the asking session changed; other uncommitted work is context.
    #[default]
    OwnChanges,
    /// All of the given changes, whoever made them: for CI and git hooks.
    Everything,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d35_the_inner_deadline_ends_before_the_hosts() {
        let check = |host: Option<u64>, expected: u64| {
            let host = host.map(Duration::from_millis);
            let deadline = Policy::default().deadline(host);
            assert_eq!(deadline, Duration::from_millis(expected), "{host:?}");
            assert!(host.is_none_or(|host| deadline < host || host.is_zero()));
        };
        check(None, 840_000);
        check(Some(900_000), 840_000);
        check(Some(3_600_000), 840_000);
        check(Some(600_000), 540_000);
        check(Some(60_000), 54_000);
        check(Some(5_000), 4_000);
        check(Some(1_000), 500);
        check(Some(0), 0);
    }
}
