//! `cargo xtask dist`: what a release of this platform consists of, under `target/dist/`.
//!
//! An archive (program, completions, manual pages, the Claude Code plugin, licences), the packages for npm, a bill of
//! materials and checksums. They are reproducible: entries are sorted, times are the
//! commit's (or `SOURCE_DATE_EPOCH`), and no path of this machine is compiled in.
//!
//! cargo-dist was rejected: its npm package downloads the program when it is installed, and its archives are not reproducible.

use crate::program::Outcome;

#[cfg(not(feature = "tools"))]
pub(crate) fn run() -> Outcome {
    crate::program::with_tools(&["dist"], None)
}

#[cfg(feature = "tools")]
pub(crate) fn run() -> Outcome {
    make::run()
}

#[cfg(feature = "tools")]
mod archive;
#[cfg(feature = "tools")]
mod graph;
#[cfg(feature = "tools")]
mod make;
#[cfg(feature = "tools")]
mod notices;
#[cfg(feature = "tools")]
mod npm;
#[cfg(feature = "tools")]
mod sbom;
#[cfg(feature = "tools")]
mod time;
