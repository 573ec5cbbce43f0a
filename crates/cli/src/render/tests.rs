use serde_json::{Value, json};

use super::*;
use crate::exit::Kind;
use crate::review_output::{ReviewResult, Severity};
use crate::sanitize::is_forbidden;

fn finding(severity: Severity, title: &str, file: &str, lines: (u32, u32)) -> Finding {
    Finding {
        severity,
        title: title.into(),
        body: "Two writers can meet.\n\nThe second one wins.".into(),
        file: file.into(),
        line_start: lines.0,
        line_end: lines.1,
        confidence: Some(0.8),
        recommendation: "Take the lock first.".into(),
    }
}

fn report() -> ReviewReport {
    let target = Target {
        mode: "branch".into(),
        label: "branch against main".into(),
        base_ref: Some("main".into()),
        explicit: true,
    };
    ReviewReport {
        thread_id: Some("thread-1".into()),
        job_id: Some("review-1".into()),
        codex: CodexOutput {
            stdout: "{}".into(),
            reasoning: vec!["Looked.".into()],
            ..CodexOutput::default()
        },
        result: Some(ReviewResult {
            verdict: Verdict::NeedsAttention,
            summary: "One race, one leak.".into(),
            findings: vec![
                finding(Severity::Critical, "Race in the writer", "src/a.rs", (3, 7)),
                Finding {
                    confidence: None,
                    recommendation: String::new(),
                    ..finding(Severity::Low, "Misleading name", "", (1, 1))
                },
            ],
            next_steps: vec!["Add a lock.".into(), "Add a test with two writers.".into()],
        }),
        raw_output: "{}".into(),
        reasoning_summary: vec!["Looked.".into()],
        context: Some(Context {
            repo_root: "/repo".into(),
            branch: Some("feature".into()),
            summary: "2 files, +120 −14".into(),
            input_mode: Some("inline".into()),
            file_count: Some(2),
            diff_bytes: Some(4096),
            manifest: None,
        }),
        notes: vec!["findings[1].severity: \"tiny\" is not known, taken as medium".into()],
        resume: Some("codex resume thread-1".into()),
        ..ReviewReport::new(ReviewKind::Adversarial, target)
    }
}

fn prose() -> ReviewReport {
    let target =
        Target { mode: "working-tree".into(), label: "working tree".into(), base_ref: None, explicit: false };
    ReviewReport { raw_output: "Looks fine to me.\n".into(), ..ReviewReport::new(ReviewKind::Native, target) }
}

fn unreadable() -> ReviewReport {
    ReviewReport { parse_error: Some("verdict: missing".into()), raw_output: "{\"a\": 1}".into(), ..prose() }
}

#[test]
fn reviews_as_text() {
    insta::assert_snapshot!("review-text", review(&report(), Format::Text));
    insta::assert_snapshot!("review-text-prose", review(&prose(), Format::Text));
    insta::assert_snapshot!("review-text-unreadable", review(&unreadable(), Format::Text));
    let mut clean = report();
    clean.result = Some(ReviewResult {
        verdict: Verdict::Approve,
        summary: "Nothing to say against it.".into(),
        findings: Vec::new(),
        next_steps: Vec::new(),
    });
    (clean.notes, clean.resume, clean.context) = (Vec::new(), None, None);
    insta::assert_snapshot!("review-text-clean", review(&clean, Format::Text));
}

#[test]
fn reviews_as_markdown() {
    insta::assert_snapshot!("review-markdown", review(&report(), Format::Markdown));
    insta::assert_snapshot!("review-markdown-unreadable", review(&unreadable(), Format::Markdown));
}

