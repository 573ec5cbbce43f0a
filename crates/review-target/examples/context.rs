//! Prints the text that would be sent to a reviewer: `cargo run --example context -- DIRECTORY [BASE]`.
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]

use codex_review_target::{CollectOptions, Inclusion, ResolveOptions, collect, resolve};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example that prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().unwrap_or_else(|| ".".into());
    let mut options = ResolveOptions::new();
    options.base = arguments.next().map(|base| base.to_string_lossy().into_owned());
    let target = resolve(directory.as_ref(), &options)?;
    let context = collect(&target, &CollectOptions::new())?;
    let count = |inclusion| context.manifest.count(inclusion);
    let [included, summarised, omitted] =
        [Inclusion::Included, Inclusion::Summarised, Inclusion::Omitted].map(count);
    eprintln!("{} ({included} shown, {summarised} summarised, {omitted} left out)", context.summary);
    print!("{}", context.text);
    Ok(())
}
