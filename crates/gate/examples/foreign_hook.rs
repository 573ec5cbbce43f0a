//! A gate in the hook of an agent that this crate does not know: the hook reads `{chat, retry, tree, said}` and prints
//! `{finished, say}`. Try it twice, and then with another `tree`:
//! `echo '{"chat":"7","retry":false,"tree":"f00d","said":"Done."}' | cargo run -p codex-gate --features store --example
//! foreign_hook -- state`
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]
use std::{env, error::Error, io, time::Duration};

use codex_gate::*;

/// A model goes here, or `CommandReviewer` for any program.
struct Strict;

#[async_trait]
impl Reviewer for Strict {
    fn name(&self) -> String {
        "strict".to_owned()
    }
    async fn review(&self, _prompt: &Prompt, _limit: Duration) -> Result<Reply, NotReviewed> {
        Ok(Reply::new("BLOCK: a test is a stub\n- [high] tests/a.rs:3: asserts nothing"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args().nth(1).ok_or("usage: foreign_hook DIRECTORY < CALL")?;
    let call: serde_json::Value = serde_json::from_reader(io::stdin())?;
    let text = |member: &str| call[member].as_str().unwrap_or_default().to_owned();

    let turn = if call["retry"] == true { TurnPosition::Continuing } else { TurnPosition::First };
    let request = GateRequest::new(text("chat"), turn).last_message(text("said"));
    let mut work = GivenWork::new(TreeSnapshot::new(text("tree")), Changes::new("the chat's work"));
    let policy = Policy::default();
    let wording = Wording::for_turns(&policy);
    let decision =
        Gate::new(FileStore::new(directory), policy).judge(request, &mut work, &Strict).await.decision;

    let say = wording.feedback(&decision).or_else(|| wording.note(&decision));
    serde_json::to_writer(io::stdout(), &serde_json::json!({ "finished": !decision.blocks(), "say": say }))?;
    Ok(())
}
