//! A gate for scripts and CI jobs: Codex reads a change, and the exit code says whether work may continue: 0 yes, 4 no, 6 there
//! is no verdict. Verdicts are kept in a directory, so that a commit is reviewed once:
//! `git diff origin/main | cargo run -p codex-gate --features store --example gate -- codex .gate "$(git rev-parse HEAD)"`
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]
use std::{env, error::Error, io, io::Write as _, process::ExitCode, time::Duration};

use codex_gate::*;
use codex_rpc::client::{Client, ClientOptions, TurnLimits};
use codex_rpc::protocol::{approval::SandboxMode, thread::ThreadStartParams, turn::TurnStartParams};

struct Codex(String);

#[async_trait]
impl Reviewer for Codex {
    fn name(&self) -> String {
        self.0.clone()
    }
    async fn review(&self, prompt: &Prompt, limit: Duration) -> Result<Reply, NotReviewed> {
        let answer = ask(&self.0, prompt.text(), limit).await;
        answer.map(Reply::new).map_err(|error| NotReviewed::caused_by(FailureKind::Failed, &*error))
    }
}

async fn ask(program: &str, prompt: &str, limit: Duration) -> Result<String, Box<dyn Error>> {
    let server = codex_rpc::transport::ChildOptions::new(program).args(["app-server"]);
    let client = Client::spawn(&server, ClientOptions::new("gate", "1.0")).await?;
    let thread = ThreadStartParams::new().sandbox(SandboxMode::ReadOnly);
    let thread = client.start_thread(&thread).await?.thread.id;
    let limits = TurnLimits::default().total(limit);
    let outcome = client.start_turn(TurnStartParams::text(thread, prompt), limits).await?.outcome().await;
    client.shutdown().await;
    Ok(outcome.into_result()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [codex, directory, commit] =
        arguments.try_into().map_err(|_| "usage: gate CODEX DIRECTORY COMMIT < CHANGE")?;
    let changes = Changes::new("the change").text(io::read_to_string(io::stdin())?);
    let mut work = GivenWork::new(TreeSnapshot::new(commit), changes);
    let gate = Gate::new(FileStore::new(directory), Policy::for_ci());
    // A CI job has no turns: each run is independent, and a failure blocks every time.
    let request = GateRequest::new("ci", TurnPosition::Single);
    let judged = gate.judge(request, &mut work, &Codex(codex)).await;
    let exit = host::exit::answer(&judged.decision, &Wording::for_action("merge"));
    io::stdout().write_all(exit.stdout.as_bytes())?;
    io::stderr().write_all(exit.stderr.as_bytes())?;
    Ok(ExitCode::from(exit.code))
}
