//! Turns: which one a request belongs to, and what one of them counts.

use crate::state::TurnState;
use crate::{
    Decision, DecisionKind, FailureKind, Finding, GateRequest, GateState, NotReviewed, Now, OnFailure,
    Policy, TurnPosition, text,
};

/// Names a turn across processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TurnKey {
    pub(crate) session: String,
    pub(crate) agent: String,
    number: u64,
    /// The host does not report where turns end, so the turn ends when the gate lets it end.
    ends_when_not_blocked: bool,
}

impl TurnKey {
    /// The turn. `None` when it is over: its session ended, or another turn began.
    pub(crate) fn find<'a>(&self, state: &'a mut GateState) -> Option<&'a mut TurnState> {
        let turn = state.sessions.get_mut(&self.session)?.turns.get_mut(&self.agent)?;
        (turn.number == self.number).then_some(turn)
    }
}

/// Finds or begins the turn of a request.
pub(crate) fn enter(state: &mut GateState, request: &GateRequest, now: Now) -> TurnKey {
    let agent = request.agent.clone().unwrap_or_default();
    let session = state.session(&request.session, now);
    while !session.turns.contains_key(&agent) && session.turns.len() > GateState::MAX_AGENTS {
        let oldest =
            session.turns.iter().filter(|(name, _)| !name.is_empty()).min_by_key(|(_, turn)| turn.number);
        let oldest = oldest.map(|(name, _)| name.clone()).unwrap_or_default();
        session.turns.remove(&oldest);
    }
    let turn = session.turns.entry(agent.clone()).or_default();
    let same = turn.number > 0
        && match &request.turn {
            TurnPosition::First => turn.announced,
            TurnPosition::Continuing | TurnPosition::Unknown => true,
            TurnPosition::Named(name) => turn.name.as_ref().map_or(turn.announced, |known| known == name),
            TurnPosition::Single => false,
        };
    if !same {
        session.turns_begun += 1;
        // There is no baseline for it. Changes that a cooldown let pass are still to be reviewed.
        let (baseline, owed) = if turn.owed { (turn.baseline.take(), true) } else { (None, false) };
        *turn = TurnState { number: session.turns_begun, baseline, owed, ..TurnState::default() };
    }
    if let TurnPosition::Named(name) = &request.turn {
        turn.name = Some(name.clone());
    }
    TurnKey {
        number: turn.number,
        session: request.session.clone(),
        agent,
        ends_when_not_blocked: request.turn == TurnPosition::Unknown,
    }
}

/// Ends the turn if the decision ends it.
pub(crate) fn leave(state: &mut GateState, at: &TurnKey, decision: &Decision) {
    let over = at.ends_when_not_blocked && !decision.blocks() && at.find(state).is_some();
    if let Some(session) = state.sessions.get_mut(&at.session).filter(|_| over) {
        session.turns.remove(&at.agent);
    }
}

/// The decision after an approval.
pub(crate) fn allow(
    state: &mut GateState,
    at: &TurnKey,
    fingerprint: Option<&str>,
    policy: &Policy,
    reason: String,
    cached: bool,
) -> Decision {
    if let Some(fingerprint) = fingerprint {
        state.last_allow = Some(fingerprint.to_owned());
    }
    let rounds = at.find(state).map_or(0, |turn| {
        turn.owed = false;
        turn.open = None;
        turn.rounds
    });
    Decision { kind: DecisionKind::Allowed { reason }, rounds, max_rounds: max_rounds(policy), cached }
}

/// The decision after a verdict that blocks.
pub(crate) fn block(
    state: &mut GateState,
    at: &TurnKey,
    policy: &Policy,
    reason: String,
    findings: Vec<Finding>,
    cached: bool,
) -> Decision {
    // A turn that is over in the meantime is not counted; its host no longer waits for the answer.
    let mut over = TurnState::default();
    let turn = at.find(state).unwrap_or(&mut over);
    if turn.rounds >= max_rounds(policy) {
        return rounds_spent(turn, policy);
    }
    turn.rounds += 1;
    turn.open = Some(summary(&reason, &findings));
    let (rounds, max_rounds) = (turn.rounds, max_rounds(policy));
    Decision { kind: DecisionKind::Blocked { reason, findings }, rounds, max_rounds, cached }
}

/// The decision when there is no verdict.
pub(crate) fn fail(
    state: &mut GateState,
    at: &TurnKey,
    policy: &Policy,
    on: OnFailure,
    failure: NotReviewed,
) -> Decision {
    let mut over = TurnState::default();
    let turn = at.find(state).unwrap_or(&mut over);
    let blocks = match on {
        OnFailure::Block => true,
        OnFailure::BlockOnce => turn.failures == 0,
        OnFailure::Allow => false,
    };
    turn.failures = turn.failures.saturating_add(1);
    let (rounds, max_rounds) = (turn.rounds, max_rounds(policy));
    Decision { kind: DecisionKind::NotReviewed { failure, blocks }, rounds, max_rounds, cached: false }
}

/// The decision when the rounds of the turn are used up: the turn ends, with what is still open.
pub(crate) fn rounds_spent(turn: &TurnState, policy: &Policy) -> Decision {
    let open = turn.open.as_deref().filter(|open| !open.is_empty()).unwrap_or("no reason was given");
    let failure = NotReviewed::new(FailureKind::RoundsSpent, format!("still open: {open}"));
    let (rounds, max_rounds) = (turn.rounds, max_rounds(policy));
    Decision { kind: DecisionKind::NotReviewed { failure, blocks: false }, rounds, max_rounds, cached: false }
}

pub(crate) fn max_rounds(policy: &Policy) -> u32 {
    policy.max_rounds.max(1)
}

/// What a block asks for, in one line.
fn summary(reason: &str, findings: &[Finding]) -> String {
    let mut parts = vec![text::line(reason, 200)];
    parts.extend(findings.iter().take(5).map(|finding| {
        let place = finding.location().map(|place| format!("{place}: ")).unwrap_or_default();
        text::line(&format!("{place}{}", finding.title), 120)
    }));
    if findings.len() > 5 {
        parts.push(format!("{} more", findings.len() - 5));
    }
    parts.retain(|part| !part.is_empty());
    text::shorten(&parts.join("; "), 450)
}
