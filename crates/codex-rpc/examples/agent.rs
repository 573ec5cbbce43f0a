//! An agent: it sends a prompt to Codex, prints what happens meanwhile, and prints the answer.
//! `cargo run -p codex-rpc --example agent -- codex "What does this repository do?"`
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints what it received")]

use std::error::Error;

use codex_rpc::client::{Client, ClientOptions, TurnLimits};
use codex_rpc::protocol::{thread::ThreadStartParams, turn::TurnStartParams};
use codex_rpc::transport::ChildOptions;
use codex_rpc::turn::TurnEvent;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (program, prompt) = words.next().zip(words.next()).ok_or("usage: agent PROGRAM PROMPT")?;
    let codex = ChildOptions::new(program).args(["app-server"]);
    let client = Client::spawn(&codex, ClientOptions::new("agent", "1.0")).await?;
    let thread = client.start_thread(&ThreadStartParams::new()).await?.thread.id;
    let mut turn = client.start_turn(TurnStartParams::text(thread, prompt), TurnLimits::default()).await?;
    while let Some(event) = turn.next_event().await {
        if let TurnEvent::ItemCompleted(item) = event
            && let Some(line) = &item.line
        {
            eprintln!("{}: {line}", item.kind());
        }
    }
    let result = turn.outcome().await.into_result();
    client.shutdown().await;
    println!("{}", result?);
    Ok(())
}
