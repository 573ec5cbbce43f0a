//! The rules, each with its default.

use std::time::Duration;

/// How the gate decides. Each field states its default and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Whether the gate is on. Default `true`: a caller that builds a policy wants a gate.
    pub enabled: bool,
    /// The maximum number of blocks by a verdict in a turn, kept verdicts included. Default 3: a person should see what two
    /// corrections did not resolve. 0 counts as 1.
    pub max_rounds: u32,
    /// What happens when there is no verdict. Default [`OnFailure::BlockOnce`].
    pub on_not_reviewed: OnFailure,
    /// What happens when a budget is used up. Default [`OnFailure::Allow`]: nothing that the agent could do refills it.
    pub at_limit: OnFailure,
    /// What one session may spend. Default 50 reviews: bounds an unattended loop, and is out of reach of a day's work.
    pub session_budget: ReviewBudget,
    /// What all sessions of the workspace may spend in a day. Default 200 reviews, for the same reason.
    pub day_budget: ReviewBudget,
    /// The minimum time between a session's last review and the first one of a later turn. Default zero: every turn that
    /// changed something is reviewed. Changes that a cooldown lets pass are reviewed with the next turn outside of one.
    pub cooldown: Duration,
    /// How long a review may take, if the host allows that much. Default 14 minutes, for hosts that allow a hook a quarter
    /// of an hour. See [`Policy::deadline`].
    pub timeout: Duration,
    /// What the reviewer is asked to judge. Default [`ReviewScope::OwnChanges`].
    pub scope: ReviewScope,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            enabled: true,
            max_rounds: 3,
            on_not_reviewed: OnFailure::BlockOnce,
            at_limit: OnFailure::Allow,
            session_budget: ReviewBudget::unlimited().reviews(50),
            day_budget: ReviewBudget::unlimited().reviews(200),
            cooldown: Duration::ZERO,
            timeout: Duration::from_secs(14 * 60),
            scope: ReviewScope::OwnChanges,
        }
    }
}

impl Policy {
    /// The policy for callers without turns (CI jobs, git hooks): everything is judged, a failure always blocks, and no
    /// session bounds the number of reviews.
    #[must_use]
    pub fn for_ci() -> Self {
        Self::default()
            .on_not_reviewed(OnFailure::Block)
            .at_limit(OnFailure::Block)
            .session_budget(ReviewBudget::unlimited())
            .scope(ReviewScope::Everything)
    }

    /// Sets whether the gate is on.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets the maximum number of blocks by a verdict in a turn.
    #[must_use]
    pub fn max_rounds(mut self, max_rounds: u32) -> Self {
        self.max_rounds = max_rounds;
        self
    }

    /// Sets what happens when there is no verdict.
    #[must_use]
    pub fn on_not_reviewed(mut self, on_failure: OnFailure) -> Self {
        self.on_not_reviewed = on_failure;
        self
    }

    /// Sets what happens when a budget is used up.
    #[must_use]
    pub fn at_limit(mut self, on_failure: OnFailure) -> Self {
        self.at_limit = on_failure;
        self
    }

    /// Sets what one session may spend.
    #[must_use]
    pub fn session_budget(mut self, budget: ReviewBudget) -> Self {
        self.session_budget = budget;
        self
    }

    /// Sets what all sessions of the workspace may spend in a day.
    #[must_use]
    pub fn day_budget(mut self, budget: ReviewBudget) -> Self {
        self.day_budget = budget;
        self
    }

    /// Sets the minimum time between two reviews of a session.
    #[must_use]
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// Sets how long a review may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets what the reviewer is asked to judge.
    #[must_use]
    pub fn scope(mut self, scope: ReviewScope) -> Self {
        self.scope = scope;
        self
    }

    /// How long a review may take when the host ends the hook after `host_timeout`. A host that times out lets the turn
    /// end without a word, so a tenth of its time (1 to 60 seconds) is reserved for reporting the decision.
    #[must_use]
    pub fn deadline(&self, host_timeout: Option<Duration>) -> Duration {
        host_timeout.map_or(self.timeout, |host| {
            let reserved = (host / 10).clamp(Duration::from_secs(1), Duration::from_secs(60));
            // Of less than two seconds, half is reserved.
            self.timeout.min(host.saturating_sub(reserved.min(host / 2)))
        })
    }
}

/// What happens when there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFailure {
    /// Block every time. For CI jobs and git hooks, where a person can decide otherwise; an agent that cannot repair the
    /// reviewer would never end its turn.
    Block,
    /// Block the first time in a turn, and report that the gate failed; after that let the turn end with a warning. Fails
    /// closed without a loop.
    BlockOnce,
    /// Let the turn end with a warning.
    Allow,
}

/// A bound on what reviews may cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ReviewBudget {
    /// The maximum number of reviews. `None` is no bound.
    pub reviews: Option<u32>,
    /// The number of tokens after which no further review is started; one review may exceed it. Counts what reviewers
    /// report. `None` is no bound.
    pub tokens: Option<u64>,
}

impl ReviewBudget {
    /// A budget without a bound.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { reviews: None, tokens: None }
    }

    /// Sets the maximum number of reviews.
    #[must_use]
    pub fn reviews(mut self, reviews: u32) -> Self {
        self.reviews = Some(reviews);
        self
    }

    /// Sets the number of tokens after which no further review is started.
    #[must_use]
    pub fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }
}

/// What a reviewer is asked to judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReviewScope {
    /// What the asking session changed; other uncommitted work is context.
    #[default]
    OwnChanges,
    /// All of the given changes, regardless of who made them: for CI and git hooks.
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