#[test]
fn reviews_as_annotations() {
    insta::assert_snapshot!("review-github", review(&report(), Format::Github));
    insta::assert_snapshot!("review-github-unreadable", review(&unreadable(), Format::Github));
    let mut hostile = report();
    let result = hostile.result.as_mut().unwrap();
    result.findings.truncate(1);
    result.findings[0].title = "100%: a,b\n::error::forged".into();
    result.findings[0].file = "a:b,c%.rs".into();
    result.findings[0].body = "one\r\n::warning::two % three".into();
    result.findings[0].recommendation = String::new();
    let text = review(&hostile, Format::Github);
    let line = text.lines().nth(1).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert_eq!(
        line,
        "::error file=a%3Ab%2Cc%25.rs,line=3,endLine=7,title=[critical] 100%25%3A a%2Cb %3A%3Aerror%3A%3Aforged\
         ::one%0A::warning::two %25 three"
    );
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[track_caller]
fn same_keys(value: &Value, expected: &[&str]) {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    let mut got = keys(value);
    got.sort_unstable();
    assert_eq!(got, expected);
}

#[test]
fn reviews_as_json_have_the_documented_members() {
    let document: Value = serde_json::from_str(&review(&report(), Format::Json)).unwrap();
    same_keys(
        &document,
        &[
            "review",
            "target",
            "threadId",
            "sourceThreadId",
            "jobId",
            "codex",
            "result",
            "rawOutput",
            "parseError",
            "reasoningSummary",
            "context",
        ],
    );
    same_keys(&document["target"], &["mode", "label", "baseRef", "explicit"]);
    same_keys(&document["codex"], &["status", "stderr", "stdout", "reasoning"]);
    same_keys(&document["result"], &["verdict", "summary", "findings", "next_steps"]);
    same_keys(
        &document["result"]["findings"][0],
        &["severity", "title", "body", "file", "line_start", "line_end", "confidence", "recommendation"],
    );
    same_keys(
        &document["context"],
        &["repoRoot", "branch", "summary", "inputMode", "fileCount", "diffBytes", "manifest"],
    );
    assert_eq!(document["review"], "Adversarial Review");
    assert_eq!(document["result"]["verdict"], "needs-attention");
    assert_eq!(document["result"]["findings"][1]["confidence"], Value::Null);

    let document: Value = serde_json::from_str(&review(&prose(), Format::Json)).unwrap();
    assert_eq!((&document["review"], &document["result"]), (&json!("Review"), &Value::Null));
    same_keys(&document["target"], &["mode", "label", "explicit"]);
}

#[test]
fn reviews_as_sarif_have_the_structure_of_the_standard() {
    let document: Value = serde_json::from_str(&review(&report(), Format::Sarif)).unwrap();
    assert_eq!(document["version"], "2.1.0");
    assert!(document["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let run = &document["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "codex-companion");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        for location in result["locations"].as_array().unwrap() {
            let region = &location["physicalLocation"]["region"];
            assert!(1 <= region["startLine"].as_u64().unwrap());
            assert!(region["startLine"].as_u64() <= region["endLine"].as_u64());
        }
    }
    assert_eq!(run["results"].as_array().unwrap().len(), 2);
    assert_eq!(run["results"][0]["level"], "error");
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"], json!({"uri": "src/a.rs", "uriBaseId": "%SRCROOT%"}));
    assert_eq!(run["results"][1]["locations"], json!([]));
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);

    let document: Value = serde_json::from_str(&review(&unreadable(), Format::Sarif)).unwrap();
    let invocation = &document["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(
        invocation["toolExecutionNotifications"][0]["message"]["text"],
        "the answer could not be read: verdict: missing"
    );
    assert_eq!(document["runs"][0]["results"], json!([]));

    let document: Value = serde_json::from_str(&review(&prose(), Format::Sarif)).unwrap();
    let invocation = &document["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], true);
    assert_eq!(invocation["toolExecutionNotifications"][0]["level"], "note");
}

#[test]
fn a_turn_that_did_not_complete_has_no_verdict() {
    let mut report = prose();
    report.codex.status = 1;
    for format in [Format::Text, Format::Markdown, Format::Sarif, Format::Github] {
        let text = review(&report, format);
        assert!(text.contains("the turn did not complete") && !text.contains("approve"), "{text}");
    }
}

#[test]
fn d21_nothing_from_the_model_reaches_a_terminal_raw() {
    let nasty = "x\x1b[31m\x1b]0;t\x07\u{9b}1m\rZ\u{202e}\u{200b}\u{7f}";
    let mut report = report();
    let result = report.result.as_mut().unwrap();
    result.summary = nasty.into();
    result.next_steps = vec![nasty.into()];
    let finding = &mut result.findings[0];
    for field in [&mut finding.title, &mut finding.body, &mut finding.file, &mut finding.recommendation] {
        *field = nasty.into();
    }
    report.target.label = nasty.into();
    report.context.as_mut().unwrap().summary = nasty.into();
    report.notes = vec![nasty.into()];
    report.resume = Some(nasty.into());
    let mut broken = report.clone();
    (broken.result, broken.parse_error, broken.raw_output) = (None, Some(nasty.into()), nasty.into());
    for report in [report, broken] {
        for format in [Format::Text, Format::Markdown, Format::Json, Format::Sarif, Format::Github] {
            let text = review(&report, format);
            assert!(!text.chars().any(is_forbidden), "{format:?}: {text:?}");
        }
    }
    let mut task_report = TaskReport { raw_output: nasty.into(), ..TaskReport::default() };
    task_report.touched_files = vec![nasty.into()];
    let setup_report = SetupReport { next_steps: vec![nasty.into()], ..SetupReport::default() };
    let failed = Failure::new(Kind::TurnFailed, nasty).caused_by(nasty.to_owned() + "!").with_hint(nasty);
    for text in [
        task(&task_report, false),
        task(&task_report, true),
        setup(&setup_report, false),
        failure(&failed, false),
        failure_json(&failed),
    ] {
        assert!(!text.chars().any(is_forbidden), "{text:?}");
    }
}

#[test]
fn tasks() {
    let mut report = TaskReport {
        thread_id: Some("t".into()),
        turn_id: Some("u".into()),
        raw_output: "Done.\n\n  indented".into(),
        ..TaskReport::default()
    };
    assert_eq!(task(&report, false), "Done.\n\n  indented\n");
    report.touched_files = vec!["src/a.rs".into()];
    report.resume = Some("codex resume t".into());
    assert_eq!(
        task(&report, false),
        "Done.\n\n  indented\n\nChanged files\n- src/a.rs\n\nContinue this thread: codex resume t\n"
    );
    let document: Value = serde_json::from_str(&task(&report, true)).unwrap();
    same_keys(
        &document,
        &["status", "threadId", "turnId", "jobId", "rawOutput", "touchedFiles", "reasoningSummary"],
    );
}

#[test]
fn setups() {
    let mut report = SetupReport {
        ready: true,
        codex: Tool { available: true, detail: "0.169.0 at /usr/bin/codex".into() },
        npm: Tool { available: false, detail: String::new() },
        auth: Auth {
            available: true,
            logged_in: true,
            auth_method: Some("chatgpt".into()),
            detail: "ChatGPT, plus plan".into(),
            source: "app-server".into(),
            ..Auth::default()
        },
        session_runtime: SessionRuntime {
            mode: "direct".into(),
            label: "direct".into(),
            detail: "each command starts its own app-server".into(),
            endpoint: None,
        },
        ..SetupReport::default()
    };
    insta::assert_snapshot!("setup-ready", setup(&report, false));
    report.ready = false;
    report.auth.logged_in = false;
    report.auth.detail = "no account".into();
    report.actions_taken = vec!["Installed Codex with npm.".into()];
    report.next_steps = vec!["Sign in: codex login".into()];
    insta::assert_snapshot!("setup-not-ready", setup(&report, false));
    let document: Value = serde_json::from_str(&setup(&report, true)).unwrap();
    same_keys(
        &document,
        &[
            "ready",
            "codex",
            "npm",
            "auth",
            "sessionRuntime",
            "reviewGateEnabled",
            "actionsTaken",
            "nextSteps",
        ],
    );
    same_keys(
        &document["auth"],
        &[
            "available",
            "loggedIn",
            "authMethod",
            "provider",
            "detail",
            "source",
            "verified",
            "requiresOpenaiAuth",
        ],
    );
    same_keys(&document["sessionRuntime"], &["mode", "label", "detail", "endpoint"]);
}

#[test]
fn failures() {
    let failed = Failure::new(Kind::CodexMissing, "codex was not found on PATH")
        .caused_by(std::io::Error::other("no such file"))
        .with_hint("install it with `npm install -g @openai/codex`");
    assert_eq!(
        failure(&failed, false),
        "error: codex was not found on PATH\n  caused by: no such file\n\
         help: install it with `npm install -g @openai/codex`\n"
    );
    assert!(failure(&failed, true).starts_with("\x1b[1;31merror:\x1b[0m codex"));
    let document: Value = serde_json::from_str(&failure_json(&failed)).unwrap();
    assert_eq!(
        document,
        json!({"error": {
            "kind": "codex-missing",
            "message": "codex was not found on PATH: no such file",
            "hint": "install it with `npm install -g @openai/codex`",
        }})
    );
    let bare = failure_json(&Failure::usage("no"));
    assert_eq!(serde_json::from_str::<Value>(&bare).unwrap()["error"]["hint"], Value::Null);
}
