//! A gate in the hook of an agent that this crate has never heard of: the hook reads `{chat, retry, tree, said}` and prints
//! `{finished, say}`. Try it twice, and then with another `tree`:
//! `echo '{"chat":"7","retry":false,"tree":"f00d","said":"Done."}' | cargo run --example foreign_hook -- state.json`
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]
use std::{env, error::Error, fs, io, time::SystemTime};

use codex_gate::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("name a file for the gate's state")?;
    let load =
        || fs::read(&file).map_or_else(|_| Ok(GateState::default()), |json| GateState::from_json(&json));
    let (now, policy, wording) = (Now::from(SystemTime::now()), Policy::default(), Wording::for_turns());
    // A model goes here, or `CommandReviewer` for any program.
    let reviewer =
        RecordingReviewer::answering(["BLOCK: a test is a stub\n- [high] tests/a.rs:3: asserts nothing"]);

    let call: serde_json::Value = serde_json::from_reader(io::stdin())?;
    let turn = if call["retry"] == true { Turn::Continuing } else { Turn::First };
    let tree = Tree::new(call["tree"].as_str().ok_or("no tree")?);
    let request =
        GateRequest::new(call["chat"].to_string(), turn).with_tree(tree).with_reviewer(reviewer.name());
    let (before, state) = decide_before(&request, load()?, &policy, now);
    fs::write(&file, state.to_json())?;
    let decision = match before {
        Before::Settled(decision) => decision,
        Before::Ask(ask) => {
            let material = Material::new("the chat's work").with_last_message(call["said"].as_str());
            let prompt = Prompt::build(policy.scope, &material.with_open(ask.open.as_deref()));
            let answer = reviewer.review(&prompt, policy.deadline(None)).await.into();
            let (decision, state) = decide_after(&ask, answer, load()?, &policy, now);
            fs::write(&file, state.to_json())?;
            decision
        }
    };
    let say = wording.feedback(&decision).or_else(|| wording.note(&decision));
    serde_json::to_writer(io::stdout(), &serde_json::json!({ "finished": !decision.blocks(), "say": say }))?;
    Ok(())
}
