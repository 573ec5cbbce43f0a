use codex_companion_core::SessionRuntime;
use codex_companion_core::readiness::{Auth, Tool};
use serde_json::{Value, json};

use super::*;
use crate::exit::Kind;
use codex_base::text::is_forbidden;

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
fn d21_text_from_the_model_is_clean_in_every_report() {
    let nasty = "x\x1b[31m\x1b]0;t\x07\u{9b}1m\rZ\u{202e}\u{200b}\u{7f}";
    let setup_report = Readiness { next_steps: vec![nasty.into()], ..Readiness::default() };
    let failed = Failure::new(Kind::TurnFailed, nasty).caused_by(nasty.to_owned() + "!").with_hint(nasty);
    for text in [setup(&setup_report, false), failure(&failed, false), failure_json(&failed)] {
        assert!(!text.chars().any(is_forbidden), "{text:?}");
    }
}

#[test]
fn setups() {
    let mut report = Readiness {
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
        ..Readiness::default()
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
