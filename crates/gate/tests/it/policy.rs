//! The rules, one by one.

use std::time::Duration;

use serde_json::Value;

use codex_gate::{
    BeforeReview, Decision, DecisionKind, FailureKind, Finding, GateRequest, GateState, NotReviewed, Now,
    OnFailure, Policy, ReviewBudget, ReviewOutcome, ReviewScope, Reviewed, SkipReason, TreeSnapshot,
    TurnPosition, decide_after, decide_before, decide_failed, decide_without_state,
};

/// A gate that keeps its state as a program would: stored after each step, and read again.
pub(crate) struct Gate {
    pub(crate) stored: Vec<u8>,
    pub(crate) policy: Policy,
    pub(crate) now: Now,
    /// How many reviewers were asked.
    pub(crate) asked: u32,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            stored: GateState::default().to_json(),
            policy: Policy::default(),
            now: Now::from_unix_ms(1_800_000_000_000),
            asked: 0,
        }
    }

    pub(crate) fn state(&self) -> GateState {
        GateState::from_json(&self.stored).unwrap()
    }

    pub(crate) fn store(&mut self, state: &GateState) {
        self.stored = state.to_json();
    }

    pub(crate) fn prompt(&mut self, session: &str, fingerprint: &str) {
        let state = self.state().turn_began(session, None, Some(&TreeSnapshot::new(fingerprint)), self.now);
        self.store(&state);
    }

    pub(crate) fn ask(&mut self, request: &GateRequest, answer: impl FnOnce() -> Reviewed) -> Decision {
        let (before, state) = decide_before(request, self.state(), &self.policy, self.now);
        self.store(&state);
        match before {
            BeforeReview::Decided(decision) => decision,
            BeforeReview::Review(ask) => {
                self.asked += 1;
                let (decision, state) = decide_after(&ask, answer(), self.state(), &self.policy, self.now);
                self.store(&state);
                decision
            }
        }
    }

    pub(crate) fn stop(
        &mut self,
        session: &str,
        turn: TurnPosition,
        fingerprint: &str,
        outcome: ReviewOutcome,
    ) -> Decision {
        let request = GateRequest::new(session, turn).tree(TreeSnapshot::new(fingerprint)).reviewer("model");
        self.ask(&request, || Reviewed::new(outcome))
    }
}

/// The state as the documented format has it: the fields of the type are private.
pub(crate) fn json(state: &GateState) -> Value {
    serde_json::from_slice(&state.to_json()).unwrap()
}

pub(crate) fn allow() -> ReviewOutcome {
    ReviewOutcome::Allow { reason: "fine".into() }
}

pub(crate) fn block(reason: &str) -> ReviewOutcome {
    ReviewOutcome::Block {
        reason: reason.into(),
        findings: vec![Finding::new("a fault").file("a.rs").lines(1..=2)],
    }
}

pub(crate) fn failed() -> ReviewOutcome {
    NotReviewed::new(FailureKind::TimedOut, "").into()
}

fn why(decision: &Decision) -> (FailureKind, bool) {
    match &decision.kind {
        DecisionKind::NotReviewed { failure, blocks } => (failure.kind, *blocks),
        other => panic!("{other:?}"),
    }
}

fn skipped(decision: &Decision) -> &SkipReason {
    match &decision.kind {
        DecisionKind::Skipped(skip) => skip,
        other => panic!("{other:?}"),
    }
}

fn allowed(decision: &Decision) -> bool {
    matches!(decision.kind, DecisionKind::Allowed { .. })
}

fn blocked(decision: &Decision) -> bool {
    matches!(decision.kind, DecisionKind::Blocked { .. })
}

