//! Programs as reviewers. The programs are shell scripts, given as arguments to `sh`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use codex_gate::{
    CommandReviewer, FailureKind, NotReviewed, Prompt, Reply, ReviewOutcome, Reviewed, Reviewer,
};

const LONG: Duration = Duration::from_secs(60);

fn shell(script: &str) -> CommandReviewer {
    CommandReviewer::new("sh", ["-c", script])
}

async fn ask(reviewer: &CommandReviewer, prompt: &str) -> Result<Reply, NotReviewed> {
    reviewer.review(&Prompt::custom(prompt, "test"), LONG).await
}

/// How long a wait may take before its test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits until the file is there, and not empty. Ends with the test's own time-out, not with a number of tries.
async fn content(path: &Path) -> String {
    let look = async {
        loop {
            match fs::read_to_string(path) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                // sleep: between two looks, with a limit
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(LIMIT, look).await.expect("the file in time")
}

/// Waits until no process has this number. A zombie that init has not reaped yet counts as gone.
async fn gone(pid: &str) {
    let lives = || {
        let ps = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
        ps.status.success() && !ps.stdout.trim_ascii().starts_with(b"Z")
    };
    let look = async {
        while lives() {
            // sleep: between two looks, with a limit
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, look).await.expect("the process's end in time");
}

#[tokio::test]
async fn the_prompt_goes_in_and_the_verdict_comes_out() {
    let prompt = "quotes \" ' \\ and $(touch x)\nand é".repeat(10_000);
    let folder = tempfile::tempdir().unwrap();
    let reviewer =
        shell("cat > prompt; echo 'BLOCK: it is too long'; echo noise >&2").directory(folder.path());
    let answer: Reviewed = ask(&reviewer, &prompt).await.into();
    assert!(matches!(answer.outcome, ReviewOutcome::Block { reason, .. } if reason == "it is too long"));
    assert_eq!(fs::read_to_string(folder.path().join("prompt")).unwrap(), prompt, "byte for byte");
}

#[tokio::test]
async fn a_program_need_not_read_its_prompt() {
    let prompt = "x".repeat(10_000_000);
    assert_eq!(ask(&shell("echo ALLOW: fine"), &prompt).await.unwrap().text, "ALLOW: fine\n");
    assert_eq!(ask(&shell("exec 0<&-; echo ALLOW: fine"), &prompt).await.unwrap().text, "ALLOW: fine\n");
}

#[tokio::test]
async fn a_failed_program_has_no_verdict() {
    let failure = ask(&shell("echo ALLOW: fine; echo no key >&2; exit 3"), "").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    assert!(failure.detail.contains('3') && failure.detail.ends_with("no key"), "{}", failure.detail);
    let failure = ask(&shell("echo ALLOW: fine; kill -9 $$"), "").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    let failure = ask(&CommandReviewer::new("/no/such/reviewer", [""; 0]), "").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ReviewerMissing);
    let answer: Reviewed = ask(&shell("true"), "").await.into();
    assert!(matches!(
        answer.outcome,
        ReviewOutcome::NotReviewed(NotReviewed { kind: FailureKind::Unparseable, .. })
    ));
}

#[tokio::test]
async fn a_long_answer_is_no_answer() {
    let reviewer = shell("echo ALLOW: fine; while :; do echo more and more; done").output_bytes(100_000);
    let failure = ask(&reviewer, "").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    assert!(failure.detail.contains("more than 100000 bytes"));
    let exact = shell("printf 'ALLOW:fine'").output_bytes(10);
    assert_eq!(ask(&exact, "").await.unwrap().text, "ALLOW:fine");
    assert!(ask(&exact.output_bytes(9), "").await.is_err());
}

#[tokio::test]
async fn d35_time_runs_out_for_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let reviewer = shell("sleep 1000 & echo $! > pid; trap '' TERM; wait").directory(folder.path());
    let failure = reviewer.review(&Prompt::custom("", "test"), Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    gone(&content(&folder.path().join("pid")).await).await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    // The background process holds the pipes open.
    let reviewer = shell("sleep 1000 & echo $! > pid; echo ALLOW: fine").directory(folder.path());
    assert_eq!(ask(&reviewer, "").await.unwrap().text, "ALLOW: fine\n");
    gone(&content(&folder.path().join("pid")).await).await;
}

#[tokio::test]
async fn dropping_the_review_ends_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let reviewer = shell("sleep 1000 & echo $! > pid; wait").directory(folder.path());
    let (prompt, file) = (Prompt::custom("", "test"), folder.path().join("pid"));
    let pid = tokio::select! {
        _ = reviewer.review(&prompt, LONG) => panic!("it cannot have ended"),
        pid = content(&file) => pid,
    };
    gone(&pid).await;
}

#[test]
fn a_reviewer_is_known_by_what_it_runs() {
    assert_eq!(CommandReviewer::new("claude", ["-p"]).name(), "command claude -p");
    assert_eq!(CommandReviewer::new("claude", ["-p"]).reviewer_name("sonnet").name(), "sonnet");
}
