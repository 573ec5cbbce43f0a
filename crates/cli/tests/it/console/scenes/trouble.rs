//! What goes wrong, in the words that the program has for it.

use serde_json::json;

use super::{AGAIN, JOB, STOP, Scene, fault, reviewer, saying, turn};

pub(super) fn all() -> Vec<Scene> {
    let mut scenes = codex();
    scenes.extend(turns());
    scenes.extend(repositories());
    scenes.extend(usage());
    scenes.extend(jobs());
    scenes
}

fn codex() -> Vec<Scene> {
    let too_old = "error: unrecognized subcommand 'app-server'\n\nUsage: codex [OPTIONS] [PROMPT]\n";
    let exit = |code: i32, stderr: &str| json!({ "start": { "exit": { "code": code, "stderr": stderr } } });
    vec![
        Scene::new("no-codex").fails("codex-companion review"),
        Scene::new("codex-too-old").codex(exit(2, too_old)).fails("codex-companion review"),
        Scene::new("codex-dies").codex(exit(127, "node: not found\n")).fails("codex-companion review"),
        Scene::new("codex-silent")
            .codex(fault("initialize", json!({ "do": "stall" })))
            .env("CODEX_COMPANION_HANDSHAKE_TIMEOUT_MS", "500")
            .fails("codex-companion review"),
        Scene::new("not-signed-in")
            .codex(json!({ "account": null, "turns": [refused(401)], "reviews": [refused(401)] }))
            .fails("codex-companion review"),
    ]
}

fn refused(status: u16) -> serde_json::Value {
    let message = format!("unexpected status {status}");
    json!([{ "fail": { "message": message, "info": { "httpConnectionFailed": { "httpStatusCode": status } } } }])
}

fn turns() -> Vec<Scene> {
    vec![
        Scene::new("login-refused").codex(turn(refused(401))).fails("codex-companion task what fails?"),
        Scene::new("at-the-limit").codex(turn(refused(429))).fails("codex-companion task what fails?"),
        Scene::new("endpoint-down").codex(turn(refused(503))).fails("codex-companion task what fails?"),
        Scene::new("empty-answer").codex(turn(json!([]))).fails("codex-companion task what fails?"),
        Scene::new("idle")
            .codex(turn(json!(["stall"])))
            .fails("CODEX_COMPANION_IDLE_TIMEOUT_MS=300 codex-companion task what fails?"),
        Scene::new("too-long")
            .codex(turn(json!(["stall"])))
            .fails("codex-companion task --timeout-ms 300 what fails?"),
        Scene::new("died-midway")
            .codex(turn(json!([{ "die": { "code": 101, "stderr": "thread 'main' panicked\n" } }])))
            .fails("codex-companion task what fails?"),
        Scene::new("no-review")
            .codex(saying("I could not find anything to say."))
            .fails("codex-companion adversarial-review"),
        Scene::new("thread-held")
            .codex(fault(
                "thread/resume",
                json!({ "do": { "error": { "code": -32600, "message": "thread already has an active writer" } } }),
            ))
            .fails("codex-companion task --thread 019c0f6e-7a31-7c52-9d04-2f8b6a1e5c70 go on"),
        Scene::new("effort-unknown")
            .codex(saying("Done."))
            .line("codex-companion task --model gpt-5.5 --effort huge what fails?"),
    ]
}

fn repositories() -> Vec<Scene> {
    vec![
        Scene::clean("nothing-to-review").codex(reviewer()).fails("codex-companion review"),
        Scene::new("unknown-base").codex(reviewer()).fails("codex-companion review --base mian"),
        Scene::clean("no-merge-base")
            .codex(reviewer())
            .quietly("git switch --quiet --orphan pages")
            .quietly("git commit --quiet --allow-empty --message Pages")
            .quietly("git switch --quiet main")
            .fails("codex-companion review --base pages"),
        Scene::clean("no-default-branch")
            .codex(reviewer())
            .quietly("git branch --move feature")
            .fails("codex-companion review --scope branch"),
        Scene::bare("not-a-repository").codex(reviewer()).fails("codex-companion review"),
    ]
}

