//! What hosts say, and what they are told.

use codex_gate::host::{StopEvent, claude, codex, exit, git};
use codex_gate::{
    BeforeReview, Decision, DecisionKind, FailureKind, Finding, GateRequest, NotReviewed, Policy,
    ReviewOutcome, Reviewed, SkipReason, TreeSnapshot, TurnPosition, Verdict, Wording, decide_after,
    decide_before,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::policy::{Gate, allow, block, failed};

fn wording() -> Wording {
    Wording::for_turns(&Policy::default()).turn_off("gate-tool off")
}

/// One decision of each kind, made by the state machine.
fn decisions() -> Vec<(&'static str, Decision)> {
    let mut gate = Gate::new();
    gate.prompt("s", "0");
    let findings = vec![
        Finding::new("stale entries are served").file("src/cache.rs").lines(10..=14),
        Finding::new("exits with 0 on errors").file("src/main.rs").lines(7),
    ];
    let mut two = findings.clone();
    two[0].severity = codex_gate::Severity::High;
    two[0].body = "Seen with two writers.\n\nThe second one wins.".into();
    two[0].recommendation = Some("compare the generation".into());
    let blocking = ReviewOutcome::Block { reason: "two \u{1b}[31mfaults\u{1b}[0m".into(), findings: two };
    let unchanged = gate.stop("s", TurnPosition::First, "0", allow());
    let blocked = gate.stop("s", TurnPosition::First, "1", blocking);
    let blocked_again = gate.stop("s", TurnPosition::Continuing, "1", allow());
    let failed_once = gate.stop("s", TurnPosition::Continuing, "2", failed());
    let failed_twice = gate.stop("s", TurnPosition::Continuing, "3", failed());
    let no_reason = gate.stop(
        "s",
        TurnPosition::Continuing,
        "4",
        ReviewOutcome::Block { reason: String::new(), findings: Vec::new() },
    );
    let spent = gate.stop("s", TurnPosition::Continuing, "5", allow());
    gate.prompt("s", "5");
    let allowed = gate.stop("s", TurnPosition::First, "6", allow());
    let already = gate.stop("s", TurnPosition::First, "6", allow());
    gate.prompt("s", "6");
    let _ = gate.stop("s", TurnPosition::First, "7", block("x"));
    let after_round = gate.stop("s", TurnPosition::Continuing, "8", allow());
    vec![
        ("off", Decision::skipped(SkipReason::Off)),
        ("unchanged", unchanged),
        ("already allowed", already),
        ("allowed", allowed),
        ("allowed after a round", after_round),
        ("blocked", blocked),
        ("blocked by a kept verdict", blocked_again),
        ("blocked without a reason", no_reason),
        ("not reviewed, first time", failed_once),
        ("not reviewed, second time", failed_twice),
        ("rounds spent", spent),
    ]
}

fn pretty(document: Option<&str>) -> String {
    document.map_or("(nothing)".into(), |document| {
        assert!(!document.contains('\n'), "one line");
        serde_json::to_string_pretty(&serde_json::from_str::<Value>(document).unwrap()).unwrap()
    })
}

#[test]
fn claude_code_is_told_in_its_words() {
    let mut shown = String::new();
    for (name, decision) in decisions() {
        let answer = claude::answer(StopEvent::Stop, &decision, &wording());
        shown.push_str(&format!("## {name}\n{}\n\n", pretty(answer.as_deref())));
        // The members that Claude Code knows for this event, and the one that makes it go on exactly when we block.
        let Some(answer) = answer else { continue };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let feedback = &answer["hookSpecificOutput"]["additionalContext"];
        assert_eq!(feedback.is_string(), decision.blocks());
        assert_eq!(answer["systemMessage"].is_string(), !decision.blocks());
        assert_eq!(answer.as_object().unwrap().len(), 1);
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn the_answer_names_the_event_that_asked() {
    let (_, blocked) = decisions().remove(5);
    let answer = claude::answer(StopEvent::SubagentStop, &blocked, &wording()).unwrap();
    assert!(answer.contains(r#""hookEventName":"SubagentStop""#));
}

#[test]
fn codex_is_told_in_its_words() {
    let mut shown = String::new();
    for (name, decision) in decisions() {
        let answer = codex::answer(&decision, &wording());
        shown.push_str(&format!("## {name}\n{}\n\n", pretty(answer.as_deref())));
        let Some(answer) = answer else { continue };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        // `stop.command.output` of Codex 0.169.0 refuses other members, and a block without a reason.
        let known = ["continue", "decision", "reason", "stopReason", "suppressOutput", "systemMessage"];
        assert!(answer.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())));
        assert_eq!(answer["decision"] == "block", decision.blocks());
        assert!(!decision.blocks() || !answer["reason"].as_str().unwrap().trim().is_empty());
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn git_and_exit_codes_are_told_plainly() {
    let mut shown = String::new();
    for (name, decision) in decisions() {
        let exit = exit::answer(&decision, &Wording::for_action("merge"));
        shown.push_str(&format!(
            "## {name}: {}\n# stdout\n{}# stderr\n{}\n",
            exit.code, exit.stdout, exit.stderr
        ));
        let of_git = git::answer(&decision, &Wording::for_action("push"));
        assert_eq!((of_git.code != 0, of_git.stdout.as_str()), (decision.blocks(), ""));
        assert_eq!(of_git.stderr.is_empty(), name == "off");
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn claude_codes_input_is_read() {
    let input = json!({
        "session_id": "5f1c", "transcript_path": "/t/5f1c.jsonl", "cwd": "/w", "permission_mode": "default",
        "hook_event_name": "Stop", "stop_hook_active": false, "last_assistant_message": "Done.",
        "background_tasks": [{"id": "b1", "type": "shell", "status": "running", "description": "d", "command": "sleep 9"}],
        "session_crons": [], "a member of tomorrow": {"x": [1, 2.5, null]},
    });
    let read = claude::read(input.to_string().as_bytes()).unwrap();
    assert_eq!(read.event, StopEvent::Stop);
    assert_eq!(read.request.session, "5f1c");
    assert_eq!(read.request.turn, TurnPosition::First);
    assert_eq!(read.request.agent, None);
    assert_eq!(read.request.last_message.as_deref(), Some("Done."));
    assert_eq!(read.request.cwd.as_deref(), Some("/w".as_ref()));
    assert_eq!(read.transcript_path.as_deref(), Some("/t/5f1c.jsonl".as_ref()));
    assert_eq!(read.permission_mode.as_deref(), Some("default"));

    let input = json!({
        "session_id": "5f1c", "hook_event_name": "SubagentStop", "stop_hook_active": true, "agent_id": "a7",
        "agent_type": "Explore", "agent_transcript_path": "/t/a7.jsonl", "last_assistant_message": null,
    });
    let read = claude::read(format!("\u{feff}\n{input}\n").as_bytes()).unwrap();
    assert_eq!(read.event, StopEvent::SubagentStop);
    assert_eq!(read.request.agent.as_deref(), Some("a7"));
    assert_eq!(read.request.turn, TurnPosition::Continuing);
    assert_eq!(read.request.last_message, None);
}

#[test]
fn codexs_input_is_read() {
    // Every member that `stop.command.input` of Codex 0.169.0 requires.
    let input = json!({
        "session_id": "019a", "turn_id": "t-3", "transcript_path": null, "cwd": "/w", "hook_event_name": "Stop",
        "model": "gpt-5.5", "permission_mode": "bypassPermissions", "stop_hook_active": true,
        "last_assistant_message": "Done.",
    });
    let read = codex::read(input.to_string().as_bytes()).unwrap();
    assert_eq!(read.request.session, "019a");
    assert_eq!(read.request.turn, TurnPosition::Named("t-3".into()));
    assert_eq!(read.model.as_deref(), Some("gpt-5.5"));
    assert_eq!(read.transcript_path, None);
}

#[test]
fn d06_a_large_input_is_read_whole() {
    let message = "a long last message, ".repeat(100_000);
    let input =
        json!({"session_id": "s", "last_assistant_message": message, "hook_event_name": "Stop"}).to_string();
    assert!(input.len() > 2_000_000);
    let read = claude::read(input.as_bytes()).unwrap();
    assert_eq!(read.request.last_message.as_deref(), Some(message.as_str()));
    for end in [0, 1, 65_536, input.len() - 1] {
        assert!(claude::read(&input.as_bytes()[..end]).is_err(), "{end}");
    }
}

#[test]
fn half_an_emoji_is_no_broken_input() {
    let read = claude::read(br#"{"session_id":"s","last_assistant_message":"cut \ud83d","other":"\udc00"}"#)
        .unwrap();
    assert!(read.request.last_message.unwrap().starts_with("cut "));
    let read = claude::read(b"{\"session_id\":\"s\",\"last_assistant_message\":\"not \xff utf-8\"}").unwrap();
    assert_eq!(read.request.last_message.as_deref(), Some("not \u{fffd} utf-8"));
}

#[test]
fn broken_input_is_told_from_incomplete_input() {
    let bad = |input: &str| claude::read(input.as_bytes()).unwrap_err().to_string();
    assert_eq!(bad(""), "the input is empty");
    assert_eq!(bad(" \n"), "the input is empty");
    assert_eq!(bad("[]"), "the input is not a JSON object");
    assert_eq!(bad("hello"), "the input is not a JSON object");
    assert_eq!(bad(r#"{"hook_event_name":"PreToolUse"}"#), "the input belongs to the PreToolUse hook");
    assert!(bad(r#"{"session_id":7}"#).contains("a string"));
    assert!(bad(r#"{"session_id":"a"} trailing"#).contains("trailing"));
    // Nothing is known, and nothing is wrong.
    let read = claude::read(b"{}").unwrap();
    assert_eq!((read.request.session.as_str(), read.request.turn), ("", TurnPosition::First));
    let failure: NotReviewed = claude::read(b"").unwrap_err().into();
    assert_eq!(failure.kind, FailureKind::BadInput);
}

const A: &str = "1111111111111111111111111111111111111111";
const B: &str = "2222222222222222222222222222222222222222";
const NONE: &str = "0000000000000000000000000000000000000000";

#[test]
fn a_push_is_read() {
    let input = format!(
        "refs/heads/main {A} refs/heads/main {B}\nHEAD@{{1 day ago}} {B} refs/heads/new {NONE}\n(delete) {NONE} refs/heads/old {A}\n"
    );
    let push = git::PrePush::read(input.as_bytes()).unwrap();
    assert_eq!(push.refs.len(), 3);
    assert_eq!(push.refs[1].local_ref, "HEAD@{1 day ago}");
    assert_eq!(push.refs[1].remote_oid, None);
    assert_eq!(push.refs[2].local_oid, None);
    let sent: Vec<_> = push.sent().map(|sent| sent.remote_ref.as_str()).collect();
    assert_eq!(sent, ["refs/heads/main", "refs/heads/new"]);
    assert_eq!(push.request().tree.unwrap().fingerprint, format!("push {B}..{A} new..{B}"));
    assert_eq!(push.request().turn, TurnPosition::Single);

    assert_eq!(git::PrePush::read(b"").unwrap().sent().count(), 0);
    for bad in
        ["x", "a b c d", &format!("main {A} refs/heads/main"), &format!("main {A}z refs/heads/main {B}")]
    {
        assert!(git::PrePush::read(bad.as_bytes()).is_err(), "{bad}");
    }
    assert_eq!(git::pre_commit().turn, TurnPosition::Single);
}

#[test]
fn the_same_push_is_reviewed_once() {
    let mut gate = Gate::new();
    let push = git::PrePush::read(format!("main {A} refs/heads/main {B}").as_bytes()).unwrap();
    let decision = gate.ask(&push.request(), || Reviewed::new(allow()));
    assert!(matches!(decision.kind, DecisionKind::Allowed { .. }));
    let decision = gate.ask(&push.request(), || unreachable!());
    assert!(matches!(decision.kind, DecisionKind::Skipped(SkipReason::AlreadyAllowed)));
}

#[test]
fn feedback_is_capped_and_says_so() {
    let mut finding = Finding::new("t".repeat(Verdict::TITLE_BYTES)).file("f.rs").lines(1);
    finding.body = "b\u{1b}]0;x\u{7}\n".repeat(200);
    finding.recommendation = Some("r".repeat(Verdict::BODY_BYTES));
    let outcome =
        ReviewOutcome::Block { reason: "w".repeat(2_000), findings: vec![finding; Verdict::MAX_FINDINGS] };
    let mut gate = Gate::new();
    let decision = gate.stop("s", TurnPosition::First, "a", outcome);
    for max_bytes in [9_000, 2_000, 0] {
        let mut wording = wording();
        wording.max_bytes = max_bytes;
        let feedback = wording.feedback(&decision).unwrap();
        assert!(feedback.len() <= max_bytes.max(500), "{} > {max_bytes}", feedback.len());
        assert!(feedback.contains("more left out)"));
        assert!(feedback.ends_with("then end this turn again."));
        assert!(!feedback.contains('\u{1b}'));
    }
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = claude::read(&bytes);
        let _ = git::PrePush::read(&bytes);
    }

    /// Whatever a reviewer writes, the person sees one clean line and the host one whole document.
    #[test]
    fn what_is_said_is_clean(text in "[\\s\\S]{0,300}", what in 0..3) {
        let outcome = match what {
            0 => ReviewOutcome::Allow { reason: text },
            1 => ReviewOutcome::Block { reason: text.clone(), findings: vec![Finding::new(text.clone()).file(text)] },
            _ => NotReviewed::new(FailureKind::Failed, text).into(),
        };
        let mut gate = Gate::new();
        let request = GateRequest::new("s", TurnPosition::First).tree(TreeSnapshot::new("f"));
        let (before, state) = decide_before(&request, gate.state(), &gate.policy, gate.now);
        gate.store(&state);
        let BeforeReview::Review(ask) = before else { panic!() };
        let (decision, _) = decide_after(&ask, Reviewed::new(outcome), gate.state(), &gate.policy, gate.now);
        let note = wording().note(&decision).unwrap();
        prop_assert!(note.len() <= Wording::NOTE_BYTES + 3);
        prop_assert!(!note.chars().any(char::is_control), "{note:?}");
        let said = wording().feedback(&decision).unwrap_or_default();
        prop_assert!(!said.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{said:?}");
        for document in [claude::answer(StopEvent::Stop, &decision, &wording()), codex::answer(&decision, &wording())] {
            prop_assert!(serde_json::from_str::<Value>(&document.unwrap()).is_ok());
        }
    }
}