#[test]
fn off_means_off() {
    let mut gate = Gate::new();
    gate.policy.enabled = false;
    let before = gate.stored.clone();
    assert_eq!(skipped(&gate.stop("s", TurnPosition::First, "a", block("x"))), &SkipReason::Off);
    let (decision, state) = decide_failed(
        &GateRequest::unreadable(),
        NotReviewed::new(FailureKind::BadInput, ""),
        gate.state(),
        &gate.policy,
        gate.now,
    );
    assert_eq!(skipped(&decision), &SkipReason::Off);
    assert_eq!(state.to_json(), before, "an idle gate remembers nothing");
}

#[test]
fn d22_what_was_allowed_is_not_asked_about_again() {
    let mut gate = Gate::new();
    assert!(allowed(&gate.stop("s", TurnPosition::First, "a", allow())));
    assert_eq!(skipped(&gate.stop("s", TurnPosition::First, "a", block("x"))), &SkipReason::AlreadyAllowed);
    assert_eq!(
        skipped(&gate.stop("other session", TurnPosition::First, "a", block("x"))),
        &SkipReason::AlreadyAllowed
    );
    // Back to work that was allowed earlier: not the last one, but kept.
    assert!(allowed(&gate.stop("s", TurnPosition::First, "b", allow())));
    let again = gate.stop("s", TurnPosition::First, "a", block("x"));
    assert!(allowed(&again) && again.cached);
    assert_eq!(gate.asked, 2);
}

#[test]
fn d22_a_turn_that_changed_nothing_costs_nothing() {
    let mut gate = Gate::new();
    gate.prompt("s", "a");
    assert_eq!(skipped(&gate.stop("s", TurnPosition::First, "a", block("x"))), &SkipReason::Unchanged);
    // A sub-agent's turn is compared with that of its session.
    let mut request = GateRequest::new("s", TurnPosition::First).tree(TreeSnapshot::new("a"));
    request.agent = Some("helper".into());
    assert_eq!(skipped(&gate.ask(&request, || unreachable!())), &SkipReason::Unchanged);
    assert_eq!(gate.asked, 0);
}

#[test]
fn without_a_baseline_a_clean_tree_at_the_first_commit_is_unchanged() {
    let mut gate = Gate::new();
    let state = gate.state().session_began("s", Some("c1".into()), gate.now);
    gate.store(&state);
    let ask = |head: &str, clean| {
        GateRequest::new("s", TurnPosition::First).tree(TreeSnapshot::new("f").head(head).clean(clean))
    };
    assert_eq!(skipped(&gate.ask(&ask("c1", true), || unreachable!())), &SkipReason::Unchanged);
    assert!(blocked(&gate.ask(&ask("c1", false), || Reviewed::new(block("dirty")))));
    assert!(blocked(&gate.ask(&ask("c2", true), || Reviewed::new(block("committed")))));
    // A session whose beginning nobody saw has no such commit.
    let other = GateRequest::new("t", TurnPosition::First)
        .tree(TreeSnapshot::new("f").head("c1").clean(true))
        .reviewer("m2");
    assert!(allowed(&gate.ask(&other, || Reviewed::new(allow()))));
}

#[test]
fn d22_rounds_are_bounded_and_what_is_open_is_said() {
    let mut gate = Gate::new();
    gate.prompt("s", "0");
    for round in 1..=3 {
        let turn = if round == 1 { TurnPosition::First } else { TurnPosition::Continuing };
        let decision = gate.stop("s", turn, &round.to_string(), block("still wrong"));
        assert!(blocked(&decision) && decision.rounds == round && decision.max_rounds == 3);
    }
    let decision = gate.stop("s", TurnPosition::Continuing, "4", allow());
    assert_eq!(why(&decision), (FailureKind::RoundsSpent, false));
    let DecisionKind::NotReviewed { failure, .. } = &decision.kind else { unreachable!() };
    assert_eq!(failure.detail, "still open: still wrong; a.rs:1-2: a fault");
    assert_eq!(gate.asked, 3);
    // The next turn has rounds of its own.
    gate.prompt("s", "4");
    assert!(blocked(&gate.stop("s", TurnPosition::First, "5", block("x"))));
}

