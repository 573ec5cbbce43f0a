//! `mcp`, as a client sees it that speaks lines of JSON.

#[path = "mcp/client.rs"]
mod client;
#[path = "mcp/ends.rs"]
mod ends;
#[path = "mcp/real.rs"]
mod real;
#[path = "mcp/workspace.rs"]
mod workspace;

use codex_testkit::app_server::{Script, Step, Turn};
use codex_testkit::program::ScriptedCodex;
use serde_json::{Value, json};

use crate::support::{Bed, wait};
use client::Client;

const APPROVES: &str = r#"{"verdict":"approve","summary":"Fine.","findings":[],"next_steps":["Ship it."]}"#;

/// A turn that never ends by itself.
fn stalls() -> Turn {
    Turn::new([Step::Stall])
}

fn count(codex: &ScriptedCodex, method: &str) -> usize {
    codex.received().iter().filter(|message| message["method"] == method).count()
}

/// The jobs of a workspace, as the command line tells them.
fn job(bed: &Bed, id: &str) -> Value {
    bed.start(&["status", id, "--json"], None).finish().exits(0).json()["job"].clone()
}

fn job_in(bed: &Bed, id: &str, status: &str) -> Value {
    let found = wait(|| Some(job(bed, id)).filter(|job| job["status"] == status));
    found.unwrap_or_else(|| panic!("job {id} is not {status}: {}", job(bed, id)))
}

fn id(result: &Value) -> String {
    result["structuredContent"]["jobId"].as_str().unwrap_or_else(|| panic!("no job: {result}")).to_owned()
}

#[test]
fn the_tools_are_few_and_their_schemas_hold() {
    let bed = Bed::new();
    let mut client = Client::new(&bed);
    let list = client.ask("tools/list", &json!({}));
    let tools = list["result"]["tools"].as_array().unwrap();
    let hints = |tool: &Value| {
        let hint = |name: &str| tool["annotations"][name].as_bool();
        (hint("readOnlyHint"), hint("destructiveHint"), hint("idempotentHint"), hint("openWorldHint"))
    };
    let seen: Vec<_> = tools.iter().map(|tool| (tool["name"].as_str().unwrap(), hints(tool))).collect();
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(
        seen,
        [
            ("review", (yes, None, None, yes)),
            ("adversarial_review", (yes, None, None, yes)),
            ("task", (no, yes, no, yes)),
            ("job_status", (yes, None, yes, no)),
            ("job_result", (yes, None, yes, no)),
            ("job_cancel", (no, yes, yes, no)),
        ]
    );
    let mut arguments = String::new();
    for tool in tools {
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            assert!(jsonschema::draft202012::meta::is_valid(schema), "{schema}");
            assert_eq!(schema["type"], "object");
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false);
        assert_eq!(tool["outputSchema"]["required"], Value::Null);
        let properties = tool["inputSchema"]["properties"].as_object().unwrap();
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        arguments += &format!("{}: {}\n", tool["name"].as_str().unwrap(), names.join(" "));
    }
    insta::assert_snapshot!(arguments, @"
    review: background base commit effort model scope wait_seconds workspace
    adversarial_review: background base commit effort focus model scope wait_seconds workspace
    task: background effort model prompt resume thread_id wait_seconds workspace write
    job_status: job_id workspace
    job_result: job_id wait_seconds workspace
    job_cancel: job_id workspace
    ");
    // What a client's model is told costs it context.
    assert!(list["result"].to_string().len() < 7000, "{}", list["result"].to_string().len());
    client.finish();
    bed.nothing_left();
}

