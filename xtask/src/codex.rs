//! The pinned real Codex, installed from npm under `target/`.

use std::path::{Path, PathBuf};

use crate::npm::{self, Package};
use crate::program::Outcome;
use crate::workspace::Workspace;

/// At the version that the facts in docs/ were observed on and that the tests are written against.
pub const PACKAGE: Package =
    Package { title: "Codex", name: "@openai/codex", version: "0.169.0", folder: "real-codex" };

/// An installation of the pinned Codex.
#[derive(Debug)]
pub struct Codex {
    /// What `npm install` puts on a user's PATH: a Node program that starts the native one.
    pub wrapper: PathBuf,
    /// The program for this platform itself.
    pub native: PathBuf,
}

/// `cargo xtask codex`: prints the path alone, for `$(…)`.
///
/// # Errors
/// As [`install`].
pub fn print(native: bool) -> Outcome {
    let codex = install(&Workspace::read()?.target)?;
    println!("{}", if native { codex.native } else { codex.wrapper }.display());
    Ok(())
}

/// Returns the pinned Codex, and installs it first if it is missing or does not work.
///
/// # Errors
/// If npm cannot install it.
pub fn install(target: &Path) -> Outcome<Codex> {
    PACKAGE.install(target, check)
}

/// The installation in `folder`, if its programs are there and the one that users start tells the pinned version.
fn check(folder: &Path) -> Outcome<Codex> {
    let modules = folder.join("node_modules");
    let wrapper = modules.join(".bin").join(if cfg!(windows) { "codex.cmd" } else { "codex" });
    let native = native(&modules.join("@openai"))
        .ok_or_else(|| format!("no native program for this platform under {}", modules.display()))?;
    PACKAGE.version_told(&wrapper, folder, "CODEX_HOME")?;
    Ok(Codex { wrapper, native })
}

/// `codex-*/vendor/*/bin/codex` below npm's folder of the scope: each platform has a package of its own.
fn native(scope: &Path) -> Option<PathBuf> {
    let program = if cfg!(windows) { "codex.exe" } else { "codex" };
    let platforms = npm::entries(scope).into_iter().flat_map(|package| npm::entries(&package.join("vendor")));
    platforms.map(|platform| platform.join("bin").join(program)).find(|path| path.is_file())
}
