//! The state machine: pure functions from a question and a state to a decision and the next state.
//!
//! ```text
//!              decide_before                    decide_after
//!  request ──► off, unchanged, allowed: skip      allow ──► allowed, kept
//!              kept verdict: allow or block       block ──► a round, kept; past the last round: let go
//!              rounds or budget spent: let go     none  ──► block once in a turn, then let go
//!              otherwise: Ask ── reviewer ──►
//! ```

use std::time::Duration;

use serde::Serialize;

use crate::state::TurnState;
use crate::{
    Answer, Finding, GateRequest, GateState, NotReviewed, Now, OnFailure, Outcome, Policy, Prompt, Turn,
    VerdictKey, Why, text,
};

/// What [`decide_before`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "either there is a decision to tell the host, or a reviewer to ask"]
pub enum Before {
    /// It is decided without a reviewer.
    Settled(Decision),
    /// A reviewer is to be asked; [`decide_after`] takes the answer.
    Ask(Ask),
}

/// Leave to ask a reviewer once. It is counted as spent already, so that a process that dies meanwhile cannot spend for
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "ask a reviewer, then call `decide_after`"]
pub struct Ask {
    /// How many times a verdict has blocked this turn already.
    pub rounds: u32,
    /// What the last block of this turn asked for.
    pub open: Option<String>,
    /// What the verdict will be kept under.
    pub key: Option<VerdictKey>,
    turn: TurnKey,
}

/// What the gate decided.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// What was decided.
    pub outcome: Decided,
    /// How many times a verdict has blocked this turn, this time included.
    pub rounds: u32,
    /// The policy's bound on rounds.
    pub max_rounds: u32,
    /// Whether a kept verdict decided, without a reviewer.
    pub cached: bool,
}

/// The four kinds of decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// There was nothing to ask: the turn may end.
    Skipped(Skip),
    /// A reviewer lets the turn end.
    Allowed {
        /// The reviewer's words; may be empty.
        reason: String,
    },
    /// A reviewer wants changes.
    Blocked {
        /// The reviewer's words; may be empty.
        reason: String,
        /// What to change; may be empty.
        findings: Vec<Finding>,
    },
    /// There is no verdict.
    NotReviewed {
        /// Why.
        failure: NotReviewed,
        /// Whether the turn is blocked all the same.
        blocks: bool,
    },
}

/// Why nobody was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skip {
    /// The gate is off.
    Off,
    /// Exactly this work was the last to be allowed.
    AlreadyAllowed,
    /// Nothing changed since the turn began.
    Unchanged,
    /// The last review was too short a time ago. The changes are reviewed later.
    Cooldown {
        /// How long the cooldown lasts from now.
        remaining: Duration,
    },
    /// The host's event has no content: a push that only deletes branches.
    NothingToReview,
}

impl Decision {
    /// A decision to skip, for callers that find out by themselves that there is nothing to review.
    #[must_use]
    pub fn skipped(skip: Skip) -> Self {
        Self { outcome: Decided::Skipped(skip), rounds: 0, max_rounds: 0, cached: false }
    }

    /// Whether the host has to go on with the turn (or stop the push, or fail the job).
    #[must_use]
    pub fn blocks(&self) -> bool {
        matches!(self.outcome, Decided::Blocked { .. } | Decided::NotReviewed { blocks: true, .. })
    }

    /// The decision as programs read it.
    #[must_use]
    pub fn report(&self) -> Report<'_> {
        let (outcome, reason, findings): (_, String, &[Finding]) = match &self.outcome {
            Decided::Skipped(skip) => ("skipped", skip.to_string(), &[]),
            Decided::Allowed { reason } => ("allow", reason.clone(), &[]),
            Decided::Blocked { reason, findings } => ("block", reason.clone(), findings),
            Decided::NotReviewed { failure, .. } => ("not-reviewed", failure.to_string(), &[]),
        };
        Report { outcome, reason, findings, rounds: self.rounds, cached: self.cached }
    }
}

/// [`Decision::report`]: serialises as `{outcome, reason, findings, rounds, cached}`. Text is as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report<'a> {
    /// `allow`, `block`, `not-reviewed` or `skipped`.
    pub outcome: &'static str,
    /// Why.
    pub reason: String,
    /// What to change.
    pub findings: &'a [Finding],
    /// [`Decision::rounds`].
    pub rounds: u32,
    /// [`Decision::cached`].
    pub cached: bool,
}

impl std::fmt::Display for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Off => f.write_str("the gate is off"),
            Self::AlreadyAllowed => f.write_str("this work was allowed already"),
            Self::Unchanged => f.write_str("nothing changed in this turn"),
            Self::Cooldown { remaining } => {
                write!(
                    f,
                    "the last review was just now; the next is due in {} s",
                    remaining.as_secs_f64().ceil()
                )
            }
            Self::NothingToReview => f.write_str("there is nothing to review"),
        }
    }
}