#[test]
fn a_kept_block_is_a_round_without_a_review() {
    let mut gate = Gate::new();
    for round in 1..=3 {
        let turn = if round == 1 { TurnPosition::First } else { TurnPosition::Continuing };
        let decision = gate.stop("s", turn, "a", block("wrong"));
        assert!(blocked(&decision) && decision.cached == (round > 1) && decision.rounds == round);
    }
    assert_eq!(
        why(&gate.stop("s", TurnPosition::Continuing, "a", allow())),
        (FailureKind::RoundsSpent, false)
    );
    assert_eq!(gate.asked, 1);
}

#[test]
fn a_verdict_counts_for_its_reviewer_and_prompt_only() {
    let mut gate = Gate::new();
    assert!(blocked(&gate.stop("s", TurnPosition::Single, "a", block("x"))));
    let ask = GateRequest::new("s", TurnPosition::Single).tree(TreeSnapshot::new("a")).reviewer("another");
    assert!(blocked(&gate.ask(&ask, || Reviewed::new(block("y")))));
    gate.policy.scope = ReviewScope::Everything;
    assert!(!gate.stop("s", TurnPosition::Single, "a", block("x")).cached);
    assert_eq!(gate.asked, 3);
}

#[test]
fn d22_a_failure_blocks_once_in_a_turn() {
    let mut gate = Gate::new();
    gate.prompt("s", "0");
    assert_eq!(why(&gate.stop("s", TurnPosition::First, "a", failed())), (FailureKind::TimedOut, true));
    assert_eq!(why(&gate.stop("s", TurnPosition::Continuing, "a", failed())), (FailureKind::TimedOut, false));
    assert_eq!(gate.asked, 2, "a failure is not kept: the second try asks again");
    gate.prompt("s", "a");
    assert_eq!(why(&gate.stop("s", TurnPosition::First, "b", failed())), (FailureKind::TimedOut, true));
    gate.policy.on_not_reviewed = OnFailure::Allow;
    gate.prompt("s", "b");
    assert_eq!(why(&gate.stop("s", TurnPosition::First, "c", failed())), (FailureKind::TimedOut, false));
}

#[test]
fn after_a_failure_a_verdict_decides() {
    let mut gate = Gate::new();
    assert!(gate.stop("s", TurnPosition::First, "a", failed()).blocks());
    assert!(allowed(&gate.stop("s", TurnPosition::Continuing, "a", allow())));
}

#[test]
fn unreadable_input_blocks_every_other_time() {
    let mut gate = Gate::new();
    for blocks in [true, false, true, false] {
        let bad = NotReviewed::new(FailureKind::BadInput, "the input is empty");
        let (decision, state) =
            decide_failed(&GateRequest::unreadable(), bad, gate.state(), &gate.policy, gate.now);
        gate.store(&state);
        assert_eq!(why(&decision), (FailureKind::BadInput, blocks));
    }
}

#[test]
fn each_request_of_a_host_without_turns_stands_alone() {
    let mut gate = Gate::new();
    for n in 0..5 {
        assert!(blocked(&gate.stop("git pre-push", TurnPosition::Single, "a", block("x"))), "{n}");
    }
    for _ in 0..3 {
        assert_eq!(
            why(&gate.stop("git pre-push", TurnPosition::Single, "b", failed())),
            (FailureKind::TimedOut, true)
        );
    }
}

#[test]
fn e62_a_policy_can_block_on_every_failure() {
    for turn in [TurnPosition::Single, TurnPosition::Unknown, TurnPosition::First, TurnPosition::Continuing] {
        let mut gate = Gate::new();
        gate.policy = gate.policy.clone().on_not_reviewed(OnFailure::Block).at_limit(OnFailure::Block);
        gate.policy.session_budget = ReviewBudget::unlimited().reviews(3);
        for _ in 0..3 {
            let decision = gate.stop("s", turn.clone(), "a", failed());
            assert_eq!(why(&decision), (FailureKind::TimedOut, true), "{turn:?}");
            assert!(decision.report().blocks);
        }
        // A budget that is used up does not let work pass either.
        for _ in 0..2 {
            let decision = gate.stop("s", turn.clone(), "a", allow());
            assert_eq!(why(&decision), (FailureKind::BudgetSpent, true), "{turn:?}");
        }
    }
    assert_eq!(Policy::for_ci().on_not_reviewed, OnFailure::Block);
}