#[test]
fn a_review_is_told_in_words_and_as_a_document() {
    let (bed, _codex) =
        Bed::scripted(Script::new().review(Turn::say("Looks fine.")).turn(Turn::say(APPROVES)));
    let mut client = Client::new(&bed);
    let native = client.call("review", &json!({}));
    assert!(Client::text(&native).contains("Looks fine."));
    assert_eq!(native["structuredContent"]["rawOutput"], "Looks fine.");
    let result = client.call("adversarial_review", &json!({"focus": "the locks"}));
    let (text, document) = (Client::text(&result), &result["structuredContent"]);
    // The same document as the command line's.
    let stored = bed.start(&["result", &id(&result), "--json"], None).finish().exits(0).json();
    assert_eq!(&stored["storedJob"]["result"], document);
    assert_eq!(document["result"]["verdict"], "approve");
    for word in ["approve", "Fine.", "Ship it.", &id(&result), document["target"]["label"].as_str().unwrap()]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    let wrong = client.call("review", &json!({"focus": "the locks"}));
    assert!(Client::text(&wrong).contains("adversarial_review"), "{wrong}");
    client.finish();
    bed.nothing_left();
}

/// A prompt is passed on byte for byte; what the model says is harmless in words and whole in the document.
#[test]
fn d16_d21_prompts_go_verbatim_and_answers_come_back_safe() {
    let prompt = "--write `$(x)` \"q\" 'q' \\ \n```\n<<EOF\n ${CLAUDE_X} \u{202e}ü😀\t \n";
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("\u{1b}[31mred\u{202e} \u{9b}2J done")));
    let mut client = Client::new(&bed);
    let result = client.call("task", &json!({"prompt": prompt, "model": "spark", "effort": "low"}));
    let received = codex.received();
    let turn = received.iter().find(|message| message["method"] == "turn/start").unwrap();
    assert_eq!(turn["params"]["input"][0]["text"], prompt);
    assert_eq!(result["structuredContent"]["rawOutput"], "\u{1b}[31mred\u{202e} \u{9b}2J done");
    assert_eq!(result["structuredContent"]["status"], 0);
    let text = Client::text(&result);
    assert!(text.contains("red") && text.contains("done"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text:?}");
    let thread = result["structuredContent"]["threadId"].as_str().unwrap();
    assert!(text.contains(thread) && text.contains(&id(&result)), "{text}");
    client.finish();
    bed.nothing_left();
}

#[test]
fn progress_tells_phase_and_time_to_whoever_asks() {
    let hold = tempfile::tempdir().unwrap();
    let file = hold.path().join("go");
    let turn = Turn::new([Step::HoldUntilFile(file.clone()), Step::say("Let go.")]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(turn));
    let mut client = Client::new(&bed);
    let call = client.begin("task", &json!({"prompt": "x"}));
    let first = client.progress(call, "(");
    assert!(first["params"]["progress"].is_number(), "{first}");
    std::fs::write(&file, "").unwrap();
    let result = client.result("task", call);
    assert!(Client::text(&result).contains("Let go."));
    let told: Vec<f64> = client.told.iter().filter_map(|told| told["params"]["progress"].as_f64()).collect();
    assert!(told.is_sorted_by(|before, after| before < after), "{told:?}");
    // Without a token there is none.
    let before = client.told.len();
    let silent = client.request("tools/call", &json!({"name": "task", "arguments": {"prompt": "x"}}));
    client.result("task", silent);
    assert_eq!(client.told.len(), before, "{:?}", client.told);
    client.finish();
    bed.nothing_left();
}