/// Decides what can be decided without a reviewer. The returned state is to be stored before anybody is asked.
#[must_use = "store the state, and act on the rest"]
pub fn decide_before(
    request: &GateRequest,
    mut state: GateState,
    policy: &Policy,
    now: Now,
) -> (Before, GateState) {
    if !policy.enabled {
        return (Before::Settled(Decision::skipped(Skip::Off)), state);
    }
    let at = enter_turn(&mut state, request, now);
    let before = before(request, &mut state, &at, policy, now);
    if let Before::Settled(decision) = &before {
        leave_turn(&mut state, &at, decision);
    }
    (before, state)
}

/// Decides by what came of asking. `state` is the present one: other processes may have changed it since
/// [`decide_before`].
#[must_use = "store the state, and act on the rest"]
pub fn decide_after(
    ask: &Ask,
    answer: Answer,
    mut state: GateState,
    policy: &Policy,
    now: Now,
) -> (Decision, GateState) {
    let tokens = answer.tokens.unwrap_or(0);
    let today = state.today(now);
    today.tokens = today.tokens.saturating_add(tokens);
    if let Some(session) = state.sessions.get_mut(&ask.turn.session) {
        session.spent.tokens = session.spent.tokens.saturating_add(tokens);
    }
    if let (Some(key), Outcome::Allow { .. } | Outcome::Block { .. }) = (&ask.key, &answer.outcome) {
        state.keep(key.clone(), answer.outcome.clone());
        if let Some(turn) = ask.turn.find(&mut state) {
            turn.owed = false;
        }
    }
    let decision = match answer.outcome {
        Outcome::Allow { reason } => allow(&mut state, &ask.turn, ask.key.as_ref(), policy, reason, false),
        Outcome::Block { reason, findings } => block(&mut state, &ask.turn, policy, reason, findings, false),
        Outcome::NotReviewed(failure) => fail(&mut state, &ask.turn, policy, policy.on_not_reviewed, failure),
    };
    leave_turn(&mut state, &ask.turn, &decision);
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
        return (Decision::skipped(Skip::Off), state);
    }
    let at = enter_turn(&mut state, request, now);
    let decision = fail(&mut state, &at, policy, policy.on_not_reviewed, failure);
    leave_turn(&mut state, &at, &decision);
    (decision, state)
}

/// Names a turn across processes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TurnKey {
    session: String,
    agent: String,
    number: u64,
    /// The host does not say where turns end, so the turn ends when it may.
    ends_when_let_go: bool,
}

impl TurnKey {
    /// The turn, unless it is over: its session ended, or another turn began.
    fn find<'a>(&self, state: &'a mut GateState) -> Option<&'a mut TurnState> {
        let turn = state.sessions.get_mut(&self.session)?.turns.get_mut(&self.agent)?;
        (turn.number == self.number).then_some(turn)
    }
}

fn enter_turn(state: &mut GateState, request: &GateRequest, now: Now) -> TurnKey {
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
            Turn::First => turn.announced,
            Turn::Continuing | Turn::Unknown => true,
            Turn::Named(name) => turn.name.as_ref().map_or(turn.announced, |known| known == name),
            Turn::Single => false,
        };
    if !same {
        session.turns_begun += 1;
        // Nobody took a baseline. What a cooldown let pass is still owed.
        let (baseline, owed) = if turn.owed { (turn.baseline.take(), true) } else { (None, false) };
        *turn = TurnState { number: session.turns_begun, baseline, owed, ..TurnState::default() };
    }
    if let Turn::Named(name) = &request.turn {
        turn.name = Some(name.clone());
    }
    TurnKey {
        number: turn.number,
        session: request.session.clone(),
        agent,
        ends_when_let_go: request.turn == Turn::Unknown,
    }
}

fn leave_turn(state: &mut GateState, at: &TurnKey, decision: &Decision) {
    let over = at.ends_when_let_go && !decision.blocks() && at.find(state).is_some();
    if let Some(session) = state.sessions.get_mut(&at.session).filter(|_| over) {
        session.turns.remove(&at.agent);
    }
}

