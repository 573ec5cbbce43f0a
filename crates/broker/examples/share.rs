//! Sends a prompt to Codex through a broker that all runs of this program for the same directory share.
//!
//! ```text
//! cargo run -p codex-broker --example share -- DIRECTORY codex "What does this repository do?"
//! ```
//!
//! The first run starts the broker: this same program, as `share --serve DIRECTORY PROGRAM`. Later runs find it. It ends by
//! itself when it has been idle for some minutes.
#![expect(clippy::print_stdout, reason = "an example shows what it got")]
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]

use std::error::Error;
use std::path::Path;

use codex_broker::{ConnectOptions, Endpoint, Identity, Launcher, ServeOptions, connect_or_start, serve};
use codex_rpc::client::{Client, ClientOptions, TurnLimits};
use codex_rpc::protocol::{thread::ThreadStartParams, turn::TurnStartParams};
use codex_rpc::transport::ChildOptions;

fn endpoint(directory: &str, program: &str) -> Result<Endpoint, Box<dyn Error>> {
    let home = std::env::var_os("CODEX_HOME").unwrap_or_default();
    let workspace = std::env::current_dir()?;
    let identity = Identity { workspace: &workspace, home: home.as_ref(), program: program.as_ref() };
    Ok(Endpoint::locate(Path::new(directory), &std::env::temp_dir(), identity))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", directory, program] => {
            let launcher = Launcher::child(ChildOptions::new(program).args(["app-server"]));
            serve(ServeOptions::new(endpoint(directory, program)?, launcher), std::future::pending()).await?;
        }
        [directory, program, prompt] => {
            let itself = ChildOptions::new(std::env::current_exe()?).args(["--serve", directory, program]);
            let options = ConnectOptions::new().start(itself);
            let connection = connect_or_start(&endpoint(directory, program)?, &options).await?;
            let client = Client::connect(connection, ClientOptions::new("share", "1.0")).await?;
            let thread = client.start_thread(&ThreadStartParams::new()).await?.thread.id;
            let turn =
                client.start_turn(TurnStartParams::text(thread, prompt), TurnLimits::default()).await?;
            println!("{}", turn.outcome().await.answer().unwrap_or("the turn did not succeed"));
            client.shutdown().await;
        }
        _ => return Err("usage: share DIRECTORY PROGRAM PROMPT".into()),
    }
    Ok(())
}
