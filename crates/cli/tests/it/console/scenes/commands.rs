//! Every command, as it goes well.

use serde_json::{Value, json};

use super::{AGAIN, JOB, STOP, Scene, reviewer, saying, turn};

const BLOCK: &str = "BLOCK: the last round of the loop panics\n\
    - [high] src/cart.rs:9-11: `0..=items.len()` indexes past the end. Fix: iterate over the items.";

pub(super) fn all() -> Vec<Scene> {
    let mut scenes = asking();
    scenes.extend(jobs());
    scenes.extend(gate());
    scenes
}

fn asking() -> Vec<Scene> {
    vec![
        Scene::bare("help").picture().line("codex-companion --help"),
        Scene::bare("demo").picture().line("codex-companion demo"),
        Scene::new("setup").codex(json!({})).line("codex-companion setup"),
        Scene::new("setup-json").codex(json!({})).line("codex-companion setup --json"),
        Scene::new("setup-gate").codex(json!({})).line("codex-companion setup --enable-review-gate"),
        Scene::new("review").picture().codex(reviewer()).line("codex-companion review"),
        Scene::new("review-branch")
            .codex(reviewer())
            .quietly("git switch --quiet --create discount")
            .quietly("git commit --quiet --all --message 'Take the discount off'")
            .line("codex-companion review --base main --format markdown"),
        Scene::new("review-github").codex(reviewer()).line("codex-companion review --quiet --format github"),
        Scene::new("review-json").codex(reviewer()).line("codex-companion review --quiet --json"),
        Scene::new("review-sarif").codex(reviewer()).line("codex-companion review --quiet --format sarif"),
        Scene::new("adversarial-review")
            .codex(saying(&challenge().to_string()))
            .line("codex-companion adversarial-review what if a count is not a multiple of ten?"),
        Scene::new("task")
            .codex(turn(json!([
                { "command": { "command": "cargo test", "output": "" } },
                { "say": { "text": "No test calls `total` with an empty cart, so the panic goes unseen." } },
            ])))
            .line("codex-companion task why does no test fail?"),
        Scene::new("task-write")
            .codex(turn(json!([
                { "edit": { "path": "{root}/shop/src/cart.rs", "diff": "-    for i in 0..=items.len() {\n+    for i in 0..items.len() {\n" } },
                { "say": { "text": "The loop ends with the last item now." } },
            ])))
            .line("codex-companion task --write fix the loop in src/cart.rs"),
        Scene::new("task-json").codex(saying("Nothing does.")).line("codex-companion task --quiet --json what fails?"),
    ]
}

fn challenge() -> Value {
    json!({
        "verdict": "needs-attention",
        "summary": "The discount is taken per line and rounds in the shop's favour.",
        "findings": [{
            "severity": "medium",
            "title": "Two lines of the same item lose their discount",
            "body": "`count / 10` rounds down for each line. Nine and nine of the same item are eighteen, of which one is \
                free by the rule; this code gives none.",
            "file": "src/cart.rs", "line_start": 10, "line_end": 10, "confidence": 0.8,
            "recommendation": "Add up the counts of equal items first.",
        }],
        "next_steps": ["Decide what the rule says about split lines, and test that."],
    })
}

