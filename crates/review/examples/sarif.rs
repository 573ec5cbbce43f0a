//! Converts the answer of Codex's reviewer to SARIF.
//!
//! ```sh
//! cargo run --example sarif -- /path/of/the/repository < review.txt > review.sarif
//! ```
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]

use std::io::{self, Read, Write};

use codex_review::render::{Format, render};
use codex_review::{ReviewKind, ReviewReader, ReviewReport, TargetSummary};

fn main() -> io::Result<()> {
    let root = std::env::args().nth(1).unwrap_or_default();
    let mut answer = String::new();
    io::stdin().read_to_string(&mut answer)?;

    let reading = ReviewReader::new().root(root).read_native(&answer);
    let target = TargetSummary::new("working-tree", "working tree");
    let report = ReviewReport::new(ReviewKind::Native, target).raw_output(answer).reading(reading);
    io::stdout().write_all(render(&report, Format::Sarif).as_bytes())
}