#[test]
fn e62_the_report_says_whether_a_failure_blocks() {
    let mut gate = Gate::new();
    let blocks: Vec<bool> = [TurnPosition::First, TurnPosition::Continuing]
        .map(|turn| gate.stop("s", turn, "a", failed()).report().blocks)
        .into();
    assert_eq!(blocks, [true, false], "both are `not-reviewed`");
}

#[test]
fn without_a_state_only_a_first_attempt_is_blocked() {
    let check = |turn, on, blocks| {
        let policy = Policy::default().on_not_reviewed(on);
        let request = GateRequest::new("s", turn);
        let decision =
            decide_without_state(&request, NotReviewed::new(FailureKind::Failed, "disk full"), &policy);
        assert_eq!(decision.blocks(), blocks, "{:?} {on:?}", request.turn);
    };
    check(TurnPosition::First, OnFailure::BlockOnce, true);
    check(TurnPosition::Single, OnFailure::BlockOnce, true);
    check(TurnPosition::Continuing, OnFailure::BlockOnce, false);
    check(TurnPosition::Named("t".into()), OnFailure::BlockOnce, false);
    check(TurnPosition::Unknown, OnFailure::BlockOnce, false);
    check(TurnPosition::Unknown, OnFailure::Block, true);
    check(TurnPosition::First, OnFailure::Allow, false);
}

#[test]
fn background_work_does_not_begin_a_turn() {
    let mut gate = Gate::new();
    gate.prompt("s", "0");
    // Claude Code says "first" again when a background task woke it.
    for n in 1..=3 {
        assert!(blocked(&gate.stop("s", TurnPosition::First, &n.to_string(), block("x"))));
    }
    assert_eq!(why(&gate.stop("s", TurnPosition::First, "4", block("x"))), (FailureKind::RoundsSpent, false));
}

#[test]
fn a_named_turn_begins_with_its_name() {
    let mut gate = Gate::new();
    let named = |name: &str| TurnPosition::Named(name.into());
    assert_eq!(gate.stop("s", named("t1"), "a", block("x")).rounds, 1);
    assert_eq!(gate.stop("s", named("t1"), "b", block("x")).rounds, 2);
    assert_eq!(gate.stop("s", named("t2"), "c", block("x")).rounds, 1);
    // Announced without a name: the first name is taken for it.
    gate.prompt("s", "c");
    assert_eq!(skipped(&gate.stop("s", named("t3"), "c", block("x"))), &SkipReason::Unchanged);
    assert_eq!(gate.stop("s", named("t3"), "d", block("x")).rounds, 1);
    assert_eq!(gate.stop("s", named("t4"), "e", block("x")).rounds, 1);
}

#[test]
fn sub_agents_have_rounds_of_their_own() {
    let mut gate = Gate::new();
    gate.policy.session_budget = ReviewBudget::default();
    gate.prompt("s", "0");
    let of = |agent: &str, fingerprint: &str| {
        let mut request = GateRequest::new("s", TurnPosition::First).tree(TreeSnapshot::new(fingerprint));
        request.agent = Some(agent.into());
        request
    };
    assert_eq!(gate.ask(&of("x", "1"), || Reviewed::new(block("b"))).rounds, 1);
    assert_eq!(gate.ask(&of("y", "2"), || Reviewed::new(block("b"))).rounds, 1);
    assert_eq!(gate.stop("s", TurnPosition::First, "3", block("b")).rounds, 1);
    for n in 0..100 {
        let _ = gate.ask(&of(&format!("agent {n}"), "4"), || Reviewed::new(failed()));
    }
    assert!(
        json(&gate.state())["sessions"]["s"]["turns"].as_object().unwrap().len() <= GateState::MAX_AGENTS + 1
    );
    assert_eq!(
        gate.stop("s", TurnPosition::Continuing, "5", block("b")).rounds,
        2,
        "the session's own turn is kept"
    );
}

