//! A gate for scripts and CI jobs: Codex reads a change, and the exit code says whether work may go on.
//! `git diff origin/main | cargo run -p codex-gate --example gate -- codex`: 0 yes, 4 no, 6 there is no verdict.
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]
use std::{env, error::Error, io, io::Write as _, process::ExitCode, time};

use codex_gate::*;
use codex_rpc::client::{Client, ClientOptions, TurnLimits};
use codex_rpc::protocol::{SandboxMode, ThreadStartParams, TurnStartParams};

struct Codex(String);

#[async_trait::async_trait]
impl Reviewer for Codex {
    fn name(&self) -> String {
        self.0.clone()
    }
    async fn review(&self, prompt: &Prompt, limit: time::Duration) -> Result<Reply, NotReviewed> {
        let limits = TurnLimits { total: limit, ..TurnLimits::default() };
        let answer = ask(&self.0, prompt.text(), limits).await;
        answer.map(Reply::new).map_err(|error| NotReviewed::new(Why::Failed, error.to_string()))
    }
}

async fn ask(program: &str, prompt: &str, limits: TurnLimits) -> Result<String, Box<dyn Error>> {
    let server = codex_rpc::transport::ChildOptions::new(program).args(["app-server"]);
    let client = Client::spawn(&server, ClientOptions::new("gate", "1.0")).await?;
    let mut thread = ThreadStartParams::new();
    thread.sandbox = Some(SandboxMode::ReadOnly);
    let thread = client.start_thread(&thread).await?.thread.id;
    let outcome = client.start_turn(TurnStartParams::text(thread, prompt), limits).await?.outcome().await;
    client.shutdown().await;
    Ok(outcome.answer().ok_or_else(|| outcome.cause_chain().join("; "))?.to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let reviewer = Codex(env::args().nth(1).ok_or("usage: gate PROGRAM < CHANGE")?);
    let change = io::read_to_string(io::stdin())?;
    let (policy, now) = (Policy::default(), time::SystemTime::now().into());
    let request = GateRequest::new("this run", Turn::Unknown).with_reviewer(reviewer.name());
    let (before, state) = decide_before(&request, GateState::default(), &policy, now);
    let Before::Ask(ask) = before else { return Err("without a state, nothing is settled before".into()) };
    let prompt = Prompt::build(policy.scope, &Material::new("the change").with_changes(Some(&change)));
    let answer = reviewer.review(&prompt, policy.deadline(None)).await.into();
    let (decision, _) = decide_after(&ask, answer, state, &policy, now);
    let exit = host::exit::answer(&decision, &Wording::for_action("merge"));
    io::stdout().write_all(exit.stdout.as_bytes())?;
    io::stderr().write_all(exit.stderr.as_bytes())?;
    Ok(ExitCode::from(exit.code))
}
