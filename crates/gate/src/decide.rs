//! The state machine: pure functions from a request and a state to a decision and the next state.
//!
//! ```text
//!              decide_before                          decide_after
//!  request ──► off, unchanged, already allowed: skip    allow ──► allowed, kept
//!              kept verdict: allow or block             block ──► a round, kept; past the last round: allowed, unresolved
//!              rounds or budget spent: by the policy    none  ──► by the policy: block, block once, or allow
//!              otherwise: a review ── reviewer ──►
//! ```

use std::time::Duration;

use crate::state::{Spending, VerdictKey};
use crate::turn::{self, TurnKey};
use crate::{
    Decision, FailureKind, GateRequest, GateState, NotReviewed, Now, OnFailure, Policy, Prompt, ReviewBudget,
    ReviewOutcome, Reviewed, SkipReason, TurnPosition,
};

/// The result of [`decide_before`]. Exhaustive on purpose: there is no third way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "either report the decision to the host, or ask a reviewer"]
pub enum BeforeReview {
    /// It is decided without a reviewer.
    Decided(Decision),
    /// A reviewer must be asked; pass the result to [`decide_after`].
    Review(PendingReview),
}

/// The permission to ask a reviewer once. It is already counted, so that a process that is killed in the meantime cannot
/// ask without limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "ask a reviewer, then call `decide_after`"]
pub struct PendingReview {
    rounds: u32,
    open: Option<String>,
    key: Option<VerdictKey>,
    turn: TurnKey,
}

impl PendingReview {
    /// How many times a verdict has already blocked this turn.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// What the last block of this turn asked for, in one line.
    #[must_use]
    pub fn open(&self) -> Option<&str> {
        self.open.as_deref()
    }
}

/// Decides what can be decided without a reviewer. Store the returned state before a reviewer is asked.
#[must_use = "store the state, and act on the rest"]
pub fn decide_before(
    request: &GateRequest,
    mut state: GateState,
    policy: &Policy,
    now: Now,
) -> (BeforeReview, GateState) {
    if !policy.enabled {
        return (BeforeReview::Decided(Decision::skipped(SkipReason::Off)), state);
    }
    let at = turn::enter(&mut state, request, now);
    let before = before(request, &mut state, &at, policy, now);
    if let BeforeReview::Decided(decision) = &before {
        turn::leave(&mut state, &at, decision);
    }
    (before, state)
}

/// Decides by the result of the review. `state` is the present one: other processes may have changed it since
/// [`decide_before`].
#[must_use = "store the state, and act on the rest"]
pub fn decide_after(
    pending: &PendingReview,
    reviewed: Reviewed,
    mut state: GateState,
    policy: &Policy,
    now: Now,
) -> (Decision, GateState) {
    let (at, key) = (&pending.turn, pending.key.as_ref());
    let tokens = reviewed.tokens.unwrap_or(0);
    state.today(now).add_tokens(tokens);
    if let Some(session) = state.sessions.get_mut(&at.session) {
        session.spent.add_tokens(tokens);
    }
    if let (Some(key), ReviewOutcome::Allow { .. } | ReviewOutcome::Block { .. }) = (key, &reviewed.outcome) {
        state.keep(key.clone(), reviewed.outcome.clone());
        if let Some(turn) = at.find(&mut state) {
            turn.owed = false;
        }
    }
    let decision = match reviewed.outcome {
        ReviewOutcome::Allow { reason } => {
            let fingerprint = key.map(|key| key.fingerprint.as_str());
            turn::allow(&mut state, at, fingerprint, policy, reason, false)
        }
        ReviewOutcome::Block { reason, findings } => {
            turn::block(&mut state, at, policy, reason, findings, false)
        }
        ReviewOutcome::NotReviewed(failure) => {
            turn::fail(&mut state, at, policy, policy.on_not_reviewed, failure)
        }
    };
    turn::leave(&mut state, at, &decision);
    (decision, state)
}

/// Decides when something failed before a reviewer could be asked: the host's input is broken (see
/// [`GateRequest::unreadable`]), or the work tree cannot be read.
#[must_use = "store the state, and act on the rest"]
pub fn decide_failed(
    request: &GateRequest,
    failure: NotReviewed,
    mut state: GateState,
    policy: &Policy,
    now: Now,
) -> (Decision, GateState) {
    if !policy.enabled {
        return (Decision::skipped(SkipReason::Off), state);
    }
    let at = turn::enter(&mut state, request, now);
    let decision = turn::fail(&mut state, &at, policy, policy.on_not_reviewed, failure);
    turn::leave(&mut state, &at, &decision);
    (decision, state)
}