#[test]
fn work_in_the_background_is_polled_and_fetched() {
    let hold = tempfile::tempdir().unwrap();
    let file = hold.path().join("go");
    let turn = Turn::new([Step::HoldUntilFile(file.clone()), Step::say("Let go.")]);
    let (bed, _codex) = Bed::scripted(Script::new().turn(turn));
    let mut client = Client::new(&bed);
    let started = client.call("task", &json!({"prompt": "x", "background": true}));
    let job_id = id(&started);
    for word in ["queued", &job_id, "job_result", started["structuredContent"]["logFile"].as_str().unwrap()] {
        assert!(Client::text(&started).contains(word), "{started}");
    }
    job_in(&bed, &job_id, "running");
    let status = client.call("job_status", &json!({"job_id": job_id}));
    assert_eq!(status["structuredContent"]["job"]["status"], "running");
    let all = client.call("job_status", &json!({}));
    assert_eq!(all["structuredContent"]["running"][0]["id"], json!(job_id));
    assert!(Client::text(&all).contains(&job_id));
    // A result that is not there yet is no error, and says what to do.
    let early = client.call("job_result", &json!({"job_id": job_id, "wait_seconds": 0}));
    assert_eq!(
        (&early["isError"], &early["structuredContent"]["status"]),
        (&json!(false), &json!("running"))
    );
    assert!(early["structuredContent"]["hint"].as_str().unwrap().contains("job_result"));
    // One that is waited for comes at once when it is there.
    let waiting = client.begin("job_result", &json!({"job_id": job_id, "wait_seconds": 3000}));
    std::fs::write(&file, "").unwrap();
    let result = client.result("job_result", waiting);
    let document = &result["structuredContent"];
    assert_eq!(document["job"]["status"], "completed");
    assert_eq!(document["storedJob"]["result"]["rawOutput"], "Let go.");
    assert!(Client::text(&result).contains("Let go."));
    let late = client.call("job_cancel", &json!({"job_id": job_id}));
    assert!(Client::text(&late).contains("already finished") && Client::text(&late).contains("job_result"));
    client.finish();
    bed.nothing_left();
}

/// A call that has waited long enough hands its job over, which then is one in the background.
#[test]
fn a_call_that_takes_too_long_leaves_a_job() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(stalls()));
    let mut client = Client::new(&bed);
    let handed = client.call("task", &json!({"prompt": "x", "wait_seconds": 1}));
    assert_eq!(handed["isError"], false, "{handed}");
    let job_id = id(&handed);
    wait(|| job(&bed, &job_id)["turnId"].is_string().then_some(())).expect("the turn begins");
    client.finish();
    assert_eq!(job(&bed, &job_id)["status"], "running");
    // Another server ends it.
    let mut client = Client::new(&bed);
    let cancelled = client.call("job_cancel", &json!({"job_id": job_id}));
    let document = &cancelled["structuredContent"];
    assert_eq!((&document["status"], &document["turnInterrupted"]), (&json!("cancelled"), &json!(true)));
    assert!(Client::text(&cancelled).contains("cancelled"));
    let result = client.call("job_result", &json!({"job_id": job_id}));
    assert_eq!(result["structuredContent"]["error"]["kind"], "interrupted");
    client.finish();
    bed.nothing_left();
}

#[test]
fn results_are_resources() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Kept.")));
    let mut client = Client::new(&bed);
    let done = id(&client.call("task", &json!({"prompt": "x"})));
    let list = client.ask("resources/list", &json!({}));
    let resource = &list["result"]["resources"][0];
    assert_eq!(resource["uri"], format!("codex-job:///{done}"));
    let read = client.ask("resources/read", &json!({"uri": resource["uri"]}));
    let contents = &read["result"]["contents"][0];
    assert!(contents["text"].as_str().unwrap().contains("Kept."), "{read}");
    assert_eq!((&contents["mimeType"], &contents["uri"]), (&resource["mimeType"], &resource["uri"]));
    let templates = client.ask("resources/templates/list", &json!({}));
    assert_eq!(templates["result"]["resourceTemplates"][0]["uriTemplate"], "codex-job:///{job_id}");
    for uri in ["codex-job:///job-nothing", "codex-job:///", "file:///etc/passwd"] {
        let error = client.ask("resources/read", &json!({"uri": uri}));
        assert_eq!(error["error"]["code"], -32002, "{error}");
    }
    client.finish();
    bed.nothing_left();
}