fn before(request: &GateRequest, state: &mut GateState, at: &TurnKey, policy: &Policy, now: Now) -> Before {
    let skip = |skip, rounds| {
        Before::Settled(Decision { rounds, max_rounds: max_rounds(policy), ..Decision::skipped(skip) })
    };
    let session = state.sessions.get(&at.session).cloned().unwrap_or_default();
    let turn = session.turns.get(&at.agent).cloned().unwrap_or_default();

    let key = request.tree.as_ref().map(|tree| VerdictKey {
        fingerprint: tree.fingerprint.clone(),
        prompt: request.prompt.clone().unwrap_or_else(|| Prompt::version_for(policy.scope).to_owned()),
        reviewer: request.reviewer.clone(),
    });
    if let Some(tree) = &request.tree {
        if state.last_allow.as_ref() == Some(&tree.fingerprint) {
            if let Some(turn) = at.find(state) {
                turn.owed = false;
            }
            return skip(Skip::AlreadyAllowed, turn.rounds);
        }
        let of_session = || session.turns.get("").and_then(|turn| turn.baseline.as_ref());
        let unchanged = match turn.baseline.as_ref().or_else(of_session) {
            Some(baseline) => *baseline == tree.fingerprint,
            None => tree.clean && tree.head.is_some() && tree.head == session.head,
        };
        if unchanged {
            return skip(Skip::Unchanged, turn.rounds);
        }
    }

    let kept = key.as_ref().and_then(|key| state.kept(key)).cloned();
    if let Some(Outcome::Allow { reason }) = kept {
        return Before::Settled(allow(state, at, key.as_ref(), policy, reason, true));
    }
    if turn.rounds >= max_rounds(policy) {
        return Before::Settled(rounds_spent(&turn, policy));
    }
    if let Some(Outcome::Block { reason, findings }) = kept {
        return Before::Settled(block(state, at, policy, reason, findings, true));
    }

    let today = *state.today(now);
    let spent = |what: &str, runs: u32, tokens: u64, budget: &crate::Budget| {
        let runs = budget.runs.filter(|&most| runs >= most).map(|most| format!("{most} reviews {what}"));
        runs.or_else(|| {
            budget.tokens.filter(|&most| tokens >= most).map(|most| format!("{most} tokens {what}"))
        })
    };
    let over = spent("in this session", session.spent.runs, session.spent.tokens, &policy.session_budget)
        .or_else(|| spent("today", today.runs, today.tokens, &policy.day_budget));
    if let Some(detail) = over {
        let failure = NotReviewed::new(Why::BudgetSpent, detail);
        return Before::Settled(fail(state, at, policy, policy.at_limit, failure));
    }

    // Within a turn there is no cooldown: what the agent did about a block has to be seen.
    if turn.rounds == 0 && turn.failures == 0 {
        let remaining = session.last_run_ms.map_or(Duration::ZERO, |last| {
            // A clock that went back ends the cooldown.
            let elapsed = now.unix_ms.checked_sub(last).map_or(policy.cooldown, Duration::from_millis);
            policy.cooldown.saturating_sub(elapsed)
        });
        if !remaining.is_zero() {
            if let Some(turn) = at.find(state) {
                turn.owed = true;
            }
            return skip(Skip::Cooldown { remaining }, turn.rounds);
        }
    }

    let today = state.today(now);
    today.runs = today.runs.saturating_add(1);
    let session = state.session(&at.session, now);
    session.spent.runs = session.spent.runs.saturating_add(1);
    session.last_run_ms = Some(now.unix_ms);
    Before::Ask(Ask { rounds: turn.rounds, open: turn.open, key, turn: at.clone() })
}

fn allow(
    state: &mut GateState,
    at: &TurnKey,
    key: Option<&VerdictKey>,
    policy: &Policy,
    reason: String,
    cached: bool,
) -> Decision {
    if let Some(key) = key {
        state.last_allow = Some(key.fingerprint.clone());
    }
    let rounds = at.find(state).map_or(0, |turn| {
        turn.owed = false;
        turn.open = None;
        turn.rounds
    });
    Decision { outcome: Decided::Allowed { reason }, rounds, max_rounds: max_rounds(policy), cached }
}

fn block(
    state: &mut GateState,
    at: &TurnKey,
    policy: &Policy,
    reason: String,
    findings: Vec<Finding>,
    cached: bool,
) -> Decision {
    // A turn that is over in the meantime is not counted; its host no longer listens.
    let mut over = TurnState::default();
    let turn = at.find(state).unwrap_or(&mut over);
    if turn.rounds >= max_rounds(policy) {
        return rounds_spent(turn, policy);
    }
    turn.rounds += 1;
    turn.open = Some(summary(&reason, &findings));
    let (rounds, max_rounds) = (turn.rounds, max_rounds(policy));
    Decision { outcome: Decided::Blocked { reason, findings }, rounds, max_rounds, cached }
}

fn fail(
    state: &mut GateState,
    at: &TurnKey,
    policy: &Policy,
    on: OnFailure,
    failure: NotReviewed,
) -> Decision {
    let mut over = TurnState::default();
    let turn = at.find(state).unwrap_or(&mut over);
    let blocks = on == OnFailure::BlockOnce && turn.failures == 0;
    turn.failures = turn.failures.saturating_add(1);
    let (rounds, max_rounds) = (turn.rounds, max_rounds(policy));
    Decision { outcome: Decided::NotReviewed { failure, blocks }, rounds, max_rounds, cached: false }
}

fn rounds_spent(turn: &TurnState, policy: &Policy) -> Decision {
    let open = turn.open.as_deref().filter(|open| !open.is_empty()).unwrap_or("no reason was given");
    let failure = NotReviewed::new(Why::RoundsSpent, format!("still open: {open}"));
    let (rounds, max_rounds) = (turn.rounds, max_rounds(policy));
    Decision { outcome: Decided::NotReviewed { failure, blocks: false }, rounds, max_rounds, cached: false }
}

fn max_rounds(policy: &Policy) -> u32 {
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
