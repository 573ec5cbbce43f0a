//! `Gate::judge`: a whole gate, with its state in files.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codex_gate::{
    Changes, DecisionKind, FailureKind, FileStore, Gate, GateRequest, GateState, GivenWork, Judgement,
    NotReviewed, Now, OnFailure, Policy, Prompt, RecordingReviewer, Reply, Reviewer, SkipReason,
    TreeSnapshot, TurnPosition, Work, async_trait,
};
use serde_json::Value;

fn gate(directory: &Path, policy: Policy) -> Gate {
    Gate::new(FileStore::new(directory), policy).event("Stop").clock(|| Now::from_unix_ms(1_800_000_000_000))
}

fn work(fingerprint: &str) -> GivenWork {
    GivenWork::new(TreeSnapshot::new(fingerprint), Changes::new("the work").text("+one line"))
}

async fn judge(gate: &Gate, turn: TurnPosition, fingerprint: &str, reviewer: &dyn Reviewer) -> Judgement {
    let request = GateRequest::new("s", turn).last_message("All tests pass.");
    gate.judge(request, &mut work(fingerprint), reviewer).await
}

fn failure(judgement: &Judgement) -> (FailureKind, bool) {
    match &judgement.decision.kind {
        DecisionKind::NotReviewed { failure, blocks } => (failure.kind, *blocks),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_is_decided_stored_and_logged() {
    let directory = tempfile::tempdir().unwrap();
    let reviewer =
        RecordingReviewer::answering(["BLOCK: a stub\n- [high] a.rs:1: asserts nothing", "ALLOW: fixed"]);
    let policy = Policy::default();

    let blocked = judge(&gate(directory.path(), policy.clone()), TurnPosition::First, "1", &reviewer).await;
    assert!(blocked.decision.blocks() && blocked.notices.is_empty());
    let prompt = &reviewer.prompts()[0];
    assert!(prompt.contains("+one line") && prompt.contains("All tests pass."), "{prompt}");

    // Another process, as far as the gate can see: the same work is not reviewed again.
    let other = gate(directory.path(), policy);
    let again = judge(&other, TurnPosition::Continuing, "1", &reviewer).await;
    assert!(again.decision.cached && again.decision.rounds == 2);
    let allowed = judge(&other, TurnPosition::Continuing, "2", &reviewer).await;
    assert!(matches!(allowed.decision.kind, DecisionKind::Allowed { .. }));
    assert!(reviewer.prompts()[1].contains("asserts nothing"), "what is open is in the next prompt");
    let skipped = judge(&other, TurnPosition::Continuing, "2", &reviewer).await;
    assert_eq!(skipped.decision.kind, DecisionKind::Skipped(SkipReason::AlreadyAllowed));

    let log = fs::read_to_string(directory.path().join("gate.log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<&Value> = lines.iter().map(|line| &line["outcome"]).collect();
    assert_eq!(outcomes, ["block", "block", "allow", "skipped"]);
    assert_eq!((&lines[0]["event"], &lines[0]["session"]), (&Value::from("Stop"), &Value::from("s")));
    assert_eq!(lines[0]["blocks"], true);
}

#[tokio::test]
async fn a_gate_that_is_off_touches_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let off = gate(directory.path(), Policy::default().enabled(false));
    let reviewer = RecordingReviewer::default();
    let judged = judge(&off, TurnPosition::First, "1", &reviewer).await;
    assert_eq!(judged.decision.kind, DecisionKind::Skipped(SkipReason::Off));
    let failed = off.fail(GateRequest::unreadable(), NotReviewed::new(FailureKind::BadInput, ""));
    assert_eq!(failed.decision.kind, DecisionKind::Skipped(SkipReason::Off));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn e62_a_broken_reviewer_blocks_every_time_in_ci() {
    let directory = tempfile::tempdir().unwrap();
    let ci = gate(directory.path(), Policy::for_ci());
    for _ in 0..4 {
        let judged = judge(&ci, TurnPosition::Single, "1", &RecordingReviewer::default()).await;
        assert_eq!(failure(&judged), (FailureKind::Failed, true));
        assert_eq!(codex_gate::host::exit::code(&judged.decision), 6);
    }
}

/// Work that cannot be read, or that is empty.
struct Odd(Result<Option<TreeSnapshot>, NotReviewed>);

#[async_trait]
impl Work for Odd {
    async fn snapshot(&mut self, _state: &GateState) -> Result<Option<TreeSnapshot>, NotReviewed> {
        self.0.clone()
    }
    async fn changes(&mut self) -> Result<Changes, NotReviewed> {
        Err(NotReviewed::new(FailureKind::Failed, "the file is gone"))
    }
}

#[tokio::test]
async fn work_that_cannot_be_read_is_not_reviewed() {
    let directory = tempfile::tempdir().unwrap();
    let gate = gate(directory.path(), Policy::default());
    let unreadable = Err(NotReviewed::new(FailureKind::Failed, "permission denied"));
    for work in [unreadable, Ok(Some(TreeSnapshot::new("1")))] {
        let request = GateRequest::new("s", TurnPosition::First);
        let judged =
            gate.judge(request, &mut Odd(work), &RecordingReviewer::answering(["ALLOW: fine"])).await;
        assert_eq!(failure(&judged), (FailureKind::Failed, true));
    }
    let check = |turn| {
        let (gate, request) = (gate.clone(), GateRequest::new("s", turn));
        async move { gate.judge(request, &mut Odd(Ok(None)), &RecordingReviewer::default()).await.decision.kind }
    };
    assert_eq!(check(TurnPosition::First).await, DecisionKind::Skipped(SkipReason::Unchanged));
    assert_eq!(check(TurnPosition::Single).await, DecisionKind::Skipped(SkipReason::NothingToReview));
}

#[tokio::test]
async fn d23_a_corrupt_state_is_reported_and_the_gate_continues() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("gate.json"), "{\"version\":1,\"sess").unwrap();
    let gate = gate(directory.path(), Policy::default());
    let judged = judge(&gate, TurnPosition::First, "1", &RecordingReviewer::answering(["ALLOW: fine"])).await;
    assert!(matches!(judged.decision.kind, DecisionKind::Allowed { .. }));
    assert_eq!(judged.notices.len(), 1);
    assert!(judged.notices[0].contains("was moved to"), "{:?}", judged.notices);
}

#[tokio::test]
async fn without_a_usable_state_a_turn_is_blocked_once_and_ci_is_reviewed() {
    let directory = tempfile::tempdir().unwrap();
    // A file where the directory should be.
    let blocked = directory.path().join("state");
    fs::write(&blocked, "").unwrap();
    let reviewer = RecordingReviewer::answering(["ALLOW: one", "BLOCK: two"]);
    let gate = gate(&blocked, Policy::default());
    for (turn, blocks) in [(TurnPosition::First, true), (TurnPosition::Continuing, false)] {
        assert_eq!(failure(&judge(&gate, turn, "1", &reviewer).await), (FailureKind::Failed, blocks));
    }
    assert_eq!(reviewer.prompts().len(), 0);
    let allowed = judge(&gate, TurnPosition::Single, "1", &reviewer).await;
    assert!(!allowed.decision.blocks() && !allowed.notices.is_empty());
    assert!(judge(&gate, TurnPosition::Single, "1", &reviewer).await.decision.blocks());
}

#[tokio::test]
async fn a_newer_state_is_left_alone_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gate.json");
    fs::write(&file, "{\"version\":9}").unwrap();
    let gate = gate(directory.path(), Policy::default());
    let judged = judge(&gate, TurnPosition::First, "1", &RecordingReviewer::answering(["ALLOW: fine"])).await;
    let DecisionKind::NotReviewed { failure, blocks: true } = &judged.decision.kind else {
        panic!("{judged:?}")
    };
    assert!(failure.detail.contains("format version 9"), "{failure}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"version\":9}");
}

/// A reviewer that never answers; counts its calls.
#[derive(Default)]
struct Silent(AtomicU32);

#[async_trait]
impl Reviewer for Silent {
    fn name(&self) -> String {
        "silent".to_owned()
    }
    async fn review(&self, _prompt: &Prompt, _limit: Duration) -> Result<Reply, NotReviewed> {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::future::pending().await
    }
}

#[tokio::test]
async fn d35_a_reviewer_that_ignores_its_limit_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let gate = gate(directory.path(), Policy::default().timeout(Duration::from_millis(20)));
    let reviewer = Silent::default();
    assert_eq!(
        failure(&judge(&gate, TurnPosition::First, "1", &reviewer).await),
        (FailureKind::TimedOut, true)
    );
    assert_eq!(reviewer.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_review_that_is_dropped_stays_counted() {
    let directory = tempfile::tempdir().unwrap();
    let gate = gate(directory.path(), Policy::default().at_limit(OnFailure::Block));
    let (reviewer, request) = (Silent::default(), GateRequest::new("s", TurnPosition::First));
    let mut work = work("1");
    let asked = async {
        while reviewer.0.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await; // sleep: polls a counter
        }
    };
    tokio::select! {
        judged = gate.judge(request, &mut work, &reviewer) => panic!("{judged:?}"),
        asked = tokio::time::timeout(Duration::from_secs(60), asked) => asked.expect("the reviewer is asked"),
    }
    assert_eq!(gate.store().read().unwrap().spent_by("s").reviews, 1);
}