#[test]
fn budgets_bound_what_is_asked() {
    let mut gate = Gate::new();
    gate.policy.session_budget = ReviewBudget::unlimited().reviews(2);
    gate.policy.day_budget = ReviewBudget::unlimited().reviews(3);
    for n in 0..2 {
        assert!(allowed(&gate.stop("s", TurnPosition::First, &format!("a{n}"), allow())));
    }
    let decision = gate.stop("s", TurnPosition::First, "a2", allow());
    assert_eq!(why(&decision), (FailureKind::BudgetSpent, false));
    assert!(decision.report().reason.contains("2 reviews in this session"));
    assert!(allowed(&gate.stop("t", TurnPosition::First, "a3", allow())));
    assert!(gate.stop("t", TurnPosition::First, "a4", allow()).report().reason.contains("3 reviews today"));
    // The next day.
    gate.now = Now::from_unix_ms(gate.now.unix_ms + 86_400_000);
    assert!(allowed(&gate.stop("t", TurnPosition::First, "a5", allow())));
    assert_eq!(gate.asked, 4);

    gate.policy.at_limit = OnFailure::BlockOnce;
    assert_eq!(why(&gate.stop("s", TurnPosition::First, "a6", allow())), (FailureKind::BudgetSpent, true));
    assert_eq!(
        why(&gate.stop("s", TurnPosition::Continuing, "a6", allow())),
        (FailureKind::BudgetSpent, false)
    );
}

#[test]
fn tokens_are_counted_when_they_are_told() {
    let mut gate = Gate::new();
    gate.policy.session_budget = ReviewBudget::unlimited().tokens(1000);
    for (n, tokens) in [(0, Some(600)), (1, None), (2, Some(600))] {
        let request = GateRequest::new("s", TurnPosition::First).tree(TreeSnapshot::new(format!("a{n}")));
        let mut answer = Reviewed::new(allow());
        answer.tokens = tokens;
        assert!(allowed(&gate.ask(&request, || answer)));
    }
    assert_eq!(gate.state().spent_by("s").tokens, 1200);
    assert_eq!(gate.state().spent_today(gate.now).tokens, 1200);
    let decision = gate.stop("s", TurnPosition::First, "a3", allow());
    assert!(decision.report().reason.contains("1000 tokens in this session"));
}

#[test]
fn a_review_that_was_never_finished_is_spent() {
    let mut gate = Gate::new();
    gate.policy.session_budget = ReviewBudget::unlimited().reviews(1);
    let request = GateRequest::new("s", TurnPosition::First).tree(TreeSnapshot::new("a"));
    let (before, state) = decide_before(&request, gate.state(), &gate.policy, gate.now);
    assert!(matches!(before, BeforeReview::Review(_)));
    gate.store(&state);
    // The process is killed here.
    assert_eq!(why(&gate.stop("s", TurnPosition::First, "a", allow())), (FailureKind::BudgetSpent, false));
}

