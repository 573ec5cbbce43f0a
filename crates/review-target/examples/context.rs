//! Prints what would be sent of the change in a folder: `cargo run --example context -- FOLDER [BASE]`.
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]

use codex_review_target::{Cancel, CollectOptions, ResolveOptions, collect, resolve};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".into());
    let mut options = ResolveOptions::new();
    options.base = arguments.next().map(|base| base.to_string_lossy().into_owned());
    let target = resolve(folder.as_ref(), &options)?;
    let context = collect(&target, &CollectOptions::new(), &Cancel::new())?;
    let [included, summarised, omitted] = context.manifest.counts();
    eprintln!("{} ({included} shown, {summarised} summarised, {omitted} left out)", context.summary);
    print!("{}", context.text);
    Ok(())
}