fn jobs() -> Vec<Scene> {
    let held = || {
        turn(json!([
            { "command": { "command": "cargo test", "output": "ok" } },
            { "holdUntilFile": "{root}/go" },
            { "say": { "text": "The loop ends with the last item now." } },
        ]))
    };
    let running = format!("codex-companion status {JOB}");
    vec![
        Scene::new("background")
            .picture()
            .codex(held())
            .line("codex-companion task --background fix the loop in src/cart.rs")
            .until(&running, "task  verifying")
            .line("codex-companion status")
            .write("go", "")
            .line(&format!("codex-companion await {JOB}"))
            .line("codex-companion result"),
        Scene::new("status-job")
            .codex(held())
            .quietly("codex-companion task --background fix the loop in src/cart.rs")
            .until(&running, "task  verifying")
            .line(&running)
            .write("go", "")
            .quietly(&format!("codex-companion await {JOB}")),
        Scene::new("status-json")
            .codex(saying("Done."))
            .quietly("codex-companion task what does this repository do?")
            .line("codex-companion status --json"),
        Scene::new("attach")
            .codex(held())
            .quietly("codex-companion task --background fix the loop in src/cart.rs")
            .write("go", "")
            .quietly(&format!("codex-companion await {JOB}"))
            .line("codex-companion attach"),
        Scene::new("cancel")
            .codex(turn(json!(["stall"])))
            .quietly("codex-companion task --background rewrite the cart")
            .until(&running, "  turn  ")
            .line(&format!("codex-companion cancel {JOB}"))
            .fails("codex-companion result"),
        Scene::new("resume")
            .codex(json!({
                "turns": [[{ "say": { "text": "Nowhere: the repository has no tests." } }]],
                "knownThreads": [{ "id": "019c0f6e-7a31-7c52-9d04-2f8b6a1e5c70", "cwd": "{root}/shop" }],
            }))
            .quietly("codex-companion task --thread 019c0f6e-7a31-7c52-9d04-2f8b6a1e5c70 what does it do?")
            .line("codex-companion task-resume-candidate")
            .line("codex-companion task --quiet --resume-last where is it tested?"),
        Scene::new("broker")
            .codex(held())
            .env("CODEX_COMPANION_BROKER_IDLE_MS", "5000")
            .quietly("codex-companion task --background fix the loop in src/cart.rs")
            .until(&running, "task  verifying")
            .line("codex-companion broker status")
            .fails("codex-companion broker stop")
            .write("go", "")
            .quietly(&format!("codex-companion await {JOB}"))
            .quietly("codex-companion broker stop --force"),
        Scene::new("import")
            .codex(json!({}))
            .write("old/state.json", r#"{"version":1,"config":{"stopReviewGate":true},"jobs":[]}"#)
            .write("old/jobs/task-mbx1k2-abc123.json", REFERENCE_JOB)
            .line("codex-companion setup --import-jobs ../old")
            .line("codex-companion status --all"),
    ]
}

/// What Claude Code's UserPromptExpansion hook is given for `/codex:review --wait`.
const EXPANSION: &str = r#"{"session_id": "7f3d", "hook_event_name": "UserPromptExpansion", "cwd": "{root}/shop",
 "command_name": "codex:review", "command_args": "--wait"}
"#;

/// A job as codex-plugin-cc 1.0.5 records one.
const REFERENCE_JOB: &str = r#"{"id":"task-mbx1k2-abc123","kind":"task","kindLabel":"rescue","title":"Codex Task",
"jobClass":"task","summary":"fix the loop","workspaceRoot":"{root}/shop","status":"completed","phase":"done","pid":null,
"threadId":"019b7c11-90aa-7b20-8d11-0123456789ab","createdAt":"2026-01-01T00:00:00.000Z",
"updatedAt":"2026-01-01T00:01:00.000Z","completedAt":"2026-01-01T00:01:00.000Z",
"result":{"rawOutput":"Fixed."},"rendered":"Fixed.\n"}"#;

fn gate() -> Vec<Scene> {
    vec![
        Scene::new("gate").picture().codex(saying(BLOCK)).fails("codex-companion gate"),
        Scene::new("gate-allow").codex(saying("ALLOW: small and tested")).fails("codex-companion gate"),
        Scene::new("gate-json").codex(saying(BLOCK)).line("codex-companion gate --quiet --json"),
        Scene::new("gate-github").codex(saying(BLOCK)).line("codex-companion gate --quiet --format github"),
        Scene::new("gate-install")
            .line("codex-companion gate install git-pre-push")
            .line("codex-companion gate uninstall git-pre-push"),
        Scene::new("gate-hook-script")
            .quietly("codex-companion gate install git-pre-push")
            .line("cat .git/hooks/pre-push"),
        Scene::new("hook-stop")
            .codex(saying(BLOCK))
            .write("shop/.git/stop.json", STOP)
            .write("shop/.git/again.json", AGAIN)
            .quietly("codex-companion setup --enable-review-gate")
            .line("codex-companion hook stop < .git/stop.json")
            .line("codex-companion hook stop < .git/again.json")
            .line("codex-companion hook stop < .git/again.json")
            .line("codex-companion hook stop < .git/again.json"),
        Scene::new("slash")
            .codex(reviewer())
            .env("CLAUDE_CODE_SESSION_ID", "7f3d")
            .write("shop/.git/expansion.json", EXPANSION)
            .line("codex-companion hook prompt-expansion < .git/expansion.json")
            .line("codex-companion slash review"),
        Scene::new("hook-expansion")
            .codex(saying("It keeps the cart of a shop."))
            .env("CLAUDE_CODE_SESSION_ID", "7f3d")
            .quietly("codex-companion task what does this repository do?")
            .write("shop/.git/expansion.json", &EXPANSION.replace("review", "status").replace("--wait", ""))
            .line("codex-companion hook prompt-expansion < .git/expansion.json"),
        Scene::new("hook-allow")
            .codex(saying("ALLOW: small and tested"))
            .write("shop/.git/stop.json", STOP)
            .quietly("codex-companion setup --enable-review-gate")
            .line("codex-companion hook stop < .git/stop.json")
            .line("codex-companion hook stop < .git/stop.json"),
    ]
}