#[test]
fn a_cooldown_defers_and_forgets_nothing() {
    let mut gate = Gate::new();
    gate.policy.cooldown = Duration::from_secs(60);
    gate.prompt("s", "0");
    assert!(blocked(&gate.stop("s", TurnPosition::First, "1", block("x"))));
    assert!(allowed(&gate.stop("s", TurnPosition::Continuing, "2", allow())), "no cooldown within a turn");

    gate.prompt("s", "2");
    let decision = gate.stop("s", TurnPosition::First, "3", block("x"));
    assert_eq!(skipped(&decision), &SkipReason::Cooldown { remaining: Duration::from_secs(60) });
    // A turn that changes nothing more still brings up what was let pass.
    gate.now = Now::from_unix_ms(gate.now.unix_ms + 60_000);
    gate.prompt("s", "3");
    assert!(blocked(&gate.stop("s", TurnPosition::First, "3", block("found late"))));
    // Settled by a verdict: from now on the baseline moves again.
    gate.prompt("s", "3");
    assert_eq!(skipped(&gate.stop("s", TurnPosition::First, "3", block("x"))), &SkipReason::Unchanged);

    gate.now = Now::from_unix_ms(1);
    assert!(
        blocked(&gate.stop("s", TurnPosition::First, "5", block("x"))),
        "a clock that went back ends the cooldown"
    );
}

#[test]
fn two_sessions_do_not_mix() {
    let mut gate = Gate::new();
    gate.prompt("a", "0");
    gate.prompt("b", "0");
    for n in 1..=3 {
        assert_eq!(gate.stop("a", TurnPosition::First, &format!("a{n}"), block("x")).rounds, n);
    }
    assert_eq!(gate.stop("b", TurnPosition::First, "b1", block("x")).rounds, 1);
    let state = gate.state().session_ended("a");
    let known = &json(&state)["sessions"];
    assert!(known["a"].is_null() && known["b"]["turns"][""]["rounds"] == 1);
    assert_eq!(state.spent_today(gate.now).reviews, 4, "what was spent stays in the day's account");
}

#[test]
fn an_answer_that_comes_too_late_counts_for_nothing_else() {
    let mut gate = Gate::new();
    gate.prompt("s", "0");
    let request = GateRequest::new("s", TurnPosition::First).tree(TreeSnapshot::new("1"));
    let (before, state) = decide_before(&request, gate.state(), &gate.policy, gate.now);
    gate.store(&state);
    let BeforeReview::Review(ask) = before else { panic!() };
    // Meanwhile the user gave up and asked something else.
    gate.prompt("s", "1");
    let (decision, state) =
        decide_after(&ask, Reviewed::new(block("late")), gate.state(), &gate.policy, gate.now);
    assert!(blocked(&decision));
    let turn = &json(&state)["sessions"]["s"]["turns"][""];
    assert_eq!((&turn["rounds"], &turn["open"]), (&Value::from(0), &Value::Null));
    // And when the session is gone, it does not come back.
    let (_, state) =
        decide_after(&ask, Reviewed::new(block("late")), state.session_ended("s"), &gate.policy, gate.now);
    assert_eq!(json(&state)["sessions"], serde_json::json!({}));
}

#[test]
fn without_a_fingerprint_nothing_is_skipped_or_kept() {
    let mut gate = Gate::new();
    gate.prompt("s", "0");
    let request = GateRequest::new("s", TurnPosition::First);
    assert!(allowed(&gate.ask(&request, || Reviewed::new(allow()))));
    assert!(blocked(&gate.ask(&request, || Reviewed::new(block("x")))));
    let state = json(&gate.state());
    assert_eq!((&state["verdicts"], &state["lastAllow"]), (&serde_json::json!([]), &Value::Null));
}

#[test]
fn the_report_is_what_programs_read() {
    let mut gate = Gate::new();
    let decision = gate.stop("s", TurnPosition::First, "a", block("wrong"));
    assert_eq!(
        serde_json::to_value(decision.report()).unwrap(),
        serde_json::json!({"outcome": "block", "blocks": true, "reason": "wrong", "rounds": 1, "cached": false, "findings": [
            {"severity": "medium", "title": "a fault", "body": "", "file": "a.rs", "line_start": 1, "line_end": 2}]})
    );
    let decision = gate.stop("s", TurnPosition::First, "b", failed());
    assert_eq!(decision.report().outcome, "not-reviewed");
    assert_eq!(Decision::skipped(SkipReason::Unchanged).report().outcome, "skipped");
}