/// Decides when something failed and no state can be read or written. [`OnFailure::BlockOnce`] blocks a first attempt only,
/// because without a state a second one cannot be told from a third.
#[must_use = "report the decision to the host"]
pub fn decide_without_state(request: &GateRequest, failure: NotReviewed, policy: &Policy) -> Decision {
    let mut policy = policy.clone();
    if policy.on_not_reviewed == OnFailure::BlockOnce && !is_first_attempt(&request.turn) {
        policy.on_not_reviewed = OnFailure::Allow;
    }
    decide_failed(request, failure, GateState::default(), &policy, Now::from_unix_ms(0)).0
}

/// Whether this is, as far as the host reports, the first attempt in its turn.
pub(crate) fn is_first_attempt(turn: &TurnPosition) -> bool {
    matches!(turn, TurnPosition::First | TurnPosition::Single)
}

fn before(
    request: &GateRequest,
    state: &mut GateState,
    at: &TurnKey,
    policy: &Policy,
    now: Now,
) -> BeforeReview {
    let max_rounds = turn::max_rounds(policy);
    let skip =
        |reason, rounds| BeforeReview::Decided(Decision { rounds, max_rounds, ..Decision::skipped(reason) });
    let session = state.sessions.get(&at.session).cloned().unwrap_or_default();
    let turn = session.turns.get(&at.agent).cloned().unwrap_or_default();

    let key = request.tree.as_ref().map(|tree| VerdictKey {
        fingerprint: tree.fingerprint.clone(),
        prompt: request
            .prompt_version
            .clone()
            .unwrap_or_else(|| Prompt::version_for(policy.scope).to_owned()),
        reviewer: request.reviewer.clone(),
    });
    if let Some(tree) = &request.tree {
        if state.last_allow.as_ref() == Some(&tree.fingerprint) {
            if let Some(turn) = at.find(state) {
                turn.owed = false;
            }
            return skip(SkipReason::AlreadyAllowed, turn.rounds);
        }
        let unchanged = match state.baseline(&at.session, Some(&at.agent)) {
            Some(baseline) => baseline == tree.fingerprint,
            None => tree.clean && tree.head.is_some() && tree.head == session.head,
        };
        if unchanged {
            return skip(SkipReason::Unchanged, turn.rounds);
        }
    }

    let kept = key.as_ref().and_then(|key| state.kept(key)).cloned();
    if let Some(ReviewOutcome::Allow { reason }) = kept {
        let fingerprint = key.as_ref().map(|key| key.fingerprint.as_str());
        return BeforeReview::Decided(turn::allow(state, at, fingerprint, policy, reason, true));
    }
    if turn.rounds >= max_rounds {
        return BeforeReview::Decided(turn::rounds_spent(&turn, policy));
    }
    if let Some(ReviewOutcome::Block { reason, findings }) = kept {
        return BeforeReview::Decided(turn::block(state, at, policy, reason, findings, true));
    }

    let today = *state.today(now);
    let over = over_budget("in this session", session.spent, &policy.session_budget)
        .or_else(|| over_budget("today", today, &policy.day_budget));
    if let Some(detail) = over {
        let failure = NotReviewed::new(FailureKind::BudgetSpent, detail);
        return BeforeReview::Decided(turn::fail(state, at, policy, policy.at_limit, failure));
    }

    // Within a turn there is no cooldown: what the agent did about a block must be reviewed.
    if turn.rounds == 0 && turn.failures == 0 {
        let remaining = session.last_run_ms.map_or(Duration::ZERO, |last| {
            // A clock that was set back ends the cooldown.
            let elapsed = now.unix_ms.checked_sub(last).map_or(policy.cooldown, Duration::from_millis);
            policy.cooldown.saturating_sub(elapsed)
        });
        if !remaining.is_zero() {
            if let Some(turn) = at.find(state) {
                turn.owed = true;
            }
            return skip(SkipReason::Cooldown { remaining }, turn.rounds);
        }
    }

    state.today(now).add_review();
    let session = state.session(&at.session, now);
    session.spent.add_review();
    session.last_run_ms = Some(now.unix_ms);
    BeforeReview::Review(PendingReview { rounds: turn.rounds, open: turn.open, key, turn: at.clone() })
}

fn over_budget(period: &str, spent: Spending, budget: &ReviewBudget) -> Option<String> {
    let reviews =
        budget.reviews.filter(|&most| spent.reviews >= most).map(|most| format!("{most} reviews {period}"));
    reviews.or_else(|| {
        budget.tokens.filter(|&most| spent.tokens >= most).map(|most| format!("{most} tokens {period}"))
    })
}
