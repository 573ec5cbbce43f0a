//! Prints how big the change in a directory is: `cargo run --example size -- DIRECTORY`.
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]

use codex_review_target::{MeasureOptions, ResolveOptions, measure, recommend, resolve};

#[expect(clippy::print_stdout, reason = "an example that prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let target = resolve(directory.as_ref(), &ResolveOptions::new())?;
    let measured = measure(&target, &MeasureOptions::new())?;
    println!("{}\n{}", target.label(), measured.summary());
    println!("{:?}: {}", recommend(&measured).wait, recommend(&measured).reason);
    Ok(())
}
