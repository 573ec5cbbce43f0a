//! Asks Codex something through a broker that all runs of this program for the same folder share.
//!
//! ```text
//! cargo run -p codex-broker --example share -- FOLDER codex "What does this repository do?"
//! ```
//!
//! The first run starts the broker: this same program, as `share --serve FOLDER PROGRAM`. Later runs find it. It goes by
//! itself when nobody has come for a while.
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::error::Error;
use std::path::Path;

use codex_broker::{ConnectOptions, Endpoint, Identity, Launch, ServeOptions, connect_or_start, serve};
use codex_rpc::client::{Client, ClientOptions, TurnLimits};
use codex_rpc::protocol::{thread::ThreadStartParams, turn::TurnStartParams};
use codex_rpc::transport::ChildOptions;

fn endpoint(folder: &str, program: &str) -> Result<Endpoint, Box<dyn Error>> {
    let home = std::env::var_os("CODEX_HOME").unwrap_or_default();
    let workspace = std::env::current_dir()?;
    let identity = Identity { workspace: &workspace, home: home.as_ref(), program: program.as_ref() };
    Ok(Endpoint::locate(Path::new(folder), &std::env::temp_dir(), identity))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", folder, program] => {
            let launch = Launch::child(ChildOptions::new(program).args(["app-server"]));
            serve(ServeOptions::new(endpoint(folder, program)?, launch), std::future::pending()).await?;
        }
        [folder, program, prompt] => {
            let itself = ChildOptions::new(std::env::current_exe()?).args(["--serve", folder, program]);
            let options = ConnectOptions::new().start(itself);
            let connection = connect_or_start(&endpoint(folder, program)?, &options).await?;
            let client = Client::connect(connection, ClientOptions::new("share", "1.0")).await?;
            let thread = client.start_thread(&ThreadStartParams::new()).await?.thread.id;
            let turn =
                client.start_turn(TurnStartParams::text(thread, prompt), TurnLimits::default()).await?;
            println!("{}", turn.outcome().await.answer().unwrap_or("the turn did not succeed"));
            client.shutdown().await;
        }
        _ => return Err("usage: share FOLDER PROGRAM PROMPT".into()),
    }
    Ok(())
}
