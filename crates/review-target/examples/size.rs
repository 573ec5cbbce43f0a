//! Says how big the change in a folder is: `cargo run --example size -- FOLDER`.
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]

use codex_review_target::{Budget, Cancel, ResolveOptions, measure, recommend, resolve};

#[expect(clippy::print_stdout, reason = "it is a program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let target = resolve(folder.as_ref(), &ResolveOptions::new())?;
    let measured = measure(&target, &Budget::default(), &Cancel::new())?;
    println!("{}\n{}", target.label(), measured.summary());
    println!("{:?}: {}", recommend(&measured).wait, recommend(&measured).reason);
    Ok(())
}
