//! The real Codex behind the server, in front of it, and on both sides.

use std::path::Path;

use codex_testkit::home::{CodexHome, HomeConfig};
use codex_testkit::model::{ModelEndpoint, ModelRequest, Reply, Scenario};
use codex_testkit::require_real_codex;
use serde_json::{Value, json};

use super::{Bed, Client};
use crate::support::wait;

#[test]
fn the_tools_work_with_the_real_codex() {
    let codex = require_real_codex!();
    let endpoint = ModelEndpoint::start(Scenario::answer(|request: &ModelRequest| {
        if request.prompt().contains("for ever") {
            Reply::hang()
        } else {
            Reply::message("Hello from the model.")
        }
    }))
    .unwrap();
    let home = CodexHome::new(endpoint.base_url()).unwrap();
    let bed = Bed::real(&codex, &home);
    let mut client = Client::new(&bed);
    let prompt = "Say \"hello\" `now`\n--write $(x)";
    let done = client.call("task", &json!({"prompt": prompt}));
    assert_eq!(done["structuredContent"]["rawOutput"], "Hello from the model.", "{done}");
    assert_eq!(endpoint.requests()[0].prompt(), prompt);
    let thread = &done["structuredContent"]["threadId"];
    for again in [json!({"prompt": "on", "resume": true}), json!({"prompt": "on", "thread_id": thread})] {
        let again = client.call("task", &again);
        assert_eq!(&again["structuredContent"]["threadId"], thread, "{again}");
    }
    let review = client.call("review", &json!({}));
    assert_eq!(review["isError"], false, "{review}");
    assert!(Client::text(&review).contains("Hello from the model."));
    // Cancelling a call interrupts the turn at the model.
    let call = client.begin("task", &json!({"prompt": "work for ever"}));
    wait(|| (endpoint.active() == 1).then_some(())).expect("the model is asked");
    client.notify("notifications/cancelled", &json!({"requestId": call}));
    wait(|| (endpoint.active() == 0).then_some(())).expect("the turn ends");
    client.finish();
    bed.nothing_left();
}

/// What the outer Codex says at its end, whose model called a tool of ours and was told what came of it.
fn outermost(codex: &Path, tool: &'static str, arguments: &Value, settings: &str) -> String {
    let (outer, arguments) = ("Ask the other one.", arguments.clone());
    let scenario = Scenario::answer(move |request: &ModelRequest| {
        if let Some(output) = request.tool_output() {
            Reply::message(format!("The other one said: {output}"))
        } else if request.prompt().contains(outer) {
            Reply::new().call_mcp("codex_companion", tool, &arguments)
        } else {
            Reply::message("Forty-two.")
        }
    });
    let endpoint = ModelEndpoint::start(scenario).unwrap();
    let bed = Bed::new();
    let server = env!("CARGO_BIN_EXE_codex-companion");
    // Codex passes on a few variables of its own choice: the rest is named.
    let mark = codex_testkit::process::VARIABLE;
    let table = format!(
        "[mcp_servers.codex-companion]\ncommand = {server:?}\nargs = [\"mcp\"]\n{settings}\n\
        env_vars = [\"CODEX_HOME\", \"CODEX_COMPANION_CODEX\", \"CODEX_COMPANION_BROKER_IDLE_MS\", \
        \"CODEX_COMPANION_CHILD_IDLE_MS\", {mark:?}]\n"
    );
    let config = HomeConfig::new(endpoint.base_url()).tables(&table);
    let home = CodexHome::with(&config).unwrap();
    let bed = home.env().iter().fold(bed, |bed, (name, value)| bed.env(name, value));
    let bed = bed.env("CODEX_COMPANION_CODEX", codex);
    // In the same surroundings.
    let ours = bed.command(&[]);
    let mut command = std::process::Command::new(codex);
    command.args(["exec", "--skip-git-repo-check", outer]).current_dir(bed.repo.path()).env_clear();
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = command.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    bed.nothing_left();
    String::from_utf8_lossy(&run.stdout).into_owned()
}

/// Codex asks Codex: its model calls our tools, and a second Codex answers.
#[test]
fn codex_asks_codex() {
    let codex = require_real_codex!();
    let prompt = json!({"prompt": "What is the answer?"});
    // What only reads needs no approval; a task does, and `codex exec` asks nobody.
    for (tool, arguments, settings, words) in [
        ("task", &prompt, "default_tools_approval_mode = \"approve\"", "Forty-two."),
        ("review", &json!({}), "", "Forty-two."),
        ("task", &prompt, "", "requires approval"),
    ] {
        let said = outermost(&codex, tool, arguments, settings);
        assert!(said.contains(words), "{tool} {settings}: {said}");
    }
}