fn usage() -> Vec<Scene> {
    vec![
        Scene::new("unknown-flag").codex(json!({})).fails("codex-companion review --bse main"),
        Scene::new("words-for-review").codex(json!({})).fails("codex-companion review the cart"),
        Scene::new("no-prompt").codex(json!({})).fails("codex-companion task"),
        Scene::new("unknown-key")
            .codex(json!({}))
            .write("shop/.codex-companion.toml", "modle = \"gpt-5.5\"\n")
            .fails("codex-companion review"),
        Scene::new("project-key")
            .codex(json!({}))
            .write("shop/.codex-companion.toml", "codex = \"./codex\"\n")
            .fails("codex-companion review"),
        Scene::new("bad-variable")
            .codex(json!({}))
            .fails("CODEX_COMPANION_IDLE_TIMEOUT_MS=10s codex-companion review"),
        Scene::new("error-json").codex(reviewer()).fails("codex-companion review --base mian --json"),
        Scene::new("no-place")
            .codex(saying("Nothing does."))
            .env("CODEX_COMPANION_STATE_DIR", "/dev/null/state")
            .fails("codex-companion task --background fix it")
            .line("codex-companion task what fails?"),
        Scene::new("hooks-elsewhere")
            .quietly("git config core.hooksPath .husky")
            .fails("codex-companion gate install git-pre-push"),
    ]
}

fn jobs() -> Vec<Scene> {
    let stalled = || turn(json!(["stall"]));
    let start = "codex-companion task --background fix the loop";
    let running = format!("codex-companion status {JOB}");
    vec![
        Scene::new("unknown-job").codex(json!({})).fails("codex-companion result job-nothing"),
        Scene::new("still-running")
            .codex(stalled())
            .quietly(start)
            .until(&running, "  turn  ")
            .fails(&format!("codex-companion result {JOB}"))
            .fails(&format!("codex-companion resume {JOB}"))
            .quietly("codex-companion cancel --all"),
        Scene::new("wait-timed-out")
            .codex(stalled())
            .quietly(start)
            .until(&running, "  turn  ")
            .fails(&format!("codex-companion await {JOB} --timeout-ms 200"))
            .quietly("codex-companion cancel --all"),
        Scene::new("worker-died")
            .codex(stalled())
            .quietly(start)
            .until(&running, "  turn  ")
            .quietly(&format!("codex-companion status {JOB} --json"))
            .quietly("kill -KILL 48213")
            .until(&running, "failed")
            .line(&running),
        Scene::new("nothing-to-continue")
            .codex(json!({}))
            .fails("codex-companion task --resume-last and now the lexer"),
        Scene::new("nothing-to-transfer").codex(json!({})).fails("codex-companion transfer"),
        Scene::new("broker-absent").codex(json!({})).fails("codex-companion broker status"),
        Scene::new("corrupt-state")
            .codex(saying("It keeps the cart of a shop."))
            .quietly("codex-companion task what does this repository do?")
            .quietly("codex-companion status --json")
            .quietly("codex-companion status job-1m7vs5a8w-graxqa --json")
            .write(".local/state/codex-companion/shop-5d1c9e3f7a204b68/state.json", "{\"version\":2,\"jo")
            .line("codex-companion status"),
        Scene::new("slash-without-words")
            .codex(reviewer())
            .env("CLAUDE_CODE_SESSION_ID", "7f3d")
            .line("codex-companion slash review"),
        Scene::new("gate-failed")
            .codex(json!({ "turns": [refused(429)] }))
            .write("shop/.git/stop.json", STOP)
            .write("shop/.git/again.json", AGAIN)
            .quietly("codex-companion setup --enable-review-gate")
            .line("codex-companion hook stop < .git/stop.json")
            .line("codex-companion hook stop < .git/again.json"),
        Scene::new("gate-not-reviewed")
            .codex(json!({ "turns": [refused(429)] }))
            .fails("codex-companion gate")
            .fails("codex-companion gate --on-error allow"),
    ]
}
