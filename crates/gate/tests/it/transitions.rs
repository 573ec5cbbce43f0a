//! What holds for every sequence of events.

use std::collections::BTreeMap;
use std::time::Duration;

use codex_gate::{
    BeforeReview, Decision, DecisionKind, FailureKind, GateRequest, GateState, NotReviewed, Now, OnFailure,
    Policy, ReviewBudget, ReviewOutcome, Reviewed, SkipReason, TreeSnapshot, TurnPosition, decide_after,
    decide_before,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::policy::{allow, block, failed, json};

#[derive(Debug, Clone)]
enum Event {
    /// A person speaks to a session; the work tree is as given.
    Prompt {
        session: u8,
        tree: u8,
    },
    /// The session wants to end its turn; if someone is asked, this is the answer, and it may be lost.
    Stop {
        session: u8,
        continuing: bool,
        tree: u8,
        answer: u8,
        lost: bool,
    },
    End {
        session: u8,
    },
    Wait {
        minutes: u16,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let (session, tree) = (0..2_u8, 0..5_u8);
    prop_oneof![
        2 => (session.clone(), tree.clone()).prop_map(|(session, tree)| Event::Prompt { session, tree }),
        8 => (session.clone(), any::<bool>(), tree, 0..4_u8, prop::bool::weighted(0.1)).prop_map(
            |(session, continuing, tree, answer, lost)| Event::Stop { session, continuing, tree, answer, lost }
        ),
        1 => session.prop_map(|session| Event::End { session }),
        1 => (0..900_u16).prop_map(|minutes| Event::Wait { minutes }),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let on = || prop_oneof![Just(OnFailure::BlockOnce), Just(OnFailure::Allow), Just(OnFailure::Block)];
    (
        0..4_u32,
        on(),
        on(),
        prop::option::of(0..6_u32),
        prop::option::of(0..8_u32),
        prop_oneof![Just(0_u64), 0..90_u64],
    )
        .prop_map(|(rounds, on_not_reviewed, at_limit, session_runs, day_runs, cooldown)| {
            let mut policy = Policy::default();
            policy.max_rounds = rounds;
            policy.on_not_reviewed = on_not_reviewed;
            policy.at_limit = at_limit;
            policy.session_budget = ReviewBudget::unlimited().tokens(500);
            policy.session_budget.reviews = session_runs;
            policy.day_budget.reviews = day_runs;
            policy.cooldown = Duration::from_secs(cooldown * 60);
            policy
        })
}

/// What an onlooker counts, without knowing how the gate decides.
#[derive(Default)]
struct Onlooker {
    /// Per session, since its last prompt or its end.
    verdict_blocks: BTreeMap<u8, u32>,
    failure_blocks: BTreeMap<u8, u32>,
    runs: BTreeMap<u8, u32>,
    runs_of_day: BTreeMap<u64, u32>,
    /// Fingerprints that a reviewer allowed, and the one that was allowed last.
    allowed: BTreeMap<String, bool>,
    last_allowed: Option<String>,
    /// Work that a cooldown let pass, per session.
    deferred: BTreeMap<u8, String>,
}

/// What is stored of the other sessions.
fn others(state: &GateState, session: &str) -> Value {
    let mut sessions = json(state)["sessions"].take();
    sessions.as_object_mut().unwrap().remove(session);
    sessions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_rules_hold_in_every_sequence(policy in policy(), events in prop::collection::vec(event(), 1..80)) {
        let mut state = GateState::default();
        let mut seen = Onlooker::default();
        let mut now = Now::from_unix_ms(1_800_000_000_000);
        let rounds = policy.max_rounds.max(1);

        for event in events {
            now = Now::from_unix_ms(now.unix_ms + 1);
            match event {
                Event::Wait { minutes } => now = Now::from_unix_ms(now.unix_ms + u64::from(minutes) * 60_000),
                Event::Prompt { session, tree } => {
                    state = state.turn_began(&session.to_string(), None, Some(&TreeSnapshot::new(format!("t{tree}"))), now);
                    seen.verdict_blocks.remove(&session);
                    seen.failure_blocks.remove(&session);
                }
                Event::End { session } => {
                    state = state.session_ended(&session.to_string());
                    seen.verdict_blocks.remove(&session);
                    seen.failure_blocks.remove(&session);
                    seen.runs.remove(&session);
                    seen.deferred.remove(&session);
                }
                Event::Stop { session, continuing, tree, answer, lost } => {
                    let name = session.to_string();
                    let fingerprint = format!("t{tree}");
                    let announced = json(&state)["sessions"][&name]["turns"][""]["announced"] == true;
                    if !announced && !continuing {
                        seen.verdict_blocks.remove(&session);
                        seen.failure_blocks.remove(&session);
                    }
                    let turn = if continuing { TurnPosition::Continuing } else { TurnPosition::First };
                    let request = GateRequest::new(&*name, turn).tree(TreeSnapshot::new(&*fingerprint));
                    let before_state = state.clone();
                    let (before, next) = decide_before(&request, state, &policy, now);
                    prop_assert_eq!(others(&before_state, &name), others(&next, &name));
                    state = next;

                    let decision = match before {
                        BeforeReview::Decided(decision) => decision,
                        BeforeReview::Review(ask) => {
                            let runs = seen.runs.entry(session).or_default();
                            *runs += 1;
                            prop_assert!(policy.session_budget.reviews.is_none_or(|most| *runs <= most));
                            let runs = seen.runs_of_day.entry(now.day()).or_default();
                            *runs += 1;
                            prop_assert!(policy.day_budget.reviews.is_none_or(|most| *runs <= most));
                            prop_assert!(seen.last_allowed.as_ref() != Some(&fingerprint), "asked about allowed work");
                            if lost {
                                continue;
                            }
                            let outcome = match answer {
                                0 => allow(),
                                1 => failed(),
                                _ => block("b"),
                            };
                            if let ReviewOutcome::Allow { .. } = outcome {
                                seen.allowed.insert(fingerprint.clone(), true);
                            }
                            if !matches!(outcome, ReviewOutcome::NotReviewed(_)) {
                                seen.deferred.remove(&session);
                            }
                            let mut answer = Reviewed::new(outcome);
                            answer.tokens = Some(70);
                            let before_state = state.clone();
                            let (decision, next) = decide_after(&ask, answer, state, &policy, now);
                            prop_assert_eq!(others(&before_state, &name), others(&next, &name));
                            state = next;
                            prop_assert!(!decision.cached);
                            decision
                        }
                    };
                    observe(&mut seen, session, &fingerprint, &decision, &policy)?;
                    prop_assert!(seen.verdict_blocks.get(&session).is_none_or(|blocks| *blocks <= rounds));
                    let always = [policy.on_not_reviewed, policy.at_limit].contains(&OnFailure::Block);
                    prop_assert!(always || seen.failure_blocks.get(&session).is_none_or(|blocks| *blocks <= 1));
                }
            }
            // What is stored is what goes on.
            let read = GateState::from_json(&state.to_json()).unwrap();
            prop_assert_eq!(&read, &state);
            prop_assert!(json(&state)["verdicts"].as_array().unwrap().iter().all(|kept| kept["outcome"] != "not-reviewed"));
        }
    }

    #[test]
    fn any_bytes_can_be_read_as_a_state(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = GateState::from_json(&bytes);
    }
}

fn observe(
    seen: &mut Onlooker,
    session: u8,
    fingerprint: &str,
    decision: &Decision,
    policy: &Policy,
) -> Result<(), TestCaseError> {
    match &decision.kind {
        DecisionKind::Allowed { .. } => {
            prop_assert!(seen.allowed.contains_key(fingerprint), "allowed what no reviewer allowed");
            seen.last_allowed = Some(fingerprint.to_owned());
            seen.deferred.remove(&session);
        }
        DecisionKind::Blocked { .. } => {
            *seen.verdict_blocks.entry(session).or_default() += 1;
            prop_assert_eq!(decision.rounds, seen.verdict_blocks[&session]);
        }
        DecisionKind::NotReviewed { blocks: true, failure } => {
            let on = if failure.kind == FailureKind::BudgetSpent {
                policy.at_limit
            } else {
                policy.on_not_reviewed
            };
            prop_assert!(on != OnFailure::Allow);
            *seen.failure_blocks.entry(session).or_default() += 1;
        }
        DecisionKind::NotReviewed { failure: NotReviewed { kind, .. }, .. } => {
            if *kind != FailureKind::RoundsSpent {
                let on =
                    if *kind == FailureKind::BudgetSpent { policy.at_limit } else { policy.on_not_reviewed };
                prop_assert!(on != OnFailure::Block, "a failure was let pass");
            }
            if *kind == FailureKind::RoundsSpent {
                prop_assert_eq!(seen.verdict_blocks.get(&session).copied(), Some(policy.max_rounds.max(1)));
            }
        }
        DecisionKind::Skipped(SkipReason::AlreadyAllowed) => {
            prop_assert_eq!(seen.last_allowed.as_deref(), Some(fingerprint));
            // The tree is back at allowed work: nothing is left to review.
            seen.deferred.remove(&session);
        }
        DecisionKind::Skipped(SkipReason::Unchanged) => {
            prop_assert!(
                seen.deferred.get(&session).is_none_or(|deferred| deferred != fingerprint),
                "what a cooldown let pass was forgotten"
            );
        }
        DecisionKind::Skipped(SkipReason::Cooldown { remaining }) => {
            prop_assert!(*remaining <= policy.cooldown);
            seen.deferred.insert(session, fingerprint.to_owned());
        }
        DecisionKind::Skipped(skip) => prop_assert!(false, "{skip:?}"),
    }
    Ok(())
}