#[test]
fn errors_say_what_to_do() {
    let (bed, _codex) = Bed::scripted(Script::new());
    let mut client = Client::new(&bed);
    let mut check = |tool: &str, arguments: Value, kind: &str, words: &[&str]| {
        let result = client.call(tool, &arguments);
        let error = &result["structuredContent"]["error"];
        assert_eq!((&result["isError"], &error["kind"]), (&json!(true), &json!(kind)), "{result}");
        for word in words {
            assert!(Client::text(&result).contains(word), "{word}: {result}");
            let told = format!("{} {}", error["message"], error["hint"]);
            assert!(told.contains(word), "{word}: {result}");
        }
    };
    check("task", json!({}), "usage", &["prompt"]);
    check("task", json!({"prompt": " \n"}), "prompt", &["prompt"]);
    check("task", json!({"prompts": "x"}), "usage", &["prompts", "workspace"]);
    check("task", json!({"prompt": "x", "write": "yes"}), "usage", &["boolean"]);
    check("task", json!({"prompt": "x", "resume": true, "thread_id": "t"}), "usage", &["leave one"]);
    check("task", json!({"prompt": "x", "wait_seconds": 4000}), "usage", &["3600"]);
    check("task", json!({"prompt": "x".repeat(1_048_577)}), "prompt-too-long", &["1048577"]);
    check("review", json!({"base": "nowhere"}), "unknown-revision", &["nowhere"]);
    check("review", json!({"base": "main", "commit": "HEAD"}), "usage", &["leave one"]);
    check("review", json!({"scope": "all"}), "usage", &["working-tree"]);
    for tool in ["job_status", "job_result", "job_cancel"] {
        check(tool, json!({"job_id": "job-nothing"}), "unknown-job", &["job-nothing", "job_status"]);
    }
    check("job_result", json!({}), "usage", &["job_id"]);
    // What no tool can answer is the protocol's.
    let unknown = client.ask("tools/call", &json!({"name": "nothing", "arguments": {}}));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    assert!(unknown["error"]["message"].as_str().unwrap().contains("job_cancel"));
    assert_eq!(client.ask("no/such/method", &json!({}))["error"]["code"], -32601);
    client.finish();
    bed.nothing_left();

    let bed = Bed::new().env("CODEX_COMPANION_CODEX", "/no/codex");
    let mut client = Client::new(&bed);
    let missing = client.call("task", &json!({"prompt": "x"}));
    assert_eq!(missing["structuredContent"]["error"]["kind"], "codex-missing", "{missing}");
    assert!(missing["structuredContent"]["error"]["hint"].is_string(), "{missing}");
    client.finish();
}

/// What fails inside a job is told as the command line tells it, kind and hint included.
#[test]
fn a_failed_job_says_why() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::new([Step::fail("the model is gone")])));
    let mut client = Client::new(&bed);
    let failed = client.call("task", &json!({"prompt": "x"}));
    let error = &failed["structuredContent"]["error"];
    assert_eq!((&failed["isError"], &error["kind"]), (&json!(true), &json!("turn-failed")), "{failed}");
    assert!(error["message"].as_str().unwrap().contains("the model is gone"));
    assert!(Client::text(&failed).contains("the model is gone"));
    let result = client.call("job_result", &json!({"job_id": id(&failed)}));
    assert_eq!(&result["structuredContent"]["error"], error);
    client.finish();
    bed.nothing_left();

    let (bed, _codex) = Bed::scripted(Script::not_signed_in());
    let mut client = Client::new(&bed);
    let failed = client.call("review", &json!({}));
    let error = &failed["structuredContent"]["error"];
    assert_eq!(error["kind"], "not-signed-in", "{failed}");
    assert!(Client::text(&failed).contains(error["hint"].as_str().unwrap()), "{failed}");
    client.finish();
    bed.nothing_left();
}

#[test]
fn calls_run_side_by_side() {
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let mut client = Client::new(&bed);
    let calls: Vec<u64> =
        (0..8).map(|n| client.begin("task", &json!({"prompt": format!("task {n}")}))).collect();
    let ids: std::collections::BTreeSet<String> =
        calls.into_iter().map(|call| id(&client.result("task", call))).collect();
    assert_eq!((ids.len(), count(&codex, "turn/start")), (8, 8));
    // A server lives for days: it keeps no dead workers.
    #[cfg(target_os = "linux")]
    wait(|| client.children().is_empty().then_some(())).expect("the workers are reaped");
    client.finish();
    bed.nothing_left();
}
